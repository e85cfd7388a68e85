//! A target in at most ten lines of text. The first is the article's sentence, with the value that its program never showed.

use std::fmt::Write;
use std::time::Duration;

use metrics_core::Phase;
use probe::{Cell, RunReport};

use super::certificate::Leaf;
use super::summary::Summary;
use super::view::{View, Window};
use super::words;

/// The article's.
const OF_PRIMARY: &str = "Last 3-shake.com access status: ";
/// A block for each minute, by eighths.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The first line.
pub(super) enum Opening {
    /// The article's, whatever the primary target is.
    Primary,
    /// The same of another target.
    Named,
}

pub(super) fn nobody() -> String {
    format!("{OF_PRIMARY}none yet\nno target is configured: nobody is asked\n")
}

pub(super) fn text(view: &View, opening: &Opening) -> String {
    let summary = &view.summary;
    let mut text = match opening {
        Opening::Primary => OF_PRIMARY.to_owned(),
        Opening::Named => format!("Last {} access status: ", summary.title()),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", status(summary.last.as_deref()));
    let _ = writeln!(text, "{} {}", summary.title(), summary.sentence());
    if let Some((word, detail)) = summary.reason_word().zip(summary.detail()) {
        let age = summary.last_age().unwrap_or_default();
        let _ = writeln!(text, "why: {word}: {detail}, {age}");
    }
    if let Some(standing) = summary.standing() {
        let _ = writeln!(text, "{standing}");
    }
    let windows = view.windows.iter().map(window).collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "uptime, of the runs that were due: {windows}");
    if view.detailed {
        let _ = writeln!(text, "last hour: {}", sparkline(&view.hour));
    }
    if let (Some(p50), Some(p95), Some(max)) = (view.times.quantile(0.5), view.times.quantile(0.95), view.times.max()) {
        let [p50, p95, max] = [p50, p95, max].map(words::latency);
        let _ = writeln!(text, "24 h: p50 {p50}, p95 {p95}, max {max}");
    }
    if let Some(last) = &summary.last {
        let phases = Phase::ALL.iter().zip(last.outcome.phases);
        let phases = phases.filter_map(|(phase, time)| Some(format!("{phase} {}", words::latency(time?))));
        let phases = phases.collect::<Vec<_>>().join(", ");
        let phases = if phases.is_empty() { "it ended before it began" } else { &phases };
        let _ = writeln!(text, "last run: {phases}{}", redirects(last));
    }
    if let Some(leaf) = Leaf::of(view) {
        let _ = writeln!(text, "certificate: {}", leaf.sentence());
    }
    // The one that lasts is said above.
    if let Some((start, incident)) = view.incidents.iter().find(|(_, incident)| incident.end.is_some()) {
        let long = words::lasting(words::between(*start, incident.end.unwrap_or(*start)));
        let reason = incident.reasons.first().map(|(word, _)| words::reason(word, None)).unwrap_or_default();
        let start = words::date_time(*start);
        let _ = writeln!(text, "last incident: {start}, {long}: {reason}");
    }
    text
}

/// Where it was led, if it was.
fn redirects(report: &RunReport) -> String {
    let [first, others @ ..] = &report.hops[..] else { return String::new() };
    let status = first.status.map(|status| status.to_string()).unwrap_or_default();
    let led = others.iter().map(|hop| words::short(hop.shown(), 100)).collect::<Vec<_>>().join(" to ");
    if led.is_empty() { led } else { format!("; {status} {} to {led}", words::short(first.shown(), 100)) }
}

fn status(report: Option<&RunReport>) -> String {
    let Some(report) = report else { return "none yet".to_owned() };
    match (report.outcome.status, report.outcome.reason) {
        (Some(status), _) => status.to_string(),
        (None, Some(reason)) => format!("none ({reason})"),
        (None, None) => "none".to_owned(),
    }
}

/// `24 h 99.93 % of 1440`.
fn window(window: &Window) -> String {
    let counts = &window.counts;
    match counts.uptime() {
        Some(share) => format!("{} {} of {}", window.name, words::percent(share), counts.scheduled()),
        None => format!("{} no data", window.name),
    }
}

/// The longest run of each minute, beside the longest of all; `×` where one failed, `?` where it is not known, `·` where none was due.
fn sparkline(hour: &[Option<Cell>]) -> String {
    let longest = hour.iter().flatten().filter_map(|cell| cell.times.max()).max().unwrap_or_default();
    hour.iter()
        .map(|cell| match cell {
            None => '·',
            Some(cell) if cell.counts.failed > 0 => '×',
            Some(cell) => cell.times.max().map_or('?', |time| block(time, longest)),
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
fn block(time: Duration, longest: Duration) -> char {
    let share = time.as_secs_f64() / longest.as_secs_f64().max(f64::MIN_POSITIVE);
    BLOCKS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
}

/// One line for each target that is listed.
pub(super) fn list(found: &[Summary], all: usize) -> String {
    let count = found.len();
    let mut text = if count == all { format!("{all} targets\n") } else { format!("{count} of {all} targets\n") };
    for summary in found {
        let _ = writeln!(text, "{} {}", summary.title(), summary.sentence());
    }
    text
}
