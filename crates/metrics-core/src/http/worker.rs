//! Who counts what where: each worker thread in cells of its own, and the table that knows all of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::tally::{Cells, Exchange, Totals};
use crate::cells::Count;
use crate::vocab::Method;

/// What all workers share: the label sets, and who counts them where.
#[derive(Default)]
pub(super) struct Shared(Mutex<Table>);

impl Shared {
    /// Cells for the calling thread.
    pub(super) fn worker(self: &Arc<Self>) -> Rc<Worker> {
        let in_flight = Arc::new(Count::default());
        let mut table = self.table();
        table.last_worker += 1;
        let id = table.last_worker;
        table.workers.insert(id, WorkerCells { in_flight: in_flight.clone(), cells: Vec::new() });
        Rc::new(Worker { id, in_flight, shared: self.clone(), routes: RefCell::default() })
    }

    /// What all workers counted, and the number of requests in flight.
    pub(super) fn sum(&self) -> (Vec<Row>, u64) {
        let table = self.table();
        let mut rows = table.rows.clone();
        let mut in_flight = 0u64;
        for worker in table.workers.values() {
            in_flight = in_flight.wrapping_add(worker.in_flight.get());
            for (slot, cells) in &worker.cells {
                rows[*slot].totals.add(cells);
            }
        }
        (rows, in_flight)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A label set, and what was counted of it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: Arc<str>,
    pub(super) totals: Totals,
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
    pub(super) fn begin(&self) {
        self.in_flight.add(1);
    }

    /// Counts an exchange that has begun and ended.
    pub(super) fn end(&self, method: Method, path: &str, exchange: &Exchange) {
        let mut routes = self.routes.borrow_mut();
        let route = match routes.get_mut(path) {
            Some(route) => route,
            None => routes.entry(path.into()).or_default(),
        };
        route[method as usize].get_or_insert_with(|| self.new_cells(method, path)).count(exchange);
        self.in_flight.sub_one();
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
