//! The request metrics, as they are registered and read.
//!
//! A request is one [`Record`]. It is made when the request arrives, carried by the future of the response, moved into
//! the body wrapper, and its `Drop` is the only place that records: an error, a panic, a dropped future and a body that
//! nobody reads each end there, once.

mod config;
mod record;
mod routes;
mod table;
mod tally;
mod worker;

pub use config::{Config, ConfigError, LongLived, StatusLabel};
pub(crate) use record::{Layer, Record, RequestBytes};

use std::rc::Rc;
use std::sync::Arc;

use prometheus::Registry;

use crate::family::{Family, LabelValue, Value, families};
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};
use crate::vocab::{AbortCause, Method};
use table::{Row, Shared, Table};
use tally::Code;
use worker::Worker;

/// The label `path` of a request that no route matched. No pattern can be this word, since patterns begin with `/`.
const UNMATCHED: &str = "unmatched";
/// The label `path` of all requests whose label sets are beyond the cap.
const OVERFLOW: &str = "overflow";

const ROUTE: &[&str] = &["method", "path"];

families! {
    REQUESTS: counter("http_requests_total", "Number of HTTP requests processed", ROUTE),
    DURATION: histogram("http_request_duration_seconds", "Duration of HTTP requests", ROUTE),
    REQUEST_SIZE: histogram("http_request_size_bytes", "Size of HTTP requests", ROUTE),
    RESPONSE_SIZE: histogram("http_response_size_bytes", "Size of HTTP responses", ROUTE),
    RESPONSE_TIME: gauge("http_response_time_seconds", "Time of the last HTTP response", ROUTE),
    RESPONSES: counter("http_responses_total", "Number of complete HTTP responses", &["method", "path", "code"]),
    ABORTED: counter(
        "http_requests_aborted_total",
        "Number of HTTP requests that ended without a complete response",
        &["method", "path", "cause"]
    ),
    IN_FLIGHT: gauge("http_requests_in_flight", "Number of HTTP requests being processed", &[]),
    FOLDED: counter(
        "http_metrics_overflow_total",
        "Number of HTTP requests that were counted under path=\"overflow\" or code=\"other\" for want of series",
        &[]
    ),
}

/// The request metrics of a service. Clones share their series.
///
/// Register once, outside of `HttpServer::new`, and give a clone to each app: it is the middleware itself.
///
/// ```
/// use actix_web::App;
/// use metrics_core::{HttpMetrics, prometheus::Registry};
///
/// let registry = Registry::new();
/// let http = HttpMetrics::register(&registry)?;
/// let app = move || App::new().wrap(http.clone());
/// # let _ = app();
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
///
/// Wrap it last, which makes it the outermost: it then sees what every other middleware makes of a request. Where it
/// is wrapped around an app and again around a scope of it, a request is still counted once, by the outer one.
///
/// | family | type | labels beside `method` and `path` |
/// | --- | --- | --- |
/// | `http_requests_total` | counter | |
/// | `http_request_duration_seconds` | histogram | |
/// | `http_request_size_bytes`, `http_response_size_bytes` | histogram | |
/// | `http_response_time_seconds` | gauge: Unix time of the last response | |
/// | `http_responses_total` | counter: complete ones | `code` |
/// | `http_requests_aborted_total` | counter: all others | `cause` = panic, dropped, body_error, incomplete |
/// | `http_requests_in_flight` | gauge | without any |
/// | `http_metrics_overflow_total` | counter: requests beyond the cap on series | without any |
///
/// A request is counted when its exchange ends, whatever the end. When none is in flight, requests = responses + aborted
/// = `_count` of each histogram, by method and path too. `path` is the pattern of the route, `unmatched` or `overflow`.
/// docs/embedding.md has the rest: when an exchange ends, and what a size is.
#[derive(Clone)]
pub struct HttpMetrics(Arc<Shared>);

impl HttpMetrics {
    /// Registers the families of request metrics in `registry`, as [`Config::default`] has them.
    ///
    /// # Errors
    /// [`RegisterError`] if one of the names is taken, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::register_with(registry, &Config::default())
    }

    /// Registers the families of request metrics in `registry`, as `config` has them.
    ///
    /// # Errors
    /// [`RegisterError`] as above, or if `config` cannot work: [`RegisterError::Config`] says why.
    ///
    /// ```
    /// use metrics_core::{Config, ConfigError, HttpMetrics, RegisterError, prometheus::Registry};
    ///
    /// let config = Config { const_labels: vec![("le".into(), "a".into())], ..Config::default() };
    /// let refused = HttpMetrics::register_with(&Registry::new(), &config).map(|_| ()).unwrap_err();
    /// assert!(matches!(refused, RegisterError::Config(ConfigError::ReservedLabel { .. })));
    /// ```
    pub fn register_with(registry: &Registry, config: &Config) -> Result<Self, RegisterError> {
        let shared = Arc::new(Shared::new(config).map_err(RegisterError::Config)?);
        register(registry, shared.clone())?;
        Ok(Self(shared))
    }

    /// How many series there can ever be, whatever clients and handlers do, lines of a scrape that is: those of
    /// [`Config::max_label_sets`] pairs of method and pattern, and of ten methods each with `unmatched` and `overflow`.
    ///
    /// ```
    /// use metrics_core::{HttpMetrics, prometheus::Registry};
    ///
    /// let http = HttpMetrics::register(&Registry::new())?;
    /// assert_eq!(http.most_series(), 113_222);
    /// # Ok::<(), metrics_core::RegisterError>(())
    /// ```
    pub fn most_series(&self) -> usize {
        let Shared { scheme, most_label_sets, .. } = &*self.0;
        // Of each histogram its buckets, sum and count; then requests, time, codes, causes.
        let histograms = scheme.duration.count() + 2 + 2 * (scheme.size.count() + 2);
        let each = histograms + 1 + 1 + self.0.most_codes() + AbortCause::ALL.len();
        let outside = 2 * Method::ALL.len();
        (most_label_sets.saturating_add(outside)).saturating_mul(each).saturating_add(2)
    }

    /// A layer whose requests the calling thread counts.
    pub(crate) fn layer(&self) -> Rc<Layer> {
        Rc::new(Layer::new(Worker::of(&self.0)))
    }
}

impl Source for Shared {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(HttpSnapshot(self))
    }

    fn has_native_histograms(&self) -> bool {
        self.scheme.duration.native_count() > 0
    }
}

/// Reads what there is at the moment of reading: nothing is copied beforehand.
struct HttpSnapshot(Arc<Shared>);

impl HttpSnapshot {
    /// Requests that have not the label values that they would have without caps.
    fn folded(&self, table: &Table) -> u64 {
        let codes_too = self.0.scheme.status == StatusLabel::Exact && table.is_full_of_codes();
        let folded = |row: &Row| match &*row.path {
            OVERFLOW => row.requests(),
            _ if codes_too => row.responses().get(&Code::OTHER).copied().unwrap_or_default(),
            _ => 0,
        };
        table.rows.iter().map(folded).sum()
    }
}

impl Snapshot for HttpSnapshot {
    fn children(&self, family: usize) -> usize {
        if matches!(family, IN_FLIGHT | FOLDED) { 1 } else { self.0.table().rows.len() }
    }

    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let table = self.0.table();
        match family {
            IN_FLIGHT => return series(&[], Value::Gauge(table.in_flight() as f64)),
            FOLDED => return series(&[], Value::Counter(self.folded(&table) as f64)),
            _ => {}
        }
        let row = &table.rows[child];
        let (method, path) = (row.method.label(), LabelValue { text: &row.path, plain: row.plain });
        let scheme = &self.0.scheme;
        match family {
            RESPONSES => {
                for (code, count) in row.responses() {
                    series(&[method, path, LabelValue::any(&code.label())], Value::Counter(count as f64));
                }
            }
            ABORTED => {
                for (i, cause) in AbortCause::ALL.iter().enumerate() {
                    let count = row.sum(|ended| ended.aborted[i], |cells| cells.aborted[i].get());
                    series(&[method, path, cause.label()], Value::Counter(count as f64));
                }
            }
            REQUESTS => series(&[method, path], Value::Counter(row.requests() as f64)),
            DURATION => {
                let total = row.total(|ended| &ended.duration, |cells, total| cells.duration.add_to(total));
                series(&[method, path], total.value(&scheme.duration));
            }
            REQUEST_SIZE => {
                let total = row.total(|ended| &ended.request_size, |cells, total| cells.request_size.add_to(total));
                series(&[method, path], total.value(&scheme.size));
            }
            RESPONSE_SIZE => {
                let total = row.total(|ended| &ended.response_size, |cells, total| cells.response_size.add_to(total));
                series(&[method, path], total.value(&scheme.size));
            }
            RESPONSE_TIME => {
                let last = row.last_response();
                if last > 0.0 {
                    series(&[method, path], Value::Gauge(last));
                }
            }
            _ => {}
        }
    }
}
