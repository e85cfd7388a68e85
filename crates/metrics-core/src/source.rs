//! A source: something whose state can be taken at once and then read series by series.
//!
//! Each set of metrics is one source. Reading by (family, child) lets a scrape stop and go on; until then the adapter
//! below hands the same series to a [`Registry`] as a [`Collector`], so a plain `gather()` sees all of them.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Registry};

use crate::family::{Family, Kind, Value};

/// A set of families that are read together.
pub(crate) trait Source: Send + Sync + 'static {
    /// The families, the same ones in the same order for as long as the source lives.
    fn families(&self) -> &[Family];

    /// The state at this moment.
    fn snapshot(&self) -> Box<dyn Snapshot + '_>;
}

/// The state of a [`Source`] at one moment. A family has a number of children; a child gives the few series that belong
/// to one thing (a label set, a target), or none where nothing was measured.
pub(crate) trait Snapshot {
    /// Number of children of the family with index `family`.
    fn children(&self, family: usize) -> usize;

    /// Calls `series` with the label values and the value of each series of one child.
    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[&str], Value<'_>));
}

/// Why a set of metrics could not be registered. The registry then exposes what it did before.
///
/// ```
/// use metrics_core::{ProcessMetrics, RegisterError, prometheus::Registry};
///
/// let registry = Registry::new();
/// ProcessMetrics::register(&registry)?;
/// let twice = ProcessMetrics::register(&registry).unwrap_err();
/// assert!(matches!(&twice, RegisterError::AlreadyRegistered { family } if family == "process_cpu_seconds_total"));
/// # Ok::<(), RegisterError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// A metric of this name is there already.
    AlreadyRegistered {
        /// The first name of the set that is taken.
        family: String,
    },
    /// Another metric has one of the names, with other labels or another HELP.
    Conflict(Error),
    /// A name is none that Prometheus allows.
    IllegalName(Error),
    /// The configuration of the set cannot work.
    #[cfg(feature = "actix-web")]
    Config(crate::ConfigError),
    /// The registry puts a prefix before names or adds labels, so the metrics would not have the names that are promised.
    AlteredNames,
}

impl std::fmt::Display for RegisterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyRegistered { family } => write!(
                f,
                "{family} is in this registry already: register each set once, outside of HttpServer::new(), and clone what register() \
                 returns; if the metric is another one, rename it, or give this set a namespace or a label of its own"
            ),
            Self::Conflict(error) => write!(
                f,
                "another metric in this registry has the same name: {error}; rename it, or use a registry of its own"
            ),
            Self::IllegalName(error) => write!(f, "{error}; a metric name is letters, digits, `_` and `:`, with no digit first"),
            #[cfg(feature = "actix-web")]
            Self::Config(error) => error.fmt(f),
            Self::AlteredNames => f.write_str(
                "this registry has a prefix or common labels, which would change the names that dashboards rely on: use Registry::new() \
                 and let Prometheus add labels (external_labels, relabel_configs)",
            ),
        }
    }
}

impl std::error::Error for RegisterError {}

/// Registers `source` whole, or not at all.
pub(crate) fn register(registry: &Registry, source: Arc<impl Source>) -> Result<(), RegisterError> {
    let adapter = Adapter::new(source)?;
    if alters_names(registry, Adapter::new(Arc::new(Canary(std::thread::current().id())))?) {
        return Err(RegisterError::AlteredNames);
    }
    registry.register(Box::new(adapter.clone())).map_err(|error| match error {
        Error::AlreadyReg => RegisterError::AlreadyRegistered { family: first_taken(registry, &adapter) },
        other => RegisterError::Conflict(other),
    })
}

/// The error of a registry does not say which name is taken, so each is tried alone.
fn first_taken(registry: &Registry, adapter: &Adapter) -> String {
    let free = |desc: &Desc| {
        let reserved = Box::new(Reserved(desc.clone()));
        registry.register(reserved.clone()).is_ok_and(|()| registry.unregister(reserved).is_ok())
    };
    let taken = adapter.descs.iter().position(|desc| !free(desc)).unwrap_or_default();
    adapter.source.families()[taken].name.to_string()
}

/// A name without series.
#[derive(Clone)]
struct Reserved(Desc);

impl Collector for Reserved {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        Vec::new()
    }
}

/// A registry does not say whether it has a prefix or common labels, so a family is sent through it.
fn alters_names(registry: &Registry, canary: Adapter) -> bool {
    let Ok(()) = registry.register(Box::new(canary.clone())) else {
        return false; // a second registration at the same time; it is judged by its own canary
    };
    let seen = registry.gather();
    // It was registered a moment ago, and nobody else knows it.
    let _ = registry.unregister(Box::new(canary));
    let unaltered = |family: &MetricFamily| {
        family.name() == CANARY[0].name && family.get_metric().iter().all(|m| m.get_label().is_empty())
    };
    !seen.iter().any(unaltered)
}

/// Seen by the thread that registers, and by no scrape that happens to run beside it.
struct Canary(std::thread::ThreadId);

static CANARY: [Family; 1] = [Family::gauge("metrics_core_canary", "Registration check", &[])];

impl Source for Canary {
    fn families(&self) -> &[Family] {
        &CANARY
    }

    fn snapshot(&self) -> Box<dyn Snapshot + '_> {
        Box::new(CanarySnapshot(std::thread::current().id() == self.0))
    }
}

struct CanarySnapshot(bool);

impl Snapshot for CanarySnapshot {
    fn children(&self, _: usize) -> usize {
        usize::from(self.0)
    }

    fn read(&self, _: usize, _: usize, series: &mut dyn FnMut(&[&str], Value<'_>)) {
        series(&[], Value::Gauge(1.0));
    }
}

/// A source as the prometheus crate sees it.
#[derive(Clone)]
struct Adapter {
    source: Arc<dyn Source>,
    descs: Vec<Desc>,
}

impl Adapter {
    fn new(source: Arc<dyn Source>) -> Result<Self, RegisterError> {
        let descs = source.families().iter().map(desc).collect::<Result<_, _>>().map_err(RegisterError::IllegalName)?;
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
        let snapshot = self.source.snapshot();
        let families = self.source.families().iter().enumerate();
        families.map(|(i, family)| to_proto(snapshot.as_ref(), i, family)).collect()
    }
}

fn to_proto(snapshot: &dyn Snapshot, index: usize, family: &Family) -> MetricFamily {
    let mut metrics = Vec::with_capacity(snapshot.children(index));
    for child in 0..snapshot.children(index) {
        snapshot.read(index, child, &mut |values, value| metrics.push(to_metric(family, values, value)));
    }
    let mut proto = MetricFamily::default();
    proto.set_name(family.name.to_string());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    proto.set_metric(metrics);
    proto
}

fn to_metric(family: &Family, values: &[&str], value: Value<'_>) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len());
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let own = family.labels.iter().copied().zip(values.iter().copied());
    let common = family.const_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut metric = Metric::from_label(own.chain(common).map(pair).collect());
    match value {
        Value::Counter(value) => {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        }
        Value::Gauge(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        Value::Histogram { bounds, buckets, sum } => metric.set_histogram(to_histogram(bounds, buckets, sum)),
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

#[cfg(all(test, feature = "actix-web"))]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::Duration;

    use super::*;
    use crate::{BuildInfo, Config, ExternalMetrics, HttpMetrics, MissCause, Phase, ProcessMetrics, Reason};

    fn names(registry: &Registry) -> Vec<String> {
        registry.gather().iter().map(|family| family.name().to_owned()).collect()
    }

    #[test]
    fn r3_a_second_registration_is_a_typed_error_and_changes_nothing() {
        let registry = Registry::new();
        HttpMetrics::register(&registry).unwrap();
        let before = names(&registry);
        let error = HttpMetrics::register(&registry).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, RegisterError::AlreadyRegistered { family } if family == "http_requests_total"),
            "{error}"
        );
        assert_eq!(names(&registry), before);
    }

    #[test]
    fn r3_a_name_that_another_metric_has_is_a_typed_error_and_changes_nothing() {
        let registry = Registry::new();
        let theirs = prometheus::IntCounter::new("external_access_up", "theirs").unwrap();
        registry.register(Box::new(theirs)).unwrap();
        let before = names(&registry);
        let error = ExternalMetrics::register(&registry).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, RegisterError::AlreadyRegistered { family } if family == "external_access_up"),
            "{error}"
        );
        assert_eq!(names(&registry), before);
        // With other labels it is no twin but a clash.
        let registry = Registry::new();
        let theirs = prometheus::opts!("external_access_up", "theirs").const_label("x", "1");
        registry.register(Box::new(prometheus::IntCounter::with_opts(theirs).unwrap())).unwrap();
        let before = names(&registry);
        let error = ExternalMetrics::register(&registry).map(|_| ()).unwrap_err();
        assert!(matches!(error, RegisterError::Conflict(_) | RegisterError::AlreadyRegistered { .. }), "{error}");
        assert_eq!(names(&registry), before);
    }

    #[test]
    fn a_registry_that_alters_names_is_refused() {
        let labels = HashMap::from([("zone".to_owned(), "a".to_owned())]);
        let prefixed = Registry::new_custom(Some("svc".to_owned()), None).unwrap();
        let labelled = Registry::new_custom(None, Some(labels)).unwrap();
        for registry in [prefixed, labelled] {
            for result in [
                HttpMetrics::register(&registry).map(|_| ()),
                ExternalMetrics::register(&registry).map(|_| ()),
                ProcessMetrics::register(&registry),
            ] {
                assert!(matches!(result, Err(RegisterError::AlteredNames)), "{result:?}");
            }
            assert_eq!(names(&registry), Vec::<String>::new());
        }
    }

    #[test]
    fn an_illegal_name_is_a_typed_error() {
        let registry = Registry::new();
        let error = BuildInfo::register(&registry, "3-shake_build_info", "1", "1", "1").unwrap_err();
        assert!(matches!(error, RegisterError::IllegalName(_)), "{error}");
        assert_eq!(names(&registry), Vec::<String>::new());
    }

    /// The label values of each series of a family.
    fn series(registry: &Registry, family: &str) -> Vec<Vec<String>> {
        let families = registry.gather();
        let family = families.iter().find(|found| found.name() == family).unwrap();
        let values = |metric: &Metric| metric.get_label().iter().map(|label| label.value().to_owned()).collect();
        family.get_metric().iter().map(values).collect()
    }

    /// Every word over a small alphabet, so that most label sets equal some other when joined. A vec of the prometheus
    /// crate makes one series of such; clippy.toml keeps them out.
    #[test]
    fn l11_label_sets_that_are_equal_when_joined_stay_apart() {
        let words: Vec<String> = (0..4usize.pow(4))
            .map(|n| (0..4).map(|digit| ["", "a", "b", "dns_"][n / 4usize.pow(digit) % 4]).collect())
            .collect();
        let names: HashSet<&String> = words.iter().collect();
        let registry = Registry::new();
        let external = ExternalMetrics::register(&registry).unwrap();
        for word in &words {
            external.target(word, Duration::from_secs(1));
        }
        for (family, each) in [
            ("external_access_runs_total", 1),
            ("external_access_failures_total", Reason::ALL.len()),
            ("external_access_phase_duration_seconds", Phase::ALL.len()),
            ("external_access_missed_runs_total", MissCause::ALL.len()),
        ] {
            let series = series(&registry, family);
            assert_eq!(series.len(), names.len() * each, "{family}");
            assert_eq!(series.iter().collect::<HashSet<_>>().len(), series.len(), "{family}");
        }
    }

    #[test]
    fn l11_constant_labels_that_are_equal_when_joined_stay_apart() {
        let registry = Registry::new();
        for (a, b) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", "")] {
            let const_labels = vec![("a".to_owned(), a.to_owned()), ("b".to_owned(), b.to_owned())];
            HttpMetrics::register_with(&registry, &Config { const_labels, ..Config::default() }).unwrap();
        }
        let series = series(&registry, "http_requests_in_flight");
        assert_eq!(series.iter().collect::<HashSet<_>>().len(), 4, "{series:?}");
    }

    /// Within a scrape, that is from a collector's `collect()`, registering would wait for the scrape to end, for ever: the
    /// prometheus crate's lock, and forbidden by the page of this crate. Beside scrapes it must do no harm.
    #[test]
    fn r4_registering_beside_scrapes_comes_to_its_end() {
        let registry = Registry::new();
        let registering = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while registering.load(Relaxed) {
                        let canaries = names(&registry).iter().filter(|name| name.contains("canary")).count();
                        assert_eq!(canaries, 0, "what a registration is tried out with is seen by nobody else");
                    }
                });
            }
            let sets: Vec<_> = (0..100)
                .map(|zone| {
                    let const_labels = vec![("zone".to_owned(), zone.to_string())];
                    HttpMetrics::register_with(&registry, &Config { const_labels, ..Config::default() }).map(drop)
                })
                .collect();
            registering.store(false, Relaxed);
            assert!(sets.iter().all(Result::is_ok), "{sets:?}");
        });
        assert_eq!(series(&registry, "http_requests_in_flight").len(), 100);
    }

    #[test]
    fn r2_two_registries_in_one_process_are_two_sets() {
        let (a, b) = (Registry::new(), Registry::new());
        HttpMetrics::register(&a).unwrap();
        HttpMetrics::register(&b).unwrap();
    }
}
