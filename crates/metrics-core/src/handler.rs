//! For actix-web: the handler that answers scrapes.

mod tally;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, rt, web};
use prometheus::Registry;
use tokio::sync::Semaphore;

use crate::adapter::gather_foreign;
use crate::answer;
use crate::exposition::{Fault, Filter, Format, Plan, accepted_format};
use crate::pages::method_not_allowed;
use crate::register::{RegisterError, Sources, register};
use tally::Tally;

/// How scrapes are answered, where the defaults do not fit.
///
/// ```
/// use metrics_core::{HandlerConfig, MetricsHandler, prometheus::Registry};
///
/// let config = HandlerConfig { path: "/internal/metrics".to_owned(), ..HandlerConfig::default() };
/// let metrics = MetricsHandler::register_with(&Registry::new(), &config)?;
/// # let _ = metrics;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerConfig {
    /// The route. Default: `/metrics`.
    pub path: String,
    /// How many scrapes are served at the same time; one more is answered 503 with `Retry-After`. 0 is without limit.
    /// Default: 40, as node_exporter's. A scrape that is still being read when its time is over no longer counts.
    pub max_requests: usize,
    /// The time that a scrape has whose scraper does not say it (`X-Prometheus-Scrape-Timeout-Seconds`). In nine tenths of
    /// it, other collectors in the registry have to answer; without those that do not, the scrape is served. Default: 10 s,
    /// as Prometheus's.
    pub timeout: Duration,
}

impl Default for HandlerConfig {
    fn default() -> Self {
        Self { path: "/metrics".to_owned(), max_requests: 40, timeout: Duration::from_secs(10) }
    }
}

/// Answers scrapes of everything in a registry. Clones share their limits and metrics.
///
/// Register once, outside of `HttpServer::new`, and give a clone to each app: it is a service with a route.
///
/// ```
/// use actix_web::App;
/// use metrics_core::{MetricsHandler, prometheus::Registry};
///
/// let metrics = MetricsHandler::register(&Registry::new())?;
/// let app = move || App::new().service(metrics.clone());
/// # let _ = app();
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
///
/// - **Formats**, by `Accept`: the Prometheus text format 0.0.4, OpenMetrics 1.0 and, where a set in the registry has native
///   histograms, protobuf. gzip by `Accept-Encoding`.
/// - **Methods**: GET and HEAD; 405 to all else.
/// - **Filter**: `?name[]=http_requests_total&name[]=process_threads` gives these families alone.
/// - **Memory**: it is written while it is read, through a buffer of 64 KiB and a child (a label set, a target).
/// - **Other collectors** in the registry are gathered once, off the worker, before the first byte. What they give is held
///   until it is written. A panic in one of them loses all of theirs in that scrape, and none of ours.
///
/// | family | type | |
/// | --- | --- | --- |
/// | `metrics_handler_requests_total` | counter | by `code` = 200, 405, 500, 503 |
/// | `metrics_handler_requests_in_flight` | gauge | scrapes being served, the one that shows it included |
/// | `metrics_handler_errors_total` | counter | what a scrape lacked, by `cause`; the first time, a line is logged too |
#[derive(Clone)]
pub struct MetricsHandler(Arc<Handler>);

struct Handler {
    registry: Registry,
    sources: Sources,
    config: HandlerConfig,
    /// Threads that wait for other collectors: one that does not come back must not take all there are.
    gathers: Arc<Semaphore>,
    tally: Arc<Tally>,
}

/// More than this many gathers at a time wait for one another.
const MOST_GATHERS: usize = 4;

impl MetricsHandler {
    /// A handler of everything in `registry`, whose own metrics are registered there.
    ///
    /// # Errors
    /// [`RegisterError`] if there is one already, or one of the names is taken, or if the registry has a prefix or common
    /// labels. The registry is then as it was.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::register_with(registry, &HandlerConfig::default())
    }

    /// As [`register`](Self::register), with these options.
    ///
    /// # Errors
    /// As above.
    pub fn register_with(registry: &Registry, config: &HandlerConfig) -> Result<Self, RegisterError> {
        let tally = Arc::new(Tally::default());
        register(registry, tally.clone())?;
        Ok(Self(Arc::new(Handler {
            registry: registry.clone(),
            sources: Sources::of(registry)?,
            config: config.clone(),
            gathers: Arc::new(Semaphore::new(MOST_GATHERS)),
            tally,
        })))
    }
}

impl HttpServiceFactory for MetricsHandler {
    fn register(self, service: &mut AppService) {
        let path = self.0.config.path.clone();
        let answer = move |request: HttpRequest| {
            let handler = self.0.clone();
            async move { handler.answer(&request).await }
        };
        web::resource(path).to(answer).register(service);
    }
}

impl Handler {
    async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let response = match *request.method() {
            Method::GET => self.scrape(request).await,
            Method::HEAD => answer::head_alone(request, self.format(request)),
            _ => method_not_allowed(),
        };
        self.tally.answered(response.status());
        response
    }

    async fn scrape(&self, request: &HttpRequest) -> HttpResponse {
        let timeout = scrape_timeout(request).unwrap_or(self.config.timeout);
        let Some(slot) = self.tally.enter(self.config.max_requests, Instant::now().checked_add(timeout)) else {
            return HttpResponse::ServiceUnavailable()
                .insert_header((header::RETRY_AFTER, "1"))
                .content_type("text/plain; charset=utf-8")
                .body(format!("{} scrapes are being served already; try again\n", self.config.max_requests));
        };
        let format = self.format(request);
        let filter = filter(request);
        match self.plan(format, filter, timeout.mul_f32(0.9)).await {
            Ok(plan) => answer::whole(request, plan, format, slot),
            Err(error) => HttpResponse::InternalServerError()
                .content_type("text/plain; charset=utf-8")
                .body(format!("the metrics cannot be read: {error}\n")),
        }
    }

    fn format(&self, request: &HttpRequest) -> Format {
        let protobuf = self.sources.list().iter().any(|source| source.has_native_histograms());
        accepted_format(request.headers(), protobuf)
    }

    /// What there is to be written. Gathered and put in order off the worker, as nobody knows how long others take.
    async fn plan(&self, format: Format, filter: Filter, limit: Duration) -> Result<Plan, rt::task::JoinError> {
        let (sources, registry, gathers) = (self.sources.list(), self.registry.clone(), self.gathers.clone());
        let make = move |foreign, faults: &mut Vec<Fault>| Plan::new(sources, foreign, format, &filter, faults);
        let whole = {
            let make = make.clone();
            async move {
                // It is never closed.
                let turn = gathers.acquire_owned().await.ok();
                rt::task::spawn_blocking(move || {
                    let mut faults = Vec::new();
                    let foreign = gather_foreign(&registry).unwrap_or_else(|panic| {
                        faults.push(Fault::panic(panic.as_ref()));
                        Vec::new()
                    });
                    drop(turn);
                    (make(foreign, &mut faults), faults)
                })
                .await
            }
        };
        let (plan, faults) = if let Ok(whole) = rt::time::timeout(limit, whole).await {
            whole?
        } else {
            // On the worker: whoever hangs may hold all the threads that it has for such. Without others it is soon done.
            let mut faults = vec![Fault::timeout()];
            (make(Vec::new(), &mut faults), faults)
        };
        for fault in &faults {
            self.tally.fault(fault);
        }
        Ok(plan)
    }
}

/// The families that are asked for. The parameter is that of client_golang's handler.
fn filter(request: &HttpRequest) -> Filter {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    let names: HashSet<String> =
        query.into_inner().into_iter().filter_map(|(key, name)| (key == "name[]").then_some(name)).collect();
    (!names.is_empty()).then_some(names)
}

/// As Prometheus says it. What is no number of seconds, or more than an hour, is no such.
fn scrape_timeout(request: &HttpRequest) -> Option<Duration> {
    let seconds: f64 =
        request.headers().get("X-Prometheus-Scrape-Timeout-Seconds")?.to_str().ok()?.trim().parse().ok()?;
    (seconds > 0.0 && seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;
    use crate::family::{Family, Value};
    use crate::source::{Snapshot, Source};

    /// A set of ours that cannot be read.
    struct Broken;

    impl Source for Broken {
        fn families(&self) -> &[Family] {
            &[]
        }

        fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
            std::panic::resume_unwind(Box::new("on purpose"))
        }
    }

    #[actix_web::test]
    async fn s9_a_set_that_cannot_be_read_is_500_and_leaves_its_place() {
        let registry = Registry::new();
        register(&registry, Arc::new(Broken)).unwrap();
        let config = HandlerConfig { max_requests: 1, ..HandlerConfig::default() };
        let handler = MetricsHandler::register_with(&registry, &config).unwrap();
        let app = init_service(App::new().service(handler.clone())).await;
        for _ in 0..2 {
            let response = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
        let mut series = Vec::new();
        for family in [0, 1] {
            handler.0.tally.clone().snapshot().read(family, 0, &mut |labels, value| {
                let (Value::Counter(value) | Value::Gauge(value)) = value else { panic!("{value:?}") };
                series.push(format!("{} {value}", labels.first().map_or("in flight", |label| label.text)));
            });
        }
        assert_eq!(series, ["200 0", "405 0", "500 2", "503 0", "in flight 0"]);
    }
}
