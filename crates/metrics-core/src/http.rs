//! The request metrics: what is counted of each exchange, in cells of each worker, and their sum.
//!
//! A request is one [`Record`]. It is made when the request arrives, carried by the future of the response, moved into
//! the body wrapper, and its `Drop` is the only place that records: an error, a panic, a dropped future and a body that
//! nobody reads each end there, once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use prometheus::Registry;

use crate::cells::{Count, HistogramCells, Number};
use crate::family::{Family, Value, families};
use crate::histogram::HistogramTotal;
use crate::source::{self, RegisterError, Snapshot, Source};
use crate::vocab::{AbortCause, Method};
use crate::{DURATION_BOUNDS, unix_seconds};

/// 128 × 2⁰ … 128 × 2⁹ bytes.
const SIZE_BOUNDS: [f64; 10] = [128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0];

/// The label `path` of a request that no route matched. No pattern can be this word, since patterns begin with `/`.
const UNMATCHED: &str = "unmatched";

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
        let in_flight = Arc::new(Count::default());
        let mut table = self.0.table();
        table.last_worker += 1;
        let id = table.last_worker;
        table.workers.insert(id, WorkerCells { in_flight: in_flight.clone(), cells: Vec::new() });
        Rc::new(Worker { id, in_flight, shared: self.0.clone(), routes: RefCell::default() })
    }
}

/// What all workers share: the label sets, and who counts them where.
#[derive(Default)]
struct Shared(Mutex<Table>);

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A label set, and what was counted of it.
#[derive(Clone)]
struct Row {
    method: Method,
    path: Arc<str>,
    totals: Totals,
}

/// Locked when a worker meets a label set for the first time, when one starts or ends, and by a scrape; never to record.
#[derive(Default)]
struct Table {
    /// Label set to slot. Slots are never given back.
    slots: HashMap<(Method, Arc<str>), usize>,
    /// By slot: what workers that have ended counted, so that counters never fall.
    rows: Vec<Row>,
    workers: BTreeMap<u64, WorkerCells>,
    last_worker: u64,
}

impl Table {
    fn slot(&mut self, method: Method, path: &str) -> usize {
        let path: Arc<str> = path.into();
        let rows = &mut self.rows;
        *self.slots.entry((method, path.clone())).or_insert_with(|| {
            rows.push(Row { method, path, totals: Totals::default() });
            rows.len() - 1
        })
    }
}

/// A worker's cells as the table knows them.
struct WorkerCells {
    in_flight: Arc<Count>,
    cells: Vec<(usize, Arc<Cells>)>,
}

/// What one worker counted of one label set.
struct Cells {
    requests: Count,
    duration: HistogramCells,
    request_size: HistogramCells,
    response_size: HistogramCells,
    /// Unix time; 0 before the first response.
    last_response: Number,
    responses: CodeCells,
    aborted: [Count; AbortCause::ALL.len()],
}

impl Cells {
    fn new() -> Self {
        Self {
            requests: Count::default(),
            duration: HistogramCells::new(&DURATION_BOUNDS),
            request_size: HistogramCells::new(&SIZE_BOUNDS),
            response_size: HistogramCells::new(&SIZE_BOUNDS),
            last_response: Number::default(),
            responses: CodeCells::default(),
            aborted: Default::default(),
        }
    }
}

/// Counts by status code, in the order in which codes were first met. A handler answers with a few codes; a block more
/// is added where that is not enough.
#[derive(Default)]
struct CodeCells {
    /// 0 where none is yet.
    codes: [Count; 4],
    counts: [Count; 4],
    more: OnceLock<Box<CodeCells>>,
}

impl CodeCells {
    fn add(&self, code: u16) {
        for (cell, count) in self.codes.iter().zip(&self.counts) {
            if cell.get() == 0 {
                cell.add(code.into());
            }
            if cell.get() == u64::from(code) {
                return count.add(1);
            }
        }
        self.more.get_or_init(Box::default).add(code);
    }

    fn add_to(&self, totals: &mut BTreeMap<u64, u64>) {
        for (code, count) in self.codes.iter().zip(&self.counts) {
            if code.get() != 0 {
                *totals.entry(code.get()).or_default() += count.get();
            }
        }
        if let Some(more) = self.more.get() {
            more.add_to(totals);
        }
    }
}

/// The sum of cells of one label set.
#[derive(Clone)]
struct Totals {
    requests: u64,
    duration: HistogramTotal,
    request_size: HistogramTotal,
    response_size: HistogramTotal,
    last_response: f64,
    responses: BTreeMap<u64, u64>,
    aborted: [u64; AbortCause::ALL.len()],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            requests: 0,
            duration: HistogramTotal::new(&DURATION_BOUNDS),
            request_size: HistogramTotal::new(&SIZE_BOUNDS),
            response_size: HistogramTotal::new(&SIZE_BOUNDS),
            last_response: 0.0,
            responses: BTreeMap::new(),
            aborted: Default::default(),
        }
    }
}

impl Totals {
    fn add(&mut self, cells: &Cells) {
        self.requests += cells.requests.get();
        cells.duration.add_to(&mut self.duration);
        cells.request_size.add_to(&mut self.request_size);
        cells.response_size.add_to(&mut self.response_size);
        self.last_response = self.last_response.max(cells.last_response.get());
        cells.responses.add_to(&mut self.responses);
        for (total, cell) in self.aborted.iter_mut().zip(&cells.aborted) {
            *total += cell.get();
        }
    }
}

/// The cells of one worker thread. It is `!Send`, and its cells are written by it alone.
pub(crate) struct Worker {
    id: u64,
    in_flight: Arc<Count>,
    shared: Arc<Shared>,
    /// By path pattern, then by method.
    routes: RefCell<HashMap<Box<str>, RouteCells>>,
}

type RouteCells = [Option<Arc<Cells>>; Method::ALL.len()];

impl Worker {
    fn with_cells(&self, method: Method, path: &str, record: impl FnOnce(&Cells)) {
        let mut routes = self.routes.borrow_mut();
        if !routes.contains_key(path) {
            routes.insert(path.into(), RouteCells::default());
        }
        let route = routes.get_mut(path).expect("inserted above");
        record(route[method as usize].get_or_insert_with(|| self.new_cells(method, path)));
    }

    fn new_cells(&self, method: Method, path: &str) -> Arc<Cells> {
        let cells = Arc::new(Cells::new());
        let mut table = self.shared.table();
        let slot = table.slot(method, path);
        if let Some(worker) = table.workers.get_mut(&self.id) {
            worker.cells.push((slot, cells.clone()));
        }
        cells
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        let Some(ended) = table.workers.remove(&self.id) else { return };
        for (slot, cells) in ended.cells {
            table.rows[slot].totals.add(&cells);
        }
    }
}

/// How an exchange ended, or how it would if it ended now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No response yet.
    Pending,
    /// The response has begun.
    Responding,
    /// The body gave an error.
    BodyError,
    /// The response was complete; its status.
    Complete(u16),
}

/// One request, from its arrival to the end of its response. Dropping it records it.
pub(crate) struct Record {
    worker: Rc<Worker>,
    start: Instant,
    method: Method,
    /// The matched pattern, as far as it is known.
    path: Option<String>,
    request_bytes: RequestBytes,
    response_bytes: u64,
    end: End,
}

/// The size of a request body.
pub(crate) enum RequestBytes {
    /// What Content-Length announced, or 0 without a body.
    Announced(u64),
    /// What was read of a body without an announced length.
    Read(Rc<Cell<u64>>),
}

impl Record {
    pub(crate) fn start(worker: Rc<Worker>, method: Method, path: Option<String>, request_bytes: RequestBytes) -> Self {
        worker.in_flight.add(1);
        let start = Instant::now();
        Self { worker, start, method, path, request_bytes, response_bytes: 0, end: End::Pending }
    }

    /// Routing has found the pattern.
    pub(crate) fn routed(&mut self, path: Option<String>) {
        self.path = path;
    }

    /// The response has begun.
    pub(crate) fn responding(&mut self) {
        self.end = End::Responding;
    }

    /// Bytes of the body went out.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    pub(crate) fn sent_so_far(&self) -> u64 {
        self.response_bytes
    }

    /// The stream of the body failed; ends the record.
    pub(crate) fn body_error(mut self) {
        self.end = End::BodyError;
    }

    /// The response was complete; ends the record.
    pub(crate) fn complete(mut self, status: u16) {
        self.end = End::Complete(status);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let abort = match self.end {
            End::Complete(_) => None,
            _ if std::thread::panicking() => Some(AbortCause::Panic),
            End::Pending => Some(AbortCause::Dropped),
            End::Responding => Some(AbortCause::Incomplete),
            End::BodyError => Some(AbortCause::BodyError),
        };
        let request_bytes = match &self.request_bytes {
            RequestBytes::Announced(bytes) => *bytes,
            RequestBytes::Read(bytes) => bytes.get(),
        };
        self.worker.with_cells(self.method, self.path.as_deref().unwrap_or(UNMATCHED), |cells| {
            cells.requests.add(1);
            cells.duration.observe(&DURATION_BOUNDS, self.start.elapsed().as_secs_f64());
            cells.request_size.observe(&SIZE_BOUNDS, request_bytes as f64);
            cells.response_size.observe(&SIZE_BOUNDS, self.response_bytes as f64);
            if self.end != End::Pending {
                // The system's clock may be set back; the gauge must not follow.
                cells.last_response.set(cells.last_response.get().max(unix_seconds(SystemTime::now())));
            }
            match (abort, self.end) {
                (Some(cause), _) => cells.aborted[cause as usize].add(1),
                (None, End::Complete(status)) => cells.responses.add(status),
                (None, _) => {}
            }
        });
        self.worker.in_flight.sub_one();
    }
}

impl Source for Shared {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(&self) -> Box<dyn Snapshot + '_> {
        let table = self.table();
        let mut rows = table.rows.clone();
        let mut in_flight = 0u64;
        for worker in table.workers.values() {
            in_flight = in_flight.wrapping_add(worker.in_flight.get());
            for (slot, cells) in &worker.cells {
                rows[*slot].totals.add(cells);
            }
        }
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
