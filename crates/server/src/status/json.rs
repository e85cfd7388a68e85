//! Targets for programs. Names and meanings are those of docs/status.md and its schema; the version changes when one of them does, not when
//! something new comes in. There is nothing in it that changes with the time of day alone, so that an ETag holds until the next run.

use probe::{Counts, Incident, Sketch};
use serde::Serialize;
use serde_json::{Value, json};

use super::summary::Summary;
use super::view::View;
use super::words;

const VERSION: u32 = 1;

pub(super) fn target(view: &View) -> Value {
    let summary = &view.summary;
    let mut value = json!(Known::of(summary));
    value["version"] = VERSION.into();
    value["kind"] = "status".into();
    let target = summary.target.as_ref();
    value["interval_seconds"] = target.map(|target| target.interval.as_secs_f64()).into();
    value["slow_after_seconds"] = target.and_then(|target| target.slow_after).map(|limit| limit.as_secs_f64()).into();
    value["detail"] = summary.detail().into();
    value["uptime"] = view
        .windows
        .iter()
        .map(|window| {
            let mut value = counts(&window.counts);
            value["window"] = window.word().into();
            value["watched_seconds"] = window.watched.map(|watched| watched.as_secs()).into();
            value
        })
        .collect();
    value["latency_24h"] = latency(&view.times);
    value["days"] = view
        .days
        .iter()
        .filter_map(|(start, day)| {
            let mut value = counts(day.as_ref()?);
            value["date"] = words::date(*start).into();
            Some(value)
        })
        .collect();
    value["incidents"] = view.incidents.iter().map(|(start, incident)| self::incident(*start, incident)).collect();
    value["failed_runs"] = view.failed.iter().map(|(at, id)| json!({ "id": id, "at": words::rfc3339(*at) })).collect();
    value["last_run"] = view.last_run.clone().unwrap_or_default();
    value
}

/// Of the primary, where there is none.
pub(super) fn nobody() -> Value {
    json!({ "version": VERSION, "kind": "status", "target": null, "state": "pending" })
}

/// The list, written at once: it may be long.
#[derive(Serialize)]
pub(super) struct List<'a> {
    version: u32,
    kind: &'static str,
    all: usize,
    targets: Vec<Known<'a>>,
}

/// What is said of a target in both.
#[derive(Serialize)]
struct Known<'a> {
    target: &'a str,
    url: Option<String>,
    state: &'static str,
    since: Option<String>,
    reason: Option<&'static str>,
    status: Option<u16>,
    total_seconds: Option<f64>,
    at: Option<String>,
}

pub(super) fn list(found: &[Summary], all: usize) -> List<'_> {
    List { version: VERSION, kind: "targets", all, targets: found.iter().map(Known::of).collect() }
}

impl<'a> Known<'a> {
    fn of(summary: &'a Summary) -> Self {
        let outcome = summary.last.as_ref().map(|last| &last.outcome);
        Self {
            target: &summary.name,
            url: summary.target.as_ref().map(|target| target.shown_url()),
            state: summary.word(),
            since: summary.since.map(words::rfc3339),
            reason: summary.reason_word(),
            status: outcome.and_then(|outcome| outcome.status),
            total_seconds: outcome.map(|outcome| outcome.total.as_secs_f64()),
            at: outcome.map(|outcome| words::rfc3339(probe::unix_ms(outcome.at))),
        }
    }
}

fn counts(counts: &Counts) -> Value {
    json!({
        "uptime": counts.uptime(),
        "scheduled": counts.scheduled(),
        "good": counts.good,
        "slow": counts.slow,
        "failed": counts.failed,
        "unknown": counts.unknown,
    })
}

fn latency(times: &Sketch) -> Value {
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "p50_seconds": seconds(times.quantile(0.5)),
        "p95_seconds": seconds(times.quantile(0.95)),
        "max_seconds": seconds(times.max()),
    })
}

fn incident(start: i64, incident: &Incident) -> Value {
    let reasons: Vec<_> = incident.reasons.iter().map(|(word, runs)| json!({ "reason": word, "runs": runs })).collect();
    json!({
        "start": words::rfc3339(start),
        "end": incident.end.map(words::rfc3339),
        "seconds": incident.end.map(|end| words::between(start, end).as_secs()),
        "failed_runs": incident.failed,
        "reasons": reasons,
        "detail": incident.detail,
        "run": Some(&incident.run).filter(|run| !run.is_empty()),
    })
}
