//! Where the history is kept: a B-tree in one file, which is whole whenever it is looked at, or the same in memory. A change is
//! written with all that belongs to it, or not at all.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cell::{Cell, Span};
use super::incident::Incident;
use super::pending::{Changes, Pending};
use super::track::Row;
use super::usual::{self, Usual};

/// Of what the tables mean; a file of another one is not ours.
const VERSION: u64 = 1;
const FILE: &str = "history.redb";
/// Of what is in the file: it holds what is asked for again and again.
const CACHE: usize = 8 << 20;
/// What is in memory need not be there twice.
const CACHE_OF_MEMORY: usize = 256 << 10;

/// By name: version, generation, and the number that the next target gets: none is given twice, as cells outlive their target.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// By name of the target.
const TARGETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("targets");
/// By number of the cell, then of the target: what is written in a minute is then written in one place.
const CELLS: [TableDefinition<'_, (u32, u32), &[u8]>; 3] =
    [TableDefinition::new("minutes"), TableDefinition::new("hours"), TableDefinition::new("days")];
/// As cells of hours.
const USUAL: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("usual");
/// By number of the target, then by start, in milliseconds of Unix time.
const INCIDENTS: TableDefinition<'_, (u32, i64), &[u8]> = TableDefinition::new("incidents");
/// By number of the target, then by start, in milliseconds of Unix time. JSON.
const RUNS: TableDefinition<'_, (u32, i64), &[u8]> = TableDefinition::new("runs");

/// Incidents that are kept of a target, each with its first run.
const MOST_INCIDENTS: usize = 100;
/// Failed runs that are kept of a target besides those: the last ones.
const MOST_RUNS: usize = 20;
/// Minutes, hours and days that are thrown away at a time. Fewer come in, so that none is left over; and a clock that is wrong for
/// a moment costs little.
const MOST_EXPIRED: usize = 5;
/// A target that is asked no more is forgotten after so many days.
const FORGOTTEN: u32 = 30;

/// Why the history cannot be kept there.
#[derive(Debug)]
pub struct HistoryError {
    path: PathBuf,
    what: String,
}

impl HistoryError {
    pub(super) fn new(path: &Path, what: String) -> Self {
        Self { path: path.to_owned(), what }
    }
}

impl std::fmt::Display for HistoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for HistoryError {}

type Open = dyn Fn() -> std::result::Result<Database, DatabaseError> + Send + Sync;

/// The tables.
pub(super) struct Store {
    /// Nothing, while it cannot be opened.
    database: RwLock<Option<Database>>,
    /// Again: after an error of the disk a database has to be.
    open: Box<Open>,
    path: PathBuf,
}

/// Who is asked.
pub(super) struct Asked {
    /// The number that the next new target gets.
    pub(super) next: u32,
    /// Those of the ones that are asked.
    pub(super) ids: HashSet<u32>,
}

/// They as they were at one moment.
pub(super) struct Snapshot(ReadTransaction);

type Result<T> = std::result::Result<T, redb::Error>;

impl Store {
    pub(super) fn in_memory() -> Self {
        let open = || Builder::new().set_cache_size(CACHE_OF_MEMORY).create_with_backend(InMemoryBackend::new());
        Self::of(PathBuf::from("memory"), Box::new(open)).unwrap_or_else(|_| unreachable!("memory can be written"))
    }

    /// # Errors
    /// It cannot be opened, or is not ours.
    pub(super) fn of(path: PathBuf, open: Box<Open>) -> std::result::Result<Self, Unreadable> {
        let database = open().map_err(Unreadable::of)?;
        let version = prepare(&database).map_err(|error| Unreadable::Foreign(format!("holds no history ({error})")))?;
        if version != VERSION {
            return Err(Unreadable::Foreign(format!("is a history of version {version}, not {VERSION}")));
        }
        Ok(Self { database: RwLock::new(Some(database)), open, path })
    }

    /// The file in `folder`, which is made where it is not there. What is there and is not ours, or is damaged, is set aside:
    /// it is then said where.
    pub(super) fn open(folder: &Path, now: SystemTime) -> std::result::Result<(Self, Option<String>), HistoryError> {
        fs::create_dir_all(folder).map_err(|error| {
            HistoryError::new(
                folder,
                format!("cannot be made a folder ({error}); give one that this user can write to"),
            )
        })?;
        let path = folder.join(FILE);
        let unreadable = match Self::read(&path) {
            Ok(store) => return Ok((store, None)),
            Err(Unreadable::Busy) => {
                return Err(HistoryError::new(
                    &path,
                    "is in use by another process; give each its own folder".to_owned(),
                ));
            }
            Err(Unreadable::Io(error)) => {
                return Err(HistoryError::new(&path, format!("{error}; give a folder that this user can write to")));
            }
            Err(Unreadable::Foreign(what)) => what,
        };
        let aside = aside(&path, now);
        fs::rename(&path, &aside)
            .map_err(|error| HistoryError::new(&path, format!("{unreadable}, and cannot be set aside: {error}")))?;
        let store = Self::read(&path).map_err(|_| HistoryError::new(&path, "cannot be made anew".to_owned()))?;
        Ok((
            store,
            Some(format!("{}: {unreadable}; it is now {}, and a new one is begun", path.display(), aside.display())),
        ))
    }

    fn read(path: &Path) -> std::result::Result<Self, Unreadable> {
        let file = path.to_owned();
        let open = move || Builder::new().set_cache_size(CACHE).set_check_integrity_on_open(true).create(&file);
        Self::of(path.to_owned(), Box::new(open))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Snapshot(database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_read()?))
    }

    /// Writes what is pending, and throws away what is too old and too much.
    pub(super) fn commit(&self, pending: &Pending, asked: &Asked, now: SystemTime) -> Result<()> {
        let written = self.write(pending, asked, now);
        if written.is_err() {
            // First the old one goes, which has the file locked.
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.open_again();
        }
        written
    }

    /// Where it is not open.
    pub(super) fn open_again(&self) {
        let is_open = self.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_open {
            let opened = (self.open)().ok();
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = opened;
        }
    }

    fn write(&self, pending: &Pending, asked: &Asked, now: SystemTime) -> Result<()> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let write = database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
        let mut meta = write.open_table(META)?;
        meta.insert("generation", pending.generation)?;
        meta.insert("next", u64::from(asked.next))?;
        for (span, table) in Span::ALL.into_iter().zip(CELLS) {
            let mut table = write.open_table(table)?;
            for (target, changes) in &pending.targets {
                for (number, cell) in changes.cells_of(span) {
                    add(&mut table, (number, *target), cell, Cell::merge)?;
                }
            }
            expire(&mut table, span.number(now).saturating_sub(span.kept() - 1))?;
        }
        let mut usual = write.open_table(USUAL)?;
        for (target, changes) in &pending.targets {
            for (hour, phases) in &changes.usual {
                add(&mut usual, (*hour, *target), phases, Usual::merge)?;
            }
        }
        expire(&mut usual, Span::Hour.number(now).saturating_sub(usual::HOURS - 1))?;
        let mut rows = write.open_table(TARGETS)?;
        let mut incidents = write.open_table(INCIDENTS)?;
        let mut runs = write.open_table(RUNS)?;
        for (target, Changes { row, incidents: changed, runs: failed, .. }) in &pending.targets {
            if let Some((name, row)) = row {
                rows.insert(&**name, &*encoded(row))?;
            }
            for (start, incident) in changed {
                incidents.insert((*target, *start), &*encoded(incident))?;
            }
            for (at, run) in failed {
                runs.insert((*target, *at), &**run)?;
            }
            if changed.is_empty() && failed.is_empty() {
                continue;
            }
            let starts: Vec<_> = numbers(&incidents, *target)?;
            let (old, kept) = starts.split_at(starts.len().saturating_sub(MOST_INCIDENTS));
            for start in old {
                incidents.remove((*target, *start))?;
            }
            let mut others: Vec<_> = numbers(&runs, *target)?;
            others.retain(|at| kept.binary_search(at).is_err());
            for at in &others[..others.len().saturating_sub(MOST_RUNS)] {
                runs.remove((*target, *at))?;
            }
        }
        forget(&mut rows, &mut incidents, &mut runs, asked, now)?;
        drop((meta, usual, rows, incidents, runs));
        write.commit()?;
        Ok(())
    }
}

/// Makes sure that the tables are there; their version.
fn prepare(database: &Database) -> Result<u64> {
    if let Some(version) = Snapshot(database.begin_read()?).meta("version")? {
        return Ok(version);
    }
    let write = database.begin_write()?;
    if write.list_tables()?.next().is_some() {
        write.abort()?;
        return Ok(0);
    }
    for table in CELLS {
        write.open_table(table)?;
    }
    write.open_table(USUAL)?;
    write.open_table(INCIDENTS)?;
    write.open_table(RUNS)?;
    write.open_table(TARGETS)?;
    write.open_table(META)?.insert("version", VERSION)?;
    write.commit()?;
    Ok(VERSION)
}

type Cells<'t> = redb::Table<'t, (u32, u32), &'static [u8]>;

/// Merges what is new into what is there.
fn add<T>(table: &mut Cells<'_>, key: (u32, u32), new: &T, merge: impl FnOnce(&mut T, &T)) -> Result<()>
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut sum: T = table.get(key)?.and_then(|bytes| decoded(bytes.value())).unwrap_or_default();
    merge(&mut sum, new);
    table.insert(key, &*encoded(&sum))?;
    Ok(())
}

/// Throws away the oldest of those before the first that is kept.
fn expire(table: &mut Cells<'_>, first_kept: u32) -> Result<()> {
    for _ in 0..MOST_EXPIRED {
        let oldest = table.first()?.map(|(key, _)| key.value().0);
        let Some(oldest) = oldest.filter(|oldest| *oldest < first_kept) else { break };
        table.retain_in((oldest, 0)..=(oldest, u32::MAX), |_, _| false)?;
    }
    Ok(())
}

/// Throws away what is known of targets that are asked no more.
fn forget(
    rows: &mut redb::Table<'_, &'static str, &'static [u8]>,
    incidents: &mut redb::Table<'_, (u32, i64), &'static [u8]>,
    runs: &mut redb::Table<'_, (u32, i64), &'static [u8]>,
    asked: &Asked,
    now: SystemTime,
) -> Result<()> {
    let today = Span::Day.number(now);
    // As with cells, few at a time.
    let mut gone = Vec::new();
    for entry in rows.iter()? {
        let (name, row) = entry?;
        let id = match decoded::<Row>(row.value()) {
            Some(row) if asked.ids.contains(&row.id) || row.last_day.saturating_add(FORGOTTEN) >= today => continue,
            row => row.map(|row| row.id),
        };
        gone.push((name.value().to_owned(), id));
        if gone.len() >= MOST_EXPIRED {
            break;
        }
    }
    for (name, id) in gone {
        rows.remove(&*name)?;
        if let Some(id) = id {
            incidents.retain_in((id, i64::MIN)..=(id, i64::MAX), |_, _| false)?;
            runs.retain_in((id, i64::MIN)..=(id, i64::MAX), |_, _| false)?;
        }
    }
    Ok(())
}

impl Snapshot {
    fn meta(&self, name: &str) -> Result<Option<u64>> {
        match self.0.open_table(META) {
            Ok(table) => Ok(table.get(name)?.map(|value| value.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// That of the last commit.
    pub(super) fn generation(&self) -> Result<u64> {
        Ok(self.meta("generation")?.unwrap_or_default())
    }

    /// The number that the next new target gets.
    pub(super) fn next_id(&self) -> Result<u32> {
        Ok(u32::try_from(self.meta("next")?.unwrap_or_default()).unwrap_or(u32::MAX))
    }

    /// All targets by name.
    pub(super) fn rows(&self) -> Result<Vec<(String, Row)>> {
        let table = self.0.open_table(TARGETS)?;
        let mut rows = Vec::new();
        for entry in table.iter()? {
            let (name, row) = entry?;
            rows.extend(decoded(row.value()).map(|row| (name.value().to_owned(), row)));
        }
        Ok(rows)
    }

    /// Those of a target, by number.
    pub(super) fn cells(&self, span: Span, numbers: RangeInclusive<u32>, target: u32) -> Result<Vec<(u32, Cell)>> {
        self.of(CELLS[span as usize], numbers, target)
    }

    /// Those of a target, by hour.
    pub(super) fn usual(&self, hours: RangeInclusive<u32>, target: u32) -> Result<Vec<(u32, Usual)>> {
        self.of(USUAL, hours, target)
    }

    fn of<T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, (u32, u32), &'static [u8]>,
        numbers: RangeInclusive<u32>,
        target: u32,
    ) -> Result<Vec<(u32, T)>> {
        let table = self.0.open_table(table)?;
        let mut found = Vec::new();
        for number in numbers {
            let one = table.get((number, target))?;
            found.extend(one.and_then(|one| Some((number, decoded(one.value())?))));
        }
        Ok(found)
    }

    /// Those of a target, by start.
    pub(super) fn incidents(&self, target: u32) -> Result<Vec<(i64, Incident)>> {
        let table = self.0.open_table(INCIDENTS)?;
        let mut incidents = Vec::new();
        for entry in table.range((target, i64::MIN)..=(target, i64::MAX))? {
            let (key, incident) = entry?;
            incidents.extend(decoded(incident.value()).map(|incident| (key.value().1, incident)));
        }
        Ok(incidents)
    }

    pub(super) fn run(&self, target: u32, at: i64) -> Result<Option<Vec<u8>>> {
        Ok(self.0.open_table(RUNS)?.get((target, at))?.map(|run| run.value().to_vec()))
    }

    /// When the failed runs began that are kept of a target.
    pub(super) fn runs(&self, target: u32) -> Result<Vec<i64>> {
        numbers(&self.0.open_table(RUNS)?, target)
    }
}

fn numbers(table: &impl ReadableTable<(u32, i64), &'static [u8]>, target: u32) -> Result<Vec<i64>> {
    let entries = table.range((target, i64::MIN)..=(target, i64::MAX))?;
    entries.map(|entry| Ok(entry?.0.value().1)).collect()
}

fn encoded(row: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(row).expect("rows are made of numbers and text")
}

/// `None` for what a damaged file holds.
fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

/// Why a file does not serve.
pub(super) enum Unreadable {
    Busy,
    Io(io::Error),
    Foreign(String),
}

impl Unreadable {
    fn of(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Busy,
            DatabaseError::Storage(StorageError::Io(error))
                if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Self::Io(error)
            }
            error => Self::Foreign(format!("is damaged, or no history ({error})")),
        }
    }
}

/// A name beside it that nothing has.
fn aside(path: &Path, now: SystemTime) -> PathBuf {
    let stamp = crate::json::rfc3339(crate::json::unix_ms(now) / 1000).unwrap_or_default().replace(':', "-");
    let named = |n: u32| {
        let more = if n == 0 { String::new() } else { format!("-{n}") };
        path.with_file_name(format!("{FILE}.set-aside-{stamp}{more}"))
    };
    (0..1000).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1000))
}
