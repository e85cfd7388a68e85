//! The engine: a thread on which every target is asked on its own grid, apart from the threads that serve requests.

use std::sync::{Arc, Mutex, PoisonError};

use actix_rt::Arbiter;
use metrics_core::ExternalMetrics;

use crate::journal::journal;
use crate::run::{Env, RunReport, run};
use crate::schedule::every;
use crate::target::Target;

/// A target that is being asked, and what is known of it.
pub struct Watched {
    /// The target.
    pub target: Target,
    pub(crate) metrics: Arc<metrics_core::Target>,
    pub(crate) last: Mutex<Option<RunReport>>,
}

impl Watched {
    /// The report of the last run that ended; `None` before the first.
    pub fn last(&self) -> Option<RunReport> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks targets for as long as it is not stopped.
pub struct Engine {
    arbiter: Arbiter,
}

impl Engine {
    /// Starts asking `target`; its first run starts at once. Needs a running actix system.
    pub fn start(target: Target, env: Env, metrics: &ExternalMetrics) -> (Self, Arc<Watched>) {
        let metrics = metrics.target(&target.name, target.interval);
        let watched = Arc::new(Watched { target, metrics, last: Mutex::default() });
        let arbiter = Arbiter::new();
        let asked = watched.clone();
        // Runs are not Send, so their future is made on the thread that drives it.
        arbiter.spawn_fn(move || {
            actix_rt::spawn(async move {
                let missed = |cause, runs| asked.metrics.missed(cause, runs);
                every(asked.target.interval, async || journal(&asked, run(&asked.target.spec, &env).await), missed)
                    .await;
            });
        });
        (Self { arbiter }, watched)
    }

    /// Starts no more runs and drops the one under way, unrecorded.
    pub fn stop(&self) {
        self.arbiter.stop();
    }
}
