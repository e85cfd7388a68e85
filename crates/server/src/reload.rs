//! Reloads: the configuration is read again because a signal, a request or the clock says so. One after the other, and all or
//! nothing: a configuration that is wrong changes nothing.

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, Resource, web};
use metrics_core::ReloadMetrics;
use probe::{Engine, OnDemand};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::configuration::{Configuration, Loaded};
use crate::web::keeper::Rereads;

/// What a reload has done, or why it has done nothing: one line.
type Answer = Result<String, String>;
type Asker = oneshot::Sender<Answer>;

/// Where a reload is asked for.
#[derive(Clone)]
pub(crate) struct Reloads(mpsc::Sender<Asker>);

impl Reloads {
    /// Reads the configuration after this moment; `None` where the server is stopping.
    async fn reload(&self) -> Option<Answer> {
        let (asker, answer) = oneshot::channel();
        self.0.send(asker).await.ok()?;
        answer.await.ok()
    }
}

/// Does all reloads. It runs on the main thread, as the engine starts threads of the actix system there.
pub(crate) struct Reloader {
    pub(crate) configuration: Configuration,
    pub(crate) engine: Arc<Engine>,
    /// Where what may be asked on demand is told.
    pub(crate) demands: watch::Sender<Arc<OnDemand>>,
    /// Where it is shown.
    pub(crate) pages: watch::Sender<String>,
    /// Who reads the web configuration, too.
    pub(crate) web: Rereads,
    pub(crate) metrics: Vec<ReloadMetrics>,
    pub(crate) hangups: Signal,
    /// How often to look for changes.
    pub(crate) auto: Option<Duration>,
    /// What was read last, good or bad.
    pub(crate) seen: [u8; 32],
}

impl Reloader {
    /// Reloads until it is dropped, whoever asks by then being told so.
    pub(crate) fn start(self) -> (Reloads, impl Future<Output = ()>) {
        // Few: who finds no room waits, and leaves no trace when he gives up.
        let (reloads, askers) = mpsc::channel(16);
        (Reloads(reloads), self.run(askers))
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Asker>) {
        let mut clock = self.auto.map(|every| {
            let mut clock = interval_at(Instant::now() + every, every);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            clock
        });
        let mut reader = Reader::default();
        loop {
            let mut askers = Vec::new();
            let why = tokio::select! {
                Some(asker) = requests.recv() => {
                    askers.push(asker);
                    // One answer for all whose request came before it is looked for.
                    askers.extend(std::iter::from_fn(|| requests.try_recv().ok()));
                    "POST /-/reload"
                }
                _ = self.hangups.recv() => "SIGHUP",
                () = tick(&mut clock) => "change of a file",
            };
            let loaded = reader.read(&self.configuration).await;
            let by_clock = askers.is_empty() && why != "SIGHUP";
            if by_clock && loaded.as_ref().is_ok_and(|loaded| loaded.digest == self.seen) {
                continue;
            }
            let mut answer = loaded.and_then(|loaded| self.take(loaded));
            match &answer {
                Ok(done) => {
                    self.metrics.iter().for_each(ReloadMetrics::succeeded);
                    log::info!("{why}: {done}");
                }
                Err(error) => {
                    self.metrics.iter().for_each(ReloadMetrics::failed);
                    log::error!("{why}: {error}; what was asked before is asked as before");
                }
            }
            if !by_clock {
                // It has its own metrics and its own lines.
                if let Err(error) = self.web.reread().await {
                    answer = Err(answer.err().map_or_else(|| error.clone(), |other| format!("{other}; {error}")));
                }
            }
            for asker in askers {
                // Who has gone away is not missed.
                let _ = asker.send(answer.clone());
            }
        }
    }

    fn take(&mut self, loaded: Loaded) -> Answer {
        self.seen = loaded.digest;
        let config = loaded.config.map_err(|refused| refused.to_string())?;
        let page = config.to_string();
        let count = config.targets.len();
        let applied = self.engine.apply(config.targets).map_err(|error| error.to_string())?;
        self.demands.send_replace(config.on_demand.into());
        self.pages.send_replace(page);
        let targets = if count == 1 { "target" } else { "targets" };
        let (new, kept, gone) = (applied.added, applied.kept, applied.removed);
        Ok(format!("{count} {targets}: {new} new, {kept} kept, {gone} gone"))
    }
}

async fn tick(clock: &mut Option<Interval>) {
    match clock {
        Some(clock) => _ = clock.tick().await,
        None => pending().await,
    }
}

/// A configuration to read, and who waits for it.
type Reading = (Configuration, oneshot::Sender<Loaded>);

/// Reads on one thread, always the same: a new one each time may get a new arena of the allocator, and each arena keeps what reading has
/// taken once. It is none of the runtime's, as the end of the program would wait for that, and a file may be slow.
#[derive(Default)]
struct Reader(Option<std::sync::mpsc::Sender<Reading>>);

impl Reader {
    async fn read(&mut self, configuration: &Configuration) -> Result<Loaded, String> {
        let (done, loaded) = oneshot::channel();
        let reading = (configuration.clone(), done);
        let unread = match &self.0 {
            Some(thread) => thread.send(reading).err().map(|unsent| unsent.0),
            None => Some(reading),
        };
        // It is the first, or the thread has panicked.
        if let Some(reading) = unread {
            let thread = start_reading(reading);
            self.0 = Some(
                thread.map_err(|error| format!("no thread to read the configuration on: {error}; try again later"))?,
            );
        }
        loaded.await.map_err(|_| "reading the configuration panicked; please report it with the file".to_owned())
    }
}

fn start_reading(first: Reading) -> std::io::Result<std::sync::mpsc::Sender<Reading>> {
    let (readings, more) = std::sync::mpsc::channel();
    let read = move || {
        for (configuration, done) in std::iter::once(first).chain(more) {
            // Whoever waited may have gone.
            let _ = done.send(configuration.load());
        }
    };
    std::thread::Builder::new().name("reload".to_owned()).spawn(read)?;
    Ok(readings)
}

/// `POST /-/reload`: 200 and what has changed, or 500 and what is wrong.
pub(crate) fn route(reloads: Reloads) -> Resource {
    let reload = move || {
        let reloads = reloads.clone();
        async move {
            let (mut response, line) = match reloads.reload().await {
                Some(Ok(done)) => (HttpResponse::Ok(), done),
                Some(Err(error)) => (HttpResponse::InternalServerError(), error),
                None => (HttpResponse::ServiceUnavailable(), "the server is stopping: nothing is reloaded".to_owned()),
            };
            response.content_type("text/plain; charset=utf-8").body(line + "\n")
        }
    };
    let refuse = || ready(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "POST")).finish());
    web::resource("/-/reload").route(web::post().to(reload)).default_service(web::to(refuse))
}
