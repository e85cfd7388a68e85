//! What a server watches: the file of its targets in its versions, and how often the peers say that they were asked.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustls::ServerConfig;

use crate::peers::Peers;
use crate::replace;
use crate::subject::Subject;

/// Failures before anything could be asked: what has them is not in the peers' books.
const UNASKED: [&str; 10] = [
    "dns_not_found",
    "dns_failure",
    "dns_timeout",
    "connect_refused",
    "connect_unreachable",
    "connect_timeout",
    "tls_handshake",
    "tls_timeout",
    "blocked",
    "internal",
];
/// Nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Watched {
    peers: Peers,
    /// How many are there all the time, and how many more come and go.
    steady: usize,
    passing: usize,
    ca: PathBuf,
    file: PathBuf,
}

impl Watched {
    pub(crate) fn new(
        steady: usize,
        passing: usize,
        config: Arc<ServerConfig>,
        ca: PathBuf,
        file: PathBuf,
    ) -> Result<Self> {
        let watched = Self { peers: Peers::start(steady + passing, config)?, steady, passing, ca, file };
        replace(&watched.file, &watched.version(true, "10s"))?;
        Ok(watched)
    }

    fn version(&self, all: bool, interval: &str) -> String {
        let ca = self.ca.display();
        let mut file =
            format!("modules:\n  tls: {{prober: http, http: {{tls_config: {{ca_file: '{ca}'}}}}}}\ntargets:\n");
        for n in 0..self.steady + if all { self.passing } else { 0 } {
            let secure = n % 13 == 5;
            let (scheme, address, module) =
                if secure { ("https", self.peers.tls, "tls") } else { ("http", self.peers.plain, "http_2xx") };
            // Writing to a String cannot fail.
            let _ = writeln!(
                file,
                "- {{name: t{n}, url: '{scheme}://{address}/{n}', module: {module}, interval: {interval}, timeout: 2s}}"
            );
        }
        file
    }

    /// The next version of the file: some targets come, some go, and now and then it cannot be read. Whether it can.
    pub(crate) fn change(&self, number: usize) -> Result<bool> {
        let good = number % 5 != 4;
        let version = self.version(number.is_multiple_of(2), "10s");
        replace(&self.file, &if good { version } else { version.replacen("interval", "intervall", 1) })?;
        Ok(good)
    }

    /// A version of which nobody is due any more, once each has been asked.
    pub(crate) fn settle(&self) -> Result<()> {
        replace(&self.file, &self.version(false, "1h"))
    }

    /// Waits until each target that was there all the time is seen with as many runs as its peer has answered, at one time.
    pub(crate) fn balances(&self, subject: &Subject) -> Result<u64> {
        let start = Instant::now();
        let mut open: Vec<usize> = (0..self.steady).collect();
        let mut runs_of_all = 0;
        loop {
            let before = self.peers.asked();
            let metrics = subject.metrics(&["external_access_runs_total", "external_access_failures_total"])?;
            let after = self.peers.asked();
            let value = |series: String| metrics.get(&series).copied();
            let mut differ = Vec::new();
            open.retain(|&n| {
                let runs = value(format!("external_access_runs_total{{target=\"t{n}\"}}"));
                let unasked = UNASKED.iter().filter_map(|reason| {
                    value(format!("external_access_failures_total{{target=\"t{n}\",reason=\"{reason}\"}}"))
                });
                let counted = runs.map(|runs| runs - unasked.sum::<f64>());
                // A run takes time: who is being asked is looked at again.
                let balances = before[n] == after[n] && counted.is_some_and(|counted| is(counted, before[n]));
                if balances {
                    runs_of_all += before[n];
                } else {
                    differ.push(format!("t{n}: {counted:?} counted, {} to {} asked", before[n], after[n]));
                }
                !balances
            });
            if open.is_empty() {
                return Ok(runs_of_all);
            }
            differ.truncate(5);
            ensure!(start.elapsed() < PATIENCE, "{} targets do not balance: {}", open.len(), differ.join("; "));
            // The page has a line for each target and reason.
            thread::sleep(Duration::from_secs(1));
        }
    }
}

fn is(counted: f64, number: u64) -> bool {
    (counted - number as f64).abs() < 0.5
}
