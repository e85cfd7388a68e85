//! The server's books beside the clients'.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::ledger::{Requests, Route};
use crate::subject::Subject;

const REQUESTS: &str = "http_requests_total";
/// Nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(20);

fn by_route(metrics: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    metrics
        .iter()
        .filter(|(series, _)| series.starts_with(REQUESTS))
        .map(|(series, value)| (series.clone(), *value))
        .collect()
}

fn series((method, path): Route) -> String {
    format!("{REQUESTS}{{method=\"{method}\",path=\"{path}\"}}")
}

/// While clients come and go: no count is below what was answered before, above what has been begun since, or lower than it was.
pub(crate) struct Bounds(BTreeMap<String, f64>);

impl Bounds {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn hold(&mut self, subject: &Subject) -> Result<()> {
        let before = subject.ledger.now();
        let start = Instant::now();
        loop {
            let counted = by_route(&subject.metrics(&[REQUESTS])?);
            let after = subject.ledger.now();
            let value = |route: Route| counted.get(&series(route)).copied().unwrap_or_default();
            for (route, requests) in &after {
                let counted = value(*route);
                ensure!(counted <= requests.begun as f64, "{route:?}: {counted} are counted of {}", requests.begun);
            }
            for (series, was) in &self.0 {
                let is = counted.get(series).copied().unwrap_or_default();
                ensure!(is >= *was, "{series} fell from {was} to {is}");
            }
            // A request may be counted a little after its client has the answer.
            let behind = before.iter().find(|(route, requests)| value(**route) < requests.ended as f64);
            let Some((route, Requests { ended, .. })) = behind else {
                self.0 = counted;
                return Ok(());
            };
            ensure!(start.elapsed() < PATIENCE, "{route:?}: {} are counted of {ended} answered", value(*route));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// When all clients have gone: each route has as many requests as they asked for, and each request one end.
pub(crate) fn is_exact(subject: &Subject) -> Result<u64> {
    let start = Instant::now();
    loop {
        let asked = subject.ledger.now();
        let total: u64 = asked.values().map(|requests| requests.begun).sum();
        // This very scrape is in no book yet.
        let metrics = subject.metrics(&[
            REQUESTS,
            "http_responses_total",
            "http_requests_aborted_total",
            "http_request_duration_seconds",
            "http_request_size_bytes",
            "http_response_size_bytes",
            "actix_exporter_connections_rejected_total",
            "actix_exporter_handler_panics_total",
        ])?;
        let sum = |prefix: &str| -> f64 {
            metrics.iter().filter(|(series, _)| series.starts_with(prefix)).map(|(_, value)| value).sum()
        };
        let counted = by_route(&metrics);
        let mut differ: Vec<String> = asked
            .iter()
            .filter_map(|(route, Requests { begun, ended })| {
                let counted = counted.get(&series(*route)).copied().unwrap_or_default();
                let exact = begun == ended && (counted - *begun as f64).abs() < 0.5;
                (!exact).then(|| format!("{route:?}: {begun} asked, {ended} answered, {counted} counted"))
            })
            .collect();
        let ends = sum("http_responses_total{") + sum("http_requests_aborted_total{");
        for (what, value) in [
            ("all routes", sum(&format!("{REQUESTS}{{"))),
            ("responses and aborted requests", ends),
            ("durations", sum("http_request_duration_seconds_count{")),
            ("sizes of requests", sum("http_request_size_bytes_count{")),
            ("sizes of responses", sum("http_response_size_bytes_count{")),
        ] {
            if (value - total as f64).abs() > 0.5 {
                differ.push(format!("{what}: {value} of {total}"));
            }
        }
        if differ.is_empty() {
            let refused = sum("actix_exporter_connections_rejected_total") + sum("actix_exporter_handler_panics_total");
            ensure!(refused < 0.5, "{refused} connections were rejected, or handlers panicked");
            return Ok(total);
        }
        if start.elapsed() > PATIENCE {
            bail!("the {} server's books and the clients' differ: {}", subject.name, differ.join("; "));
        }
        thread::sleep(Duration::from_millis(100));
    }
}
