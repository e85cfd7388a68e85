//! What all workers share: the options, the label sets, and who counts them where.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Config, ConfigError, StatusLabel};
use super::tally::{Cells, Code, Scheme, Totals};
use super::{OVERFLOW, UNMATCHED};
use crate::cells::Count;
use crate::family::Family;
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

    /// A worker has started. Its number, and the cell of its requests in flight.
    pub(super) fn enter(&self) -> (u64, Arc<Count>) {
        let mut table = self.table();
        table.last_worker += 1;
        let id = table.last_worker;
        let worker = table.workers.entry(id).or_default();
        (id, worker.in_flight.clone())
    }

    /// A worker has ended.
    pub(super) fn leave(&self, worker: u64) {
        let mut table = self.table();
        let Some(ended) = table.workers.remove(&worker) else { return };
        for (slot, cells) in ended.cells {
            table.rows[slot].totals.add(&cells);
        }
    }

    /// The cells for a label set that is new to a worker: new ones, unless it is one of many that overflow.
    pub(super) fn cells(&self, worker: u64, method: Method, path: &str) -> Arc<Cells> {
        let mut table = self.table();
        let slot = table.slot(&self.scheme, method, path);
        let known = &mut table.workers.entry(worker).or_default().cells;
        if let Some((_, cells)) = known.iter().find(|(of, _)| *of == slot) {
            return cells.clone();
        }
        let cells = Arc::new(Cells::new(&self.scheme));
        known.push((slot, cells.clone()));
        cells
    }

    /// Whether a value of the label `path` is not to be counted.
    pub(super) fn is_excluded(&self, path: &str) -> bool {
        self.excluded.contains(path)
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

    /// The code that a status is counted under; a worker remembers it.
    pub(super) fn code(&self, status: u16) -> Code {
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
