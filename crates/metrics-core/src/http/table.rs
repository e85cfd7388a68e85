//! What all workers share: the options, the label sets, and who counts them where.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::{Config, ConfigError, StatusLabel};
use super::tally::{Cells, Code, Scheme, Totals};
use super::{OVERFLOW, UNMATCHED};
use crate::cells::Count;
use crate::family::{Family, LabelValue};
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
        (id, table.workers.entry(id).or_default().clone())
    }

    /// A worker has ended.
    pub(super) fn leave(&self, worker: u64) {
        let mut table = self.table();
        table.workers.remove(&worker);
        for row in &mut table.rows {
            if let Some(at) = row.cells.iter().position(|(of, _)| *of == worker) {
                let (_, cells) = row.cells.swap_remove(at);
                row.ended.add(&cells);
            }
        }
    }

    /// The cells for a label set that is new to a worker: new ones, unless it is one of many that overflow.
    pub(super) fn cells(&self, worker: u64, method: Method, path: &str) -> Arc<Cells> {
        let mut table = self.table();
        let slot = table.slot(&self.scheme, method, path);
        let known = &mut table.rows[slot].cells;
        if let Some((_, cells)) = known.iter().find(|(of, _)| *of == worker) {
            return cells.clone();
        }
        let cells = Arc::new(Cells::new(&self.scheme));
        known.push((worker, cells.clone()));
        cells
    }

    /// Whether a value of the label `path` is not to be counted.
    pub(super) fn is_excluded(&self, path: &str) -> bool {
        self.excluded.contains(path)
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

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A label set, and what was counted of it: what is read are sums over all workers, those that have ended included.
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: Arc<str>,
    /// Nothing in the path has to be escaped.
    pub(super) plain: bool,
    /// By workers that have ended, so that counters never fall.
    ended: Totals,
    /// By those that work, each with its number.
    cells: Vec<(u64, Arc<Cells>)>,
}

impl Row {
    pub(super) fn requests(&self) -> u64 {
        self.sum(Totals::requests, Cells::requests)
    }

    /// The sum over workers of a number.
    pub(super) fn sum(&self, ended: impl Fn(&Totals) -> u64, cells: impl Fn(&Cells) -> u64) -> u64 {
        ended(&self.ended) + self.cells.iter().map(|(_, of)| cells(of)).sum::<u64>()
    }

    /// The sum over workers of a part of what they counted, a histogram for example.
    pub(super) fn total<T: Clone>(&self, ended: impl Fn(&Totals) -> &T, add: impl Fn(&Cells, &mut T)) -> T {
        let mut total = ended(&self.ended).clone();
        self.cells.iter().for_each(|(_, cells)| add(cells, &mut total));
        total
    }

    /// By code.
    pub(super) fn responses(&self) -> BTreeMap<Code, u64> {
        self.total(|ended| &ended.responses, |cells, total| cells.responses.add_to(total))
    }

    /// Unix time of the last response; 0 before the first.
    pub(super) fn last_response(&self) -> f64 {
        self.total(|ended| &ended.last_response, |cells, last| *last = last.max(cells.last_response.get()))
    }
}

/// Locked when a worker meets a label set or a status for the first time, when one starts or ends, and by a scrape;
/// never to record.
#[derive(Default)]
pub(super) struct Table {
    /// Label set to slot. Slots are never given back.
    slots: HashMap<(Method, Arc<str>), usize>,
    /// How many more pairs of method and pattern get a slot.
    free: usize,
    /// By slot.
    pub(super) rows: Vec<Row>,
    /// The statuses that have a code of their own.
    codes: Vec<Code>,
    /// The requests in flight of each worker.
    workers: BTreeMap<u64, Arc<Count>>,
    last_worker: u64,
}

impl Table {
    pub(super) fn in_flight(&self) -> u64 {
        self.workers.values().fold(0, |sum, worker| sum.wrapping_add(worker.get()))
    }

    /// Whether further statuses have no code of their own.
    pub(super) fn is_full_of_codes(&self) -> bool {
        self.codes.len() == MOST_CODES
    }

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
        let plain = LabelValue::is_plain(&path);
        self.rows.push(Row { method, path: path.clone(), plain, ended: Totals::new(scheme), cells: Vec::new() });
        self.slots.insert((method, path), self.rows.len() - 1);
        self.rows.len() - 1
    }

    fn admit(&mut self, code: Code) -> Code {
        if self.codes.contains(&code) {
            return code;
        }
        if self.is_full_of_codes() {
            return Code::OTHER;
        }
        self.codes.push(code);
        code
    }
}
