//! The life of a target on tokio's paused clock, with runs of the test's own.

mod properties;

use std::cell::RefCell;
use std::time::Duration;

use futures::FutureExt;
use metrics_core::MissCause;
use metrics_core::prometheus::Registry;
use tokio::time::{Instant, advance, sleep, timeout};

use super::*;
use crate::client::Client;
use crate::dial::tls::Roots;
use crate::history::HistoryConfig;
use crate::journal::State;
use crate::module::Module;
use crate::target::{Detail, Spec, parse_url};

const MINUTE: Duration = Duration::from_secs(60);

/// Runs, and what is known of them. They go where the test says.
struct Fixture {
    registry: Registry,
    shared: Arc<Shared>,
    runs: Arc<Mutex<Runs>>,
}

#[derive(Default)]
struct Runs {
    /// Since the clock began.
    starts: Vec<Duration>,
    /// Of each in turn, and of all that follow the last.
    durations: Vec<Duration>,
    reason: Option<Reason>,
    panics: bool,
    under_way: usize,
}

thread_local! {
    static BEGAN: RefCell<Option<Instant>> = const { RefCell::new(None) };
}

fn since_begin() -> Duration {
    Instant::now() - BEGAN.with_borrow_mut(|began| *began.get_or_insert_with(Instant::now))
}

fn report(reason: Option<Reason>, total: Duration) -> RunReport {
    let mut report = ask::panicked(std::time::SystemTime::now(), Instant::now());
    report.outcome.reason = reason;
    report.outcome.total = total;
    report.failure = None;
    report
}

impl Fixture {
    fn new(most_runs: usize) -> Self {
        BEGAN.set(Some(Instant::now()));
        let (registry, runs) = (Registry::new(), Arc::new(Mutex::new(Runs::default())));
        let known = runs.clone();
        let run = move |_: Arc<Target>| -> LocalBoxFuture<'static, RunReport> {
            let runs = known.clone();
            async move {
                let (duration, reason, panics) = {
                    let mut runs = lock(&runs);
                    let n = runs.starts.len();
                    runs.starts.push(since_begin());
                    runs.under_way += 1;
                    assert_eq!(runs.under_way, 1, "two runs of one target at the same time");
                    let duration = runs.durations.get(n).or(runs.durations.last());
                    (duration.copied().unwrap_or(Duration::from_secs(1)), runs.reason, runs.panics)
                };
                let _ends = Ends(runs);
                sleep(duration).await;
                assert!(!panics, "as the test wants it");
                report(reason, duration)
            }
            .boxed_local()
        };
        let metrics = ExternalMetrics::register(&registry).unwrap();
        let history = Arc::new(History::in_memory(HistoryConfig::default()));
        Self { shared: Arc::new(Shared::new(most_runs, metrics, history, Box::new(run))), registry, runs }
    }

    fn watch(&self, target: Target, first: Duration) -> Arc<Watched> {
        let metrics = self.shared.metrics.apply(&[target.metrics_config()]).unwrap().remove(0);
        let first = BEGAN.with_borrow(|began| began.unwrap()) + first;
        let track = self.shared.history.watch(std::iter::once(&*target.name)).remove(0);
        Arc::new(Watched::new(Plan { target: Arc::new(target), first }, metrics, track, self.shared.clone()))
    }

    fn starts(&self) -> Vec<u64> {
        lock(&self.runs).starts.iter().map(Duration::as_secs).collect()
    }

    /// The sum of all series of a family whose labels have these values among them.
    fn sum(&self, family: &str, values: &[&str]) -> u64 {
        let families = self.registry.gather();
        let metrics = families
            .iter()
            .filter(|known| known.name() == family)
            .flat_map(metrics_core::prometheus::proto::MetricFamily::get_metric);
        let has = |metric: &&metrics_core::prometheus::proto::Metric| {
            values.iter().all(|value| metric.get_label().iter().any(|label| label.value() == *value))
        };
        let values =
            metrics.filter(has).map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are counts")]
        let sum = values.sum::<f64>() as u64;
        sum
    }

    fn missed(&self, cause: MissCause) -> u64 {
        self.sum("external_access_missed_runs_total", &[cause.as_str()])
    }
}

/// A run is over, whatever its end.
struct Ends(Arc<Mutex<Runs>>);

impl Drop for Ends {
    fn drop(&mut self) {
        lock(&self.0).under_way -= 1;
    }
}

fn target(name: &str, interval: Duration, timeout: Duration) -> Target {
    let client = Client::new(Module::default(), &Roots::BuiltIn).unwrap();
    Target {
        name: name.to_owned(),
        spec: Spec { url: parse_url("http://127.0.0.1").unwrap(), timeout, client: client.into() },
        module: "http_2xx".to_owned(),
        interval,
        slow_after: None,
        labels: Vec::new(),
        metrics: Detail::Phases,
    }
}

/// Starts in seconds, and the missed ones by cause, when run `i` takes `durations[i]` seconds; each minute, for ten.
async fn ten_minutes(durations: &[u64]) -> (Vec<u64>, [u64; 2]) {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).durations = durations.iter().chain([&1]).map(|seconds| Duration::from_secs(*seconds)).collect();
    let watched = fixture.watch(target("a", MINUTE, 1000 * MINUTE), Duration::ZERO);
    let _ = timeout(Duration::from_secs(599), ask(watched)).await;
    (fixture.starts(), [MissCause::Overlap, MissCause::Late].map(|cause| fixture.missed(cause)))
}

#[tokio::test(start_paused = true)]
async fn the_first_run_starts_at_once_and_durations_do_not_shift_the_grid() {
    let expected = (0..10).map(|k| k * 60).collect::<Vec<_>>();
    assert_eq!(ten_minutes(&[]).await, (expected.clone(), [0, 0]));
    assert_eq!(ten_minutes(&[59, 10, 30, 59]).await, (expected, [0, 0]));
}

#[tokio::test(start_paused = true)]
async fn p25_runs_never_overlap_and_each_one_that_was_due_is_started_or_counted() {
    // A run that is late by no more than a second is made all the same, and the grid stays.
    assert_eq!(ten_minutes(&[61]).await, (vec![0, 61, 120, 180, 240, 300, 360, 420, 480, 540], [0, 0]));
    assert_eq!(ten_minutes(&[62]).await, (vec![0, 120, 180, 240, 300, 360, 420, 480, 540], [1, 0]));
    assert_eq!(ten_minutes(&[200]).await, (vec![0, 240, 300, 360, 420, 480, 540], [3, 0]));
    // A peer that hangs for ten minutes costs the runs that were due meanwhile.
    assert_eq!(ten_minutes(&[598]).await, (vec![0], [9, 0]));
}

#[tokio::test(start_paused = true)]
async fn s34_after_a_pause_there_is_no_burst_and_the_grid_stays() {
    let fixture = Fixture::new(10);
    let watched = fixture.watch(target("a", MINUTE, MINUTE), Duration::ZERO);
    let pause = async {
        sleep(Duration::from_secs(70)).await;
        // Nobody is polled meanwhile: 120, 180 and 240 s are over.
        advance(Duration::from_secs(190)).await;
        sleep(Duration::from_secs(330)).await;
    };
    tokio::select! { () = ask(watched) => {}, () = pause => {} }
    assert_eq!(fixture.starts(), [0, 60, 300, 360, 420, 480, 540]);
    assert_eq!((fixture.missed(MissCause::Late), fixture.missed(MissCause::Overlap)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn s34_a_pause_within_a_run_is_late_too() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).durations = vec![Duration::from_secs(5)];
    let watched = fixture.watch(target("a", MINUTE, Duration::from_secs(10)), Duration::ZERO);
    let pause = async {
        sleep(Duration::from_secs(2)).await;
        advance(Duration::from_secs(88)).await;
        sleep(Duration::from_secs(60)).await;
    };
    tokio::select! { () = ask(watched) => {}, () = pause => {} }
    assert_eq!(fixture.starts(), [0, 120]);
    assert_eq!((fixture.missed(MissCause::Late), fixture.missed(MissCause::Overlap)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_gets_no_turn_within_a_second_is_missed_and_counted() {
    let fixture = Fixture::new(1);
    let watched = fixture.watch(target("a", MINUTE, MINUTE), Duration::ZERO);
    let shared = fixture.shared.clone();
    let others = async {
        sleep(Duration::from_secs(50)).await;
        let turn = shared.turns.acquire().await.unwrap();
        sleep(Duration::from_secs(15)).await;
        drop(turn);
        sleep(Duration::from_secs(50)).await;
        let turn = shared.turns.acquire().await.unwrap();
        sleep(Duration::from_millis(5500)).await;
        drop(turn);
        sleep(Duration::from_secs(5)).await;
    };
    tokio::select! { () = ask(watched) => {}, () = others => {} }
    let starts: Vec<_> = lock(&fixture.runs).starts.iter().map(Duration::as_millis).collect();
    assert_eq!(starts, [0, 120_500]);
    assert_eq!(fixture.missed(MissCause::Late), 1);
}

#[tokio::test(start_paused = true)]
async fn p26_a_run_that_panics_is_recorded_and_counted_and_the_next_one_comes() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).panics = true;
    let watched = fixture.watch(target("a", MINUTE, MINUTE), Duration::ZERO);
    let _ = timeout(Duration::from_secs(150), ask(watched.clone())).await;
    assert_eq!(fixture.starts(), [0, 60, 120]);
    assert_eq!(fixture.sum("external_access_task_restarts_total", &[]), 3);
    // So that nothing is stale: each run is there, failed.
    assert_eq!(fixture.sum("external_access_runs_total", &["a"]), 3);
    assert_eq!(fixture.sum("external_access_failures_total", &["internal"]), 3);
    assert_eq!(watched.state(), State::Down);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_given_up_drops_its_run_unrecorded() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).durations = vec![Duration::from_secs(30)];
    let watched = fixture.watch(target("a", MINUTE, MINUTE), Duration::ZERO);
    let giving_up = async {
        sleep(Duration::from_secs(70)).await;
        watched.give_up();
    };
    tokio::join!(ask(watched.clone()), giving_up);
    assert_eq!((fixture.starts(), since_begin()), (vec![0, 60], Duration::from_secs(70)));
    assert_eq!(fixture.sum("external_access_runs_total", &["a"]), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_plan_leaves_the_run_under_way_and_the_grid_unless_the_interval_is_another() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).durations = vec![Duration::from_secs(30)];
    let watched = fixture.watch(target("a", MINUTE, MINUTE), Duration::ZERO);
    let plan = |interval| Plan { target: target("a", interval, interval).into(), first: Instant::now() };
    let replanning = async {
        sleep(Duration::from_secs(70)).await;
        watched.replan(plan(MINUTE));
        sleep(Duration::from_secs(55)).await;
        // At 125 s, within a run that began at 120 s: from then on every 40 s.
        watched.replan(plan(Duration::from_secs(40)));
        sleep(Duration::from_secs(126)).await;
    };
    tokio::select! { () = ask(watched.clone()) => {}, () = replanning => {} }
    assert_eq!(fixture.starts(), [0, 60, 120, 165, 205, 245]);
    assert_eq!(fixture.sum("external_access_runs_total", &["a"]), 5);
    // 125 s was due while a run of the same target was under way.
    assert_eq!(fixture.missed(MissCause::Overlap) + fixture.missed(MissCause::Late), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_is_up_and_says_so() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).durations = [1, 2, 3].map(Duration::from_secs).into();
    let mut target = target("a", MINUTE, MINUTE);
    target.slow_after = Some(Duration::from_secs(2));
    let watched = fixture.watch(target, Duration::ZERO);
    let states = async {
        let mut states = vec![watched.state()];
        for _ in 0..3 {
            sleep(Duration::from_secs(30)).await;
            states.push(watched.state());
            sleep(Duration::from_secs(30)).await;
        }
        states
    };
    let states = tokio::select! { () = ask(watched.clone()) => Vec::new(), states = states => states };
    assert_eq!(states, [State::Pending, State::Up, State::Up, State::Slow].as_slice());
}

#[test]
fn a_lone_target_starts_at_once_and_ten_thousand_are_spread_over_the_minute() {
    assert!(phase("https://3-shake.com", MINUTE, 1) < Duration::from_millis(6));
    let mut by_second = [0; 60];
    for n in 0..10_000 {
        let phase = phase(&format!("https://service-{n}.example.com"), MINUTE, 10_000);
        by_second[usize::try_from(phase.as_secs()).unwrap()] += 1;
    }
    // 167 on average; six standard deviations are 77.
    assert!(by_second.iter().all(|runs| (90..=244).contains(runs)), "{by_second:?}");
}

#[tokio::test(start_paused = true)]
async fn when_no_target_can_be_reached_for_our_own_reasons_their_state_is_unknown_and_runs_are_counted() {
    let fixture = Fixture::new(10);
    lock(&fixture.runs).reason = Some(Reason::DnsFailure);
    let target = |name: &str| {
        let url = parse_url(&format!("http://{name}.test")).unwrap();
        let mut target = target(name, MINUTE, MINUTE);
        target.spec.url = url;
        target
    };
    let targets = [target("a"), target("b")];
    lock(&fixture.shared.connectivity).ask(targets.iter().map(host).collect());
    let configs = targets.each_ref().map(Target::metrics_config);
    let metrics = fixture.shared.metrics.apply(&configs).unwrap();
    // One after the other, as the runs of the test allow no two at a time.
    let firsts = [Instant::now(), Instant::now() + Duration::from_secs(10)];
    let plans = targets.into_iter().zip(firsts).map(|(target, first)| Plan { target: target.into(), first });
    let tracks = fixture.shared.history.watch(["a", "b"].into_iter());
    let watch = |((plan, metrics), track)| Arc::new(Watched::new(plan, metrics, track, fixture.shared.clone()));
    let watched: Vec<_> = plans.zip(metrics).zip(tracks).map(watch).collect();
    let isolated = || fixture.sum("external_access_prober_isolated", &[]);
    let states = || watched.iter().map(|watched| watched.state()).collect::<Vec<_>>();
    let seen = async {
        let mut seen = vec![(states(), isolated())];
        for reason in [Some(Reason::ConnectRefused), None] {
            sleep(Duration::from_secs(30)).await;
            seen.push((states(), isolated()));
            lock(&fixture.runs).reason = reason;
            sleep(Duration::from_secs(30)).await;
        }
        seen
    };
    let seen = tokio::select! { () = ask(watched[0].clone()) => Vec::new(), () = ask(watched[1].clone()) => Vec::new(), seen = seen => seen };
    assert_eq!(
        seen,
        [
            (vec![State::Pending, State::Pending], 0),
            (vec![State::Unknown, State::Unknown], 1),
            (vec![State::Down, State::Down], 0),
        ]
    );
    assert_eq!(fixture.sum("external_access_failures_total", &["a", "dns_failure"]), 1);
}
