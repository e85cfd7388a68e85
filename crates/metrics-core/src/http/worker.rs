//! Who counts what where: each worker thread in cells of its own, and the table that knows all of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::config::{Config, ConfigError, StatusLabel};
use super::tally::{Cells, Code, Exchange, Scheme, Totals};
use super::{OVERFLOW, UNMATCHED};
use crate::cells::Count;
use crate::family::Family;
use crate::unix_seconds;
use crate::vocab::Method;

/// Most statuses that have a code of their own; a service that passes on those of others may meet 900.
const MOST_CODES: usize = 64;

/// What all workers share: the options, the label sets, and who counts them where.
pub(super) struct Shared {
    pub(super) families: Vec<Family>,
    pub(super) scheme: Scheme,
    pub(super) most_label_sets: usize,
    excluded: HashSet<String>,
    table: Mutex<Table>,
}

impl Shared {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        let scheme = Scheme::new(config);
        let mut table = Table { free: config.max_label_sets, ..Table::default() };
        for (method, path) in config.known()? {
            table.slot(&scheme, method, path);
        }
        Ok(Self {
            families: config.families(),
            scheme,
            most_label_sets: config.max_label_sets,
            excluded: config.excluded_routes.iter().cloned().collect(),
            table: Mutex::new(table),
        })
    }

    /// The calling thread as a worker: one value for all apps that the thread runs, and for all layers of one.
    pub(super) fn worker(self: &Arc<Self>) -> Rc<Worker> {
        WORKERS.with_borrow_mut(|workers| {
            workers.retain(|worker| worker.strong_count() > 0);
            let known = workers.iter().filter_map(Weak::upgrade).find(|worker| Arc::ptr_eq(&worker.shared, self));
            known.unwrap_or_else(|| {
                let worker = Rc::new(Worker::new(self));
                workers.push(Rc::downgrade(&worker));
                worker
            })
        })
    }

    /// What all workers counted, and the number of requests in flight.
    pub(super) fn sum(&self) -> (Vec<Row>, u64) {
        let table = self.table();
        let mut rows = table.rows.clone();
        let mut in_flight = 0u64;
        for worker in table.workers.values() {
            // First, so that a request that is seen to be over is seen to be counted.
            in_flight = in_flight.wrapping_add(worker.in_flight.get());
            for (slot, cells) in &worker.cells {
                rows[*slot].totals.add(cells);
            }
        }
        (rows, in_flight)
    }

    /// Most values of the label `code`.
    pub(super) fn most_codes(&self) -> usize {
        1 + match self.scheme.status {
            StatusLabel::Exact => MOST_CODES,
            StatusLabel::Class => Code::CLASSES.len(),
        }
    }

    /// The code that a status is counted under; [`Worker::code`] remembers it.
    fn code(&self, status: u16) -> Code {
        match self.scheme.status {
            StatusLabel::Class => Code::class(status),
            StatusLabel::Exact => self.table().admit(Code::exact(status)),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A label set, and what was counted of it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: Arc<str>,
    pub(super) totals: Totals,
}

/// Locked when a worker meets a label set or a status for the first time, when one starts or ends, and by a scrape;
/// never to record.
#[derive(Default)]
struct Table {
    /// Label set to slot. Slots are never given back.
    slots: HashMap<(Method, Arc<str>), usize>,
    /// How many more pairs of method and pattern get a slot.
    free: usize,
    /// By slot: what workers that have ended counted, so that counters never fall.
    rows: Vec<Row>,
    /// The statuses that have a code of their own.
    codes: Vec<Code>,
    workers: BTreeMap<u64, WorkerCells>,
    last_worker: u64,
}

impl Table {
    fn slot(&mut self, scheme: &Scheme, method: Method, path: &str) -> usize {
        let path: Arc<str> = path.into();
        if let Some(slot) = self.slots.get(&(method, path.clone())) {
            return *slot;
        }
        // Two paths are no patterns, and outside the cap: ten methods of each.
        if !matches!(&*path, UNMATCHED | OVERFLOW) {
            if self.free == 0 {
                return self.slot(scheme, method, OVERFLOW);
            }
            self.free -= 1;
        }
        self.rows.push(Row { method, path: path.clone(), totals: Totals::new(scheme) });
        self.slots.insert((method, path), self.rows.len() - 1);
        self.rows.len() - 1
    }

    fn admit(&mut self, code: Code) -> Code {
        if self.codes.contains(&code) {
            return code;
        }
        if self.codes.len() == MOST_CODES {
            return Code::OTHER;
        }
        self.codes.push(code);
        code
    }
}

/// A worker's cells as the table knows them.
#[derive(Default)]
struct WorkerCells {
    in_flight: Arc<Count>,
    cells: Vec<(usize, Arc<Cells>)>,
}

thread_local! {
    /// This thread as the worker of each set of metrics that it counts.
    static WORKERS: RefCell<Vec<Weak<Worker>>> = const { RefCell::new(Vec::new()) };
}

/// The cells of one worker thread. It is `!Send`, and its cells are written by it alone.
pub(crate) struct Worker {
    id: u64,
    in_flight: Arc<Count>,
    shared: Arc<Shared>,
    routes: RefCell<Vec<Route>>,
    by_path: RefCell<HashMap<Box<str>, RouteId>>,
    /// By status from 100: the code, once it is known.
    codes: Box<[Cell<Option<Code>>]>,
    /// The two clocks at one moment, at most [`CLOCK_AGE`] ago.
    clock: Cell<(Instant, f64)>,
    /// The request whose handling the thread is in: where its head lies in memory, for as long as it is handled.
    handled: Cell<usize>,
}

/// A value of the label `path`, as one worker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteId(usize);

impl RouteId {
    /// No route matched. It is every worker's first.
    pub(crate) const UNMATCHED: Self = Self(0);
}

struct Route {
    path: Box<str>,
    excluded: bool,
    /// By method, once there was a request.
    cells: [Option<Arc<Cells>>; Method::ALL.len()],
}

impl Route {
    fn new(path: &str, shared: &Shared) -> Self {
        Self { path: path.into(), excluded: shared.excluded.contains(path), cells: Default::default() }
    }
}

/// A clock of the system is read once in this time, and the cheaper monotonic one in between.
const CLOCK_AGE: Duration = Duration::from_millis(10);

impl Worker {
    fn new(shared: &Arc<Shared>) -> Self {
        let in_flight = Arc::new(Count::default());
        let mut table = shared.table();
        table.last_worker += 1;
        let id = table.last_worker;
        table.workers.insert(id, WorkerCells { in_flight: in_flight.clone(), cells: Vec::new() });
        Self {
            id,
            in_flight,
            shared: shared.clone(),
            routes: RefCell::new(vec![Route::new(UNMATCHED, shared)]),
            by_path: RefCell::default(),
            codes: (100..1000).map(|_| Cell::new(None)).collect(),
            clock: Cell::new((Instant::now(), unix_seconds(SystemTime::now()))),
            handled: Cell::new(0),
        }
    }

    /// Runs what handles the request whose head lies at `head`.
    pub(crate) fn handle<T>(&self, head: usize, handle: impl FnOnce() -> T) -> T {
        /// Puts the one before it back in its place, also when handling panics.
        struct Outer<'a>(&'a Cell<usize>, usize);
        impl Drop for Outer<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _outer = Outer(&self.handled, self.handled.replace(head));
        handle()
    }

    /// Whether the request is being counted, by a middleware around the one that asks. To mark the request itself would
    /// cost an allocation; but the outer one is on the stack whenever the inner one is called.
    pub(crate) fn is_handled(&self, head: usize) -> bool {
        self.handled.get() == head
    }

    /// A request has come.
    pub(super) fn begin(&self) {
        self.in_flight.add(1);
    }

    /// The id of the pattern of a route.
    pub(super) fn route(&self, pattern: &str) -> RouteId {
        // A service that is mounted on everything has an empty pattern; an empty label is none to Prometheus.
        let path = if pattern.is_empty() { "/" } else { pattern };
        if let Some(id) = self.by_path.borrow().get(path) {
            return *id;
        }
        let mut routes = self.routes.borrow_mut();
        let id = RouteId(routes.len());
        routes.push(Route::new(path, &self.shared));
        self.by_path.borrow_mut().insert(path.into(), id);
        id
    }

    /// Counts a request that has begun and ended.
    pub(super) fn end(&self, method: Method, route: RouteId, exchange: &Exchange) {
        let route = &mut self.routes.borrow_mut()[route.0];
        if !route.excluded {
            let cells = route.cells[method as usize].get_or_insert_with(|| self.new_cells(method, &route.path));
            cells.count(&self.shared.scheme, exchange);
        }
        self.in_flight.sub_one();
    }

    /// The cells for a label set that is new to this worker: new ones, unless it is one of many that overflow.
    fn new_cells(&self, method: Method, path: &str) -> Arc<Cells> {
        let mut table = self.shared.table();
        let slot = table.slot(&self.shared.scheme, method, path);
        let known = &mut table.workers.entry(self.id).or_default().cells;
        if let Some((_, cells)) = known.iter().find(|(of, _)| *of == slot) {
            return cells.clone();
        }
        let cells = Arc::new(Cells::new(&self.shared.scheme));
        known.push((slot, cells.clone()));
        cells
    }

    /// The code that a status is counted under.
    pub(super) fn code(&self, status: u16) -> Code {
        let Some(known) = self.codes.get(usize::from(status.wrapping_sub(100))) else { return Code::OTHER };
        known.get().unwrap_or_else(|| {
            let code = self.shared.code(status);
            known.set(Some(code));
            code
        })
    }

    /// Unix time of a moment that has just passed.
    pub(super) fn unix_time(&self, now: Instant) -> f64 {
        let (then, unix) = self.clock.get();
        let age = now.duration_since(then);
        if age < CLOCK_AGE {
            return unix + age.as_secs_f64();
        }
        let unix = unix_seconds(SystemTime::now());
        // Read after the other one, so that what is reckoned from them is never in the future.
        self.clock.set((Instant::now(), unix));
        unix
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody set the system's clock right a moment ago.
    #[test]
    fn v10_a_clock_that_was_set_is_believed_after_a_moment() {
        let shared = Arc::new(Shared::new(&Config::default()).unwrap());
        let worker = shared.worker();
        let now = Instant::now();
        worker.clock.set((now.checked_sub(CLOCK_AGE).unwrap(), 1.0));
        let before = unix_seconds(SystemTime::now());
        let first = worker.unix_time(now);
        let second = worker.unix_time(Instant::now());
        let after = unix_seconds(SystemTime::now());
        assert!(before <= first && first <= second && second <= after, "{before} {first} {second} {after}");
    }
}
