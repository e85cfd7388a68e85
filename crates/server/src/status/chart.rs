//! The pictures of a page in numbers: the templates draw them as SVG, and each has its values in words beside it.

use std::time::Duration;

use metrics_core::Phase;
use probe::{Cell, Counts, Phases};

use super::run::Run;
use super::words;

/// A day.
pub(super) struct Bar {
    pub(super) x: usize,
    /// `up`, `partly`, `down` or `none`: colour and shape.
    pub(super) class: &'static str,
    /// How much of its height is failed.
    pub(super) failed: f64,
    pub(super) title: String,
}

/// Of a bar.
pub(super) const BAR_HEIGHT: f64 = 36.0;
/// From one bar to the next.
pub(super) const BAR_STEP: usize = 8;

/// The bars of days, and what they show in words.
pub(super) fn bars(days: &[(i64, Option<Counts>)]) -> (Vec<Bar>, String) {
    let bars: Vec<_> =
        days.iter().enumerate().map(|(n, (start, counts))| bar(n * BAR_STEP, *start, counts.as_ref())).collect();
    let of = |class: &str| bars.iter().filter(|bar| bar.class == class).count();
    let (up, partly, down, none) = (of("up"), of("partly"), of("down"), of("none"));
    let summary = format!("{} days: {up} up, {partly} partly up, {down} down, {none} without data", bars.len());
    (bars, summary)
}

fn bar(x: usize, start: i64, counts: Option<&Counts>) -> Bar {
    let date = words::date(start);
    let Some((counts, uptime)) = counts.and_then(|counts| Some((counts, counts.uptime()?))) else {
        return Bar { x, class: "none", failed: 0.0, title: format!("{date}: no data") };
    };
    let class = match (counts.good, counts.failed) {
        // Of a day that is unknown but for a run or two nothing is known.
        (0, failed) if failed <= counts.unknown => "none",
        (0, _) => "down",
        (_, 0) => "up",
        _ => "partly",
    };
    let mut title =
        format!("{date}: {} up, {} of {} runs good", words::percent(uptime), counts.good, counts.scheduled());
    for (count, word) in [(counts.failed, "failed"), (counts.slow, "slow"), (counts.unknown, "unknown")] {
        if count > 0 {
            title = format!("{title}, {count} {word}");
        }
    }
    let share = f64::from(counts.failed) / (f64::from(counts.failed) + f64::from(counts.good)).max(1.0);
    // What is little is seen all the same.
    let failed = if counts.failed > 0 { (share * BAR_HEIGHT).max(4.0) } else { 0.0 };
    Bar { x, class, failed, title }
}

/// The curves of latency. Everything is in the units of a picture of [`WIDTH`] × [`HEIGHT`].
pub(super) struct Latency {
    /// Paths of SVG.
    pub(super) p50: String,
    pub(super) p95: String,
    /// The longest of each point; one that is beyond the picture is at its top.
    pub(super) max: Vec<Mark>,
    /// Where runs failed.
    pub(super) failed: Vec<Mark>,
    /// What its lines stand for, from the top.
    pub(super) scale: [String; 3],
}

pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Longer than the picture is high.
    pub(super) is_beyond: bool,
    pub(super) title: String,
}

pub(super) const WIDTH: f64 = 720.0;
pub(super) const HEIGHT: f64 = 140.0;

/// `None` where no run succeeded.
pub(super) fn latency(points: &[(i64, Cell)]) -> Option<Latency> {
    let quantile = |cell: &Cell, q| cell.times.quantile(q);
    let highest = points.iter().filter_map(|(_, cell)| quantile(cell, 0.95)).max()?;
    let longest = points.iter().filter_map(|(_, cell)| cell.times.max()).max().unwrap_or(highest);
    // One that took very long must not press the others flat.
    let top = round_up(longest.min(highest * 3));
    let x = |n: usize| WIDTH * (n as f64 + 0.5) / points.len() as f64;
    let y = |time: Duration| HEIGHT * (1.0 - time.as_secs_f64() / top.as_secs_f64()).clamp(0.0, 1.0);
    let path = |q| {
        let mut path = String::new();
        let mut pen_is_down = false;
        for (n, (_, cell)) in points.iter().enumerate() {
            let time = quantile(cell, q);
            if let Some(time) = time {
                // A point by itself is a short line.
                let to = if pen_is_down { "L" } else { "M" };
                path = format!("{path}{to}{:.1} {:.1}h.1", x(n), y(time));
            }
            pen_is_down = time.is_some();
        }
        path
    };
    let mark = |n: usize, y: f64, is_beyond, title| Mark { x: x(n), y, is_beyond, title };
    let longest = |(n, (start, cell)): (usize, &(i64, Cell))| {
        let max = cell.times.max()?;
        Some(mark(n, y(max), max > top, format!("{}: longest {}", words::date_time(start * 1000), words::latency(max))))
    };
    let failed = |(n, (start, cell)): (usize, &(i64, Cell))| {
        let failed = cell.counts.failed;
        let title = format!("{}: {failed} failed", words::date_time(start * 1000));
        (failed > 0).then(|| mark(n, HEIGHT + 4.0, false, title))
    };
    Some(Latency {
        p50: path(0.5),
        p95: path(0.95),
        max: points.iter().enumerate().filter_map(longest).collect(),
        failed: points.iter().enumerate().filter_map(failed).collect(),
        scale: [1.0, 0.5, 0.0].map(|share| words::latency(top.mul_f64(share))),
    })
}

/// To 1, 2 or 5 times a power of ten.
fn round_up(time: Duration) -> Duration {
    let seconds = time.as_secs_f64().max(1e-6);
    let power = 10f64.powf(seconds.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= seconds * 0.999).unwrap_or(10.0);
    Duration::from_secs_f64(step * power)
}

/// A phase of a run on the axis of the whole run.
pub(super) struct Step {
    /// Number of the hop, where there are several.
    pub(super) hop: Option<usize>,
    pub(super) phase: &'static str,
    /// In shares of the axis, as its width.
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) time: String,
    /// The same as usual.
    pub(super) usual_width: Option<f64>,
    pub(super) usual: Option<String>,
    /// Much longer than usual.
    pub(super) is_long: bool,
}

/// The phases of a run one below the other.
#[derive(Default)]
pub(super) struct Waterfall {
    pub(super) steps: Vec<Step>,
    pub(super) has_hops: bool,
    pub(super) has_usual: bool,
}

pub(super) fn waterfall(run: &Run, usual: &Phases) -> Waterfall {
    let total = run.total_seconds.max(1e-9);
    let mut steps = Vec::new();
    for (n, hop) in run.hops.iter().enumerate() {
        let mut start = hop.start_seconds;
        for phase in Phase::ALL {
            let Some(seconds) = hop.phases.get(phase.as_str()).copied() else { continue };
            // What is usual is of a whole run.
            let usual = usual[*phase as usize].filter(|_| run.hops.len() == 1);
            steps.push(Step {
                hop: (run.hops.len() > 1).then_some(n + 1),
                phase: phase.as_str(),
                x: (start / total).clamp(0.0, 1.0) * 100.0,
                width: (seconds / total).clamp(0.004, 1.0) * 100.0,
                time: words::latency(words::seconds(seconds)),
                usual_width: usual.map(|usual| (usual.as_secs_f64() / total).clamp(0.004, 1.0) * 100.0),
                usual: usual.map(words::latency),
                is_long: usual.is_some_and(|usual| seconds > 3.0 * usual.as_secs_f64() && seconds > 0.01),
            });
            start += seconds;
        }
    }
    let has_usual = steps.iter().any(|step| step.usual.is_some());
    Waterfall { steps, has_hops: run.hops.len() > 1, has_usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_data_is_never_up_and_little_failure_is_seen() {
        let day = |good, failed, unknown| Counts { good, slow: 0, failed, unknown };
        for (counts, class, height) in [
            (None, "none", 0.0),
            (Some(day(0, 0, 0)), "none", 0.0),
            (Some(day(0, 0, 9)), "none", 0.0),
            (Some(day(9, 0, 9)), "up", 0.0),
            (Some(day(0, 1, 9)), "none", BAR_HEIGHT),
            (Some(day(0, 9, 1)), "down", BAR_HEIGHT),
            (Some(day(9, 9, 0)), "partly", BAR_HEIGHT / 2.0),
            (Some(day(9_999, 1, 0)), "partly", 4.0),
        ] {
            let bar = bar(0, 0, counts.as_ref());
            assert!(
                bar.class == class && (bar.failed - height).abs() < 1e-9,
                "{counts:?}: {} {}",
                bar.class,
                bar.failed
            );
        }
        let title = bar(0, 86_400, Some(&Counts { good: 3, slow: 1, failed: 1, unknown: 1 })).title;
        assert_eq!(title, "1970-01-02: 60.00 % up, 3 of 5 runs good, 1 failed, 1 slow, 1 unknown");
        let days = [(0, None), (86_400, Some(day(1, 0, 0)))];
        assert_eq!(bars(&days).1, "2 days: 1 up, 0 partly up, 0 down, 1 without data");
    }

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (ms, top) in [(1.0, 1.0), (1.1, 2.0), (143.0, 200.0), (201.0, 500.0), (600.0, 1000.0), (9_500.0, 10_000.0)]
        {
            let rounded = round_up(Duration::from_secs_f64(ms / 1e3)).as_secs_f64() * 1e3;
            assert!((rounded / top - 1.0).abs() < 1e-9, "{ms}: {rounded}");
        }
    }

    #[test]
    fn where_no_run_succeeded_there_is_no_curve() {
        assert!(latency(&[]).is_none() && latency(&[(0, Cell::default())]).is_none());
    }
}
