//! The page `/3-shake-status`: what the last run found, in text. Its first line is the article's sentence, with the value
//! that its program never showed.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use metrics_core::Phase;
use probe::{RunReport, Watched};

pub(crate) fn text(watched: &Watched) -> String {
    render(watched.name(), watched.last().as_deref(), SystemTime::now())
}

fn render(target: &str, last: Option<&RunReport>, now: SystemTime) -> String {
    let mut text = format!("Last 3-shake.com access status: {}\n", last.map_or_else(|| "none yet".to_owned(), status));
    let Some(report) = last else {
        text.push_str(target);
        text.push_str(": the first run has not ended\n");
        return text;
    };
    let outcome = &report.outcome;
    let total = milliseconds(outcome.total);
    // The clock may have been set back since.
    let age = now.duration_since(outcome.at).unwrap_or_default().as_secs();
    // Writing to a String cannot fail.
    let _ = match outcome.reason {
        None => writeln!(text, "{target} is up: {total}, {age} s ago"),
        Some(reason) => {
            let detail = report.failure.as_ref().map(|failure| &failure.detail[..]).unwrap_or_default();
            writeln!(text, "{target} is down: {reason} after {total}, {age} s ago ({detail})")
        }
    };
    let phases = Phase::ALL.iter().zip(outcome.phases);
    let phases = phases.filter_map(|(phase, time)| Some(format!("{phase} {}", milliseconds(time?))));
    let _ = writeln!(text, "{}", phases.collect::<Vec<_>>().join(", "));
    for hop in &report.hops {
        let status = hop.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let address = hop.address.map(|address| format!(" ({address})")).unwrap_or_default();
        let _ = writeln!(text, "{status} {}{address}", hop.shown());
    }
    text
}

fn status(report: &RunReport) -> String {
    match (report.outcome.status, report.outcome.reason) {
        (Some(status), _) => status.to_string(),
        (None, Some(reason)) => format!("none ({reason})"),
        (None, None) => "none".to_owned(),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
