//! A source as a collector of the prometheus crate: for whoever gathers the registry himself.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary,
};
use prometheus::{Error, Registry};

use crate::family::{Family, Kind, LabelValue, Labels, Value};
use crate::source::{Snapshot, Source};

thread_local! {
    /// Whether the adapters answer nothing on this thread.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// What the collectors of others in a registry say. A panic in one of them loses them all: the crate's `gather()` unwinds.
pub(crate) fn gather_foreign(registry: &Registry) -> std::thread::Result<Vec<MetricFamily>> {
    let before = SILENT.replace(true);
    // The registry's lock is not poisoned, and what a collector breaks of its own is its own.
    let gathered = catch_unwind(AssertUnwindSafe(|| registry.gather()));
    SILENT.set(before);
    gathered
}

/// A source as the prometheus crate sees it.
#[derive(Clone)]
pub(crate) struct Adapter {
    pub(crate) source: Arc<dyn Source>,
    /// By family.
    pub(crate) descs: Vec<Desc>,
}

impl Adapter {
    /// # Errors
    /// If a family has an illegal name.
    pub(crate) fn new(source: Arc<dyn Source>) -> Result<Self, Error> {
        let descs = source.families().iter().map(desc).collect::<Result<_, _>>()?;
        Ok(Self { source, descs })
    }
}

fn desc(family: &Family) -> Result<Desc, Error> {
    let labels = family.labels.iter().map(ToString::to_string).collect();
    let const_labels = family.const_labels.iter().cloned().collect();
    Desc::new(family.name.to_string(), family.help.to_owned(), labels, const_labels)
}

impl Collector for Adapter {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if SILENT.get() {
            return Vec::new();
        }
        let snapshot = self.source.clone().snapshot();
        let families = self.source.families().iter().enumerate();
        families.map(|(i, family)| to_proto(snapshot.as_ref(), i, family)).collect()
    }
}

fn to_proto(snapshot: &dyn Snapshot, index: usize, family: &Family) -> MetricFamily {
    let mut metrics = Vec::with_capacity(snapshot.children(index));
    for child in 0..snapshot.children(index) {
        let further = snapshot.labels(index, child);
        snapshot.read(index, child, &mut |values, value| {
            value.each(values, &mut |values, value| metrics.push(to_metric(family, values, further, value)));
        });
    }
    let mut proto = MetricFamily::default();
    proto.set_name(family.name.to_string());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
        Kind::Summary => MetricType::SUMMARY,
    });
    proto.set_metric(metrics);
    proto
}

fn to_metric(family: &Family, values: &[LabelValue<'_>], further: Labels<'_>, value: Value<'_>) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len());
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let own = family.labels.iter().copied().zip(values.iter().map(|value| value.text));
    let common = family.const_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let further = further.iter().map(|(name, value)| (name, value.text));
    let mut metric = Metric::from_label(own.chain(common).chain(further).map(pair).collect());
    match value {
        Value::Counter(value) => {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        Value::Counters { .. } => debug_assert!(false, "each of them comes alone"),
        Value::Gauge(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        Value::Histogram { bounds, buckets, sum, native: _ } => {
            metric.set_histogram(to_histogram(bounds, buckets, sum));
        }
        Value::Summary { quantiles, count, sum } => metric.set_summary(to_summary(quantiles, count, sum)),
    }
    metric
}

fn to_histogram(bounds: &[f64], buckets: &[u64], sum: f64) -> Histogram {
    let mut cumulative = 0;
    let bucket = |(bound, count): (&f64, &u64)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(cumulative);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(bounds.iter().zip(buckets).map(bucket).collect());
    histogram.set_sample_count(buckets.iter().sum());
    histogram.set_sample_sum(sum);
    histogram
}

fn to_summary(quantiles: &[(f64, f64)], count: u64, sum: f64) -> Summary {
    let quantile = |(of, value): &(f64, f64)| {
        let mut quantile = Quantile::default();
        quantile.set_quantile(*of);
        quantile.set_value(*value);
        quantile
    };
    let mut summary = Summary::default();
    summary.set_quantile(quantiles.iter().map(quantile).collect());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    summary
}
