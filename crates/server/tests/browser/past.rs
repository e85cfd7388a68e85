//! A history of ninety days, as an exporter would have written it that had been there.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use metrics_core::{Outcome, Phase, Reason};
use probe::{Client, Detail, Failure, History, HistoryConfig, Module, Phases, Roots, RunReport, Spec, State, Target};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Minutes ago, from and to, in which it was down, and why.
const DOWN: [(u64, u64, Reason); 5] = [
    (58 * 24 * 60, 57 * 24 * 60 + 300, Reason::ConnectTimeout),
    (31 * 24 * 60, 31 * 24 * 60 - 45, Reason::Status),
    (12 * 24 * 60 + 600, 12 * 24 * 60 + 420, Reason::TlsExpired),
    (5 * 24 * 60, 5 * 24 * 60 - 15, Reason::ResponseTimeout),
    (9 * 60 + 10, 8 * 60 + 45, Reason::ConnectRefused),
];
/// Days ago, from and to, in which nobody looked.
const AWAY: [(u64, u64); 2] = [(90, 83), (44, 42)];

/// A folder in which the history of this target is.
pub(crate) fn filled(folder: &Path, name: &str) -> PathBuf {
    let (history, said) = History::open(folder, HistoryConfig::default()).unwrap();
    assert_eq!(said, None);
    let track = history.watch([name].into_iter()).remove(0);
    let target = target(name);
    let now = SystemTime::now();
    // A day of minutes, and before it what is enough for hours and days.
    let far = (24 * 60..90 * 24 * 60).rev().filter(|ago| ago % 10 == 0);
    for ago in far.chain((1..24 * 60).rev()) {
        let days = ago / (24 * 60);
        if AWAY.iter().any(|(from, to)| (*to..*from).contains(&days)) {
            continue;
        }
        if ago % 997 == 0 {
            history.missed(&track, 1);
        }
        let down = DOWN.iter().find(|(from, to, _)| (to..from).contains(&&ago)).map(|(.., reason)| *reason);
        let at = now - Duration::from_secs(ago * MINUTE);
        let report = report(at, down, latency(ago));
        history.ended(&track, &target, &report, if down.is_some() { State::Down } else { State::Up });
        if ago % 5_000 == 0 {
            history.commit();
        }
    }
    folder.to_owned()
}

/// Longer by day than by night, and now and then much longer.
fn latency(ago: u64) -> Duration {
    let hour = (ago * MINUTE % DAY) as f64 / HOUR as f64;
    let wave = 30.0 * (hour / 24.0 * std::f64::consts::TAU).sin();
    // Any numbers that look like none.
    let mixed = ago.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let noise = (mixed % 37) as f64;
    let spike = if mixed.is_multiple_of(61) { 180.0 } else { 0.0 };
    Duration::from_secs_f64((110.0 + wave + noise + spike) / 1e3)
}

fn target(name: &str) -> Target {
    let client = Client::new(Module::default(), &Roots::BuiltIn).unwrap().into();
    let url = probe::parse_url("https://3-shake.com").unwrap();
    Target {
        name: name.to_owned(),
        spec: Spec { url, timeout: Duration::from_secs(10), client },
        module: "http_2xx".to_owned(),
        interval: Duration::from_secs(DAY),
        slow_after: None,
        labels: Vec::new(),
        metrics: Detail::Phases,
    }
}

fn report(at: SystemTime, reason: Option<Reason>, total: Duration) -> RunReport {
    let mut phases = Phases::default();
    for (phase, share) in Phase::ALL.iter().zip([0.02, 0.15, 0.25, 0.5, 0.08]) {
        phases[*phase as usize] = reason.is_none().then(|| total.mul_f64(share));
    }
    let status = if reason == Some(Reason::Status) { Some(503) } else { reason.is_none().then_some(200) };
    let outcome = Outcome { at, total, head: None, status, reason, phases, redirects: 0, body_bytes: None, tls: None };
    let detail = match reason {
        Some(Reason::Status) => "status 503 is not 2xx",
        Some(Reason::ConnectRefused) => "Connection refused (os error 111)",
        Some(Reason::TlsExpired) => "the certificate ended a day before",
        _ => "no answer in time",
    };
    let failure = reason.map(|reason| Failure { reason, phase: None, detail: detail.to_owned() });
    RunReport { outcome, hops: Vec::new(), failure }
}
