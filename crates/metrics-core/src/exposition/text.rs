//! The two text formats: 0.0.4 of Prometheus, and OpenMetrics 1.0.
//!
//! They differ in the lines before the samples, in the name of a counter's family, in the unit of a timestamp and in the
//! `# EOF` at the end. Samples are spelled alike, so that a series stays the same one whatever a scraper asks for.

use super::{Header, number};
use crate::family::{Kind, LabelValue, Value};

#[derive(Default)]
pub(super) struct Text {
    open_metrics: bool,
    /// The lines before the first sample of the family; empty once written. A family without series is not written.
    header: Vec<u8>,
    /// Of the samples of the family.
    name: Vec<u8>,
    last_label: &'static str,
    /// Label names and values of the series at hand, as they are written.
    labels: Vec<u8>,
    /// What the lines of the histogram at hand begin with.
    line: Vec<u8>,
    bounds: Bounds,
}

impl Text {
    pub(super) fn new(open_metrics: bool) -> Self {
        Self { open_metrics, ..Self::default() }
    }

    pub(super) fn begin(&mut self, header: &Header) {
        self.last_label = header.last_label;
        self.name.clear();
        self.name.extend_from_slice(header.name.as_bytes());
        let family = if self.open_metrics { header.open_metrics_name() } else { &header.name };
        self.header.clear();
        let mut line = |keyword: &str, text: &str| {
            for part in ["# ", keyword, " ", family, " "] {
                self.header.extend_from_slice(part.as_bytes());
            }
            escape(&mut self.header, text, self.open_metrics);
            self.header.push(b'\n');
        };
        if !header.help.is_empty() {
            line("HELP", &header.help);
        }
        line("TYPE", kind(header, self.open_metrics));
        if let Some(unit) = header.unit().filter(|_| self.open_metrics) {
            line("UNIT", unit);
        }
    }

    pub(super) fn series<'a>(
        &mut self,
        buffer: &mut Vec<u8>,
        labels: impl Iterator<Item = (&'a str, LabelValue<'a>)>,
        value: Value<'_>,
        timestamp_ms: Option<i64>,
    ) {
        buffer.append(&mut self.header);
        self.labels.clear();
        for (name, value) in labels {
            if !self.labels.is_empty() {
                self.labels.push(b',');
            }
            self.labels.extend_from_slice(name.as_bytes());
            self.labels.extend_from_slice(b"=\"");
            if value.plain {
                self.labels.extend_from_slice(value.text.as_bytes());
            } else {
                escape(&mut self.labels, value.text, true);
            }
            self.labels.push(b'"');
        }
        let time = Time { milliseconds: timestamp_ms, open_metrics: self.open_metrics };
        match value {
            Value::Counter(value) | Value::Gauge(value) => {
                self.sample(buffer, "");
                number::value(buffer, value);
                time.end_line(buffer);
            }
            Value::Counters { words, counts } => {
                self.begin_line(b"");
                self.line.extend_from_slice(self.last_label.as_bytes());
                self.line.extend_from_slice(b"=\"");
                for (word, count) in words.iter().zip(counts) {
                    buffer.extend_from_slice(&self.line);
                    buffer.extend_from_slice(word.as_bytes());
                    buffer.extend_from_slice(b"\"} ");
                    number::whole(buffer, *count);
                    time.end_line(buffer);
                }
            }
            Value::Histogram { bounds, buckets, sum, native: _ } => {
                let count = self.buckets(buffer, bounds, buckets, time);
                self.sum_and_count(buffer, sum, count, time);
            }
            Value::Summary { quantiles, count, sum } => {
                for (quantile, value) in quantiles {
                    self.begin_line(b"");
                    buffer.extend_from_slice(&self.line);
                    buffer.extend_from_slice(b"quantile=\"");
                    buffer.extend_from_slice(number::label(*quantile).as_bytes());
                    buffer.extend_from_slice(b"\"} ");
                    number::value(buffer, *value);
                    time.end_line(buffer);
                }
                self.sum_and_count(buffer, sum, count, time);
            }
        }
    }

    /// The lines of the buckets. Gives the number of observations.
    fn buckets(&mut self, buffer: &mut Vec<u8>, bounds: &[f64], buckets: &[u64], time: Time) -> u64 {
        self.bounds.render(bounds);
        self.begin_line(b"_bucket");
        let mut count = 0u64;
        for (bound, bucket) in self.bounds.labels.iter().zip(buckets) {
            // A histogram of others may say of itself what it likes, a fall included.
            count = count.wrapping_add(*bucket);
            buffer.extend_from_slice(&self.line);
            bound.add_to(buffer);
            number::whole(buffer, count);
            time.end_line(buffer);
        }
        count
    }

    fn sum_and_count(&mut self, buffer: &mut Vec<u8>, sum: f64, count: u64, time: Time) {
        self.sample(buffer, "_sum");
        number::value(buffer, sum);
        time.end_line(buffer);
        self.sample(buffer, "_count");
        number::whole(buffer, count);
        time.end_line(buffer);
    }

    /// A sample's name and labels, up to its value.
    #[inline] // the suffixes are constants
    fn sample(&self, buffer: &mut Vec<u8>, suffix: &str) {
        buffer.extend_from_slice(&self.name);
        buffer.extend_from_slice(suffix.as_bytes());
        if !self.labels.is_empty() {
            buffer.push(b'{');
            buffer.extend_from_slice(&self.labels);
            buffer.push(b'}');
        }
        buffer.push(b' ');
    }

    /// What lines begin with that have one label more.
    #[inline] // as above
    fn begin_line(&mut self, suffix: &[u8]) {
        self.line.clear();
        self.line.extend_from_slice(&self.name);
        self.line.extend_from_slice(suffix);
        self.line.push(b'{');
        self.line.extend_from_slice(&self.labels);
        if !self.labels.is_empty() {
            self.line.push(b',');
        }
    }

    pub(super) fn end(&self, buffer: &mut Vec<u8>) {
        if self.open_metrics {
            buffer.extend_from_slice(b"# EOF\n");
        }
    }
}

/// TYPE. A counter that is not named as one is none to OpenMetrics.
fn kind(header: &Header, open_metrics: bool) -> &'static str {
    match header.kind {
        Kind::Counter if open_metrics && !header.is_total() => "unknown",
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

/// The bounds of the last histogram, kept since most have the same.
#[derive(Default)]
struct Bounds {
    bounds: Vec<f64>,
    /// Of `+Inf` too.
    labels: Vec<Bound>,
}

/// A line from `le` to before the value, in a place of fixed size: a copy of known length costs a fraction of others.
struct Bound {
    text: [u8; Bound::MOST],
    length: usize,
}

impl Bound {
    /// `le=""} ` and what a number can be at most, in the shortest text that reads back as the same.
    const MOST: usize = 32;

    fn new(bound: f64) -> Self {
        let label = format!("le=\"{}\"}} ", number::label(bound));
        let mut text = [0; Self::MOST];
        text[..label.len()].copy_from_slice(label.as_bytes());
        Self { text, length: label.len() }
    }

    fn add_to(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.text);
        buffer.truncate(buffer.len() - Self::MOST + self.length);
    }
}

impl Bounds {
    #[allow(clippy::float_cmp)] // the same ones, to the bit
    fn render(&mut self, bounds: &[f64]) {
        if self.bounds == bounds && !self.labels.is_empty() {
            return;
        }
        bounds.clone_into(&mut self.bounds);
        self.labels = bounds.iter().chain([&f64::INFINITY]).map(|bound| Bound::new(*bound)).collect();
    }
}

/// When a sample was taken, where its collector says it.
#[derive(Clone, Copy)]
struct Time {
    milliseconds: Option<i64>,
    open_metrics: bool,
}

impl Time {
    fn end_line(self, buffer: &mut Vec<u8>) {
        if let Some(milliseconds) = self.milliseconds {
            buffer.push(b' ');
            if self.open_metrics {
                number::value(buffer, milliseconds as f64 / 1e3); // seconds, with fractions
            } else {
                number::signed(buffer, milliseconds);
            }
        }
        buffer.push(b'\n');
    }
}

/// Adds text with its backslashes, line feeds and, if so, quotes escaped.
fn escape(buffer: &mut Vec<u8>, text: &str, quotes: bool) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr3(b'\\', b'\n', if quotes { b'"' } else { b'\n' }, rest) {
        buffer.extend_from_slice(&rest[..at]);
        buffer.extend_from_slice(match rest[at] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    buffer.extend_from_slice(rest);
}
