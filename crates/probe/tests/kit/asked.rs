//! Runs of the library as tests want them, and what holds for all of their reports.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::path::PathBuf;
use std::time::{Duration, Instant};

use metrics_core::{Phase, Reason};
use probe::{Client, Env, Module, Override, Roots, RunReport, Spec, parse_url, run};

use crate::kit::Authority;

pub const SECOND: Duration = Duration::from_secs(1);

/// For runs that end by their timeout: the least that a busy machine needs to come that far.
pub const SHORT: Duration = Duration::from_millis(400);

/// One run: what it trusts, where names lead, and how long it may take.
pub struct Ask {
    module: Module,
    roots: Roots,
    overrides: Vec<Override>,
    timeout: Duration,
}

impl Ask {
    /// As `module` says.
    pub fn by(module: Module) -> Self {
        Self { module, roots: Roots::BuiltIn, overrides: Vec::new(), timeout: 10 * SECOND }
    }

    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.module.tls_config.ca = Some(probe::Pem::Text(authority.pem().to_owned()));
        self
    }

    pub fn trusting_file(self, file: PathBuf) -> Self {
        Self { roots: Roots::File(file), ..self }
    }

    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// This host and port lead to that peer.
    pub fn finding(mut self, name: &str, peer: std::net::SocketAddr) -> Self {
        self.overrides.push(format!("{name}:{peer}").parse().unwrap());
        self
    }

    pub async fn of(mut self, url: &str) -> RunReport {
        let env = Env::new(std::mem::take(&mut self.overrides));
        self.of_in(url, &env).await
    }

    /// Beside other runs that share `env`.
    pub async fn of_in(self, url: &str, env: &Env) -> RunReport {
        let client = Client::new(self.module, &self.roots).unwrap().into();
        let spec = Spec { url: parse_url(url).unwrap(), timeout: self.timeout, client };
        let start = Instant::now();
        let report = run(&spec, env).await;
        check(&report, self.timeout, start.elapsed());
        report
    }
}

/// One run of the default module.
pub async fn ask(url: &str) -> RunReport {
    Ask::by(Module::default()).of(url).await
}

/// A module that differs from the default in some things.
pub fn module(change: impl FnOnce(&mut Module)) -> Module {
    let mut module = Module::default();
    change(&mut module);
    module
}

/// What holds for every report.
pub fn check(report: &RunReport, timeout: Duration, took: Duration) {
    let outcome = &report.outcome;
    assert_eq!(outcome.reason, report.failure.as_ref().map(|failure| failure.reason), "{report:?}");
    assert!(outcome.reason.is_some() || outcome.head.is_some(), "{report:?}");
    assert_eq!(outcome.redirects as usize + 1, report.hops.len(), "{report:?}");
    let phases: Duration = outcome.phases.iter().flatten().sum();
    assert_eq!(phases, outcome.total, "{report:?}");
    // Generous, as the machine may be busy: a run that ignores its deadline takes for ever.
    assert!(outcome.total <= took && took < timeout + 10 * SECOND, "{took:?}: {report:?}");
    assert!(outcome.head <= Some(outcome.total), "{report:?}");

    // Hop follows on hop without a gap, and of a hop's phases none is missing before the last.
    let mut at = Duration::ZERO;
    for hop in &report.hops {
        assert_eq!(hop.start, at, "{report:?}");
        at += hop.phases.iter().flatten().sum::<Duration>();
        let plain = hop.url.scheme() == "http";
        let steps = Phase::ALL.iter().filter(|phase| !(plain && **phase == Phase::Tls));
        let reached = steps.map(|phase| hop.phases[*phase as usize].is_some()).collect::<Vec<_>>();
        assert!(reached.is_sorted_by(|before, after| before >= after), "{report:?}");
        assert_eq!(hop.tls.is_some(), hop.phases[Phase::Tls as usize].is_some(), "{report:?}");
        assert_eq!(hop.version.is_some(), hop.status.is_some(), "{report:?}");
    }
    if let (Some(failure), Some(hop)) = (&report.failure, report.hops.last()) {
        let last = Phase::ALL.iter().copied().rfind(|phase| hop.phases[*phase as usize].is_some());
        assert!(failure.phase.is_none() || failure.phase == last, "{report:?}");
        assert!(!failure.detail.is_empty() && !failure.detail.contains(char::is_control), "{report:?}");
    }
}

pub fn reached(report: &RunReport) -> Vec<Phase> {
    Phase::ALL.iter().copied().filter(|phase| report.outcome.phases[*phase as usize].is_some()).collect()
}

/// Why it failed and at which step, and the status.
pub fn failed(report: &RunReport) -> (Option<Reason>, Option<Phase>, Option<u16>) {
    let phase = report.failure.as_ref().and_then(|failure| failure.phase);
    (report.outcome.reason, phase, report.outcome.status)
}

/// What a good run shows.
pub const UP: (Option<Reason>, Option<Phase>, Option<u16>) = (None, None, Some(200));
