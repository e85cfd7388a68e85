//! The external-access metrics: what runs of a probe found, per target, and the two metrics of the primary target.
//!
//! | module | |
//! | --- | --- |
//! | [`outcome`] | what a run found |
//! | [`config`] | a target before its first run |
//! | [`target`] | what its runs have come to |
//! | [`list`] | the targets there are, as a scrape reads them |
//! | `cost` | how large their exposition is |

mod config;
#[cfg(feature = "actix-web")]
mod cost;
mod list;
mod outcome;
mod target;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use prometheus::Registry;

use crate::family::{Family, families};
use crate::histogram::Durations;
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};

pub use config::{TargetConfig, TargetError};
#[cfg(feature = "actix-web")]
pub use cost::Cost;
use list::{List, Listed, TargetsSnapshot};
pub use outcome::{Outcome, TlsOutcome};
pub use target::Target;

const TARGET: &[&str] = &["target"];

families! {
    DURATION: histogram("external_access_duration_seconds", "Duration of external access to 3-shake.com", &[]),
    LAST_STATUS: gauge("last_external_access_status_code", "Last status code of external access to 3-shake.com", &[]),
    PRIMARY: gauge("external_access_primary", "The target that the two metrics without a label are about", TARGET),
    UP: gauge("external_access_up", "Whether the last run succeeded", TARGET),
    RUNS: counter("external_access_runs_total", "Number of runs that ended", TARGET),
    FAILURES: counter("external_access_failures_total", "Number of runs that failed, by reason", &["target", "reason"]),
    RUN_DURATION: histogram("external_access_run_duration_seconds", "Duration of runs, failed ones too", TARGET),
    PHASE_DURATION: histogram(
        "external_access_phase_duration_seconds",
        "Duration of the phases of runs, summed over redirects; a phase that was not reached is not observed",
        &["target", "phase"]
    ),
    TARGET_LAST_STATUS: gauge(
        "external_access_last_status_code",
        "Status code of the last run, absent without a response",
        TARGET
    ),
    LAST_RUN: gauge("external_access_last_run_timestamp_seconds", "Unix time at which the last run started", TARGET),
    LAST_SUCCESS: gauge(
        "external_access_last_success_timestamp_seconds",
        "Unix time at which the last run that succeeded started",
        TARGET
    ),
    INTERVAL: gauge("external_access_interval_seconds", "Configured time between the starts of runs", TARGET),
    SLOW_AFTER: gauge(
        "external_access_slow_after_seconds",
        "Configured duration from which on a run that succeeds is slow",
        TARGET
    ),
    MISSED: counter(
        "external_access_missed_runs_total",
        "Number of runs that were due and did not start",
        &["target", "cause"]
    ),
    REDIRECTS: gauge("external_access_redirects", "Number of redirects that the last run followed", TARGET),
    BODY_BYTES: gauge("external_access_body_bytes", "Size of the body that the last run read", TARGET),
    TLS_NOT_AFTER: gauge(
        "external_access_tls_not_after_timestamp_seconds",
        "Unix time until which the certificate of the last run is valid, also when it was rejected",
        TARGET
    ),
    TLS_CHAIN_NOT_AFTER: gauge(
        "external_access_tls_chain_not_after_timestamp_seconds",
        "The earliest such time of the certificates that the last run was shown",
        TARGET
    ),
    TLS_INFO: gauge(
        "external_access_tls_info",
        "Version and cipher suite of the TLS handshake of the last run",
        &["target", "version", "cipher"]
    ),
    START_LAG: histogram("external_access_start_lag_seconds", "How much later than they were due runs started", &[]),
    RESTARTS: counter("external_access_task_restarts_total", "Number of runs that panicked", &[]),
    ISOLATED: gauge(
        "external_access_prober_isolated",
        "Whether all targets fail for a reason of the prober's own side, so that their state is unknown",
        &[]
    ),
}

/// How external access is counted, where the defaults do not fit.
///
/// ```
/// use metrics_core::{ExternalConfig, ExternalMetrics, prometheus::Registry};
///
/// let config = ExternalConfig { native_histograms: true };
/// let external = ExternalMetrics::register_with(&Registry::new(), &config)?;
/// # let _ = external;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExternalConfig {
    /// Whether `external_access_run_duration_seconds` is a native histogram too, as
    /// [`Config::native_histograms`](crate::Config::native_histograms) says of requests. Default: it is not.
    pub native_histograms: bool,
}

/// The external-access metrics of a program. Clones share their series.
///
/// ```
/// use std::time::Duration;
/// use metrics_core::{ExternalMetrics, prometheus::Registry};
///
/// let registry = Registry::new();
/// let external = ExternalMetrics::register(&registry)?;
/// external.target("https://example.com", Duration::from_secs(60));
/// let primary = registry.gather().into_iter().find(|family| family.name() == "external_access_primary");
/// assert!(primary.is_some());
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct ExternalMetrics(Arc<Targets>);

#[derive(Default)]
struct Targets {
    native_histograms: bool,
    list: RwLock<Arc<List>>,
    /// By name, as far as [`ExternalMetrics::target`] has looked for them. Who changes the list holds it.
    known: Mutex<HashMap<String, Arc<Target>>>,
    start_lag: Mutex<Durations>,
    restarts: AtomicU64,
    isolated: AtomicBool,
}

impl ExternalMetrics {
    /// Registers the families of external-access metrics in `registry`.
    ///
    /// # Errors
    /// [`RegisterError`] if one of the names is taken, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Self::register_with(registry, &ExternalConfig::default())
    }

    /// Registers the families of external-access metrics in `registry`, as `config` has them.
    ///
    /// # Errors
    /// [`RegisterError`] as above.
    pub fn register_with(registry: &Registry, config: &ExternalConfig) -> Result<Self, RegisterError> {
        let targets = Arc::new(Targets { native_histograms: config.native_histograms, ..Targets::default() });
        register(registry, targets.clone())?;
        Ok(Self(targets))
    }

    /// Makes these the targets there are, and gives them in this order. The first one is the primary.
    ///
    /// All at once: a scrape sees those before or these. Who keeps its name keeps its counts, whatever else of it has
    /// changed, also those of a run under way; the series of who is not among them are gone at the next scrape. Another
    /// primary starts its two metrics anew.
    ///
    /// # Errors
    /// [`TargetError`] if two have one name, or if their labels cannot be exposed. Nothing is then changed.
    pub fn apply(&self, targets: &[TargetConfig]) -> Result<Vec<Arc<Target>>, TargetError> {
        let labels = config::label_names(targets)?.into();
        let mut known = lock(&self.0.known);
        let before = self.0.list();
        let primary = targets.first().map(|config| {
            let same = before.targets.first().filter(|first| first.name.text() == config.name);
            same.and(before.primary.clone()).unwrap_or_default()
        });
        let by_name: HashMap<&str, &Listed> =
            before.targets.iter().map(|listed| (listed.name.text(), listed)).collect();
        let listed = targets.iter().enumerate().map(|(place, config)| {
            let listed = by_name.get(config.name.as_str());
            let target = listed.map_or_else(|| self.0.new_target(), |listed| listed.target.clone());
            let phases = listed.and_then(|listed| listed.phases.clone());
            let phases = config.phases.then(|| phases.unwrap_or_default());
            target.attach(phases.clone(), primary.clone().filter(|_| place == 0));
            Listed::new(config, target, phases)
        });
        let list = List { targets: listed.collect(), labels, primary };
        let targets = list.targets.iter().map(|listed| listed.target.clone()).collect();
        known.clear();
        *self.0.list.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
        Ok(targets)
    }

    /// Adds a target, asked every `interval`; `name` becomes the label `target`. The first one added is the primary.
    /// A name that is there already gives the target that has it.
    ///
    /// It is for programs that meet their targets one by one, and has all that [`apply`](Self::apply) can give but what is
    /// configured there.
    pub fn target(&self, name: &str, interval: Duration) -> Arc<Target> {
        let mut known = lock(&self.0.known);
        let mut list = self.0.list.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() != list.targets.len() {
            let all = list.targets.iter().map(|listed| (listed.name.text().to_owned(), listed.target.clone()));
            *known = all.collect();
        }
        if let Some(target) = known.get(name) {
            return target.clone();
        }
        let (target, phases) = (self.0.new_target(), Some(Arc::default()));
        let list = Arc::make_mut(&mut list);
        let primary = list.targets.is_empty().then(|| list.primary.insert(Arc::default()).clone());
        target.attach(phases.clone(), primary);
        let config =
            TargetConfig { name: name.to_owned(), interval, slow_after: None, labels: Vec::new(), phases: true };
        list.targets.push(Listed::new(&config, target.clone(), phases));
        known.insert(config.name, target.clone());
        target
    }

    /// Counts how much later than it was due a run started.
    pub fn start_lag(&self, lag: Duration) {
        lock(&self.0.start_lag).observe(lag);
    }

    /// Counts a run that panicked.
    pub fn task_restarted(&self) {
        self.0.restarts.fetch_add(1, Relaxed);
    }

    /// Says whether all targets fail for a reason of the prober's own side. Until this is called they do not.
    pub fn isolated(&self, isolated: bool) {
        self.0.isolated.store(isolated, Relaxed);
    }
}

impl Targets {
    fn list(&self) -> Arc<List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn new_target(&self) -> Arc<Target> {
        Arc::new(Target::new(self.native_histograms))
    }
}

impl Source for Targets {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(TargetsSnapshot { list: self.list(), targets: self })
    }

    fn has_native_histograms(&self) -> bool {
        self.native_histograms
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
