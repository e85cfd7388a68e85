//! Part of suite `clocks`: the clock on the wall is set by an hour while the server runs. libfaketime sets it for that process.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::Tally;
use super::exporter::Exporter;
use super::loopback::Loopback;
use super::setup::Setup;
use crate::{build, http, wait};

const INTERVAL: Duration = Duration::from_millis(200);
/// Runs after each jump, and the longest time for them.
const RUNS: f64 = 10.0;
const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let library = match setup.faketime() {
        Ok(library) => library,
        Err(reason) => {
            tally.skip("jumps of the clock", &reason);
            return Ok(());
        }
    };
    let (server, dir) = (build::server(sh, &[])?, sh.create_temp_dir()?);
    tally.check("s35: the clock is set by an hour, and durations and intervals are what they were", || {
        jumps(&server, dir.path(), &library)
    });
    Ok(())
}

fn jumps(server: &Path, dir: &Path, library: &Path) -> Result<()> {
    let peer = Loopback::start(|_| Ok(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()))?;
    let offset = dir.join("offset");
    std::fs::write(&offset, "+0")?;
    let variables = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", &offset),
        ("FAKETIME_NO_CACHE", Path::new("1")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1")),
    ];
    let target = format!("http://{}/", peer.address);
    let interval = format!("{}ms", INTERVAL.as_millis());
    let exporter = Exporter::server_with(server, dir, &target, &["--probe.interval", &interval], &variables)?;
    let mut before = Seen::when(&exporter, |seen| seen.runs >= RUNS)?;
    ensure!(before.ahead().abs() < 60.0, "the clock is {} s off before it is set", before.ahead());
    for hours in ["+1h", "-1h"] {
        // In one piece: it is read at each look at the clock.
        std::fs::write(dir.join("new"), hours)?;
        std::fs::rename(dir.join("new"), &offset)?;
        let expected = if hours == "+1h" { 3600.0 } else { -3600.0 };
        let runs = before.runs + RUNS;
        let after = Seen::when(&exporter, |seen| seen.runs >= runs && (seen.ahead() - expected).abs() < 60.0)?;
        let passed = (after.at - before.at).as_secs_f64();
        let (more, took) = (after.runs - before.runs + after.missed - before.missed, after.took - before.took);
        let due = passed / INTERVAL.as_secs_f64();
        ensure!((more - due).abs() <= 2.0, "set by {hours}: {more} runs in {passed} s, {due:.1} were due");
        ensure!(took >= 0.0 && took <= passed, "set by {hours}: {more} runs took {took} s in {passed} s");
        let page = http::get(&exporter.url("/3-shake-status"))?;
        ensure!(page.contains(" 0 s ago") || page.contains(" 1 s ago"), "set by {hours}: {page}");
        before = after;
    }
    exporter.stop()
}

/// What the server says of its runs.
struct Seen {
    at: Instant,
    now: f64,
    runs: f64,
    missed: f64,
    took: f64,
    last: f64,
}

impl Seen {
    fn when(exporter: &Exporter, wanted: impl Fn(&Self) -> bool) -> Result<Self> {
        wait::until("the runs that were due", LIMIT, |_| Ok(Some(Self::of(exporter)?).filter(&wanted)))
    }

    fn of(exporter: &Exporter) -> Result<Self> {
        let text = http::get(&exporter.url("/metrics"))?;
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').with_context(|| format!("`{line}` in the metrics"))?;
            *sums.entry(series.split('{').next().unwrap_or(series)).or_default() += value.parse::<f64>()?;
        }
        let sum = |name: &str| sums.get(name).copied().unwrap_or_default();
        Ok(Self {
            at: Instant::now(),
            now: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64(),
            runs: sum("external_access_runs_total"),
            missed: sum("external_access_missed_runs_total"),
            took: sum("external_access_run_duration_seconds_sum"),
            last: sum("external_access_last_run_timestamp_seconds"),
        })
    }

    /// By how many seconds the last run's clock is ahead of ours.
    fn ahead(&self) -> f64 {
        self.last - self.now
    }
}
