//! What signals do: SIGTERM and SIGINT drain, a second one ends the process at once. SIGHUP is for who reloads.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging::Logs;

/// Ways in which the process is told to end, and their exit codes when it is told twice (128 + signal number).
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// From here on signals do not kill. The second value is SIGHUP.
    pub(crate) fn install() -> anyhow::Result<(Self, Signal)> {
        let on = |kind| signal(kind).context("cannot handle signals");
        // Nobody waits for it: a file at its limit (ulimit -f) is then a write that fails, as on a full disk.
        drop(on(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        let signals = Self { term: on(SignalKind::terminate())?, int: on(SignalKind::interrupt())? };
        Ok((signals, on(SignalKind::hangup())?))
    }

    /// Stops `server` gracefully at the first signal, calling `stopping` at once, and `stopped` when after `delay` no more requests
    /// come in; ends the process at the second.
    pub(crate) async fn stop(
        mut self,
        server: ServerHandle,
        logs: Logs,
        delay: Duration,
        stopping: impl FnOnce(),
        stopped: impl FnOnce() + 'static,
    ) {
        let (name, _) = self.next().await;
        log::info!("{name}: serving what has begun, then stopping; once more stops at once");
        stopping();
        actix_rt::spawn(async move {
            tokio::time::sleep(delay).await;
            stopped();
            server.stop(true).await;
        });
        let (name, code) = self.next().await;
        log::warn!("{name} again: stopping at once");
        logs.flush();
        std::process::exit(code);
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.term.recv() => ("SIGTERM", 128 + 15),
            _ = self.int.recv() => ("SIGINT", 128 + 2),
        }
    }
}
