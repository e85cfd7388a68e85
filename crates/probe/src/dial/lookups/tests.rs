//! What the pool of look-ups promises, with a resolver that is silent on demand.

use std::future::Future;
use std::task::Poll;

use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, poll};

use super::*;

/// Names that begin so are not answered while the resolver is silent.
const SILENT: &str = "silent";

struct Resolver {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    speaks: bool,
    asked: Vec<String>,
    under_way: usize,
    /// At a time.
    most: usize,
}

impl Resolver {
    /// A resolver, and look-ups that ask it.
    fn with(slow: Duration) -> (Arc<Self>, Lookups) {
        let resolver = Arc::new(Self { seen: Mutex::default(), changed: Condvar::new() });
        let asked = resolver.clone();
        (resolver, Lookups::new(slow, move |name| Ok(asked.answer(name))))
    }

    fn answer(&self, name: &str) -> Vec<IpAddr> {
        assert_ne!(name, "panics");
        let mut seen = self.seen.lock().unwrap();
        seen.asked.push(name.to_owned());
        seen.under_way += 1;
        seen.most = seen.most.max(seen.under_way);
        self.changed.notify_all();
        let mut seen = self.changed.wait_while(seen, |seen| name.starts_with(SILENT) && !seen.speaks).unwrap();
        seen.under_way -= 1;
        vec![IpAddr::from([127, 0, 0, 1])]
    }

    fn speaks(&self, speaks: bool) {
        self.seen.lock().unwrap().speaks = speaks;
        self.changed.notify_all();
    }

    fn waits_until(&self, is_so: impl Fn(&Seen) -> bool) {
        drop(self.changed.wait_while(self.seen.lock().unwrap(), |seen| !is_so(seen)).unwrap());
    }

    fn asked(&self, name: &str) -> usize {
        self.seen.lock().unwrap().asked.iter().filter(|asked| *asked == name).count()
    }

    fn most(&self) -> usize {
        self.seen.lock().unwrap().most
    }
}

/// No run waits that long.
const LONG: Duration = Duration::from_secs(60);
/// Every run that has to wait gives up.
const SHORT: Duration = Duration::from_millis(30);

/// A run that waits for a name. It has asked when this returns.
fn run<'a>(lookups: &'a Lookups, name: &'a str, timeout: Duration) -> BoxFuture<'a, Found> {
    let mut run = lookups.find(name, tokio::time::Instant::now() + timeout).boxed();
    match now(poll_once(&mut run)) {
        Poll::Ready(found) => std::future::ready(found).boxed(),
        Poll::Pending => run,
    }
}

async fn poll_once<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    poll!(future)
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

fn runs<'a>(lookups: &'a Lookups, names: &'a [String], timeout: Duration) -> Vec<BoxFuture<'a, Found>> {
    names.iter().map(|name| run(lookups, name, timeout)).collect()
}

fn suspects(lookups: &Lookups) -> usize {
    lookups.0.state().suspects.len()
}

/// Look-ups under way of suspect names, and those that wait for their turn: of other names, and of suspect ones.
fn at_work(lookups: &Lookups) -> (usize, [usize; 2]) {
    let state = lookups.0.state();
    (state.suspects_under_way, state.queues.each_ref().map(VecDeque::len))
}

#[actix_rt::test]
async fn threads_are_bounded() {
    let (resolver, lookups) = Resolver::with(LONG);
    let names = names(SILENT, 3 * THREADS);
    let runs = runs(&lookups, &names, LONG);
    resolver.waits_until(|seen| seen.under_way == THREADS);
    assert_eq!(lookups.0.state().threads, THREADS);
    resolver.speaks(true);
    assert!(join_all(runs).await.iter().all(Result::is_ok));
    assert_eq!(resolver.most(), THREADS);
    assert!(names.iter().all(|name| resolver.asked(name) == 1));
}

#[actix_rt::test]
async fn p5_a_name_is_looked_up_once_at_a_time_and_no_answer_is_kept() {
    let (resolver, lookups) = Resolver::with(LONG);
    let names = vec![SILENT.to_owned(); 10];
    let runs = runs(&lookups, &names, LONG);
    resolver.waits_until(|seen| seen.under_way == 1);
    resolver.speaks(true);
    assert!(join_all(runs).await.iter().all(Result::is_ok));
    assert_eq!(resolver.asked(SILENT), 1);
    run(&lookups, SILENT, LONG).await.unwrap();
    assert_eq!(resolver.asked(SILENT), 2);
}

#[actix_rt::test]
async fn suspect_names_hold_half_of_the_threads_and_others_are_answered() {
    // Every answer is slow.
    let (resolver, lookups) = Resolver::with(Duration::ZERO);
    let silent = names(SILENT, 2 * THREADS);
    resolver.speaks(true);
    assert!(join_all(runs(&lookups, &silent, LONG)).await.iter().all(Result::is_ok));
    assert_eq!(suspects(&lookups), silent.len());

    resolver.speaks(false);
    let waiting = runs(&lookups, &silent, LONG);
    resolver.waits_until(|seen| seen.under_way == SUSPECTS);
    let good = names("good", 2 * THREADS);
    assert!(join_all(runs(&lookups, &good, LONG)).await.iter().all(Result::is_ok));
    assert_eq!(at_work(&lookups), (SUSPECTS, [0, silent.len() - SUSPECTS]));

    // Each gets its turn.
    resolver.speaks(true);
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!(at_work(&lookups), (0, [0, 0]));
    assert!(lookups.0.state().lookups.is_empty());
}

#[actix_rt::test]
async fn a_name_that_a_run_gave_up_on_is_suspect_until_it_is_answered() {
    let (resolver, lookups) = Resolver::with(LONG);
    let silent = names(SILENT, SUSPECTS);
    let waiting = runs(&lookups, &silent, SHORT);
    resolver.waits_until(|seen| seen.under_way == SUSPECTS);
    for failed in join_all(waiting).await {
        let failed = failed.unwrap_err();
        assert_eq!((failed.reason, &failed.detail[..16]), (Reason::DnsTimeout, "no answer for si"));
    }
    // They are still under way, and count as what they are now.
    assert_eq!((suspects(&lookups), lookups.0.state().suspects_under_way), (SUSPECTS, SUSPECTS));
    run(&lookups, "good", LONG).await.unwrap();
    assert_eq!(suspects(&lookups), SUSPECTS);
    let again = runs(&lookups, &silent, LONG);
    resolver.speaks(true);
    assert!(join_all(again).await.iter().all(Result::is_ok));
    assert_eq!((suspects(&lookups), lookups.0.state().suspects_under_way), (0, 0));
    assert!(silent.iter().all(|name| resolver.asked(name) == 1));
}

#[actix_rt::test]
async fn a_run_whose_turn_does_not_come_ends_in_time_and_its_name_is_not_suspect() {
    let (resolver, lookups) = Resolver::with(LONG);
    let silent = names(SILENT, THREADS);
    let waiting = runs(&lookups, &silent, LONG);
    resolver.waits_until(|seen| seen.under_way == THREADS);
    let failed = run(&lookups, "late", SHORT).await.unwrap_err();
    assert_eq!((failed.reason, &failed.detail[..]), (Reason::DnsTimeout, "no thread free to look up late in time"));
    assert_eq!((suspects(&lookups), at_work(&lookups)), (0, (0, [0, 0])));
    assert_eq!(lookups.0.state().lookups.len(), THREADS);
    resolver.speaks(true);
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!(resolver.asked("late"), 0);
}

#[actix_rt::test]
async fn runs_that_have_ended_take_nothing_from_others() {
    let (resolver, lookups) = Resolver::with(LONG);
    let silent = names(SILENT, THREADS);
    let mut waiting = runs(&lookups, &silent, LONG);
    let beside = run(&lookups, &silent[0], LONG);
    resolver.waits_until(|seen| seen.under_way == THREADS);
    drop(run(&lookups, "dropped", LONG));
    let last = run(&lookups, "last", LONG);
    // The one that has begun the look-up that another waits for too.
    drop(waiting.remove(0));
    resolver.speaks(true);
    assert!(beside.await.is_ok() && last.await.is_ok());
    assert_eq!((resolver.asked("dropped"), resolver.asked("last")), (0, 1));
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
}

#[actix_rt::test]
async fn a_look_up_that_panics() {
    let (_, lookups) = Resolver::with(LONG);
    assert_eq!(run(&lookups, "panics", LONG).await.unwrap_err().reason, Reason::Internal);
    assert!(run(&lookups, "good", LONG).await.is_ok());
}

/// Each on a runtime of its own, as arbiters have it.
#[test]
fn threads_share_look_ups() {
    let (resolver, lookups) = Resolver::with(LONG);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let lookups = lookups.clone();
            std::thread::spawn(move || {
                actix_rt::Runtime::new().unwrap().block_on(async { run(&lookups, SILENT, LONG).await })
            })
        })
        .collect();
    resolver.waits_until(|seen| seen.under_way == 1);
    while lookups.0.state().lookups[SILENT].runs.len() < runs.len() {
        std::thread::yield_now();
    }
    resolver.speaks(true);
    assert!(runs.into_iter().all(|run| run.join().unwrap().is_ok()));
    assert_eq!(resolver.asked(SILENT), 1);
}

#[test]
fn suspect_names_are_remembered_within_bounds() {
    let mut state = State::default();
    for name in names("ever-new", REMEMBERED + 100) {
        state.suspect(name);
    }
    assert_eq!(state.suspects.len(), REMEMBERED);
}
