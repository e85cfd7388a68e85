//! The life of one target: it waits until a run is due and has its turn, runs, journals, and waits again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use metrics_core::{MissCause, Outcome, Phase, Reason};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use crate::journal::{Plan, Watched};
use crate::report::{Failure, RunReport};
use crate::run::Env;
use crate::schedule::Schedule;
use crate::target::{Spec, Target};

/// Asks a target on its grid until it is given up.
pub(super) async fn ask(watched: Arc<Watched>) {
    let Some(mut plan) = watched.plan() else { return };
    let mut schedule = plan.schedule();
    loop {
        let Some(new) = watched.plan() else { return };
        if !new.is_due_as(&plan) {
            schedule = new.schedule();
        }
        plan = new;
        tokio::select! {
            biased;
            () = watched.changed() => continue,
            () = sleep_until(schedule.due()) => {}
        }
        let Some(_turn) = turn(&watched, &mut schedule).await else { continue };
        // It may have changed in the meantime.
        let Some(Plan { target, .. }) = watched.plan().as_deref().cloned() else { return };
        let start = Instant::now();
        watched.shared.metrics.start_lag(schedule.start(start));
        tokio::select! {
            report = run(&watched.shared, &target) => watched.journal(&target, report),
            () = watched.given_up() => return,
        }
        // A run ends at its timeout: what was due after it is missed because we were late ourselves.
        let latest_end = start + target.spec.timeout;
        watched.missed(MissCause::Overlap, schedule.give_up(Instant::now(), latest_end));
    }
}

/// Asks once, and tells it to whoever waits for it still.
pub(super) async fn ask_once(spec: Spec, env: Env, mut asker: oneshot::Sender<RunReport>) {
    let (at, start) = (SystemTime::now(), Instant::now());
    let run = AssertUnwindSafe(Box::pin(async { crate::run(&spec, &env).await })).catch_unwind();
    tokio::select! {
        report = run => {
            let _ = asker.send(report.unwrap_or_else(|_| panicked(at, start)));
        }
        () = asker.closed() => {}
    }
}

/// Waits for a turn, if a run is due and still is when the turn comes.
async fn turn<'w>(watched: &'w Watched, schedule: &mut Schedule) -> Option<tokio::sync::SemaphorePermit<'w>> {
    if !is_due(watched, schedule) {
        return None;
    }
    let turn = watched.shared.turns.acquire().await.ok()?;
    is_due(watched, schedule).then_some(turn)
}

fn is_due(watched: &Watched, schedule: &mut Schedule) -> bool {
    let now = Instant::now();
    watched.missed(MissCause::Late, schedule.give_up(now, now));
    schedule.due() <= now
}

/// One run. One that panics has failed, and is counted besides.
async fn run(shared: &Shared, target: &Arc<Target>) -> RunReport {
    let (at, start) = (SystemTime::now(), Instant::now());
    let run = AssertUnwindSafe(async { (shared.run)(target.clone()).await }).catch_unwind();
    let report = run.await.unwrap_or_else(|_| {
        shared.metrics.task_restarted();
        panicked(at, start)
    });
    shared.ended(target, report.outcome.reason);
    report
}

pub(crate) fn panicked(at: SystemTime, start: Instant) -> RunReport {
    let outcome = Outcome {
        at,
        total: start.elapsed(),
        head: None,
        status: None,
        reason: Some(Reason::Internal),
        phases: [None; Phase::ALL.len()],
        redirects: 0,
        body_bytes: None,
        tls: None,
    };
    let detail = "the run panicked; what it said stands in the log before this".to_owned();
    let failure = Failure { reason: Reason::Internal, phase: None, detail };
    RunReport { outcome, hops: Vec::new(), failure: Some(failure) }
}
