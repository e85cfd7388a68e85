//! The families of other collectors in the registry: what of them can be exposed, and how it is read.
//!
//! A collector may answer whatever it likes. One line that no scraper can read loses the scrape for all the others, and a
//! series that is there twice makes it lie; so both are left out here, and said.

use std::collections::HashSet;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Summary};

use super::Header;
use super::fault::Fault;
use crate::family::{Kind, Value, is_name};

/// Names and values of the labels of a series, sorted: what makes it another one. An empty label is none.
pub(super) type LabelSet = Vec<(String, String)>;

/// What can be exposed of a family.
pub(super) fn admit(mut family: MetricFamily, faults: &mut Vec<Fault>) -> Option<(Header, Vec<Metric>)> {
    let name = family.name().to_owned();
    let illegal = |why: &str| Fault::illegal(&name, why);
    if !is_name(&name, ":") {
        faults.push(illegal("is left out: a name is letters, digits, `_` and `:`, with no digit first"));
        return None;
    }
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::SUMMARY => Kind::Summary,
        // The crate has no value of such a metric that can be read with and without its protobuf feature, and no encoder.
        MetricType::UNTYPED => {
            faults.push(illegal("is left out: it has no type; make it a gauge"));
            return None;
        }
    };
    let mut metrics = family.take_metric();
    let all = metrics.len();
    metrics.retain(|metric| is_legal(kind, metric));
    if metrics.len() < all {
        faults.push(illegal(
            "lacks series: one has illegal labels, bounds or quantiles that do not rise, or a time before 1970",
        ));
    }
    let legal = metrics.len();
    let mut seen = HashSet::with_capacity(legal);
    metrics.retain(|metric| seen.insert(label_set(metric)));
    if metrics.len() < legal {
        faults.push(Fault::duplicate(&name));
    }
    let header = Header { name, help: family.help().to_owned(), kind, last_label: "" };
    Some((header, metrics))
}

pub(super) fn label_set(metric: &Metric) -> LabelSet {
    let labels = metric.get_label().iter().filter(|label| !label.value().is_empty());
    let mut set: LabelSet = labels.map(|label| (label.name().to_owned(), label.value().to_owned())).collect();
    set.sort_unstable();
    set
}

fn is_legal(kind: Kind, metric: &Metric) -> bool {
    let own = match kind {
        Kind::Histogram => "le",
        Kind::Summary => "quantile",
        Kind::Counter | Kind::Gauge => "__name__",
    };
    let labels = metric.get_label();
    let legal = |(at, name): (usize, &str)| {
        let twice = labels[..at].iter().any(|other| other.name() == name);
        is_name(name, "") && !twice && name != own && name != "__name__"
    };
    // Prometheus reads no time before 1970 in the text format.
    metric.timestamp_ms() >= 0
        && labels.iter().map(LabelPair::name).enumerate().all(legal)
        && match kind {
            Kind::Histogram => rises(&bounds(metric.get_histogram())),
            Kind::Summary => rises(&quantiles(metric.get_summary()).iter().map(|(of, _)| *of).collect::<Vec<_>>()),
            Kind::Counter | Kind::Gauge => true,
        }
}

/// Whether no two of these are spelled alike.
fn rises(numbers: &[f64]) -> bool {
    !numbers.iter().any(|number| number.is_nan()) && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// Without that of `+Inf`, which a collector may or may not say.
fn buckets(histogram: &Histogram) -> impl Iterator<Item = &Bucket> {
    histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound() != f64::INFINITY)
}

fn bounds(histogram: &Histogram) -> Vec<f64> {
    buckets(histogram).map(Bucket::upper_bound).collect()
}

fn quantiles(summary: &Summary) -> Vec<(f64, f64)> {
    summary.get_quantile().iter().map(|quantile| (quantile.quantile(), quantile.value())).collect()
}

/// The value of a counter or gauge has two names: `get_value()`, and `value()` if some crate in the program enables the
/// protobuf feature of prometheus. Either call finds the crate's own method where that has it, and else leads to the other.
#[allow(dead_code)] // which of them is called depends on the model
trait EitherModel {
    fn value(&self) -> f64;
    fn get_value(&self) -> f64;
}

macro_rules! either_model {
    ($($kind:ty),+) => {
        $(impl EitherModel for $kind {
            fn value(&self) -> f64 {
                self.get_value()
            }

            fn get_value(&self) -> f64 {
                self.value()
            }
        })+
    };
}
either_model!(Counter, Gauge);

/// Reads the value of a series.
pub(super) fn value(kind: Kind, metric: &Metric, read: impl FnOnce(Value<'_>)) {
    match kind {
        Kind::Counter => read(Value::Counter(metric.get_counter().value())),
        Kind::Gauge => read(Value::Gauge(metric.get_gauge().value())),
        Kind::Histogram => {
            let histogram = metric.get_histogram();
            let bounds = bounds(histogram);
            let counts = buckets(histogram).map(Bucket::cumulative_count);
            let mut before = 0u64;
            // What falls wraps around, and is the same again once it is added up.
            let bucket = |count: u64| count.wrapping_sub(std::mem::replace(&mut before, count));
            let counts: Vec<u64> = counts.chain([histogram.get_sample_count()]).map(bucket).collect();
            read(Value::Histogram { bounds: &bounds, buckets: &counts, sum: histogram.get_sample_sum(), native: None });
        }
        Kind::Summary => {
            let summary = metric.get_summary();
            let (quantiles, count, sum) = (quantiles(summary), summary.sample_count(), summary.sample_sum());
            read(Value::Summary { quantiles: &quantiles, count, sum });
        }
    }
}
