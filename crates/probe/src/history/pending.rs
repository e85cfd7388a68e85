//! What has happened since the last commit, and is not written yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::cell::{Cell, Span};
use super::incident::Incident;
use super::track::Row;
use super::usual::{self, Usual};

/// Of a target's cells, while nothing can be written.
const MOST_CELLS: usize = 2 * 24 * 60;
/// Of its runs, and of its incidents.
const MOST_RUNS: usize = 100;

/// By number of the target.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    /// Written with the rest: who finds it in the store knows that all of it is there.
    pub(super) generation: u64,
    pub(super) targets: HashMap<u32, Changes>,
}

/// Of one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    /// To be added to those that are there, in order. There are few of them, and many targets.
    cells: Vec<((Span, u32), Cell)>,
    /// The same, by hour.
    pub(super) usual: BTreeMap<u32, Usual>,
    /// In place of the one that is there, under this name; and so the others, by start.
    pub(super) row: Option<(Arc<str>, Row)>,
    pub(super) incidents: BTreeMap<i64, Incident>,
    pub(super) runs: BTreeMap<i64, Vec<u8>>,
}

impl Changes {
    pub(super) fn cell(&mut self, span: Span, at: SystemTime) -> &mut Cell {
        self.cell_at((span, span.number(at)))
    }

    fn cell_at(&mut self, key: (Span, u32)) -> &mut Cell {
        let place = self.cells.binary_search_by_key(&key, |(key, _)| *key).unwrap_or_else(|place| {
            // One by one: a vector by itself makes room for four.
            self.cells.reserve_exact(1);
            self.cells.insert(place, (key, Cell::default()));
            place
        });
        &mut self.cells[place].1
    }

    pub(super) fn cells_of(&self, span: Span) -> impl Iterator<Item = (u32, &Cell)> {
        self.cells.iter().filter(move |((of, _), _)| *of == span).map(|((_, number), cell)| (*number, cell))
    }

    /// As if what `later` says had happened after it.
    pub(super) fn then(&mut self, later: Self) {
        for (key, cell) in later.cells {
            self.cell_at(key).merge(&cell);
        }
        for (hour, usual) in later.usual {
            self.usual.entry(hour).or_default().merge(&usual);
        }
        self.row = later.row.or(self.row.take());
        self.incidents.extend(later.incidents);
        self.runs.extend(later.runs);
    }
}

impl Pending {
    pub(super) fn of(&mut self, target: u32) -> &mut Changes {
        self.targets.entry(target).or_default()
    }

    /// As if what `later` says had happened after it.
    pub(super) fn then(&mut self, later: Self) {
        for (target, changes) in later.targets {
            self.of(target).then(changes);
        }
        self.bound();
    }

    /// Where nothing can be written for long, the disk being full, the first minutes are given up, and the first runs and
    /// incidents.
    pub(super) fn bound(&mut self) {
        for changes in self.targets.values_mut() {
            // Minutes come first, days last.
            changes.cells.drain(..changes.cells.len().saturating_sub(MOST_CELLS));
            first_go(&mut changes.usual, usual::HOURS as usize);
            first_go(&mut changes.incidents, MOST_RUNS);
            first_go(&mut changes.runs, MOST_RUNS);
        }
    }
}

fn first_go<K: Ord, V>(map: &mut BTreeMap<K, V>, most: usize) {
    while map.len() > most {
        map.pop_first();
    }
}
