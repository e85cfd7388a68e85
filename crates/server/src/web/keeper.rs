//! Keeps the web configuration: the file, and those of certificates and keys that it names, are looked at every second, and read at once
//! when a reload is asked for. What is wrong changes nothing, so that nobody gets in who did not before.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use metrics_core::ReloadMetrics;
use tokio::sync::{oneshot, watch};

use super::access::{Access, Accesses};
use crate::exit::Exit;
use crate::web_config::{self, Loaded, WebConfig};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

type Asker = oneshot::Sender<Result<(), String>>;

/// Where a reload of the web configuration is asked for. Clones are the same.
#[derive(Clone)]
pub(crate) struct Rereads(Option<SyncSender<Asker>>);

impl Rereads {
    /// Reads it after this moment.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub(crate) async fn reread(&self) -> Result<(), String> {
        let Some(asking) = &self.0 else { return Ok(()) };
        let (asker, answer) = oneshot::channel();
        // Reloads come one after the other, so that there is room.
        asking.try_send(asker).map_err(|_| "the web configuration is being read; try again".to_owned())?;
        answer.await.unwrap_or_else(|_| Err("reading the web configuration panicked; please report it".to_owned()))
    }
}

/// The web configuration of the start.
pub(crate) struct Opened {
    file: Option<PathBuf>,
    digest: [u8; 32],
    access: Access,
}

impl Opened {
    /// Reads the file, where there is one. Without one everybody may come in, without TLS.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(file: Option<PathBuf>) -> Result<Self, Exit> {
        let Some(path) = &file else {
            return Ok(Self { file, digest: [0; 32], access: Access::new(WebConfig::default()) });
        };
        let Loaded { digest, warnings, config } = web_config::load(path);
        let config = config.map_err(|error| Exit::Usage(error.to_string()))?;
        warn(&warnings);
        Ok(Self { file, digest, access: Access::new(config) })
    }

    /// What it says, in lines; nothing without a file.
    pub(crate) fn summary(&self) -> String {
        if self.file.is_none() {
            return String::new();
        }
        let WebConfig { tls, users, headers, rate_limit } = &self.access.config;
        let tls = if tls.is_some() { "TLS" } else { "no TLS" };
        let limit = rate_limit.map_or_else(
            || "no rate limit".to_owned(),
            |limit| format!("one request in {}, {} at once", humantime::format_duration(limit.interval), limit.burst),
        );
        format!("web: {tls}, users: {}, headers: {}, {limit}\n", users.len(), headers.len())
    }

    /// Keeps it from here on.
    ///
    /// # Errors
    /// The system has no thread.
    pub(crate) fn keep(self, metrics: ReloadMetrics) -> anyhow::Result<(Accesses, Rereads)> {
        let (accesses, kept) = watch::channel(Arc::new(self.access));
        let Some(file) = self.file else { return Ok((kept, Rereads(None))) };
        metrics.succeeded();
        let (asking, askers) = sync_channel(1);
        let keeper = Keeper { file, seen: self.digest, good: true, accesses, metrics };
        let thread = std::thread::Builder::new().name("web-config".to_owned());
        thread.spawn(move || keeper.run(&askers)).context("no thread to read the web configuration on")?;
        Ok((kept, Rereads(Some(asking))))
    }
}

struct Keeper {
    file: PathBuf,
    /// What was read last, good or bad.
    seen: [u8; 32],
    good: bool,
    accesses: watch::Sender<Arc<Access>>,
    metrics: ReloadMetrics,
}

impl Keeper {
    fn run(mut self, askers: &Receiver<Asker>) {
        loop {
            match askers.recv_timeout(EVERY) {
                Ok(asker) => _ = asker.send(self.read(true)),
                // It has been logged.
                Err(RecvTimeoutError::Timeout) => _ = self.read(false),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Unless it is asked for, nothing is said of what was there before.
    fn read(&mut self, asked: bool) -> Result<(), String> {
        let Loaded { digest, warnings, config } = web_config::load(&self.file);
        if digest == self.seen && !asked {
            return Ok(());
        }
        let is_new = digest != self.seen;
        self.seen = digest;
        match config {
            Ok(config) => {
                warn(&warnings);
                // Certificates that have not changed keep their sessions.
                if is_new || !self.good {
                    self.accesses.send_modify(|access| *access = Access::after(config, access).into());
                    log::info!("{}: the web configuration has changed", self.file.display());
                }
                self.good = true;
                self.metrics.succeeded();
                Ok(())
            }
            Err(error) => {
                self.good = false;
                self.metrics.failed();
                log::error!("{error}; the web configuration stays as it was");
                Err(error.to_string())
            }
        }
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}
