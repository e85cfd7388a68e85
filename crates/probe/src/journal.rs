//! What becomes of a report: metrics, the last state, and a log line when the state has changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_core::MissCause;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connectivity::{Side, side};
use crate::engine::Shared;
use crate::report::RunReport;
use crate::target::Target;

/// A target that is being asked, and what is known of it.
pub struct Watched {
    name: String,
    /// Nothing, once it is asked no more.
    plan: Mutex<Option<Arc<Plan>>>,
    /// The plan is another one.
    pub(crate) changed: Notify,
    pub(crate) metrics: Arc<metrics_core::Target>,
    pub(crate) shared: Arc<Shared>,
    last: Mutex<Option<Arc<RunReport>>>,
}

/// What a target is to be asked, and when.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    /// Of its grid.
    pub(crate) first: Instant,
}

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No run has ended yet.
    Pending,
    /// The last run succeeded.
    Up,
    /// The last run succeeded, and took longer than `slow_after`.
    Slow,
    /// The last run failed.
    Down,
    /// The last run failed for a reason of the prober's own side, as those of all targets do.
    Unknown,
}

impl Watched {
    pub(crate) fn new(plan: Plan, metrics: Arc<metrics_core::Target>, shared: Arc<Shared>) -> Self {
        let name = plan.target.name.clone();
        let plan = Mutex::new(Some(Arc::new(plan)));
        Self { name, plan, changed: Notify::new(), metrics, shared, last: Mutex::default() }
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The report of the last run that ended; `None` before the first.
    pub fn last(&self) -> Option<Arc<RunReport>> {
        lock(&self.last).clone()
    }

    /// What the last run says of the target.
    pub fn state(&self) -> State {
        let Some(last) = self.last() else { return State::Pending };
        let reason = last.outcome.reason;
        let slow = self.plan().and_then(|plan| plan.target.slow_after);
        match reason {
            None if slow.is_some_and(|slow| last.outcome.total > slow) => State::Slow,
            None => State::Up,
            Some(_) if matches!(side(reason), Side::Ours) && self.shared.isolated() => State::Unknown,
            Some(_) => State::Down,
        }
    }

    pub(crate) fn plan(&self) -> Option<Arc<Plan>> {
        lock(&self.plan).clone()
    }

    /// From the next run on. Nothing: no run is started any more, and the one under way is dropped.
    pub(crate) fn replan(&self, plan: Option<Plan>) {
        *lock(&self.plan) = plan.map(Arc::new);
        self.changed.notify_one();
    }

    pub(crate) fn journal(&self, report: RunReport) {
        self.metrics.record(&report.outcome);
        let report = Arc::new(report);
        let before = lock(&self.last).replace(report.clone());
        let said = |report: &RunReport| (report.outcome.reason, report.outcome.status);
        if before.as_deref().map(said) != Some(said(&report)) && self.state() != State::Unknown {
            log_state(&self.name, &report);
        }
    }

    pub(crate) fn missed(&self, cause: MissCause, runs: u64) {
        if runs > 0 {
            self.metrics.missed(cause, runs);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
