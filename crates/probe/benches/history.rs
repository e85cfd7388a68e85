//! What the history costs: bytes of a target in the file and in memory once it is full, what a run adds, how long a commit takes, and how
//! long it takes to read what a page shows.
//!
//! Each figure is a line: `FIGURE CASE WHOSE NUMBER...`. `--bench`; without it it is asked to show that it works.

#[path = "probe/resident.rs"]
mod resident;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use metrics_core::{Outcome, Phase, Reason};
use probe::{
    Client, Detail, Failure, History, HistoryConfig, Module, Phases, Roots, RunReport, Span, Spec, State, Target, Track,
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn main() {
    let (targets, days) = if std::env::args().any(|arg| arg == "--bench") { (100, 365) } else { (2, 2) };
    let names: Vec<_> = (0..targets).map(|n| format!("https://service-{n}.test/health")).collect();
    let per_target = |bytes: u64| bytes / targets;

    let folder = std::env::temp_dir().join(format!("history-bench-{}", std::process::id()));
    let (history, _) = History::open(&folder, HistoryConfig::default()).expect("a folder of its own");
    filled(&history, &names, days);
    let commit = commits(&history);
    let read = reads(&history, &names);
    drop(history);
    let file = std::fs::metadata(folder.join("history.redb")).expect("it is written").len();
    let start = Instant::now();
    let (history, said) = History::open(&folder, HistoryConfig::default()).expect("it was written");
    let open = start.elapsed();
    assert_eq!(said, None);
    drop(history);
    let _ = std::fs::remove_dir_all(&folder);

    let before = resident::resident("self");
    let history = History::in_memory(HistoryConfig::default());
    let run = filled(&history, &names, days);
    let memory = resident::resident("self").saturating_sub(before);
    drop(history);

    println!("file {targets} history {}", per_target(file));
    println!("memory {targets} history {}", per_target(memory));
    println!("run {targets} history {}", run.as_nanos());
    println!("commit 500 history {}", commit.as_nanos());
    println!("read {targets} history {}", read.as_nanos());
    println!("open {targets} history {}", open.as_nanos());
}

/// A year, the last month of it a run a minute and before that one an hour; how long it took to tell one run.
fn filled(history: &History, names: &[String], days: u64) -> Duration {
    let tracks = history.watch(names.iter().map(String::as_str));
    let targets: Vec<_> = names.iter().map(|name| target(name)).collect();
    let now = SystemTime::now();
    let (mut runs, mut took) = (0, Duration::ZERO);
    let month = (30 * DAY).min(days * DAY);
    let hours = (month..days * DAY).rev().filter(|ago| ago % HOUR == 0);
    for ago in hours.chain((0..month).rev().filter(|ago| ago % MINUTE == 0)) {
        let reports: Vec<_> =
            (0..names.len() as u64).map(|n| report(now - Duration::from_secs(ago), ago * 31 + n)).collect();
        let start = Instant::now();
        for ((track, target), report) in tracks.iter().zip(&targets).zip(&reports) {
            tell(history, track, target, report);
        }
        took += start.elapsed();
        runs += u32::try_from(names.len()).unwrap_or(u32::MAX);
        // Often enough that what is old is thrown away as fast as what is new comes in.
        if ago % (4 * if ago < month { MINUTE } else { HOUR }) == 0 {
            history.commit();
        }
    }
    history.commit();
    took / runs.max(1)
}

fn tell(history: &History, track: &Track, target: &Target, report: &RunReport) {
    let state = if report.failure.is_some() { State::Down } else { State::Up };
    history.ended(track, target, report, state);
}

/// A minute of as many targets as are kept in full.
fn commits(history: &History) -> Duration {
    let names: Vec<_> = (0..500).map(|n| format!("https://other-{n}.test/")).collect();
    let tracks = history.watch(names.iter().map(String::as_str));
    let targets: Vec<_> = names.iter().map(|name| target(name)).collect();
    let mut took: Vec<_> = (0..20)
        .map(|n| {
            for (track, target) in tracks.iter().zip(&targets) {
                tell(history, track, target, &report(SystemTime::now(), n));
            }
            let start = Instant::now();
            history.commit();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

/// What a page shows.
fn reads(history: &History, names: &[String]) -> Duration {
    let tracks: Vec<Arc<Track>> = history.watch(names.iter().map(String::as_str));
    let mut took: Vec<_> = (0..50)
        .map(|n| {
            let (start, now) = (Instant::now(), SystemTime::now());
            let past = history.past(&tracks[n % tracks.len()]);
            for (span, count) in [(Span::Minute, 1440), (Span::Hour, 720), (Span::Day, 90)] {
                black_box(past.cells(span, count, now));
            }
            black_box((past.incidents(), past.runs(), past.usual_phases(now)));
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

fn target(name: &str) -> Target {
    let client = Client::new(Module::default(), &Roots::BuiltIn).expect("built-in roots").into();
    Target {
        name: name.to_owned(),
        spec: Spec { url: probe::parse_url(name).expect("a URL"), timeout: Duration::from_secs(10), client },
        module: "http_2xx".to_owned(),
        interval: Duration::from_secs(HOUR),
        slow_after: None,
        labels: Vec::new(),
        metrics: Detail::Phases,
    }
}

/// One of a thousand fails; the others take about a tenth of a second, and now and then longer.
fn report(at: SystemTime, seed: u64) -> RunReport {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [a, b] = [mixed >> 32, mixed >> 48].map(|part| (part % 1000) as f64 / 1000.0);
    let total = Duration::from_secs_f64(0.08 + 0.04 * a + 0.3 * b.powi(8));
    let reason = (mixed >> 20).is_multiple_of(1000).then_some(Reason::ResponseTimeout);
    let mut phases = Phases::default();
    for (phase, share) in Phase::ALL.iter().zip([0.02, 0.15, 0.25, 0.5, 0.08]) {
        phases[*phase as usize] = Some(total.mul_f64(share));
    }
    let status = reason.is_none().then_some(200);
    let outcome = Outcome { at, total, head: None, status, reason, phases, redirects: 0, body_bytes: None, tls: None };
    let failure = reason.map(|reason| Failure { reason, phase: None, detail: "no answer in time".to_owned() });
    RunReport { outcome, hops: Vec::new(), failure }
}
