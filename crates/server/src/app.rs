//! The wiring: registry, engine, middleware and routes, from start to drained.

use std::net::TcpListener;
use std::sync::Arc;

use actix_server::ServerBuilder;
use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, Resource, web};
use metrics_core::prometheus::Registry;
use metrics_core::{
    BuildInfo, Config, ExternalConfig, ExternalMetrics, HttpMetrics, MetricsHandler, ProcessMetrics, ProgramCounter,
    RegisterError, ReloadMetrics,
};
use probe::{Engine, EngineConfig, Env};
use tokio::sync::watch;

use crate::blackbox::Blackbox;
use crate::cli::Flags;
use crate::logging::Logs;
use crate::logging::request::logged;
use crate::reload::{self, Reloader};
use crate::signals::Signals;
use crate::status::Status;
use crate::version::{REVISION, RUSTC, VERSION};
use crate::web::access::Guard;
use crate::web::connections::Connections;
use crate::web::keeper::Opened;
use crate::web::paths::Paths;
use crate::web::ready::Ready;
use crate::web::{Door, bodies, panics, serve};
use crate::{discovery, landing, limits};

/// An exporter has little to do at a time; more threads would cost memory for nothing.
const MOST_WORKERS: usize = 4;
/// Of each worker, for what may have to wait: pages out of the history, collectors of others. Who asks for more waits, and nobody makes the
/// server take a thread for each of his requests.
const MOST_WAITERS: usize = 8;
/// Started as targets need them. One is enough for a thousand probes a second.
const MOST_PROBERS: usize = 4;
/// Less than the ten seconds after which container engines kill.
const DRAIN_SECONDS: u64 = 7;

/// Asks what `config` says, which `digest` stands for, and serves until a signal says to stop and what had begun is served. `open_files` is
/// the process' limit.
pub(crate) async fn run(
    flags: Flags,
    logs: Logs,
    doors: Opened,
    config: probe::Config,
    digest: [u8; 32],
    open_files: Option<u64>,
) -> anyhow::Result<()> {
    let (signals, hangups) = Signals::install()?;
    let env = Env::new(flags.resolve.clone());
    // Before the first probe: a program that cannot serve must not ask anybody.
    let listeners = flags.listen.listeners()?;

    let history = Arc::new(flags.storage.history()?);

    let paths = flags.paths.paths();
    let registry = Registry::new();
    let is_open = config.on_demand.is_open();
    let http = HttpMetrics::register_with(&registry, &metrics_config(&flags, &paths, is_open))?;
    let native_histograms = flags.native_histograms;
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms })?;
    let outcomes = reload_metrics(&registry, is_open)?;
    ProcessMetrics::register(&registry)?;
    BuildInfo::register(&registry, "actix_exporter_build_info", VERSION, REVISION, RUSTC)?;
    let metrics = MetricsHandler::register_with(&registry, &flags.handler())?;
    let counter = |name, help| ProgramCounter::register(&registry, name, help);
    let panics = counter("actix_exporter_handler_panics_total", "Requests whose handler panicked")?;
    let rejected = counter("actix_exporter_connections_rejected_total", "Connections beyond --web.max-connections")?;
    logs.dropped().expose(
        &registry,
        "actix_exporter_log_lines_dropped_total",
        "Lines of the log that nobody will read",
    )?;
    let (accesses, rereads) = doors.keep(ReloadMetrics::register(&registry, "actix_exporter_web_config")?)?;

    announce(&config);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most_runs = limits::runs(flags.max_runs.get(), open_files);
    let (gate, offset) = (Arc::new(flags.gate(open_files)), flags.timeout_offset);
    let connections = limits::connections(flags.limits.max_connections, open_files);
    let threads = cores.min(MOST_PROBERS);
    let engine = Arc::new(Engine::new(EngineConfig { threads, most_runs }, env, external, history.clone()));
    let (pages, shown) = watch::channel(config.to_string());
    let (demands, demanded) = watch::channel(Arc::new(config.on_demand));
    engine.apply(config.targets)?;
    outcomes.iter().for_each(ReloadMetrics::succeeded);
    let reloader = Reloader {
        engine: engine.clone(),
        demands,
        pages,
        web: rereads,
        metrics: outcomes,
        hangups,
        auto: flags.auto_reload(),
        seen: digest,
        configuration: flags.configuration,
    };
    let (reloads, reloading) = reloader.start();
    let asked = engine.clone();
    let blackbox = Blackbox { engine: engine.clone(), demands: demanded.clone(), gate, offset };

    let status = Status::new(engine.clone(), &paths, flags.paths.external_url(), flags.graphs.graph_url.clone());
    let ready = Ready::default();
    let readiness = ready.clone();
    let routes = move |config: &mut ServiceConfig| {
        config
            .service(metrics.clone())
            .service(landing::route(asked.clone(), demanded.clone()))
            .configure(|config| status.route(config))
            .service(blackbox.clone().route())
            .service(discovery::route(asked.clone(), demanded.clone()))
            .service(config_page(&shown))
            .service(reload::route(reloads.clone()))
            .service(page("/-/healthy", || "actix-exporter is healthy.\n".to_owned()))
            .service(readiness.route());
    };
    let guard = Guard::new(accesses.clone(), &paths)?;
    let below = paths.clone();
    let app = move || {
        let (guard, panics) = (guard.clone(), panics.clone());
        // Before the scope, which would take them.
        let app = below.redirects().into_iter().fold(App::new(), App::service);
        let app = match below.prefix() {
            "" => app.configure(&routes),
            prefix => app.service(web::scope(prefix).configure(&routes)),
        };
        // The last one is the outermost: it sees what every other makes of a request.
        app.wrap(from_fn(move |request, next| panics::caught(request, next, panics.clone())))
            .wrap(from_fn(move |request, next| guard.clone().pass(request, next)))
            .wrap(from_fn(bodies::unread))
            .wrap(from_fn(logged))
            .wrap(http.clone())
    };
    let delay = flags.limits.shutdown_delay.unwrap_or_default();
    let tls = accesses.borrow().config.tls.is_some();
    announce_listeners(&listeners, tls, flags.paths.external_url())?;
    let door = Door { accesses, connections: Connections::new(connections, rejected).into(), limits: flags.limits };
    let server = serve(server_threads(cores), listeners, &door, app)?;
    ready.set(true);
    let reloading = actix_rt::spawn(reloading);
    let stopped = move || {
        reloading.abort();
        engine.stop();
    };
    actix_rt::spawn(signals.stop(server.handle(), logs, delay, move || ready.set(false), stopped));
    server.await?;
    history.commit();
    log::info!("stopped");
    Ok(())
}

/// The threads of the web server.
fn server_threads(cores: usize) -> ServerBuilder {
    ServerBuilder::default()
        .workers(cores.min(MOST_WORKERS))
        .worker_max_blocking_threads(MOST_WAITERS)
        .disable_signals()
        .shutdown_timeout(DRAIN_SECONDS)
}

fn announce_listeners(listeners: &[TcpListener], tls: bool, external: Option<&str>) -> std::io::Result<()> {
    let scheme = if tls { "https" } else { "http" };
    for listener in listeners {
        let address = listener.local_addr()?;
        log::info!(address:% = address; "listening on {scheme}://{address}");
    }
    if let Some(url) = external {
        log::info!("others find it at {url}");
    }
    Ok(())
}

fn announce(config: &probe::Config) {
    match (&config.targets[..], config.all_targets) {
        ([], 0) => log::warn!("nobody is asked: no target is configured"),
        ([], all) => log::warn!("nobody is asked: none of the {all} targets is of this shard"),
        ([one], 1) => log::info!("asking {} every {}", one.name, humantime::format_duration(one.interval)),
        (targets, all) => log::info!("asking {} of {all} targets", targets.len()),
    }
    if config.on_demand.is_open() {
        log::info!("asking on demand, at /probe: {}", config.on_demand.allow());
    }
}

/// What is asked for all the time is there before it is asked for, so that its first failure is seen as one.
fn metrics_config(flags: &Flags, paths: &Paths, is_open: bool) -> Config {
    let known = |path: &str| ("GET".to_owned(), paths.of(path));
    let mut known_routes = vec!["/metrics", "/3-shake-status", "/-/healthy", "/-/ready"];
    if is_open {
        known_routes.push("/probe");
    }
    Config {
        known_routes: known_routes.into_iter().map(known).collect(),
        native_histograms: flags.native_histograms,
        ..Config::default()
    }
}

/// Where it stands in for blackbox_exporter, that program's rules look for its names.
fn reload_metrics(registry: &Registry, is_open: bool) -> Result<Vec<ReloadMetrics>, RegisterError> {
    let prefixes = [Some("actix_exporter_config"), is_open.then_some("blackbox_exporter_config")];
    prefixes.into_iter().flatten().map(|prefix| ReloadMetrics::register(registry, prefix)).collect()
}

fn config_page(shown: &watch::Receiver<String>) -> Resource {
    let shown = shown.clone();
    page("/config", move || shown.borrow().clone())
}

/// A page of plain text that is made anew for each request.
fn page(path: &str, text: impl Fn() -> String + Clone + 'static) -> Resource {
    let answer = move || {
        let response = HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .body(text());
        std::future::ready(response)
    };
    metrics_core::get_only(path, answer)
}
