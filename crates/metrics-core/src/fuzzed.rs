//! What holds for any bytes: `cargo xtask fuzz` looks for some that break it, and `cargo test` tries those that are kept.

// The vecs of the prometheus crate are what other code in a registry has.
#![allow(clippy::disallowed_types, clippy::missing_panics_doc, missing_docs)]

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use prometheus::{GaugeVec, Opts, Registry};

use crate::adapter::gather_foreign;
use crate::exposition::{Exposition, Format, Plan, accepted_format, accepts_gzip};
use crate::register::Sources;
use crate::{ExternalMetrics, TargetConfig};

/// `Accept` and `Accept-Encoding`: any bytes are answered; what nobody knows changes nothing; what is preferred above all is given.
pub fn accept(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let with = |lines: &[&HeaderValue]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, (*line).clone());
            headers.append(header::ACCEPT_ENCODING, (*line).clone());
        }
        (accepted_format(&headers, true), accepts_gzip(&headers))
    };
    let answer = with(&[&value]);
    let nobody = HeaderValue::from_static("nobody/knows;x=y;q=0.3");
    assert_eq!(with(&[&nobody, &value]).0, answer.0, "what is not known changes the format");
    if !data.contains(&b'"') {
        assert_eq!(with(&[&value, &nobody]).0, answer.0, "what is not known changes the format");
    }
    let without = |text: &str| !data.to_ascii_lowercase().windows(text.len()).any(|part| part == text.as_bytes());
    if without("/") {
        assert_eq!(answer.0, Format::Text, "no format is asked for");
    }
    if without("gzip") && without("*") {
        assert!(!answer.1, "gzip is not asked for");
    }
}

/// Names of targets, labels and help of any kind: what a parser that knows nothing of ours reads is what was meant, in both text formats.
pub fn exposition(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '|');
    let [name, team, help] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let registry = Registry::new();
    let external = ExternalMetrics::register(&registry).expect("a set of ours");
    let target = TargetConfig {
        name: name.to_owned(),
        interval: Duration::from_secs(1),
        slow_after: None,
        labels: vec![("team".to_owned(), team.to_owned())],
        phases: false,
    };
    let applied = external.apply(&[target]);
    let others = GaugeVec::new(Opts::new("others", format!("-{help}")), &["a", "b"]).expect("names that are allowed");
    others.with_label_values(&[name, team]).set(0.5);
    registry.register(Box::new(others)).expect("a registry with room");
    for format in [Format::Text, Format::OpenMetrics] {
        let page = page(&registry, format);
        let (comments, samples): (Vec<&str>, Vec<&str>) = page.split('\n').partition(|line| line.starts_with('#'));
        assert_eq!(samples.last(), Some(&""), "the last line has no end");
        let samples: Vec<Sample<'_>> = samples[..samples.len() - 1].iter().map(|line| Sample::read(line)).collect();
        let is_there = |family: &str, labels: [(&str, &str); 2]| {
            let found = samples.iter().any(|sample| sample.name == family && sample.has(labels));
            assert!(found, "{family} of {labels:?} is not in {page}");
        };
        if applied.is_ok() {
            is_there("external_access_interval_seconds", [("target", name), ("team", team)]);
        }
        is_there("others", [("a", name), ("b", team)]);
        let said = comments.iter().find_map(|line| line.strip_prefix("# HELP others -"));
        assert_eq!(said.map(unescaped), Some(help.to_owned()), "{page}");
    }
}

fn page(registry: &Registry, format: Format) -> String {
    let sources = Sources::of(registry).expect("a registry of ours").list();
    let foreign = gather_foreign(registry).unwrap_or_default();
    let mut faults = Vec::new();
    let mut exposition = Exposition::new(Plan::new(sources, foreign, format, &None, &mut faults), format);
    assert!(faults.is_empty(), "a scrape lacks something");
    let mut page = Vec::new();
    while exposition.fill(&mut page) {}
    String::from_utf8(page).expect("a page is text")
}

/// A line as the format has it, read without regard to how ours are written.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Self {
        let wrong = || panic!("{line:?} is no sample");
        let end = line.find(['{', ' ']).unwrap_or_else(wrong);
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            while !rest.starts_with('}') {
                let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line:?} is no sample"));
                let mut escaped = false;
                let end = value.find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                let end = end.unwrap_or_else(|| panic!("{line:?} has no end"));
                labels.push((label, unescaped(&value[..end])));
                rest = value[end + 1..].trim_start_matches(',');
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ').and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some(), "{line:?} has no value");
        Self { name, labels }
    }

    fn has(&self, labels: [(&str, &str); 2]) -> bool {
        self.labels.len() == 2
            && labels.iter().all(|(name, value)| self.labels.iter().any(|(own, is)| own == name && is == value))
    }
}

/// What is written with backslashes: the backslash itself, the quotation mark and the end of a line, and nothing else.
fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut whole = String::new();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => whole.push('\n'),
            ('\\', Some(c @ ('\\' | '"'))) => whole.push(c),
            ('\\', other) => panic!("\\{other:?} in {text:?}"),
            (c, _) => whole.push(c),
        }
    }
    whole
}

#[cfg(test)]
#[path = "../../../xtask/fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    use super::corpus;

    #[test]
    fn what_is_kept_of_accept() {
        corpus::replay("accept", super::accept);
    }

    #[test]
    fn what_is_kept_of_exposition() {
        corpus::replay("exposition", super::exposition);
    }
}
