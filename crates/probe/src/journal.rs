//! What becomes of a report: metrics, the last state, and a log line when the state has changed.

use std::sync::PoisonError;

use crate::engine::Watched;
use crate::run::RunReport;

pub(crate) fn journal(watched: &Watched, report: RunReport) {
    watched.metrics.record(&report.outcome);
    let mut last = watched.last.lock().unwrap_or_else(PoisonError::into_inner);
    let state = |report: &RunReport| (report.outcome.reason, report.outcome.status);
    if last.as_ref().map(state) != Some(state(&report)) {
        log_state(&watched.target.name, &report);
    }
    *last = Some(report);
}

fn log_state(name: &str, report: &RunReport) {
    let total = report.outcome.total.as_millis();
    match (report.outcome.reason, report.outcome.status) {
        (None, status) => log::info!("{name} is up: status {} in {total} ms", status.unwrap_or_default()),
        (Some(reason), _) => {
            let detail = report.detail.as_deref().unwrap_or_default();
            log::warn!("{name} is down: {reason} after {total} ms: {detail}");
        }
    }
}
