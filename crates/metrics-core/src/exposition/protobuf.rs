//! The protobuf format: messages `io.prometheus.client.MetricFamily`, each with its length before it. It alone can carry
//! native histograms.
//!
//! Written by hand, since a message is written from the cursor like a line of text and need not exist as a value; the
//! fields are those of metrics.proto in the Prometheus repository client_model. A family is split over messages: scrapers
//! take the parts of one name together, and no message has to be held as a whole.

use super::{FULL, Header};
use crate::family::{Kind, LabelValue, Value};
use crate::histogram::native;

#[derive(Default)]
pub(super) struct Protobuf {
    /// What each message of the family begins with: name, HELP, type, unit.
    header: Vec<u8>,
    last_label: &'static str,
    /// Where in the buffer the message at hand begins.
    message: Option<usize>,
    metric: Vec<u8>,
    scratch: Vec<u8>,
}

/// How a field is written: its wire type.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

impl Protobuf {
    pub(super) fn begin(&mut self, header: &Header) {
        self.last_label = header.last_label;
        self.header.clear();
        bytes(&mut self.header, 1, header.name.as_bytes());
        bytes(&mut self.header, 2, header.help.as_bytes());
        let kind = match header.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Histogram => 4,
        };
        number(&mut self.header, 3, kind);
        if let Some(unit) = header.unit() {
            bytes(&mut self.header, 5, unit.as_bytes());
        }
    }

    pub(super) fn series<'a>(
        &mut self,
        buffer: &mut Vec<u8>,
        labels: impl Iterator<Item = (&'a str, LabelValue<'a>)>,
        value: Value<'_>,
        timestamp_ms: Option<i64>,
    ) {
        self.metric.clear();
        for (name, value) in labels {
            self.label(name, value.text);
        }
        self.scratch.clear();
        let kind = match value {
            Value::Gauge(value) => {
                double(&mut self.scratch, 1, value);
                2
            }
            Value::Counter(value) => {
                double(&mut self.scratch, 1, value);
                3
            }
            Value::Counters { words, counts } => {
                let common = self.metric.len();
                for (word, count) in words.iter().zip(counts) {
                    self.metric.truncate(common);
                    self.label(self.last_label, word);
                    self.scratch.clear();
                    double(&mut self.scratch, 1, *count as f64);
                    bytes(&mut self.metric, 3, &self.scratch);
                    self.add_metric(buffer);
                }
                return;
            }
            Value::Summary { quantiles, count, sum } => {
                summary(&mut self.scratch, quantiles, count, sum);
                4
            }
            Value::Histogram { bounds, buckets, sum, native } => {
                histogram(&mut self.scratch, bounds, buckets, sum, native);
                7
            }
        };
        bytes(&mut self.metric, kind, &self.scratch);
        if let Some(time) = timestamp_ms {
            number(&mut self.metric, 6, time.cast_unsigned());
        }
        self.add_metric(buffer);
    }

    fn label(&mut self, name: &str, value: &str) {
        self.scratch.clear();
        bytes(&mut self.scratch, 1, name.as_bytes());
        bytes(&mut self.scratch, 2, value.as_bytes());
        bytes(&mut self.metric, 1, &self.scratch);
    }

    fn add_metric(&mut self, buffer: &mut Vec<u8>) {
        /// Of the field number and the length of a metric.
        const PREFIX: usize = 6;
        if self.message.is_some_and(|start| buffer.len() - start + PREFIX + self.metric.len() > FULL) {
            self.end_message(buffer);
        }
        if self.message.is_none() {
            self.message = Some(buffer.len());
            buffer.extend_from_slice(&self.header);
        }
        bytes(buffer, 4, &self.metric);
    }

    /// Puts the length of the message at hand, if there is one, before it.
    pub(super) fn end_message(&mut self, buffer: &mut Vec<u8>) {
        let Some(start) = self.message.take() else { return };
        let end = buffer.len();
        self.scratch.clear();
        varint(&mut self.scratch, (end - start) as u64);
        buffer.extend_from_slice(&self.scratch);
        buffer[start..].rotate_right(self.scratch.len());
    }
}

fn summary(message: &mut Vec<u8>, quantiles: &[(f64, f64)], count: u64, sum: f64) {
    number(message, 1, count);
    double(message, 2, sum);
    for (quantile, value) in quantiles {
        let mut of = Vec::new();
        double(&mut of, 1, *quantile);
        double(&mut of, 2, *value);
        bytes(message, 3, &of);
    }
}

/// The classic buckets but for `+Inf`, which is the count; then the native ones.
fn histogram(message: &mut Vec<u8>, bounds: &[f64], buckets: &[u64], sum: f64, native: Option<&[u64]>) {
    // Recorded at the same time as the classic buckets but read after them: it may be more than their sum, and must be
    // exactly that of the native ones.
    let count = native.unwrap_or(buckets).iter().fold(0u64, |sum, bucket| sum.wrapping_add(*bucket));
    number(message, 1, count);
    double(message, 2, sum);
    let mut cumulative = 0u64;
    for (bound, bucket) in bounds.iter().zip(buckets) {
        cumulative = cumulative.wrapping_add(*bucket);
        // One byte of length, as a bucket is at most 2 × 11 bytes.
        message.extend_from_slice(&[tag(3, BYTES), 0]);
        let start = message.len();
        number(message, 1, cumulative);
        double(message, 2, *bound);
        message[start - 1] = u8::try_from(message.len() - start).unwrap_or_default();
    }
    if let Some(native) = native {
        native_histogram(message, native);
    }
}

/// Runs of buckets (spans), and of each bucket the difference to the one before it; all in variable-length integers.
fn native_histogram(message: &mut Vec<u8>, buckets: &[u64]) {
    number(message, 5, zigzag(native::SCHEMA.into()));
    double(message, 6, native::ZERO_THRESHOLD);
    number(message, 7, buckets[0]);
    let (mut spans, mut deltas) = (Vec::<(i32, u64)>::new(), Vec::new());
    let (mut before, mut next) = (0u64, 0);
    for (index, count) in native::indices().zip(&buckets[1..]).filter(|(_, count)| **count > 0) {
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            // The first offset is a number of a bucket, the others are those of buckets left out.
            _ => spans.push((index - next, 1)),
        }
        next = index + 1;
        varint(&mut deltas, zigzag(count.wrapping_sub(before).cast_signed()));
        before = *count;
    }
    for (offset, length) in spans {
        let mut span = Vec::new();
        number(&mut span, 1, zigzag(offset.into()));
        number(&mut span, 2, length);
        bytes(message, 12, &span);
    }
    if !deltas.is_empty() {
        bytes(message, 13, &deltas);
    }
}

/// Of a field number below 16, as all of them are.
fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

#[allow(clippy::cast_possible_truncation)] // seven bits at a time
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// Small numbers of both signs as small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn number(message: &mut Vec<u8>, field: u8, value: u64) {
    message.push(tag(field, VARINT));
    varint(message, value);
}

fn double(message: &mut Vec<u8>, field: u8, value: f64) {
    message.push(tag(field, FIXED64));
    message.extend_from_slice(&value.to_le_bytes());
}

fn bytes(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(tag(field, BYTES));
    varint(message, value.len() as u64);
    message.extend_from_slice(value);
}
