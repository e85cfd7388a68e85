//! The history as it is read, whenever it is written.

mod damaged;
mod killed;
mod properties;

use std::sync::atomic::{AtomicU64, Ordering};

use std::time::UNIX_EPOCH;

use metrics_core::{Outcome, Phase, Reason};

use super::*;
use crate::client::Client;
use crate::dial::tls::Roots;
use crate::module::Module;
use crate::report::{Failure, Hop, Phases};
use crate::target::{Detail, Spec, parse_url};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Today, at nine in the morning: what is old is thrown away by the real clock.
fn nine() -> SystemTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    UNIX_EPOCH + Duration::from_secs(now / DAY * DAY + 9 * HOUR)
}

/// A folder that goes with the value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("history-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> (History, Option<String>) {
        History::open(&self.0, HistoryConfig::default()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn target(name: &str) -> Target {
    let client = Client::new(Module::default(), &Roots::BuiltIn).unwrap().into();
    let url = parse_url("https://a.test/x?key=canary").unwrap();
    Target {
        name: name.to_owned(),
        spec: Spec { url, timeout: Duration::from_secs(10), client },
        module: "http_2xx".to_owned(),
        interval: Duration::from_secs(MINUTE),
        slow_after: None,
        labels: Vec::new(),
        metrics: Detail::Totals,
    }
}

fn report(at: SystemTime, reason: Option<Reason>) -> RunReport {
    let mut phases = [None; Phase::ALL.len()];
    phases[Phase::Connect as usize] = Some(Duration::from_millis(20));
    let outcome = Outcome {
        at,
        total: Duration::from_millis(100),
        head: None,
        status: None,
        reason,
        phases,
        redirects: 0,
        body_bytes: None,
        tls: None,
    };
    let mut hop = Hop::new(parse_url("https://a.test/x?key=canary").unwrap(), Duration::ZERO);
    hop.sample = Some("äöü".repeat(1000));
    let failure =
        reason.map(|reason| Failure { reason, phase: Some(Phase::Connect), detail: format!("because of {reason}") });
    RunReport { outcome, hops: vec![hop], failure }
}

/// A history of one target, and what is told to it.
struct Told {
    history: History,
    track: Arc<Track>,
    target: Target,
}

impl Told {
    fn new(history: History) -> Self {
        let target = target("a");
        let track = history.watch(["a"].into_iter()).remove(0);
        Self { history, track, target }
    }

    fn run(&self, at: SystemTime, reason: Option<Reason>) -> Option<String> {
        let state = if reason.is_none() { State::Up } else { State::Down };
        self.history.ended(&self.track, &self.target, &report(at, reason), state)
    }

    fn past(&self) -> Past {
        self.history.past(&self.track)
    }

    fn sum(&self, span: Span, now: SystemTime) -> Counts {
        let mut sum = Counts::default();
        self.past().cells(span, span.kept(), now).iter().for_each(|(_, cell)| sum.add(&cell.counts));
        sum
    }
}

fn in_memory() -> Told {
    Told::new(History::in_memory(HistoryConfig::default()))
}

#[test]
fn what_is_not_written_yet_is_read_all_the_same_and_once_when_it_is() {
    let told = in_memory();
    let nine = nine();
    for n in 0..5 {
        told.run(nine + Duration::from_secs(n * MINUTE), (n == 3).then_some(Reason::Status));
        told.history.missed(&told.track, 0);
        let expected = Counts {
            good: u32::try_from(n + u64::from(n < 3)).unwrap(),
            failed: u32::from(n >= 3),
            ..Counts::default()
        };
        for _ in 0..2 {
            for span in Span::ALL {
                assert_eq!(told.sum(span, nine + Duration::from_secs(HOUR)), expected, "{n}: {span:?}");
            }
            told.history.commit();
        }
    }
    let hour = &told.past().cells(Span::Hour, 1, nine)[0].1;
    assert_eq!(hour.times.max(), Some(Duration::from_millis(100)), "of those that succeeded");
}

#[test]
fn what_did_not_take_place_is_unknown() {
    let told = in_memory();
    told.history.missed(&told.track, 7);
    let now = SystemTime::now();
    for span in Span::ALL {
        assert_eq!(told.sum(span, now), Counts { unknown: 7, ..Counts::default() });
    }
}

#[test]
fn what_is_usual_is_the_median_of_a_day_of_runs_that_succeeded() {
    let told = in_memory();
    let usual = |hours| told.past().usual_phases(nine() + Duration::from_secs(hours * HOUR));
    assert_eq!(usual(0), Phases::default());
    told.run(nine(), Some(Reason::Status));
    assert_eq!(usual(0), Phases::default());
    for _ in 0..2 {
        told.run(nine(), None);
        for hours in [0, 23] {
            let usual = usual(hours);
            assert_eq!(usual[Phase::Resolve as usize], None);
            assert_eq!(usual[Phase::Connect as usize], Some(Duration::from_millis(20)));
        }
        assert_eq!(usual(24), Phases::default());
        told.history.commit();
    }
}

#[test]
fn it_is_written_by_itself_from_time_to_time_and_in_the_end() {
    let folder = Folder::new();
    let config = HistoryConfig { commit_every: Duration::from_millis(5), ..HistoryConfig::default() };
    let told = Told::new(History::open(&folder.0, config).unwrap().0);
    told.run(nine(), None);
    let start = std::time::Instant::now();
    while !lock(&told.history.inner.recent).now.targets.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing is written");
        std::thread::yield_now();
    }
    let default = HistoryConfig::default().commit_every;
    assert!(default < Duration::from_secs(60), "a kill loses less than a minute: {default:?}");
    drop(told);
    let told = Told::new(folder.open().0);
    told.run(nine(), None);
    drop(told);
    assert_eq!(Told::new(folder.open().0).sum(Span::Day, nine()).good, 2, "without a word");
}

#[test]
fn an_incident_lasts_from_the_first_run_that_failed_to_the_first_that_succeeded() {
    let folder = Folder::new();
    let told = Told::new(folder.open().0);
    let at = |minutes| nine() + Duration::from_secs(minutes * MINUTE);
    told.run(at(0), None);
    assert_eq!((told.track.since(), told.past().incidents()), (Some(unix_ms(at(0))), Vec::new()));
    let first = told.run(at(1), Some(Reason::TlsExpired)).unwrap();
    told.run(at(2), Some(Reason::ConnectRefused));
    // Which says nothing of the target.
    let ours = report(at(3), Some(Reason::DnsFailure));
    told.history.ended(&told.track, &told.target, &ours, State::Unknown);
    assert_eq!(told.track.since(), Some(unix_ms(at(3))));
    drop(told);

    // It lasts while the program does not run.
    let told = Told::new(folder.open().0);
    told.run(at(4), Some(Reason::TlsExpired));
    assert_eq!(told.track.since(), Some(unix_ms(at(1))));
    let (start, lasting) = told.past().incidents().remove(0);
    assert_eq!((start, lasting.end, lasting.failed), (unix_ms(at(1)), None, 3));
    assert_eq!(lasting.reasons, [("tls_expired".to_owned(), 2), ("connect_refused".to_owned(), 1)]);
    assert_eq!((lasting.detail.as_str(), &lasting.run), ("because of tls_expired", &first));
    told.run(at(5), None);
    let ended = told.past().incidents();
    assert_eq!((ended.len(), ended[0].1.end), (1, Some(unix_ms(at(5)))));
    assert_eq!(told.track.since(), Some(unix_ms(at(5))));
    assert_eq!(told.sum(Span::Day, at(5)), Counts { good: 2, slow: 0, failed: 3, unknown: 1 });
}

#[test]
fn nobody_knows_that_it_was_up_while_nobody_looked() {
    let told = in_memory();
    let at = |minutes| nine() + Duration::from_secs(minutes * MINUTE);
    told.run(at(0), None);
    told.run(at(4), None);
    assert_eq!(told.track.since(), Some(unix_ms(at(0))));
    told.run(at(14), None);
    assert_eq!(told.track.since(), Some(unix_ms(at(14))), "more than three intervals and six minutes have gone by");
}

#[test]
fn that_it_is_up_is_known_after_a_start_since_when_it_is() {
    let folder = Folder::new();
    let at = |minutes| nine() + Duration::from_secs(minutes * MINUTE);
    let told = Told::new(folder.open().0);
    for minutes in 0..20 {
        told.run(at(minutes), None);
        told.history.commit();
    }
    drop(told);
    let told = Told::new(folder.open().0);
    told.run(at(20), None);
    assert_eq!(told.track.since(), Some(unix_ms(at(0))));
}

#[test]
fn a_failed_run_can_be_read_by_its_id_without_what_is_secret() {
    let told = in_memory();
    assert_eq!(told.run(nine(), None), None);
    let id = told.run(nine(), Some(Reason::Status)).unwrap();
    for _ in 0..2 {
        let run = told.history.run(&id).unwrap();
        assert_eq!((&run["target"], &run["reason"]), (&"a".into(), &"status".into()));
        assert_eq!(run["url"], "https://a.test/x?…");
        let sample = run["hops"][0]["body_sample"].as_str().unwrap();
        assert!((1023..=1024).contains(&sample.len()), "at a border of characters: {}", sample.len());
        assert_eq!(run["curl"], "curl --verbose --max-time 10 --location --max-redirs 10 'https://a.test/x?…'");
        assert!(!run.to_string().contains("canary"));
        told.history.commit();
    }
    for unknown in [
        "",
        "-",
        "0",
        "0-",
        "0-0",
        "00-0",
        "x-y",
        "+0-1",
        &id.to_uppercase(),
        &format!("0{id}"),
        "ffffffff-7fffffffffffffff",
    ] {
        assert_eq!(told.history.run(unknown), None, "{unknown}");
    }
}

#[test]
fn rings_are_bounded_and_the_first_run_of_every_incident_is_there() {
    let told = in_memory();
    let start = nine() - Duration::from_secs(DAY);
    for n in 0..150 {
        for (k, reason) in [(0, Some(Reason::Status)), (1, Some(Reason::Status)), (2, None)] {
            told.run(start + Duration::from_secs(n * 10 + k), reason);
        }
        if n.is_multiple_of(7) {
            told.history.commit();
        }
    }
    told.history.commit();
    let past = told.past();
    let incidents = past.incidents();
    assert_eq!((incidents.len(), past.runs().len()), (100, 120));
    assert_eq!(incidents[0].0, unix_ms(start) + 1_490_000, "the last first");
    for (_, incident) in &incidents {
        assert!(told.history.run(&incident.run).is_some(), "{}", incident.run);
    }
    for (_, id) in past.runs() {
        assert!(told.history.run(&id).is_some(), "{id}");
    }
}

#[test]
fn of_targets_beyond_the_bound_only_days_and_the_state_are_known() {
    let history = History::in_memory(HistoryConfig { targets: 1, ..HistoryConfig::default() });
    let tracks = history.watch(["a", "b"].into_iter());
    for (track, name) in tracks.iter().zip(["a", "b"]) {
        let run = report(nine(), Some(Reason::Status));
        let kept = history.ended(track, &target(name), &run, State::Down);
        assert_eq!(kept.is_some(), name == "a");
    }
    history.commit();
    let b = history.past(&tracks[1]);
    assert!(!b.is_detailed() && b.runs().is_empty());
    assert_eq!(tracks[1].since(), Some(unix_ms(nine())));
    assert_eq!(b.incidents().len(), 1, "the one that lasts");
    let cells = Span::ALL.map(|span| b.cells(span, span.kept(), nine()).len());
    assert_eq!(cells, [0, 0, 1]);
}

#[test]
fn old_cells_go_a_few_at_a_time_and_so_a_wrong_clock_costs_little() {
    let told = in_memory();
    let old = SystemTime::now() - Duration::from_secs(400 * DAY);
    for n in 0..40 {
        told.run(old + Duration::from_secs(n * 3 * MINUTE), None);
    }
    let minutes = || told.past().cells(Span::Minute, 200, old + Duration::from_secs(150 * MINUTE)).len();
    assert_eq!(minutes(), 40);
    for expected in [35, 30, 25] {
        // Something has to be new.
        told.run(SystemTime::now(), None);
        told.history.commit();
        assert_eq!(minutes(), expected);
    }
}

#[test]
fn targets_that_are_asked_no_more_are_forgotten_after_a_month() {
    let folder = Folder::new();
    let told = Told::new(folder.open().0);
    let old = SystemTime::now() - Duration::from_secs(40 * DAY);
    let id = told.run(old, Some(Reason::Status)).unwrap();
    let recent = history_of("b", &told.history, SystemTime::now() - Duration::from_secs(20 * DAY));
    drop(told);
    let (history, _) = folder.open();
    let read = |id: &str| history.run(id).is_some();
    assert!(!read(&id) && read(&recent));
    let track = history.watch(["a"].into_iter()).remove(0);
    assert!(history.past(&track).incidents().is_empty());
    assert_eq!(track.id, 2, "a number is not given twice: what it had may be kept for longer");
}

#[test]
fn who_is_asked_is_not_forgotten_however_long_ago_the_last_run_was() {
    let told = in_memory();
    let id = told.run(SystemTime::now() - Duration::from_secs(40 * DAY), Some(Reason::Status)).unwrap();
    told.history.commit();
    told.history.missed(&told.track, 1);
    told.history.commit();
    assert!(told.history.run(&id).is_some());
}

#[test]
fn an_outage_of_our_own_is_no_long_incident_of_the_target() {
    let told = in_memory();
    let at = |minutes| nine() + Duration::from_secs(minutes * MINUTE);
    let unknown = |minutes| {
        told.history.ended(&told.track, &told.target, &report(at(minutes), Some(Reason::DnsFailure)), State::Unknown);
    };
    // It takes a run or two until it is known whose fault it is.
    told.run(at(0), Some(Reason::DnsFailure));
    unknown(1);
    unknown(2);
    told.run(at(60), None);
    let ours = told.past().incidents();
    assert_eq!((ours.len(), ours[0].1.end, ours[0].1.failed), (1, Some(unix_ms(at(1))), 1));
    // What was down before is not known to be up.
    told.run(at(61), Some(Reason::ConnectRefused));
    unknown(62);
    assert_eq!(told.past().incidents()[0].1.end, None);
}

#[test]
fn many_readers_beside_commits_see_every_run_once() {
    let told = in_memory();
    let done = std::sync::atomic::AtomicBool::new(false);
    let wrong = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                told.history.commit();
            }
        });
        let wrong = (1..=2_000u32).find_map(|runs| {
            told.run(nine() + Duration::from_secs(u64::from(runs) % 300), None);
            let read = told.sum(Span::Day, nine()).good;
            (read != runs).then_some((read, runs))
        });
        // Before anything is asserted, or the other would go on for ever.
        done.store(true, Ordering::Relaxed);
        wrong
    });
    assert_eq!(wrong, None, "what is read, and what there is");
}

/// A failed run of a target, which is then asked no more.
fn history_of(name: &str, history: &History, at: SystemTime) -> String {
    let track = history.watch([name].into_iter()).remove(0);
    history.ended(&track, &target(name), &report(at, Some(Reason::Status)), State::Down).unwrap()
}
