//! Registration of a source in a registry of the prometheus crate: whole, or not at all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, Metric, MetricFamily, MetricType};
use prometheus::{Error, Registry};

use crate::adapter::{Adapter, gather_foreign};
use crate::source::Source;

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
    let adapter = Adapter::new(source).map_err(RegisterError::IllegalName)?;
    let sources = Sources::of(registry)?;
    registry.register(Box::new(adapter.clone())).map_err(|error| match error {
        Error::AlreadyReg => RegisterError::AlreadyRegistered { family: first_taken(registry, &adapter) },
        other => RegisterError::Conflict(other),
    })?;
    sources.0.write().unwrap_or_else(PoisonError::into_inner).push(adapter.source);
    Ok(())
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

/// The sources that are registered in one registry, in the order of their registration. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Sources(Arc<RwLock<Vec<Arc<dyn Source>>>>);

impl Sources {
    /// # Errors
    /// If the registry has a prefix or common labels.
    pub(crate) fn of(registry: &Registry) -> Result<Self, RegisterError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let desc = Directory::desc().map_err(RegisterError::Conflict)?;
        let known = Directory::take(registry, &desc);
        let sources = known.clone().unwrap_or_default();
        let directory = Directory { desc: desc.clone(), sources: sources.clone() };
        registry.register(Box::new(directory)).map_err(RegisterError::Conflict)?;
        if known.is_none() && alters_names(registry) {
            Directory::take(registry, &desc);
            return Err(RegisterError::AlteredNames);
        }
        Ok(sources)
    }

    #[cfg(feature = "actix-web")]
    pub(crate) fn list(&self) -> Vec<Arc<dyn Source>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The collector by which a registry knows its sources. It has no series but for [`alters_names`].
///
/// A registry gives out none of its collectors. But it drops one that is unregistered, and a directory leaves its sources
/// behind as it is dropped. (To ask all collectors by a `gather()` would not do: one that panics ends it.)
struct Directory {
    desc: Desc,
    sources: Sources,
}

/// Of the directory, and of the one family that it has when asked for it.
const DIRECTORY: &str = "metrics_core_directory";

thread_local! {
    /// What this thread wants of a directory.
    static WANTED: RefCell<Wanted> = const { RefCell::new(Wanted::Nothing) };
}

enum Wanted {
    Nothing,
    /// That it leaves its sources here as it is dropped.
    Sources(Option<Sources>),
    /// That it has a series.
    Series,
}

impl Directory {
    fn desc() -> Result<Desc, Error> {
        Desc::new(DIRECTORY.to_owned(), "Sources of metrics-core".to_owned(), Vec::new(), HashMap::new())
    }

    fn take(registry: &Registry, desc: &Desc) -> Option<Sources> {
        WANTED.replace(Wanted::Sources(None));
        // An error: it has none.
        let _ = registry.unregister(Box::new(Reserved(desc.clone())));
        match WANTED.replace(Wanted::Nothing) {
            Wanted::Sources(sources) => sources,
            _ => None,
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = WANTED.try_with(|wanted| {
            if let Ok(mut wanted) = wanted.try_borrow_mut()
                && let Wanted::Sources(sources) = &mut *wanted
            {
                *sources = Some(self.sources.clone());
            }
        });
    }
}

impl Collector for Directory {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if !WANTED.with_borrow(|wanted| matches!(wanted, Wanted::Series)) {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(DIRECTORY.to_owned());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(vec![Metric::from_gauge(Gauge::default())]);
        vec![family]
    }
}

/// A registry does not say whether it has a prefix or common labels, so a series is sent through it. Where a collector
/// panics, nothing comes out, and there is nothing to hold against the registry.
fn alters_names(registry: &Registry) -> bool {
    WANTED.replace(Wanted::Series);
    let seen = gather_foreign(registry);
    WANTED.replace(Wanted::Nothing);
    let unaltered = |family: &MetricFamily| {
        family.name() == DIRECTORY && family.get_metric().iter().all(|m| m.get_label().is_empty())
    };
    seen.is_ok_and(|families| !families.iter().any(unaltered))
}

#[cfg(all(test, feature = "actix-web"))]
mod tests {
    use std::collections::HashSet;
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
                        let seen = names(&registry).iter().filter(|name| name.contains("metrics_core")).count();
                        assert_eq!(seen, 0, "what a registration is tried out with is seen by nobody else");
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
