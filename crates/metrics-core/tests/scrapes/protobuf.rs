//! The protobuf format, decoded by another hand than the one that writes it: messages as metrics.proto of the Prometheus
//! repository client_model declares them.

use std::collections::BTreeMap;

use prost::Message;

use crate::exposed::{Exposed, Family, Number, Sample, plain_bound};
use crate::kit::Labels;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    unit: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Simple>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Simple>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(int64, optional, tag = "6")]
    timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// Of a counter or gauge.
#[derive(Clone, PartialEq, Message)]
struct Simple {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    quantile: Vec<Quantile>,
}

#[derive(Clone, PartialEq, Message)]
struct Quantile {
    #[prost(double, optional, tag = "1")]
    quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

/// Each with its length.
pub(crate) fn messages(mut body: &[u8]) -> Vec<(usize, MetricFamily)> {
    let mut messages = Vec::new();
    while !body.is_empty() {
        let length = prost::decode_length_delimiter(&mut body).unwrap();
        let (message, rest) = body.split_at(length);
        let family = MetricFamily::decode(message).unwrap();
        assert_eq!(family.encoded_len(), length, "a field that nobody knows: {}", family.name());
        messages.push((length, family));
        body = rest;
    }
    messages
}

/// What the messages say together; those of a family follow one another.
pub(crate) fn exposed(messages: &[(usize, MetricFamily)]) -> Exposed {
    let mut families: Vec<Family> = Vec::new();
    for (_, message) in messages {
        let kind = ["counter", "gauge", "summary", "untyped", "histogram"][usize::try_from(message.kind()).unwrap()];
        let mut family = Family {
            name: message.name.clone().unwrap(),
            kind,
            help: message.help.clone().unwrap(),
            unit: message.unit().to_owned(),
            samples: message.metric.iter().flat_map(|metric| metric.samples(message.name(), kind)).collect(),
        };
        match families.last_mut().filter(|last| last.name == family.name) {
            Some(last) => {
                let samples = std::mem::take(&mut family.samples);
                assert_eq!(family, Family { samples: Vec::new(), ..last.clone() }, "parts of one family differ");
                last.samples.extend(samples);
            }
            None => families.push(family),
        }
    }
    let exposed = Exposed { families };
    exposed.check();
    exposed
}

/// The histograms of a family, by their labels.
pub(crate) fn histograms<'a>(
    messages: &'a [(usize, MetricFamily)],
    name: &'a str,
) -> impl Iterator<Item = (Labels, &'a Histogram)> {
    let of_name = messages.iter().filter(move |(_, message)| message.name() == name);
    of_name.flat_map(|(_, message)| &message.metric).map(|metric| (metric.labels(), metric.histogram.as_ref().unwrap()))
}

impl Metric {
    fn labels(&self) -> Labels {
        let labels: Labels = self.label.iter().map(|pair| (pair.name().to_owned(), pair.value().to_owned())).collect();
        assert_eq!(labels.len(), self.label.len(), "a label twice: {:?}", self.label);
        labels
    }

    fn samples(&self, name: &str, kind: &str) -> Vec<Sample> {
        let sample = |suffix: &str, bound: Option<(&str, f64)>, value: Number| {
            let mut labels = self.labels();
            labels.extend(bound.map(|(name, bound)| (name.to_owned(), plain_bound(bound))));
            Sample { name: format!("{name}{suffix}"), labels, value, milliseconds: self.timestamp_ms }
        };
        let Self { gauge, counter, summary, histogram, .. } = self;
        match (kind, gauge, counter, summary, histogram) {
            ("gauge", Some(number), None, None, None) | ("counter", None, Some(number), None, None) => {
                vec![sample("", None, number.value.unwrap().into())]
            }
            ("summary", None, None, Some(summary), None) => {
                let quantile = |of: &Quantile| sample("", Some(("quantile", of.quantile())), of.value.unwrap().into());
                let mut samples: Vec<_> = summary.quantile.iter().map(quantile).collect();
                samples.push(sample("_sum", None, summary.sample_sum.unwrap().into()));
                samples.push(sample("_count", None, summary.sample_count.unwrap().into()));
                samples
            }
            ("histogram", None, None, None, Some(histogram)) => {
                histogram.check();
                let count: Number = histogram.sample_count.unwrap().into();
                let bucket = |of: &Bucket| {
                    sample("_bucket", Some(("le", of.upper_bound.unwrap())), of.cumulative_count.unwrap().into())
                };
                let mut samples: Vec<_> = histogram.bucket.iter().map(bucket).collect();
                samples.push(sample("_bucket", Some(("le", f64::INFINITY)), count));
                samples.push(sample("_sum", None, histogram.sample_sum.unwrap().into()));
                samples.push(sample("_count", None, count));
                samples
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

impl Histogram {
    pub(crate) fn count(&self) -> u64 {
        self.sample_count()
    }

    pub(crate) fn zeros(&self) -> u64 {
        self.zero_count()
    }

    pub(crate) fn is_native(&self) -> bool {
        self.schema.is_some()
    }

    /// The counts of the native buckets by number, as the specification of native histograms decodes spans and deltas.
    pub(crate) fn native(&self) -> BTreeMap<i32, i64> {
        let (mut buckets, mut deltas) = (BTreeMap::new(), self.positive_delta.iter());
        let (mut index, mut count) = (0, 0);
        for span in &self.positive_span {
            index += span.offset.unwrap();
            for _ in 0..span.length.unwrap() {
                count += deltas.next().unwrap();
                assert_eq!(buckets.insert(index, count), None, "a bucket twice");
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None, "more deltas than buckets");
        buckets
    }

    /// V11: the counts of a native histogram are in agreement, whoever records meanwhile.
    fn check(&self) {
        if !self.is_native() {
            assert_eq!((self.zero_threshold, self.zero_count, self.positive_span.len()), (None, None, 0));
            return;
        }
        assert_eq!((self.schema(), self.zero_threshold()), (3, 2f64.powi(-20)));
        let native = self.native();
        assert!(native.values().all(|count| *count > 0), "{native:?}");
        let all: i64 = native.values().sum::<i64>() + self.zero_count.unwrap().cast_signed();
        assert_eq!(all, self.sample_count().cast_signed(), "V11: {self:?}");
    }
}
