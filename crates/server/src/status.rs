//! The page `/3-shake-status`: what the last run found, in text. Its first line is the article's sentence, with the value
//! that its program never showed.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use metrics_core::Phase;
use probe::{RunReport, State, Watched};

/// The article's.
const SENTENCE: &str = "Last 3-shake.com access status: ";

pub(crate) fn text(primary: Option<&Watched>) -> String {
    match primary {
        Some(primary) => {
            let last = primary.last();
            render(primary.name(), last.as_deref().map(|last| (last, primary.state())), SystemTime::now())
        }
        None => format!("{SENTENCE}none yet\nno target is configured: nobody is asked\n"),
    }
}

/// What the last run found, and what that makes of the target.
fn render(target: &str, last: Option<(&RunReport, State)>, now: SystemTime) -> String {
    let Some((report, state)) = last else {
        return format!("{SENTENCE}none yet\n{target}: the first run has not ended\n");
    };
    let mut text = format!("{SENTENCE}{}\n", status(report));
    let outcome = &report.outcome;
    let total = milliseconds(outcome.total);
    // The clock may have been set back since.
    let age = now.duration_since(outcome.at).unwrap_or_default().as_secs();
    // Writing to a String cannot fail.
    let _ = match outcome.reason {
        None => {
            let state = if state == State::Slow { "slow" } else { "up" };
            writeln!(text, "{target} is {state}: {total}, {age} s ago")
        }
        Some(reason) => {
            let detail = report.failure.as_ref().map(|failure| &failure.detail[..]).unwrap_or_default();
            let (state, hint) =
                if state == State::Unknown { ("unknown", "this prober reaches nobody; ") } else { ("down", "") };
            writeln!(text, "{target} is {state}: {reason} after {total}, {age} s ago ({hint}{detail})")
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
