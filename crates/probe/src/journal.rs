//! What becomes of a report: metrics, the last state, and a log line when the state has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_core::MissCause;

use crate::report::RunReport;
use crate::target::Target;

/// A target that is being asked, and what is known of it.
pub struct Watched {
    /// The target.
    pub target: Target,
    metrics: Arc<metrics_core::Target>,
    last: Mutex<Option<RunReport>>,
}

impl Watched {
    pub(crate) fn new(target: Target, metrics: Arc<metrics_core::Target>) -> Self {
        Self { target, metrics, last: Mutex::default() }
    }

    /// The report of the last run that ended; `None` before the first.
    pub fn last(&self) -> Option<RunReport> {
        self.lock().clone()
    }

    pub(crate) fn journal(&self, report: RunReport) {
        self.metrics.record(&report.outcome);
        let mut last = self.lock();
        let state = |report: &RunReport| (report.outcome.reason, report.outcome.status);
        if last.as_ref().map(state) != Some(state(&report)) {
            log_state(&self.target.name, &report);
        }
        *last = Some(report);
    }

    pub(crate) fn missed(&self, cause: MissCause, runs: u64) {
        self.metrics.missed(cause, runs);
    }

    fn lock(&self) -> MutexGuard<'_, Option<RunReport>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_state(name: &str, report: &RunReport) {
    let total = report.outcome.total.as_millis();
    match (report.outcome.reason, report.outcome.status) {
        (None, status) => log::info!("{name} is up: status {} in {total} ms", status.unwrap_or_default()),
        (Some(reason), _) => {
            let failure = report.failure.as_ref();
            let phase = failure.and_then(|failure| failure.phase);
            let phase = phase.map(|phase| format!(" in {phase}")).unwrap_or_default();
            let detail = failure.map(|failure| &failure.detail[..]).unwrap_or_default();
            log::warn!("{name} is down: {reason}{phase} after {total} ms: {detail}");
        }
    }
}
