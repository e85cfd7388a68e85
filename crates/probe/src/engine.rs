//! The engine: threads on which every target is asked on its own grid, apart from those that serve requests. What it asks is
//! one list, which is replaced as a whole.

mod ask;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_rt::Arbiter;
use futures::future::LocalBoxFuture;
use metrics_core::{ExternalMetrics, Reason, TargetError};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

#[cfg(test)]
pub(crate) use self::ask::panicked;
use self::ask::{ask, ask_once};
use crate::allow::AllowList;
use crate::connectivity::Connectivity;
use crate::history::History;
use crate::journal::{Plan, Watched};
use crate::lock::lock;
use crate::report::RunReport;
use crate::run::{Env, run};
use crate::schedule::{phase, stable_hash};
use crate::target::{Spec, Target};

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
    env: Env,
    asking: Mutex<Asking>,
}

/// Who is asked, and by whom.
struct Asking {
    /// In the order of the configuration; the first one is the primary.
    targets: Arc<Vec<Arc<Watched>>>,
    /// Each is started when it is needed.
    threads: Vec<Option<Arbiter>>,
    /// Runs on demand so far: they take the threads in turn.
    demanded: usize,
    stopped: bool,
}

/// What all targets share.
pub(crate) struct Shared {
    metrics: ExternalMetrics,
    pub(crate) history: Arc<History>,
    turns: Semaphore,
    connectivity: Mutex<Connectivity>,
    run: Box<Run>,
}

/// A run, on the heap: most targets wait most of the time, and the state of a run is large.
type Run = dyn Fn(Arc<Target>) -> LocalBoxFuture<'static, RunReport> + Send + Sync;

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
    /// An engine that asks nobody yet. `metrics` and `history` are told of every run.
    pub fn new(config: EngineConfig, env: Env, metrics: ExternalMetrics, history: Arc<History>) -> Self {
        let of_targets = env.clone();
        let run = move |target: Arc<Target>| -> LocalBoxFuture<'static, RunReport> {
            let env = of_targets.clone();
            Box::pin(async move { run(&target.spec, &env).await })
        };
        let threads = (0..config.threads.max(1)).map(|_| None).collect();
        let asking = Asking { targets: Arc::default(), threads, demanded: 0, stopped: false };
        let shared = Arc::new(Shared::new(config.most_runs, metrics, history, Box::new(run)));
        Self { shared, env, asking: Mutex::new(asking) }
    }

    /// Asks these targets from now on and no others, the first one being the primary. Those that were there before under the
    /// same name keep their counts and the run under way, and where the interval is the same their grid. Needs a running
    /// actix system.
    ///
    /// # Errors
    /// [`TargetError`] if two have one name, or if their labels cannot be exposed. What was asked is then asked as before.
    pub fn apply(&self, targets: Vec<Target>) -> Result<Applied, TargetError> {
        let configs: Vec<_> = targets.iter().map(Target::metrics_config).collect();
        let mut asking = lock(&self.asking);
        let metrics = self.shared.metrics.apply(&configs)?;
        lock(&self.shared.connectivity).ask(targets.iter().map(host).collect());
        let tracks = self.shared.history.watch(targets.iter().map(|target| &*target.name));
        let before = asking.targets.clone();
        let mut before: HashMap<&str, &Arc<Watched>> = before.iter().map(|known| (known.name(), known)).collect();
        let (now, count) = (Instant::now(), targets.len());
        let (mut list, mut added) = (Vec::with_capacity(count), Vec::new());
        for ((target, metrics), track) in targets.into_iter().zip(metrics).zip(tracks) {
            let first = now + phase(&target.name, target.interval, count);
            let plan = Plan { first, target: Arc::new(target) };
            let known = before.remove(plan.target.name.as_str());
            let watched = if let Some(known) = known {
                known.replan(plan);
                known.clone()
            } else {
                let watched = Arc::new(Watched::new(plan, metrics, track, self.shared.clone()));
                added.push(watched.clone());
                watched
            };
            list.push(watched);
        }
        let applied = Applied { added: added.len(), removed: before.len(), kept: count - added.len() };
        for gone in before.into_values() {
            gone.give_up();
        }
        asking.targets = Arc::new(list);
        asking.start(added);
        Ok(applied)
    }

    /// What happened to them.
    pub fn history(&self) -> &Arc<History> {
        &self.shared.history
    }

    /// The targets, in the order in which they were given; the first one is the primary.
    pub fn targets(&self) -> Arc<Vec<Arc<Watched>>> {
        lock(&self.asking).targets.clone()
    }

    /// Asks what `spec` says, once and at once, of nobody but whom `allow` has. It is run where the targets are, and journalled
    /// nowhere. Who no longer waits for it ends it. `None` where the thread is gone, with the engine.
    pub async fn ask_once(&self, spec: Spec, allow: Arc<AllowList>) -> Option<RunReport> {
        let (asker, report) = oneshot::channel();
        let env = self.env.confined(allow);
        lock(&self.asking).next_thread().spawn_fn(move || _ = actix_rt::spawn(ask_once(spec, env, asker)));
        report.await.ok()
    }

    /// Starts no more runs of targets and drops those under way, unrecorded. Runs on demand are asked on.
    pub fn stop(&self) {
        let mut asking = lock(&self.asking);
        asking.stopped = true;
        asking.targets.iter().for_each(|watched| watched.give_up());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for thread in lock(&self.asking).threads.iter().flatten() {
            thread.stop();
        }
    }
}

impl Asking {
    fn next_thread(&mut self) -> &Arbiter {
        self.demanded = self.demanded.wrapping_add(1);
        let threads = self.threads.len();
        self.threads[self.demanded % threads].get_or_insert_with(Arbiter::new)
    }

    fn start(&mut self, targets: Vec<Arc<Watched>>) {
        if self.stopped {
            return;
        }
        let mut shares: Vec<Vec<_>> = self.threads.iter().map(|_| Vec::new()).collect();
        for (n, watched) in targets.into_iter().enumerate() {
            let threads = shares.len();
            shares[n % threads].push(watched);
        }
        for (thread, targets) in self.threads.iter_mut().zip(shares) {
            if !targets.is_empty() {
                // Runs are not Send, so their futures are made on the thread that drives them.
                thread.get_or_insert_with(Arbiter::new).spawn_fn(|| {
                    for watched in targets {
                        actix_rt::spawn(ask(watched));
                    }
                });
            }
        }
    }
}

fn host(target: &Target) -> u64 {
    stable_hash(target.spec.url.host_str().unwrap_or_default())
}

impl Shared {
    fn new(most_runs: usize, metrics: ExternalMetrics, history: Arc<History>, run: Box<Run>) -> Self {
        let turns = Semaphore::new(most_runs.clamp(1, Semaphore::MAX_PERMITS));
        Self { metrics, history, turns, connectivity: Mutex::default(), run }
    }

    /// Whether nobody can be reached.
    pub(crate) fn is_isolated(&self) -> bool {
        lock(&self.connectivity).is_isolated()
    }

    /// A run of this target ended so.
    fn ended(&self, target: &Target, reason: Option<Reason>) {
        let mut connectivity = lock(&self.connectivity);
        let Some(isolated) = connectivity.ended(host(target), reason, Instant::now()) else { return };
        // Within the lock: changes are told in their order.
        self.metrics.isolated(isolated);
        drop(connectivity);
        if isolated {
            log::warn!("no target can be reached, for a reason of this machine's own side: their state is unknown");
        } else {
            log::info!("targets can be reached again");
        }
    }
}

#[cfg(test)]
mod tests;
