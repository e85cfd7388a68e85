//! What a target's runs have led to so far: whether it is up, since when, and the incident that lasts.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::cell::{Counts, Span};
use super::incident::Incident;
use super::pending::Changes;
use super::run_id;
use crate::journal::State;
use crate::json::unix_ms;
use crate::lock::lock;
use crate::report::RunReport;

/// As long as nothing else is new, when the last run was is written so often: it would be all that most commits write.
const LAST_EVERY_MS: u64 = 5 * 60 * 1000;
/// A longer time without a run, besides some intervals, is not known to be what was before and after it. When the last run was
/// may be known from a file alone.
const UNWATCHED: Duration = Duration::from_secs(6 * 60);
/// Of an incident's detail.
const MOST_DETAIL: usize = 300;

/// What is remembered of a target when the program starts again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: u32,
    /// Of the last run.
    pub(super) last_day: u32,
    standing: Option<Standing>,
    /// By its start. Few have one.
    incident: Option<Box<(i64, Incident)>>,
}

impl Row {
    pub(super) fn of(id: u32) -> Self {
        Self { id, ..Self::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    is: Is,
    /// In milliseconds of Unix time, as the next.
    since: i64,
    last: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Is {
    Up,
    Down,
    Unknown,
}

/// One target's place in the history.
pub struct Track {
    name: Arc<str>,
    pub(super) id: u32,
    /// Whether more is kept of it than days.
    detailed: AtomicBool,
    row: Mutex<Row>,
    /// When the last run was as far as what is to be written goes, in milliseconds of Unix time.
    written: AtomicI64,
}

/// A run that has ended.
pub(super) struct Ended<'a> {
    pub(super) report: &'a RunReport,
    pub(super) state: State,
    pub(super) interval: Duration,
    /// For the ring of failed runs; `None` where it is not kept.
    pub(super) json: Option<Vec<u8>>,
}

impl Track {
    pub(super) fn new(name: &str, row: Row) -> Self {
        Self {
            name: name.into(),
            id: row.id,
            detailed: AtomicBool::new(false),
            row: Mutex::new(row),
            written: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// What to remember of it.
    pub(super) fn row(&self) -> Row {
        lock(&self.row).clone()
    }

    pub(super) fn set_detailed(&self, detailed: bool) {
        self.detailed.store(detailed, Ordering::Relaxed);
    }

    /// Whether more is kept of it than days.
    pub(super) fn is_detailed(&self) -> bool {
        self.detailed.load(Ordering::Relaxed)
    }

    /// Since when it is what it is, in milliseconds of Unix time; `None` before the first run.
    pub(crate) fn since(&self) -> Option<i64> {
        lock(&self.row).standing.map(|standing| standing.since)
    }

    /// The incident that lasts, by its start.
    pub(super) fn incident(&self) -> Option<(i64, Incident)> {
        lock(&self.row).incident.as_deref().cloned()
    }

    pub(super) fn ended(&self, ended: Ended<'_>, changes: &mut Changes) {
        let Ended { report, state, interval, json } = ended;
        let outcome = &report.outcome;
        let (at, start) = (outcome.at, unix_ms(outcome.at));
        let mut counts = Counts::default();
        let is = match state {
            State::Down => Is::Down,
            State::Unknown => Is::Unknown,
            State::Pending | State::Up | State::Slow => Is::Up,
        };
        match is {
            Is::Up => (counts.good, counts.slow) = (1, u32::from(state == State::Slow)),
            Is::Down => counts.failed = 1,
            Is::Unknown => counts.unknown = 1,
        }
        for span in self.spans() {
            let cell = changes.cell(*span, at);
            cell.counts.add(&counts);
            if is == Is::Up {
                cell.times.add(outcome.total);
            }
        }
        if is == Is::Up && self.is_detailed() {
            changes.usual.entry(Span::Hour.number(at)).or_default().add(&outcome.phases);
        }
        let is_kept = json.is_some();
        changes.runs.extend(json.map(|json| (start, json)));

        let mut row = lock(&self.row);
        let unwatched = interval.saturating_mul(3).saturating_add(UNWATCHED);
        let same = row.standing.filter(|before| {
            let gap = u128::try_from(start.saturating_sub(before.last)).unwrap_or_default();
            before.is == is && (is != Is::Up || gap <= unwatched.as_millis())
        });
        let since = same.map_or(start, |before| before.since);
        row.standing = Some(Standing { is, since, last: start });
        row.last_day = Span::Day.number(at);
        match is {
            Is::Down => {
                let reason = outcome.reason.map_or("internal", |reason| reason.as_str());
                let (begun, incident) = &mut **row.incident.get_or_insert_with(|| {
                    let detail =
                        report.failure.as_ref().map(|failure| failure.detail.chars().take(MOST_DETAIL).collect());
                    let run = if is_kept { run_id(self.id, start) } else { String::new() };
                    let detail = detail.unwrap_or_default();
                    Box::new((start, Incident { end: None, failed: 0, reasons: Vec::new(), detail, run }))
                });
                incident.failed_for(reason);
                let (begun, incident) = (*begun, incident.clone());
                if let Some(standing) = &mut row.standing {
                    // It may have begun before a time in which nobody was reached.
                    standing.since = begun;
                }
                if self.is_detailed() {
                    changes.incidents.insert(begun, incident);
                }
            }
            Is::Up | Is::Unknown => {
                // While nobody is reached, it is not known whether one lasts; but one that was of our own side from the start was none of
                // the target's.
                let ended = row.incident.take_if(|lasting| is == Is::Up || lasting.1.is_ours());
                if let Some((begun, mut incident)) = ended.map(|lasting| *lasting) {
                    incident.end = Some(start);
                    if self.is_detailed() {
                        changes.incidents.insert(begun, incident);
                    }
                }
            }
        }
        let written = self.written.load(Ordering::Relaxed);
        let is_old = start.abs_diff(written) > LAST_EVERY_MS;
        if same.is_none() || is == Is::Down || is_old {
            self.written.store(start, Ordering::Relaxed);
            changes.row = Some((self.name.clone(), row.clone()));
        }
    }

    /// So many runs that were due did not take place.
    pub(super) fn missed(&self, runs: u64, now: SystemTime, changes: &mut Changes) {
        let counts = Counts { unknown: u32::try_from(runs).unwrap_or(u32::MAX), ..Counts::default() };
        for span in self.spans() {
            changes.cell(*span, now).counts.add(&counts);
        }
    }

    fn spans(&self) -> &'static [Span] {
        if self.is_detailed() { &Span::ALL } else { &[Span::Day] }
    }
}
