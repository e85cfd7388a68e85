//! Many runs: a line for each, and what they have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_core::{Phase, Reason};
use probe::{Phases, RunReport, Url};
use serde_json::{Map, Value, json};

use super::args::Repeat;
use super::report::milliseconds;
use super::terminal::{Page, Paint, Terminal};

/// Of a column; `processing` is longer.
const WIDTH: usize = 8;
/// Times of all runs are written alike.
const LONG: Duration = Duration::ZERO;

/// What is kept of the runs so far.
#[derive(Default)]
pub(crate) struct Summary {
    totals: Vec<Duration>,
    phases: [Vec<Duration>; Phase::ALL.len()],
    failures: BTreeMap<(Reason, Option<Phase>), u32>,
}

/// What is said of many times: [`FIGURES`].
type Spread = [Duration; FIGURES.len()];

/// The median of an even number is the mean of the middle two; p95 is the least of the times that 95 % do not exceed.
const FIGURES: [&str; 4] = ["min", "median", "p95", "max"];

impl Summary {
    pub(crate) fn add(&mut self, report: &RunReport) {
        self.totals.push(report.outcome.total);
        for (times, time) in self.phases.iter_mut().zip(report.outcome.phases) {
            times.extend(time);
        }
        if let Some(failure) = &report.failure {
            *self.failures.entry((failure.reason, failure.phase)).or_default() += 1;
        }
    }

    pub(crate) fn runs(&self) -> usize {
        self.totals.len()
    }

    pub(crate) fn down(&self) -> usize {
        self.failures.values().map(|count| *count as usize).sum()
    }

    /// The most frequent first.
    fn failures(&self) -> Vec<((Reason, Option<Phase>), u32)> {
        let mut failures: Vec<_> = self.failures.iter().map(|(what, count)| (*what, *count)).collect();
        failures.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        failures
    }

    pub(crate) fn json(&self, url: &Url, planned: u32) -> Value {
        let phases = Phase::ALL.iter().zip(&self.phases);
        let phases = phases.filter_map(|(phase, times)| Some((phase.to_string(), spread_json(times)?)));
        let failures = self.failures().into_iter().map(|((reason, phase), count)| {
            json!({ "reason": reason.as_str(), "phase": phase.map(Phase::as_str), "count": count })
        });
        json!({
            "version": 1,
            "kind": "summary",
            "url": url.as_str(),
            "planned": planned,
            "runs": self.runs(),
            "up": self.runs() - self.down(),
            "down": self.down(),
            "total_seconds": spread_json(&self.totals),
            "phases": phases.collect::<Map<_, _>>(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn text(&self, planned: u32, terminal: Terminal) -> String {
        let mut page = Page::new(terminal);
        if let Some(total) = spread(&self.totals) {
            let phases = self.phases.each_ref().map(|times| spread(times));
            page.end_line();
            for (n, figure) in FIGURES.iter().enumerate() {
                times(&mut page, figure, &phases.map(|phase| Some(phase?[n])), total[n]);
                page.end_line();
            }
            page.end_line();
        }
        let (runs, up) = (self.runs(), self.runs() - self.down());
        let paint = if up == runs { Paint::Good } else { Paint::Bad };
        page.put(paint, &format!("up {up} of {runs}"));
        if runs < planned as usize {
            page.put(Paint::Dim, &format!(" ({planned} were asked for)"));
        }
        page.end_line();
        for ((reason, phase), count) in self.failures() {
            let phase = phase.map(|phase| format!(" in {phase}")).unwrap_or_default();
            page.put(Paint::Bad, &format!("down {count}")).put(Paint::Plain, &format!(": {reason}{phase}")).end_line();
        }
        page.into_text()
    }
}

fn spread(times: &[Duration]) -> Option<Spread> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2;
    Some([min, median, sorted[(sorted.len() * 95).div_ceil(100) - 1], max])
}

fn spread_json(times: &[Duration]) -> Option<Value> {
    let figures = FIGURES.iter().zip(spread(times)?);
    Some(figures.map(|(figure, time)| ((*figure).to_owned(), Value::from(time.as_nanos() as f64 / 1e9))).collect())
}

/// What stands above the lines.
pub(crate) fn heading(url: &Url, repeat: Repeat, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    let interval = humantime::format_duration(repeat.interval);
    page.put(Paint::Bold, url.as_str()).end_line();
    page.put(Paint::Dim, &format!("{} runs, one every {interval}; times in ms", repeat.runs)).end_line();
    page.end_line();
    page.put(Paint::Dim, &format!("{:>7}", "run"));
    for (n, phase) in Phase::ALL.iter().enumerate() {
        page.put(Paint::Plain, "  ").put(Paint::Phase(n), &format!("{:>WIDTH$}", phase.as_str()));
    }
    page.put(Paint::Bold, &format!("  {:>WIDTH$}", "total")).end_line();
    page.into_text()
}

/// One run, the `n`th.
pub(crate) fn line(n: u32, report: &RunReport, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    times(&mut page, &n.to_string(), &report.outcome.phases, report.outcome.total);
    match &report.failure {
        None => {
            let status = report.outcome.status.map(|status| format!(" {status}")).unwrap_or_default();
            page.put(Paint::Good, "  up").put(Paint::Plain, &status);
        }
        Some(failure) => {
            page.put(Paint::Bad, "  down").put(Paint::Plain, &format!(" {}", failure.reason));
        }
    }
    page.end_line();
    page.into_text()
}

fn times(page: &mut Page, label: &str, phases: &Phases, total: Duration) {
    page.put(Paint::Dim, &format!("{label:>7}"));
    for (phase, time) in Phase::ALL.iter().zip(phases) {
        let time = time.map_or_else(|| "-".to_owned(), |time| milliseconds(time, LONG));
        page.put(Paint::Plain, &format!("  {time:>width$}", width = phase.as_str().len().max(WIDTH)));
    }
    page.put(Paint::Bold, &format!("  {:>WIDTH$}", milliseconds(total, LONG)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_many_times() {
        let ms = |times: &[u64]| times.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>();
        let hundred: Vec<_> = (1..=100).rev().collect();
        for (times, figures) in [
            (&[][..], None),
            (&[7], Some([7, 7, 7, 7])),
            (&[30, 10], Some([10, 20, 30, 30])),
            (&[3, 1, 2], Some([1, 2, 3, 3])),
            (&hundred, Some([1, 50, 95, 100])),
        ] {
            let rounded = spread(&ms(times)).map(|spread| spread.map(|time| time.as_millis()));
            assert_eq!(rounded, figures, "{times:?}");
        }
    }

    #[test]
    fn a_summary_of_nothing_has_no_figures() {
        let url = probe::parse_url("http://a.test").unwrap();
        let summary = Summary::default();
        assert_eq!(
            summary.text(3, Terminal { width: 80, unicode: true, color: false }),
            "up 0 of 0 (3 were asked for)\n"
        );
        assert_eq!(summary.json(&url, 3)["total_seconds"], Value::Null);
    }
}
