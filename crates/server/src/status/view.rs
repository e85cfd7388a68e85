//! All that is to be said of one target: what it is now, and its past in numbers. Text, page and JSON are three ways to write it.

use std::time::{Duration, SystemTime};

use probe::{Cell, Counts, Incident, Past, Phases, Sketch, Span, Watched};
use serde_json::Value;

use super::summary::Summary;

/// Days that have a bar.
pub(super) const DAYS: u32 = 90;
/// Minutes that a point of the curve of latency stands for.
const POINT: u32 = 15;

/// One target.
pub(super) struct View {
    pub(super) summary: Summary,
    /// Of the last run, by its JSON; `None` before the first.
    pub(super) last_run: Option<Value>,
    /// Whether there is more than days.
    pub(super) detailed: bool,
    pub(super) windows: Vec<Window>,
    /// The last one is today; `None` where nothing was due.
    pub(super) days: Vec<(i64, Option<Counts>)>,
    /// The last hour by minutes.
    pub(super) hour: Vec<Option<Cell>>,
    /// The last 24 hours by [`POINT`], each with its start in Unix time.
    pub(super) points: Vec<(i64, Cell)>,
    /// Runs of the last 24 hours that succeeded.
    pub(super) times: Sketch,
    /// Medians of the last 24 hours.
    pub(super) usual: Phases,
    /// By start, in milliseconds of Unix time, the last first.
    pub(super) incidents: Vec<(i64, Incident)>,
    /// Failed runs that are kept, in the same way, by their ids.
    pub(super) failed: Vec<(i64, String)>,
}

/// A time that ends now.
pub(super) struct Window {
    /// `24 h`.
    pub(super) name: &'static str,
    pub(super) counts: Counts,
    /// How much of it was watched, where that is less than all: from the first run that was due in it on.
    pub(super) watched: Option<Duration>,
}

impl View {
    pub(super) fn of(watched: &Watched, now: SystemTime) -> Self {
        let past = watched.past();
        let summary = Summary::of(watched, now);
        let last_run = summary.last.as_ref().zip(summary.target.as_ref());
        let last_run = last_run.map(|(report, target)| probe::to_public_json(report, target));
        let minutes = past.cells(Span::Minute, Span::Minute.kept(), now);
        let hours = past.cells(Span::Hour, Span::Hour.kept(), now);
        let days = past.cells(Span::Day, DAYS, now);
        let (minute, day) = (Span::Minute.number(now), Span::Day.number(now));

        let mut windows = Vec::new();
        if past.is_detailed() {
            windows.push(Window::of("24 h", Span::Minute, &minutes, 24 * 60, now));
            windows.push(Window::of("7 d", Span::Hour, &hours, 7 * 24, now));
            windows.push(Window::of("30 d", Span::Hour, &hours, 30 * 24, now));
        } else {
            windows.push(Window::of("7 d", Span::Day, &days, 7, now));
            windows.push(Window::of("30 d", Span::Day, &days, 30, now));
        }
        windows.push(Window::of("90 d", Span::Day, &days, DAYS, now));

        let mut points: Vec<_> = (0..24 * 60 / POINT).rev().map(|back| (minute / POINT).saturating_sub(back)).collect();
        points.dedup();
        let points = points.into_iter().map(|n| {
            let mut sum = Cell::default();
            within(&minutes, n * POINT, n * POINT + POINT - 1).for_each(|cell| sum.merge(cell));
            (Span::Minute.start(n * POINT), sum)
        });
        let mut times = Sketch::default();
        for (_, cell) in &minutes {
            times.merge(&cell.times);
        }

        Self {
            windows,
            points: points.collect(),
            usual: past.usual_phases(now),
            times,
            days: each(&days, day, DAYS).map(|(n, cell)| (Span::Day.start(n), cell.map(|cell| cell.counts))).collect(),
            hour: each(&minutes, minute, 60).map(|(_, cell)| cell.cloned()).collect(),
            incidents: past.incidents(),
            failed: past.runs(),
            detailed: past.is_detailed(),
            summary,
            last_run,
        }
    }
}

impl Window {
    /// For programs: `24h`.
    pub(super) fn word(&self) -> String {
        self.name.replace(' ', "")
    }

    fn of(name: &'static str, span: Span, cells: &[(u32, Cell)], count: u32, now: SystemTime) -> Self {
        let last = span.number(now);
        let first = last.saturating_sub(count - 1);
        let mut counts = Counts::default();
        within(cells, first, last).for_each(|cell| counts.add(&cell.counts));
        let begin = cells.iter().map(|(number, _)| *number).find(|number| *number >= first);
        let watched = begin
            .filter(|begin| *begin > first)
            .map(|begin| Duration::from_secs(u64::from(last - begin + 1) * span.seconds()));
        Self { name, counts, watched }
    }
}

/// The cells from one number to another.
fn within(cells: &[(u32, Cell)], first: u32, last: u32) -> impl Iterator<Item = &Cell> {
    let place = |before: &dyn Fn(u32) -> bool| cells.partition_point(|(number, _)| before(*number));
    let (from, to) = (place(&|number| number < first), place(&|number| number <= last));
    cells[from..to].iter().map(|(_, cell)| cell)
}

/// The last `count` numbers, each with its cell if there is one.
fn each(cells: &[(u32, Cell)], last: u32, count: u32) -> impl Iterator<Item = (u32, Option<&Cell>)> {
    let numbers = last.saturating_sub(count - 1)..=last;
    numbers.map(|number| {
        let found = cells.binary_search_by_key(&number, |(number, _)| *number);
        (number, found.ok().map(|n| &cells[n].1))
    })
}

/// What is known of the last days alone, for a list.
pub(super) fn uptime(past: &Past, days: u32, now: SystemTime) -> Counts {
    let mut counts = Counts::default();
    past.cells(Span::Day, days, now).iter().for_each(|(_, cell)| counts.add(&cell.counts));
    counts
}
