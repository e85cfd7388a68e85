//! One worker thread: the cells that it alone writes, and what it need not ask the others for again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::UNMATCHED;
use super::table::Shared;
use super::tally::{Cells, Code, Exchange};
use crate::cells::Count;
use crate::unix_seconds;
use crate::vocab::Method;

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
        Self { path: path.into(), excluded: shared.is_excluded(path), cells: Default::default() }
    }
}

/// A clock of the system is read once in this time, and the cheaper monotonic one in between.
const CLOCK_AGE: Duration = Duration::from_millis(10);

impl Worker {
    /// The calling thread as a worker: one value for all apps that the thread runs, and for all layers of one.
    pub(super) fn of(shared: &Arc<Shared>) -> Rc<Self> {
        WORKERS.with_borrow_mut(|workers| {
            workers.retain(|worker| worker.strong_count() > 0);
            let known = workers.iter().filter_map(Weak::upgrade).find(|worker| Arc::ptr_eq(&worker.shared, shared));
            known.unwrap_or_else(|| {
                let worker = Rc::new(Self::new(shared));
                workers.push(Rc::downgrade(&worker));
                worker
            })
        })
    }

    fn new(shared: &Arc<Shared>) -> Self {
        let (id, in_flight) = shared.enter();
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
    #[inline]
    pub(super) fn end(&self, method: Method, route: RouteId, exchange: &Exchange) {
        let route = &mut self.routes.borrow_mut()[route.0];
        if !route.excluded {
            let cells =
                route.cells[method as usize].get_or_insert_with(|| self.shared.cells(self.id, method, &route.path));
            cells.count(&self.shared.scheme, exchange);
        }
        self.in_flight.sub_one();
    }

    /// The code that a status is counted under.
    #[inline]
    pub(super) fn code(&self, status: u16) -> Code {
        let Some(known) = self.codes.get(usize::from(status.wrapping_sub(100))) else { return Code::OTHER };
        known.get().unwrap_or_else(|| {
            let code = self.shared.code(status);
            known.set(Some(code));
            code
        })
    }

    /// Unix time of a moment that has just passed.
    #[inline]
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
        self.shared.leave(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    /// Somebody set the system's clock right a moment ago.
    #[test]
    fn v10_a_clock_that_was_set_is_believed_after_a_moment() {
        let shared = Arc::new(Shared::new(&Config::default()).unwrap());
        let worker = Worker::of(&shared);
        let now = Instant::now();
        worker.clock.set((now.checked_sub(CLOCK_AGE).unwrap(), 1.0));
        let before = unix_seconds(SystemTime::now());
        let first = worker.unix_time(now);
        let second = worker.unix_time(Instant::now());
        let after = unix_seconds(SystemTime::now());
        assert!(before <= first && first <= second && second <= after, "{before} {first} {second} {after}");
    }
}
