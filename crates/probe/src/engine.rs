//! The engine: threads on which every target is asked on its own grid, apart from those that serve requests. What it asks is
//! one list, which is replaced as a whole.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use actix_rt::Arbiter;
use futures::FutureExt;
use metrics_core::{ExternalMetrics, MissCause, Outcome, Phase, Reason, TargetError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::connectivity::Connectivity;
use crate::journal::{Plan, Watched};
use crate::report::{Failure, RunReport};
use crate::run::{Env, run};
use crate::schedule::{Schedule, phase, stable_hash};
use crate::target::Target;

/// How much an engine takes of its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineConfig {
    /// Threads that ask. One is enough for a thousand runs a second.
    pub threads: usize,
    /// Runs under way at the same time; those beyond wait their turn. Each holds a socket and some 50 KB.
    pub most_runs: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { threads: 1, most_runs: 4096 }
    }
}

/// Asks targets for as long as it is not stopped.
pub struct Engine {
    shared: Arc<Shared>,
    /// Started as they are needed.
    arbiters: Vec<Mutex<Option<Arbiter>>>,
    /// In the order of the configuration; the first one is the primary.
    targets: Mutex<Arc<Vec<Arc<Watched>>>>,
}

/// What all targets share.
pub(crate) struct Shared {
    env: Env,
    metrics: ExternalMetrics,
    turns: Semaphore,
    connectivity: Mutex<Connectivity>,
}

/// What [`Engine::apply`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Targets that were not there before.
    pub added: usize,
    /// Targets that are there no more.
    pub removed: usize,
    /// Targets that were there and are.
    pub kept: usize,
}

impl Engine {
    /// An engine that asks nobody yet.
    pub fn new(config: EngineConfig, env: Env, metrics: ExternalMetrics) -> Self {
        let turns = Semaphore::new(config.most_runs.clamp(1, Semaphore::MAX_PERMITS));
        let shared = Shared { env, metrics, turns, connectivity: Mutex::default() };
        let arbiters = (0..config.threads.max(1)).map(|_| Mutex::default()).collect();
        Self { shared: Arc::new(shared), arbiters, targets: Mutex::default() }
    }

    /// Asks these targets from now on and no others, the first one being the primary. Those that were there before under the
    /// same name keep their counts, and where the interval is the same their grid and the run under way. Needs a running
    /// actix system.
    ///
    /// # Errors
    /// [`TargetError`] if two have one name, or if their labels cannot be exposed. What was asked is then asked as before.
    pub fn apply(&self, targets: Vec<Target>) -> Result<Applied, TargetError> {
        let configs: Vec<_> = targets.iter().map(Target::metrics_config).collect();
        let metrics = self.shared.metrics.apply(&configs)?;
        let mut current = lock(&self.targets);
        let mut before: HashMap<&str, &Arc<Watched>> = current.iter().map(|known| (known.name(), known)).collect();
        let hosts = targets.iter().map(|target| host(target)).collect();
        lock(&self.shared.connectivity).hosts(hosts);
        let (now, count) = (Instant::now(), targets.len());
        let mut applied = Applied::default();
        let mut started: Vec<Vec<Arc<Watched>>> = self.arbiters.iter().map(|_| Vec::new()).collect();
        let mut list = Vec::with_capacity(count);
        for (target, metrics) in targets.into_iter().zip(metrics) {
            let first = now + phase(&target.name, target.interval, count);
            if let Some(known) = before.remove(target.name.as_str()) {
                let same = known.plan().filter(|plan| plan.target.interval == target.interval);
                known.replan(Some(Plan { first: same.map_or(first, |plan| plan.first), target }));
                list.push(known.clone());
                applied.kept += 1;
            } else {
                let thread = usize::try_from(stable_hash(&target.name) % self.arbiters.len() as u64).unwrap_or(0);
                let watched = Arc::new(Watched::new(Plan { target, first }, metrics, self.shared.clone()));
                started[thread].push(watched.clone());
                list.push(watched);
                applied.added += 1;
            }
        }
        applied.removed = before.len();
        before.into_values().for_each(|gone| gone.replan(None));
        *current = Arc::new(list);
        for (arbiter, targets) in self.arbiters.iter().zip(started) {
            if !targets.is_empty() {
                // Runs are not Send, so their futures are made on the thread that drives them.
                lock(arbiter).get_or_insert_with(Arbiter::new).spawn_fn(|| {
                    for watched in targets {
                        actix_rt::spawn(ask(watched));
                    }
                });
            }
        }
        Ok(applied)
    }

    /// The targets, in the order in which they were given; the first one is the primary.
    pub fn targets(&self) -> Arc<Vec<Arc<Watched>>> {
        lock(&self.targets).clone()
    }

    /// Starts no more runs and drops those under way, unrecorded.
    pub fn stop(&self) {
        self.arbiters.iter().filter_map(|arbiter| lock(arbiter).take()).for_each(|arbiter| _ = arbiter.stop());
    }
}

fn host(target: &Target) -> u64 {
    stable_hash(target.spec.url.host_str().unwrap_or_default())
}

impl Shared {
    pub(crate) fn isolated(&self) -> bool {
        lock(&self.connectivity).isolated()
    }

    fn ended(&self, target: &Target, reason: Option<Reason>) {
        let changed = lock(&self.connectivity).ended(host(target), reason, Instant::now());
        let Some(isolated) = changed else { return };
        self.metrics.isolated(isolated);
        if isolated {
            log::warn!("nobody can be reached, for a reason of this machine's: the state of targets is unknown");
        } else {
            log::info!("targets can be reached again");
        }
    }
}

/// Asks one target on its grid, until it is to be asked no more.
async fn ask(watched: Arc<Watched>) {
    let Some(mut plan) = watched.plan() else { return };
    let mut schedule = Schedule::new(plan.first, plan.target.interval);
    loop {
        tokio::select! {
            () = sleep_until(schedule.due()) => {}
            () = watched.changed.notified() => {
                let Some(new) = watched.plan() else { return };
                if (new.first, new.target.interval) != (plan.first, plan.target.interval) {
                    schedule = Schedule::new(new.first, new.target.interval);
                }
                plan = new;
                continue;
            }
        }
        let now = Instant::now();
        watched.missed(MissCause::Late, schedule.give_up(now, now));
        if schedule.due() > now {
            continue;
        }
        let Ok(_turn) = watched.shared.turns.acquire().await else { return };
        let now = Instant::now();
        watched.missed(MissCause::Late, schedule.give_up(now, now));
        if schedule.due() > now {
            continue;
        }
        watched.shared.metrics.start_lag(schedule.start(now));
        tokio::select! {
            report = ask_once(&watched.shared, &plan.target) => watched.journal(report),
            () = gone(&watched) => return,
        }
        let Some(new) = watched.plan() else { return };
        let (ended, ends) = (Instant::now(), now + plan.target.spec.timeout);
        watched.missed(MissCause::Overlap, schedule.give_up(ended, ends));
        watched.missed(MissCause::Late, schedule.give_up(ended, ended));
        if (new.first, new.target.interval) != (plan.first, plan.target.interval) {
            schedule = Schedule::new(new.first, new.target.interval);
        }
        plan = new;
    }
}

/// Ends when the target is to be asked no more.
async fn gone(watched: &Watched) {
    while watched.plan().is_some() {
        watched.changed.notified().await;
    }
}

/// A run that panics is a failed one, and counted besides.
async fn ask_once(shared: &Shared, target: &Target) -> RunReport {
    let (at, start) = (SystemTime::now(), Instant::now());
    // On the heap: most targets wait most of the time, and a run's state is large.
    let run = Box::pin(AssertUnwindSafe(run(&target.spec, &shared.env)).catch_unwind());
    let report = run.await.unwrap_or_else(|_| {
        shared.metrics.task_restarted();
        RunReport {
            outcome: Outcome {
                at,
                total: start.elapsed(),
                head: None,
                status: None,
                reason: Some(Reason::Internal),
                phases: [None; Phase::ALL.len()],
                redirects: 0,
                body_bytes: None,
                tls: None,
            },
            hops: Vec::new(),
            failure: Some(Failure { reason: Reason::Internal, phase: None, detail: "the run panicked".to_owned() }),
        }
    });
    shared.ended(target, report.outcome.reason);
    report
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
