//! What a scrape says, and the books that it must agree with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_core::HttpMetrics;
use metrics_core::prometheus::{Registry, TextEncoder};

use crate::case::{Counted, End, Sent};
use crate::kit::{Labels, series};

pub(crate) fn registered() -> (Registry, HttpMetrics) {
    let registry = Registry::new();
    let http = HttpMetrics::register(&registry).unwrap();
    (registry, http)
}

pub(crate) const HISTOGRAMS: [&str; 3] =
    ["http_request_duration_seconds", "http_request_size_bytes", "http_response_size_bytes"];

/// An exposition, parsed by the letter of the text format.
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Scrape {
    pub(crate) fn of(registry: &Registry) -> Self {
        Self::parse(TextEncoder::new().encode_to_string(&registry.gather()).unwrap())
    }

    pub(crate) fn parse(text: String) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Self { text, samples }
    }

    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The value of the one series with this name and exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut found = self.named(name).filter(|sample| sample.labels == labels).map(|sample| sample.value);
        let value = found.next();
        assert_eq!(found.next(), None, "a series twice: {name} {labels:?}");
        value
    }

    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.named(name).map(|sample| sample.value).sum()
    }

    pub(crate) fn in_flight(&self) -> f64 {
        self.value("http_requests_in_flight", &[]).unwrap()
    }

    /// T11: at rest every family has counted the same exchanges, and nothing is in flight.
    pub(crate) fn at_rest(&self, requests: u64) -> Result<(), String> {
        let requests = requests as f64;
        let counts = HISTOGRAMS.map(|family| self.sum(&format!("{family}_count")));
        let ended = self.sum("http_responses_total") + self.sum("http_requests_aborted_total");
        let found = (self.sum("http_requests_total"), counts, ended, self.in_flight());
        let expected = (requests, [requests; 3], requests, 0.0);
        ensure(found == expected, || format!("T11: {found:?} instead of {expected:?}\n{}", self.text))
    }

    /// V9 and L10: what holds of each sample at all times.
    pub(crate) fn sane(&self) -> Result<(), String> {
        let known = ["method", "path", "code", "cause", "le"];
        for sample in &self.samples {
            ensure(sample.value.is_finite() && sample.value >= 0.0, || format!("V9: {sample:?}"))?;
            ensure(sample.labels.keys().all(|label| known.contains(&&**label)), || format!("L10: {sample:?}"))?;
            if let Some(path) = sample.labels.get("path") {
                let constant = path == "unmatched" || path == "overflow";
                ensure(constant || path.starts_with('/'), || format!("neither a pattern nor a constant: {sample:?}"))?;
            }
        }
        Ok(())
    }
}

pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn sample(line: &str) -> Sample {
    let (name, labels, value) = series(line);
    let value = value.strip_prefix(' ').and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("value: {line}"));
    Sample { name, labels, value }
}

/// What must have been counted.
#[derive(Default)]
pub(crate) struct Books {
    rows: BTreeMap<(&'static str, &'static str), Vec<Counted>>,
    requests: u64,
}

impl Books {
    /// Enters an exchange of whose body the client saw so many bytes.
    pub(crate) fn enter(&mut self, counted: &Counted, seen: usize) {
        let mut counted = counted.clone();
        if counted.sent == Sent::AsSeen {
            counted.sent = Sent::Exactly(seen as u64);
        }
        self.rows.entry((counted.method, counted.path)).or_default().push(counted);
        self.requests += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (labels, row) in other.rows {
            self.rows.entry(labels).or_default().extend(row);
        }
        self.requests += other.requests;
    }

    /// Waits until all of it has been recorded: a client may see its answer a moment before that.
    pub(crate) async fn agree_in_time(&self, registry: &Registry) -> Result<Scrape, String> {
        for _ in 0..600 {
            let scrape = Scrape::of(registry);
            if scrape.sum("http_requests_total") >= self.requests as f64 && scrape.in_flight() == 0.0 {
                break;
            }
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
        let scrape = Scrape::of(registry);
        self.agree(&scrape).map(|()| scrape)
    }

    /// The scrape shows these exchanges and no other.
    pub(crate) fn agree(&self, scrape: &Scrape) -> Result<(), String> {
        scrape.sane()?;
        let labels = |sample| -> (String, String) { (Self::label(sample, "method"), Self::label(sample, "path")) };
        let met = scrape.named("http_requests_total").filter(|sample| sample.value > 0.0).map(labels);
        let met: BTreeSet<_> = met.collect();
        let expected = self.rows.keys().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
        ensure(met == expected, || format!("counted as {met:?} instead of {expected:?}"))?;
        scrape.at_rest(self.requests)?;
        self.rows.iter().try_for_each(|((method, path), row)| agree(scrape, method, path, row))
    }

    fn label(sample: &Sample, name: &str) -> String {
        sample.label(name).to_owned()
    }
}

/// The series of one method and path show these exchanges.
fn agree(scrape: &Scrape, method: &str, path: &str, row: &[Counted]) -> Result<(), String> {
    let labels = [("method", method), ("path", path)];
    let is = |name: &str, more: &[(&str, &str)], expected: usize| {
        let found = scrape.value(name, &[&labels[..], more].concat()).unwrap_or_default();
        ensure(found == expected as f64, || format!("{name} {labels:?} {more:?} is {found}, not {expected}"))
    };
    is("http_requests_total", &[], row.len())?;
    for family in HISTOGRAMS {
        is(&format!("{family}_count"), &[], row.len())?;
    }
    // Every code and cause there is, so that none is counted beside those expected; T11 has the sum of all.
    for end in row.iter().map(|counted| counted.end).collect::<BTreeSet<_>>() {
        let times = row.iter().filter(|counted| counted.end == end).count();
        match end {
            End::Code(code) => is("http_responses_total", &[("code", &code.to_string())], times)?,
            End::Cause(cause) => is("http_requests_aborted_total", &[("cause", cause)], times)?,
        }
    }
    let received: Vec<_> = row.iter().map(|counted| Sent::Exactly(counted.received)).collect();
    let sent: Vec<_> = row.iter().map(|counted| counted.sent).collect();
    sizes(scrape, "http_request_size_bytes", &labels, &received)?;
    sizes(scrape, "http_response_size_bytes", &labels, &sent)?;
    // A request without a response has no time of one. Panics: only a body that had begun has sent something.
    let responded = row.iter().any(|counted| match counted.end {
        End::Cause("dropped") => false,
        End::Cause("panic") => counted.sent != Sent::Exactly(0),
        _ => true,
    });
    let time = scrape.value("http_response_time_seconds", &labels);
    ensure(time.is_some() == responded, || format!("V10: http_response_time_seconds {labels:?} {time:?}"))
}

fn sizes(scrape: &Scrape, family: &str, labels: &[(&str, &str)], sizes: &[Sent]) -> Result<(), String> {
    let bytes = |sent: &Sent| match *sent {
        Sent::Exactly(bytes) | Sent::AtLeast(bytes) => bytes,
        Sent::AsSeen => unreachable!("resolved when it was entered"),
    };
    let exact = sizes.iter().all(|sent| matches!(sent, Sent::Exactly(_)));
    let expected: u64 = sizes.iter().map(bytes).sum();
    let found = scrape.value(&format!("{family}_sum"), labels).unwrap_or(f64::NAN);
    let agrees = if exact { found == expected as f64 } else { found >= expected as f64 };
    ensure(agrees, || {
        format!("{family}_sum {labels:?} is {found}, not {expected}{}", if exact { "" } else { " or more" })
    })?;
    for doubling in (0..10).filter(|_| exact) {
        let bound = 128 << doubling;
        let le = bound.to_string();
        let expected = sizes.iter().filter(|sent| bytes(sent) <= bound).count();
        let labels = [labels, &[("le", &*le)]].concat();
        let found = scrape.value(&format!("{family}_bucket"), &labels);
        ensure(found == Some(expected as f64), || format!("{family}_bucket {labels:?} is {found:?}, not {expected}"))?;
    }
    Ok(())
}

/// V11 and V10: scrapes without pause until `stop`, each of them whole in itself and none behind the one before. Gives
/// the number of scrapes.
pub(crate) fn watch(registry: &Registry, stop: &AtomicBool) -> Result<usize, String> {
    let mut before = BTreeMap::new();
    for scrapes in 1.. {
        let last = stop.load(Ordering::Acquire);
        let scrape = Scrape::of(registry);
        scrape.sane()?;
        let now: BTreeMap<_, _> = scrape.samples.into_iter().map(|s| ((s.name, s.labels), s.value)).collect();
        buckets(&now)?;
        for (series, value) in before.iter().filter(|((name, _), _)| name != "http_requests_in_flight") {
            let found = now.get(series);
            ensure(found >= Some(value), || format!("V11: {series:?} fell from {value} to {found:?}"))?;
        }
        before = now;
        if last {
            return Ok(scrapes);
        }
    }
    unreachable!("counted all numbers there are")
}

/// The buckets of each histogram do not decrease, and the last is `_count`.
fn buckets(samples: &BTreeMap<(String, Labels), f64>) -> Result<(), String> {
    let mut histograms: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
    for ((name, labels), value) in samples {
        let Some(family) = name.strip_suffix("_bucket") else { continue };
        let mut labels = labels.clone();
        let bound = labels.remove("le").and_then(|le| le.parse().ok()).unwrap_or(f64::NAN);
        histograms.entry((format!("{family}_count"), labels)).or_default().push((bound, *value));
    }
    for (series, mut buckets) in histograms {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        ensure(buckets.is_sorted_by_key(|bucket| bucket.1), || format!("V11: {series:?} {buckets:?}"))?;
        let last = buckets.last().map(|bucket| bucket.1);
        ensure(last == samples.get(&series).copied(), || format!("V11: +Inf is not _count: {series:?} {buckets:?}"))?;
    }
    Ok(())
}
