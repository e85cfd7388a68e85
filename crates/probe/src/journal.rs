//! What becomes of a report: metrics, history, the last state, and a log line when the state has changed.

use std::sync::{Arc, Mutex};

use metrics_core::{MissCause, Reason};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connectivity::Side;
use crate::engine::Shared;
use crate::history::{Past, Track};
use crate::lock::lock;
use crate::report::RunReport;
use crate::schedule::Schedule;
use crate::target::Target;

/// A target that is being asked, and what is known of it.
pub struct Watched {
    name: String,
    /// Nothing, once it is asked no more.
    plan: Mutex<Option<Arc<Plan>>>,
    changed: Notify,
    metrics: Arc<metrics_core::Target>,
    track: Arc<Track>,
    pub(crate) shared: Arc<Shared>,
    last: Mutex<Last>,
}

/// What a target is to be asked, and when.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) target: Arc<Target>,
    /// When its first run is due.
    pub(crate) first: Instant,
}

/// The last run that ended.
#[derive(Default)]
struct Last {
    report: Option<Arc<RunReport>>,
    /// What the last line of the log about it says.
    said: Option<Said>,
}

/// What is worth a line when it changes.
type Said = (Option<Reason>, Option<u16>, bool);

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

impl State {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Up => "up",
            Self::Slow => "slow",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl Plan {
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule::new(self.first, self.target.interval)
    }

    /// Whether its runs are due when those of `other` are.
    pub(crate) fn is_due_as(&self, other: &Self) -> bool {
        (self.first, self.target.interval) == (other.first, other.target.interval)
    }
}

impl Watched {
    pub(crate) fn new(plan: Plan, metrics: Arc<metrics_core::Target>, track: Arc<Track>, shared: Arc<Shared>) -> Self {
        let name = plan.target.name.clone();
        let plan = Mutex::new(Some(Arc::new(plan)));
        Self { name, plan, changed: Notify::new(), metrics, track, shared, last: Mutex::default() }
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The report of the last run that ended; `None` before the first.
    pub fn last(&self) -> Option<Arc<RunReport>> {
        lock(&self.last).report.clone()
    }

    /// What the last run says of the target.
    pub fn state(&self) -> State {
        self.last().map_or(State::Pending, |last| self.state_by(&last))
    }

    /// Since when it is what it is, in milliseconds of Unix time; `None` where no run has ever ended. That it is up or down may be known
    /// from before the program started.
    pub fn since(&self) -> Option<i64> {
        self.track.since()
    }

    /// What happened to it.
    pub fn past(&self) -> Past {
        self.shared.history.past(&self.track)
    }

    fn state_by(&self, report: &RunReport) -> State {
        let reason = report.outcome.reason;
        let slow_after = self.plan().and_then(|plan| plan.target.slow_after);
        match reason {
            None if slow_after.is_some_and(|limit| report.outcome.total > limit) => State::Slow,
            None => State::Up,
            Some(_) if Side::of(reason) == Side::Ours && self.shared.is_isolated() => State::Unknown,
            Some(_) => State::Down,
        }
    }

    /// What it is asked; `None` once it is asked no more.
    pub fn target(&self) -> Option<Arc<Target>> {
        self.plan().map(|plan| plan.target.clone())
    }

    pub(crate) fn plan(&self) -> Option<Arc<Plan>> {
        lock(&self.plan).clone()
    }

    /// Asks so from the next run on; when it is due changes only with the interval.
    pub(crate) fn replan(&self, mut plan: Plan) {
        let mut current = lock(&self.plan);
        if let Some(same) = current.as_ref().filter(|current| current.target.interval == plan.target.interval) {
            plan.first = same.first;
        }
        *current = Some(Arc::new(plan));
        self.changed.notify_one();
    }

    /// Starts no more runs, and drops the one under way.
    pub(crate) fn give_up(&self) {
        *lock(&self.plan) = None;
        self.changed.notify_one();
    }

    /// Ends when the plan has changed since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Ends when the target is given up.
    pub(crate) async fn given_up(&self) {
        while lock(&self.plan).is_some() {
            self.changed().await;
        }
    }

    /// A run of `target` ended so.
    pub(crate) fn journal(&self, target: &Target, report: RunReport) {
        self.metrics.record(&report.outcome);
        let state = self.state_by(&report);
        let id = self.shared.history.ended(&self.track, target, &report, state);
        let said = (report.outcome.reason, report.outcome.status, state == State::Slow);
        let report = Arc::new(report);
        let mut last = lock(&self.last);
        last.report = Some(report.clone());
        // That nobody can be reached is said once, and not of each.
        if state != State::Unknown && last.said.replace(said) != Some(said) {
            drop(last);
            log_state(&self.name, state, &report, id.as_deref());
        }
    }

    pub(crate) fn missed(&self, cause: MissCause, runs: u64) {
        if runs > 0 {
            self.metrics.missed(cause, runs);
            self.shared.history.missed(&self.track, runs);
        }
    }
}

fn log_state(name: &str, state: State, report: &RunReport, id: Option<&str>) {
    let (state, total) = (state.as_str(), report.outcome.total.as_millis());
    match (report.outcome.reason, report.outcome.status) {
        (None, status) => log::info!(
            probed = name, state = state, status = status;
            "{name} is {state}: status {} in {total} ms", status.unwrap_or_default()
        ),
        (Some(reason), _) => {
            let failure = report.failure.as_ref();
            let phase = failure.and_then(|failure| failure.phase);
            let phase = phase.map(|phase| format!(" in {phase}")).unwrap_or_default();
            let detail = failure.map(|failure| &failure.detail[..]).unwrap_or_default();
            log::warn!(
                probed = name, state = state, reason = reason.as_str(), run = id;
                "{name} is {state}: {reason}{phase} after {total} ms: {detail}"
            );
        }
    }
}
