//! What happened: the runs of every target, rolled up into minutes, hours and days, its incidents, and the last runs that
//! failed. It is written every half minute, into a file or into memory, and read as if it were written at once.

mod cell;
mod incident;
mod pending;
mod sketch;
mod store;
mod track;
mod usual;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

pub use self::cell::{Cell, Counts, Span};
pub use self::incident::Incident;
use self::pending::{Changes, Pending};
pub use self::sketch::Sketch;
pub use self::store::HistoryError;
use self::store::{Asked, Snapshot, Store};
pub use self::track::Track;
use self::track::{Ended, Row};
use self::usual::Usual;
use crate::journal::State;
use crate::json::unix_ms;
use crate::lock::lock;
use crate::report::{Phases, RunReport};
use crate::target::Target;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Of so many targets, the first ones, minutes, hours, incidents and failed runs are kept; of the others days.
    pub targets: usize,
    /// Bytes of a failed run's body that are kept, at most [`SAMPLE`](crate::SAMPLE).
    pub body_sample: usize,
    /// How often it is written: so much is lost, at most, when the program is killed.
    pub commit_every: Duration,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self { targets: 500, body_sample: 1024, commit_every: Duration::from_secs(30) }
    }
}

/// What happened. It has a thread of its own that writes; when the value goes, what is left is written.
pub struct History {
    inner: Arc<Inner>,
    /// Goes first, which ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Inner {
    config: HistoryConfig,
    store: Store,
    recent: Mutex<Recent>,
    /// One at a time.
    committing: Mutex<()>,
    tracks: Mutex<Tracks>,
}

/// What the store does not have yet.
#[derive(Default)]
struct Recent {
    now: Pending,
    /// What is being written: it is in the store once that has its generation.
    writing: Option<Arc<Pending>>,
    /// The last one that was given out, and the last one that is known to be in the store.
    generation: u64,
    committed: u64,
    /// The last attempt to write failed.
    failing: bool,
}

#[derive(Default)]
struct Tracks {
    /// Of the store; by name.
    known: HashMap<Arc<str>, Row>,
    watched: HashMap<Arc<str>, Arc<Track>>,
    next: u32,
}

/// Cells of a target, the oldest first.
pub type Cells = Vec<(u32, Cell)>;

/// What is known of one target, at one moment.
pub struct Past {
    /// Nothing, while the disk cannot be read: there is then what is not written yet.
    snapshot: Option<Snapshot>,
    changes: Changes,
    id: u32,
    incident: Option<(i64, Incident)>,
    detailed: bool,
}

impl History {
    /// One that is gone with the program.
    pub fn in_memory(config: HistoryConfig) -> Self {
        Self::of(Store::in_memory(), config).unwrap_or_else(|_| unreachable!("memory can be read"))
    }

    /// One that is kept in a file in `folder`, and what to tell of a file there that had to be set aside.
    ///
    /// # Errors
    /// [`HistoryError`] where nothing can be kept there, or another process keeps its own there.
    pub fn open(folder: &Path, config: HistoryConfig) -> Result<(Self, Option<String>), HistoryError> {
        let (store, told) = Store::open(folder, SystemTime::now())?;
        let path = store.path().to_owned();
        let history = Self::of(store, config).map_err(|error| HistoryError::new(&path, error.to_string()))?;
        Ok((history, told))
    }

    fn of(store: Store, config: HistoryConfig) -> Result<Self, redb::Error> {
        let snapshot = store.snapshot()?;
        let known = snapshot.rows()?.into_iter().map(|(name, row)| (name.into(), row)).collect();
        let next = snapshot.next_id()?;
        let generation = snapshot.generation()?;
        let recent = Recent { generation, committed: generation, ..Recent::default() };
        drop(snapshot);
        let tracks = Tracks { known, watched: HashMap::new(), next };
        let inner = Arc::new(Inner {
            config,
            store,
            recent: Mutex::new(recent),
            committing: Mutex::default(),
            tracks: Mutex::new(tracks),
        });
        let (stop, stopped) = mpsc::channel();
        let writer = inner.clone();
        let write = move || {
            while stopped.recv_timeout(config.commit_every) == Err(RecvTimeoutError::Timeout) {
                writer.commit();
            }
            writer.commit();
        };
        // Without it all is kept in memory, up to a bound, and written when somebody asks for it.
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(write);
        Ok(Self { inner, stop: Some(stop), thread: thread.ok() })
    }

    /// Writes what is not written yet. It may take as long as the disk does.
    pub fn commit(&self) {
        self.inner.commit();
    }

    /// The targets that are asked from now on, in their order, which is that of what is returned. What is known of them from before goes on.
    /// An [`Engine`](crate::Engine) calls this and the two below; so does who asks by himself.
    pub fn watch<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Arc<Track>> {
        let mut tracks = lock(&self.inner.tracks);
        let Tracks { known, watched, next } = &mut *tracks;
        let mut now = HashMap::new();
        let list: Vec<_> = names
            .enumerate()
            .map(|(n, name)| {
                let track = watched.remove(name).unwrap_or_else(|| {
                    let row = known.get(name).cloned().unwrap_or_else(|| {
                        let id = *next;
                        *next = next.saturating_add(1);
                        Row::of(id)
                    });
                    Arc::new(Track::new(name, row))
                });
                track.set_detailed(n < self.inner.config.targets);
                now.insert(track.name(), track.clone());
                track
            })
            .collect();
        // They may come back.
        for (name, track) in watched.drain() {
            known.insert(name, track.row());
        }
        *watched = now;
        list
    }

    /// A run of a target ended, and says this of it; the id of its report, where that is kept.
    pub fn ended(&self, track: &Track, target: &Target, report: &RunReport, state: State) -> Option<String> {
        let kept = report.failure.is_some() && track.is_detailed();
        let json = kept.then(|| {
            let sample = self.inner.config.body_sample;
            crate::json::failed_run(report, target, sample).into_bytes()
        });
        let id = kept.then(|| run_id(track.id, unix_ms(report.outcome.at)));
        let ended = Ended { report, state, interval: target.interval, json };
        track.ended(ended, lock(&self.inner.recent).now.of(track.id));
        id
    }

    /// Runs of a target that were due did not take place.
    pub fn missed(&self, track: &Track, runs: u64) {
        track.missed(runs, SystemTime::now(), lock(&self.inner.recent).now.of(track.id));
    }

    /// What is known of a target.
    pub fn past(&self, track: &Track) -> Past {
        let (snapshot, changes) = self.inner.read(track.id);
        Past { snapshot, changes, id: track.id, incident: track.incident(), detailed: track.is_detailed() }
    }

    /// The report of a failed run, by the id that its incident or the log has, as JSON.
    pub fn run(&self, id: &str) -> Option<serde_json::Value> {
        let (target, at) = id.split_once('-')?;
        let target = u32::from_str_radix(target, 16).ok()?;
        let at = i64::from_str_radix(at, 16).ok()?;
        // One way to write it, so that a run has one address.
        if run_id(target, at) != id {
            return None;
        }
        let (snapshot, mut changes) = self.inner.read(target);
        let bytes = changes.runs.remove(&at).or_else(|| snapshot?.run(target, at).ok().flatten())?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn commit(&self) {
        let _one = lock(&self.committing);
        let Some(pending) = self.next() else { return };
        let written = self.store.commit(&pending, &self.asked(), SystemTime::now());
        let mut recent = lock(&self.recent);
        let failed_before = std::mem::replace(&mut recent.failing, written.is_err());
        let path = self.store.path().display();
        match written {
            Ok(()) => {
                recent.writing = None;
                recent.committed = pending.generation;
                if failed_before {
                    log::info!("{path}: the history can be written again");
                }
            }
            // It stays where it is: whether it is written all the same is seen when the store can be read again.
            Err(error) if !failed_before => {
                log::warn!("{path}: the history cannot be written ({error}); it is kept in memory until it can");
            }
            Err(_) => {}
        }
    }

    /// What is to be written next; `None` where there is nothing, or the store does not open.
    fn next(&self) -> Option<Arc<Pending>> {
        self.store.open_again();
        let written = self.store.snapshot().and_then(|snapshot| snapshot.generation());
        let mut recent = lock(&self.recent);
        let mut pending = std::mem::take(&mut recent.now);
        if let Some(before) = recent.writing.take() {
            match written {
                Ok(generation) if generation == before.generation => recent.committed = generation,
                Ok(_) => {
                    let later = pending;
                    pending = Arc::unwrap_or_clone(before);
                    pending.then(later);
                }
                Err(_) => {
                    pending.bound();
                    (recent.now, recent.writing) = (pending, Some(before));
                    return None;
                }
            }
        }
        if pending.targets.is_empty() {
            return None;
        }
        recent.generation += 1;
        pending.generation = recent.generation;
        let pending = Arc::new(pending);
        recent.writing = Some(pending.clone());
        Some(pending)
    }

    /// Who is asked now.
    fn asked(&self) -> Asked {
        let tracks = lock(&self.tracks);
        Asked { next: tracks.next, ids: tracks.watched.values().map(|track| track.id).collect() }
    }

    /// What the store has of a target, and what it does not have yet: all of it is in one of the two, and nothing in both.
    fn read(&self, target: u32) -> (Option<Snapshot>, Changes) {
        // The store is read outside of the lock: it may be a disk, and those who journal their runs must not wait for it.
        let (snapshot, written, recent) = loop {
            let snapshot = self.store.snapshot().ok();
            let written = snapshot.as_ref().and_then(|snapshot| snapshot.generation().ok());
            let recent = lock(&self.recent);
            // Else a commit has come between, and what it wrote is in neither.
            if written.is_none_or(|written| written >= recent.committed) {
                break (snapshot, written, recent);
            }
        };
        let writing = recent.writing.as_ref().filter(|writing| Some(writing.generation) != written);
        let mut changes = writing.and_then(|writing| writing.targets.get(&target)).cloned().unwrap_or_default();
        if let Some(now) = recent.now.targets.get(&target) {
            changes.then(now.clone());
        }
        (snapshot, changes)
    }
}

impl Past {
    /// Whether minutes, hours, incidents and runs are kept of it; else there are days alone.
    pub fn is_detailed(&self) -> bool {
        self.detailed
    }

    /// The last `count` cells, the one that `now` is in included; those in which nothing was due are left out. Empty where they
    /// cannot be read.
    pub fn cells(&self, span: Span, count: u32, now: SystemTime) -> Cells {
        let last = span.number(now);
        let numbers = last.saturating_sub(count.saturating_sub(1))..=last;
        let written = self.written(|snapshot| snapshot.cells(span, numbers.clone(), self.id));
        let mut cells: BTreeMap<_, _> = written.into_iter().collect();
        for (number, cell) in self.changes.cells_of(span).filter(|(number, _)| numbers.contains(number)) {
            cells.entry(number).or_default().merge(cell);
        }
        cells.into_iter().collect()
    }

    /// The median of each phase, of the runs of the last 24 hours that succeeded; `None` for one that was never reached.
    pub fn usual_phases(&self, now: SystemTime) -> Phases {
        let last = Span::Hour.number(now);
        let hours = last.saturating_sub(usual::HOURS - 1)..=last;
        let mut sum = Usual::default();
        for (_, usual) in self.written(|snapshot| snapshot.usual(hours.clone(), self.id)) {
            sum.merge(&usual);
        }
        for (_, usual) in self.changes.usual.range(hours) {
            sum.merge(usual);
        }
        sum.medians()
    }

    fn written<T>(&self, read: impl FnOnce(&Snapshot) -> Result<Vec<T>, redb::Error>) -> Vec<T> {
        self.snapshot.as_ref().and_then(|snapshot| read(snapshot).ok()).unwrap_or_default()
    }

    /// By start, in milliseconds of Unix time, the last first.
    pub fn incidents(&self) -> Vec<(i64, Incident)> {
        let mut incidents: BTreeMap<_, _> = self.written(|snapshot| snapshot.incidents(self.id)).into_iter().collect();
        incidents.extend(self.changes.incidents.clone());
        incidents.extend(self.incident.clone());
        incidents.into_iter().rev().collect()
    }

    /// The ids of the failed runs that are kept, by start, in milliseconds of Unix time, the last first.
    pub fn runs(&self) -> Vec<(i64, String)> {
        let mut starts = self.written(|snapshot| snapshot.runs(self.id));
        starts.extend(self.changes.runs.keys());
        starts.sort_unstable();
        starts.dedup();
        starts.into_iter().rev().map(|at| (at, run_id(self.id, at))).collect()
    }
}

fn run_id(target: u32, at: i64) -> String {
    format!("{target:x}-{at:x}")
}

#[cfg(test)]
mod tests;
