//! The ledger: what a peer was asked is what was counted, and what was due is what was asked or missed, whatever happens in
//! between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use crate::config::exporter;
use crate::exporter::Exporter;
use crate::kit::{Peer, ok};
use crate::reload::File;

/// A peer, and when which path was asked for.
struct Asked {
    peer: Peer,
    at: Arc<Mutex<BTreeMap<String, Vec<SystemTime>>>>,
}

impl Asked {
    fn new() -> Self {
        let at: Arc<Mutex<BTreeMap<String, Vec<SystemTime>>>> = Arc::default();
        let noted = at.clone();
        let peer = Peer::plain(move |path| {
            noted.lock().unwrap().entry(path[1..].to_owned()).or_default().push(SystemTime::now());
            ok()
        });
        Self { peer, at }
    }

    fn at(&self, name: &str) -> Vec<SystemTime> {
        self.at.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    fn target(&self, name: &str, interval: Duration, options: &str) -> String {
        let (url, interval) = (self.peer.url(&format!("/{name}")), interval.as_millis());
        format!("- {{name: {name}, url: '{url}', interval: {interval}ms{options}}}\n")
    }
}

/// What has been counted, by target.
fn counted(exporter: &Exporter, metric: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (series, value) in exporter.metrics_of(&format!("{metric}{{target=\"")) {
        *sums.entry(series.split('"').next().unwrap().to_owned()).or_default() += value;
    }
    sums
}

fn runs(exporter: &Exporter) -> BTreeMap<String, f64> {
    counted(exporter, "external_access_runs_total")
}

/// Runs and missed ones are as many as the grid has points, from the first run to the last one that is counted. Each of
/// the two starts within an interval of its point; and the three numbers are not of one moment.
fn balances(exporter: &Exporter, asked: &Asked, targets: &[(String, Duration)]) {
    let missed = counted(exporter, "external_access_missed_runs_total");
    let (runs, last) = (runs(exporter), counted(exporter, "external_access_last_run_timestamp_seconds"));
    for (name, interval) in targets {
        let first = asked.at(name)[0].duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let points = (last[name] - first) / interval.as_secs_f64() + 1.0;
        let difference = runs[name] + missed[name] - points;
        assert!(difference.abs() < 2.0, "{name}: {points} were due, {} ran, {} missed", runs[name], missed[name]);
    }
}

/// No more points are due, and all runs have ended: the peer has been asked as often as was counted.
fn settles(exporter: &Exporter, asked: &Asked, targets: &[(String, Duration)]) {
    exporter.wait_until("what the peer was asked is what was counted", || {
        let runs = runs(exporter);
        targets.iter().all(|(name, _)| (asked.at(name).len() as f64 - runs[name]).abs() < 0.5)
    });
}

#[test]
fn a_reload_under_load_loses_no_run_and_no_count() {
    let asked = Asked::new();
    let target = |n: u64| (format!("kept{n}"), Duration::from_millis(100 + 10 * (n % 11)));
    let kept: Vec<(String, Duration)> = (0..40).map(target).collect();
    let version = |kept: &mut dyn Iterator<Item = &(String, Duration)>, options: &str, others: std::ops::Range<u64>| {
        let kept: String = kept.map(|(name, interval)| asked.target(name, *interval, options)).collect();
        let other = |n| asked.target(&format!("other{n}"), Duration::from_millis(100), "");
        format!("targets:\n{kept}{}", others.map(other).collect::<String>())
    };
    let first = version(&mut kept.iter(), "", 0..10);
    let versions = [
        (
            version(&mut kept.iter().rev(), ", slow_after: 50ms, metrics: totals", 5..15),
            "50 targets: 5 new, 45 kept, 5 gone\n",
        ),
        (first.clone() + "  intervall: 1m\n", ""),
        (version(&mut kept.iter(), ", timeout: 99ms", 5..15), "50 targets: 0 new, 50 kept, 0 gone\n"),
        (first.replace("- {name: kept7,", "- {name: kept8,"), ""),
        (first.clone(), "50 targets: 5 new, 45 kept, 5 gone\n"),
    ];
    let file = File::new("ledger.yml", &first);
    let exporter = exporter(&file.0, &[]);
    let (start, mut before, mut reloads) = (Instant::now(), runs(&exporter), 0);
    while start.elapsed() < Duration::from_secs(5) {
        for (version, answer) in &versions {
            file.write(version);
            let (status, line) = exporter.reload();
            let expected = if answer.is_empty() { (500, "ledger.yml:") } else { (200, *answer) };
            assert!(status == expected.0 && line.contains(expected.1), "{status} {line}");
            reloads += 1;
        }
        let now = runs(&exporter);
        assert!(kept.iter().all(|(name, _)| now[name] >= before[name]), "counters never fall");
        assert!(!now.contains_key("other12"), "who has gone leaves nothing");
        before = now;
    }
    assert!(reloads >= 20, "{reloads}");
    exporter.wait_until("all are asked", || kept.iter().all(|(name, _)| asked.at(name).len() > 3));
    balances(&exporter, &asked, &kept);
    // One more run each, and then none for an hour.
    let hour = kept.iter().map(|(name, _)| (name.clone(), Duration::from_secs(3600)));
    file.write(&version(&mut hour.collect::<Vec<_>>().iter(), "", 0..0));
    assert_eq!(exporter.reload().0, 200);
    settles(&exporter, &asked, &kept);
}

/// As when a machine is suspended, or a container is frozen.
#[test]
fn s34_after_a_pause_there_is_no_burst_and_what_was_missed_is_counted() {
    const INTERVAL: Duration = Duration::from_millis(200);
    const PAUSE: Duration = Duration::from_secs(3);
    let asked = Asked::new();
    let targets: Vec<(String, Duration)> = (0..10).map(|n| (format!("t{n}"), INTERVAL)).collect();
    let text: String = targets.iter().map(|(name, interval)| asked.target(name, *interval, "")).collect();
    let file = File::new("s34.yml", &format!("targets:\n{text}"));
    let exporter = exporter(&file.0, &[]);
    let seen = |times: usize| targets.iter().all(|(name, _)| asked.at(name).len() >= times);
    exporter.wait_until("all are asked", || seen(3));
    exporter.signal(Signal::STOP);
    std::thread::sleep(PAUSE);
    let (before, continued) =
        (targets.iter().map(|(name, _)| asked.at(name).len()).collect::<Vec<_>>(), SystemTime::now());
    exporter.signal(Signal::CONT);
    exporter.wait_until("all are asked again", || {
        targets.iter().zip(&before).all(|((name, _), before)| asked.at(name).len() >= before + 5)
    });
    let late = counted(&exporter, "external_access_missed_runs_total");
    let last = counted(&exporter, "external_access_last_run_timestamp_seconds");
    for ((name, _), before) in targets.iter().zip(before) {
        let after = asked.at(name).split_off(before);
        let (since, now) = (after[4].duration_since(continued).unwrap(), SystemTime::now());
        // A point that is less than an interval late, and those of the grid since.
        let due = 2 + since.as_nanos() / INTERVAL.as_nanos();
        assert!(due >= 5, "{name}: five requests in {since:?}");
        // 15 points in 3 s; one before may have been late, and one after is made up for.
        assert!(late[name] >= 13.0, "{name}: {} missed", late[name]);
        let [continued, now] = [continued, now].map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64());
        assert!((continued..=now).contains(&last[name]), "{name}: {} is not in {continued}..{now}", last[name]);
    }
    balances(&exporter, &asked, &targets);
}
