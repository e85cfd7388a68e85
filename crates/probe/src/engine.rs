//! The engine: a thread on which every target is asked on its own grid, apart from the threads that serve requests.

use std::sync::Arc;

use actix_rt::Arbiter;
use metrics_core::ExternalMetrics;

use crate::journal::Watched;
use crate::run::{Env, run};
use crate::schedule::every;
use crate::target::Target;

/// Asks targets for as long as it is not stopped.
pub struct Engine {
    arbiter: Arbiter,
}

impl Engine {
    /// Starts asking `target`; its first run starts at once. Needs a running actix system.
    pub fn start(target: Target, env: Env, metrics: &ExternalMetrics) -> (Self, Arc<Watched>) {
        let metrics = metrics.target(&target.name, target.interval);
        let watched = Arc::new(Watched::new(target, metrics));
        let arbiter = Arbiter::new();
        let asked = watched.clone();
        // Runs are not Send, so their future is made on the thread that drives it.
        arbiter.spawn_fn(move || {
            actix_rt::spawn(async move {
                let ask = async || asked.journal(run(&asked.target.spec, &env).await);
                every(asked.target.interval, ask, |cause, runs| asked.missed(cause, runs)).await;
            });
        });
        (Self { arbiter }, watched)
    }

    /// Starts no more runs and drops the one under way, unrecorded.
    pub fn stop(&self) {
        self.arbiter.stop();
    }
}
