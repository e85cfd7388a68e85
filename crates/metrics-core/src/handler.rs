//! For actix-web: the handler that answers scrapes, and the metrics that it has of itself.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::BodyStream;
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{ConnectionType, Method, StatusCode, Version, header};
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpRequest, HttpResponse, rt};
use futures::stream;
use prometheus::Registry;
use tokio::sync::Semaphore;

use crate::adapter::gather_foreign;
use crate::exposition::{Exposition, Fault, Filter, Format, Plan, Stream, accepted_format, accepts_gzip};
use crate::family::{Family, LabelValue, Value, families};
use crate::pages::method_not_allowed;
use crate::register::{RegisterError, Sources, register};
use crate::source::{Snapshot, Source};
use crate::vocab::FaultCause;

families! {
    REQUESTS: counter("metrics_handler_requests_total", "Number of scrapes answered, by status code", &["code"]),
    IN_FLIGHT: gauge("metrics_handler_requests_in_flight", "Number of scrapes being served", &[]),
    ERRORS: counter(
        "metrics_handler_errors_total",
        "Number of times that a scrape lacked something, by cause",
        &["cause"]
    ),
}

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
        let mut response = match *request.method() {
            Method::GET => self.scrape(request).await,
            Method::HEAD => {
                let nothing = BodyStream::new(stream::empty::<Result<Bytes, Error>>());
                self.exposition(request).body(nothing)
            }
            _ => method_not_allowed(),
        };
        if request.version() < Version::HTTP_11 {
            // Who knows no chunks, which actix-web sends all the same, finds the end of a body in that of the connection.
            response.head_mut().no_chunking(true);
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
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
            Ok(plan) => {
                let stream = Stream::new(Exposition::new(plan, format), accepts_gzip(request.headers()), slot);
                self.exposition(request).body(stream)
            }
            Err(error) => HttpResponse::InternalServerError()
                .content_type("text/plain; charset=utf-8")
                .body(format!("the metrics cannot be read: {error}\n")),
        }
    }

    /// The head of a scrape.
    fn exposition(&self, request: &HttpRequest) -> actix_web::HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        response.content_type(self.format(request).content_type());
        response.insert_header((header::VARY, "Accept, Accept-Encoding"));
        if accepts_gzip(request.headers()) {
            response.insert_header((header::CONTENT_ENCODING, "gzip"));
        }
        response
    }

    fn format(&self, request: &HttpRequest) -> Format {
        let protobuf = self.sources.list().iter().any(|source| source.has_native_histograms());
        accepted_format(request.headers(), protobuf)
    }
}

impl Handler {
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
                        faults.push(panicked(panic.as_ref()));
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
            let what =
                "collectors in the registry did not answer in time: make them faster, or let them cache".to_owned();
            let mut faults = vec![Fault { cause: FaultCause::Timeout, what }];
            (make(Vec::new(), &mut faults), faults)
        };
        for fault in &faults {
            self.tally.fault(fault);
        }
        Ok(plan)
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    Fault {
        cause: FaultCause::Panic,
        what: format!("a collector in the registry panicked: {text}; mend or unregister it"),
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

/// What the handler counts of itself.
#[derive(Default)]
struct Tally {
    /// By code.
    requests: [AtomicU64; CODES.len()],
    in_flight: AtomicU64,
    /// By cause.
    errors: [AtomicU64; FaultCause::ALL.len()],
    slots: Mutex<Slots>,
    /// What has been logged.
    told: Mutex<HashSet<String>>,
}

const CODES: [StatusCode; 4] = [
    StatusCode::OK,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The scrapes that count towards the limit.
#[derive(Default)]
struct Slots {
    last: u64,
    /// By number: until when, if that can be said.
    taken: Vec<(u64, Option<Instant>)>,
}

impl Tally {
    fn answered(&self, status: StatusCode) {
        if let Some(code) = CODES.iter().position(|code| *code == status) {
            self.requests[code].fetch_add(1, Relaxed);
        }
    }

    fn fault(&self, fault: &Fault) {
        /// Of what is logged once and remembered for it.
        const MOST_TOLD: usize = 1000;
        self.errors[fault.cause as usize].fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(fault.what.clone()) {
            log::warn!("scrape: {}", fault.what);
        }
    }

    /// A scrape begins, unless there are `most` of them whose time is not over.
    fn enter(self: &Arc<Self>, most: usize, until: Option<Instant>) -> Option<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if most > 0 && slots.taken.len() >= most {
            let now = Instant::now();
            slots.taken.retain(|(_, until)| until.is_none_or(|until| until > now));
            if slots.taken.len() >= most {
                return None;
            }
        }
        slots.last += 1;
        let number = slots.last;
        slots.taken.push((number, until));
        self.in_flight.fetch_add(1, Relaxed);
        Some(Slot { tally: self.clone(), number })
    }
}

/// A scrape that is being served.
struct Slot {
    tally: Arc<Tally>,
    number: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.tally.in_flight.fetch_sub(1, Relaxed);
        let mut slots = self.tally.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.taken.retain(|(number, _)| *number != self.number);
    }
}

impl Source for Tally {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(TallySnapshot(self))
    }
}

struct TallySnapshot(Arc<Tally>);

impl Snapshot for TallySnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, family: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let Tally { requests, in_flight, errors, .. } = &*self.0;
        let count = |count: &AtomicU64| count.load(Relaxed) as f64;
        match family {
            REQUESTS => {
                for (code, answered) in CODES.iter().zip(requests) {
                    series(&[LabelValue::any(code.as_str())], Value::Counter(count(answered)));
                }
            }
            IN_FLIGHT => series(&[], Value::Gauge(count(in_flight))),
            ERRORS => {
                for (cause, faults) in FaultCause::ALL.iter().zip(errors) {
                    series(&[cause.label()], Value::Counter(count(faults)));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

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
        let handler = MetricsHandler::register(&registry).unwrap();
        let app = init_service(App::new().service(handler.clone())).await;
        let response = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let Tally { requests, in_flight, slots, .. } = &*handler.0.tally;
        let counted: Vec<u64> = requests.iter().map(|count| count.load(Relaxed)).collect();
        assert_eq!((counted, in_flight.load(Relaxed)), (vec![0, 0, 1, 0], 0));
        assert!(slots.lock().unwrap().taken.is_empty());
    }
}
