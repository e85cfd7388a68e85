//! An exporter, ours or blackbox_exporter: a process of its own that is asked to probe, over connections that are kept.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ureq::Agent;

use crate::{AT_ONCE, CASES, Case, Took, timed};

pub(crate) struct Exporter {
    process: Child,
    probe: String,
    agent: Agent,
}

/// Which one it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Blackbox,
}

impl Exporter {
    pub(crate) fn start(kind: Kind, program: &str, ca: &Path) -> Self {
        let config = ca.with_extension("yml");
        // Ours logs a line for each, as it does where nobody says otherwise.
        let more: &[&str] = match kind {
            Kind::Ours => &["--probe.allow", "127.0.0.0/8,localhost", "--probe.rate-limit", "0"],
            Kind::Blackbox => &[],
        };
        fs::write(&config, modules(ca)).expect("the target folder can be written to");
        let mut process = Command::new(program)
            .args(["--web.listen-address=127.0.0.1:0", "--config.file"])
            .arg(&config)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut log = BufReader::new(process.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let port = log.find_map(|line| line.split_once("address=127.0.0.1:")?.1.trim().parse::<u16>().ok());
        let port = port.unwrap_or_else(|| panic!("{program} ended without a port"));
        let _ = fs::remove_file(config);
        // It logs to the end, and must not wait for a reader.
        thread::spawn(move || log.for_each(drop));
        let agent = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(20))).build().into();
        Self { process, probe: format!("http://127.0.0.1:{port}/probe"), agent }
    }

    pub(crate) fn ask(&self, case: &Case, url: &str, runs: u32) -> Took {
        let asking = || (0..runs / AT_ONCE).for_each(|_| self.probe(case, url));
        timed(
            || self.cpu_time(),
            || {
                thread::scope(|scope| {
                    for _ in 0..AT_ONCE {
                        scope.spawn(asking);
                    }
                });
            },
        )
    }

    fn probe(&self, case: &Case, url: &str) {
        let answer = self.agent.get(&self.probe).query("module", case.name).query("target", url).call();
        let page = answer.and_then(|mut answer| answer.body_mut().read_to_string()).expect("an answer");
        let version = if case.http2 { "2" } else { "1.1" };
        for line in ["probe_success 1", &format!("probe_http_version {version}")] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
    }

    pub(crate) fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Of all its threads, in the kernel too, in ns. /proc/PID/stat has ticks of 10 ms; Go ends no thread that it has begun.
    fn cpu_time(&self) -> u128 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        threads
            .map(|thread| {
                let schedstat = thread.expect("it runs").path().join("schedstat");
                let schedstat = fs::read_to_string(schedstat).expect("the kernel counts what threads take");
                schedstat.split(' ').next().and_then(|time| time.parse::<u128>().ok()).expect("a time")
            })
            .sum()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A module for each case, as ours has it.
fn modules(ca: &Path) -> String {
    let modules = CASES.iter().map(|Case { name, http2, .. }| {
        format!(
            "  {name}:\n    prober: http\n    timeout: 10s\n    http:\n      preferred_ip_protocol: ip4\n      \
             enable_http2: {http2}\n      tls_config: {{ ca_file: '{}' }}\n",
            ca.display()
        )
    });
    format!("modules:\n{}", modules.collect::<String>())
}
