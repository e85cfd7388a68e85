//! The request metrics, as they are registered and read.
//!
//! A request is one [`Record`]. It is made when the request arrives, carried by the future of the response, moved into
//! the body wrapper, and its `Drop` is the only place that records: an error, a panic, a dropped future and a body that
//! nobody reads each end there, once.

mod record;
mod tally;
mod worker;

pub(crate) use record::{Record, RequestBytes};
pub(crate) use worker::Worker;

use std::rc::Rc;
use std::sync::Arc;

use prometheus::Registry;

use crate::DURATION_BOUNDS;
use crate::family::{Family, Value, families};
use crate::source::{self, RegisterError, Snapshot, Source};
use crate::vocab::AbortCause;
use tally::SIZE_BOUNDS;
use worker::{Row, Shared};

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
}

/// The request metrics of a service. Clones share their series.
///
/// Register once, then give a clone to each app: it is the middleware itself.
///
/// ```
/// let registry = metrics_core::prometheus::Registry::new();
/// let http = metrics_core::HttpMetrics::register(&registry)?;
/// # let _ = http;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct HttpMetrics(Arc<Shared>);

impl HttpMetrics {
    /// Registers the families of request metrics in `registry`.
    ///
    /// # Errors
    /// [`RegisterError`] if one of the names is taken, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let shared = Arc::new(Shared::default());
        source::register(registry, shared.clone())?;
        Ok(Self(shared))
    }

    /// Cells for the calling thread.
    pub(crate) fn worker(&self) -> Rc<Worker> {
        self.0.worker()
    }
}

impl Source for Shared {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(&self) -> Box<dyn Snapshot + '_> {
        let (rows, in_flight) = self.sum();
        Box::new(HttpSnapshot { rows, in_flight })
    }
}

struct HttpSnapshot {
    rows: Vec<Row>,
    in_flight: u64,
}

impl Snapshot for HttpSnapshot {
    fn children(&self, family: usize) -> usize {
        if family == IN_FLIGHT { 1 } else { self.rows.len() }
    }

    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[&str], Value<'_>)) {
        if family == IN_FLIGHT {
            return series(&[], Value::Gauge(self.in_flight as f64));
        }
        let Row { method, path, totals } = &self.rows[child];
        let (method, path): (&str, &str) = (method.as_str(), path);
        match family {
            RESPONSES => {
                for (code, count) in &totals.responses {
                    series(&[method, path, &code.to_string()], Value::Counter(*count as f64));
                }
            }
            ABORTED => {
                for (cause, count) in AbortCause::ALL.iter().zip(&totals.aborted) {
                    series(&[method, path, cause.as_str()], Value::Counter(*count as f64));
                }
            }
            REQUESTS => series(&[method, path], Value::Counter(totals.requests as f64)),
            DURATION => series(&[method, path], totals.duration.value(&DURATION_BOUNDS)),
            REQUEST_SIZE => series(&[method, path], totals.request_size.value(&SIZE_BOUNDS)),
            RESPONSE_SIZE => series(&[method, path], totals.response_size.value(&SIZE_BOUNDS)),
            RESPONSE_TIME if totals.last_response > 0.0 => series(&[method, path], Value::Gauge(totals.last_response)),
            _ => {}
        }
    }
}
