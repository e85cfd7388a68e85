//! The external-access metrics: what a run of a probe found, per target, and the two metrics of the primary target.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use prometheus::Registry;

use crate::family::{Family, LabelValue, Value, families};
use crate::histogram::{Buckets, DURATION_BOUNDS, HistogramTotal, nanoseconds};
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};
use crate::unix_seconds;
use crate::vocab::{MissCause, Phase, Reason};

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
}

/// What one run found, as far as metrics go.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use metrics_core::{Outcome, Phase, Reason};
///
/// let connecting = Duration::from_millis(3);
/// let mut refused = Outcome {
///     at: SystemTime::now(),
///     total: connecting,
///     head: None,
///     status: None,
///     reason: Some(Reason::ConnectRefused),
///     phases: [None; Phase::ALL.len()],
///     redirects: 0,
///     body_bytes: None,
///     tls: None,
/// };
/// refused.phases[Phase::Connect as usize] = Some(connecting);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// When the run started.
    pub at: SystemTime,
    /// How long it took, whatever its end.
    pub total: Duration,
    /// Time from the start of the run to the head of the final response; `None` when there was no response.
    pub head: Option<Duration>,
    /// Status of the last response; a redirect's when following it failed.
    pub status: Option<u16>,
    /// Why the run failed; `None` when it succeeded.
    pub reason: Option<Reason>,
    /// By [`Phase`]: time spent in it, summed over redirects; `None` when it was not reached.
    pub phases: [Option<Duration>; Phase::ALL.len()],
    /// Redirects followed.
    pub redirects: u32,
    /// Bytes of the last body that were read; `None` when there was no response.
    pub body_bytes: Option<u64>,
    /// What TLS showed, of the last request; `None` without TLS, and when it was not reached.
    pub tls: Option<TlsOutcome>,
}

/// What a TLS handshake showed, as far as metrics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsOutcome {
    /// `TLS 1.3`, for one; `None` when the handshake did not end.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name; `None` when the handshake did not end.
    pub cipher: Option<&'static str>,
    /// Unix time until which the leaf certificate is valid, also when it was rejected; `None` when none came.
    pub not_after: Option<i64>,
    /// The earliest such time of the chain as presented.
    pub chain_not_after: Option<i64>,
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

struct Targets {
    buckets: Arc<ExternalBuckets>,
    /// The first one is the primary. Who reads them keeps the list that he began with.
    list: RwLock<Arc<Vec<Arc<Target>>>>,
}

/// The buckets of all targets.
struct ExternalBuckets {
    /// Of runs.
    run: Buckets,
    /// Of parts of runs.
    part: Buckets,
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
        let buckets = || Buckets::seconds(&DURATION_BOUNDS);
        let buckets = ExternalBuckets { run: buckets().with_native(config.native_histograms), part: buckets() };
        let targets = Arc::new(Targets { buckets: Arc::new(buckets), list: RwLock::default() });
        register(registry, targets.clone())?;
        Ok(Self(targets))
    }

    /// Makes these the targets there are, the first one the primary. All at once: a scrape sees those before or these. Who
    /// keeps its name keeps its counts; the series of who is not among them are gone at the next scrape.
    ///
    /// # Errors
    /// [`TargetError`]; the targets are then those that they were.
    pub fn apply(&self, targets: &[TargetConfig]) -> Result<Vec<Arc<Target>>, TargetError> {
        let mut list = self.0.list.write().unwrap_or_else(PoisonError::into_inner);
        let known: std::collections::HashMap<&str, &Arc<Target>> =
            list.iter().map(|target| (target.name.as_str(), target)).collect();
        let target = |config: &TargetConfig| {
            known
                .get(config.name.as_str())
                .map_or_else(|| self.new_target(&config.name, config.interval), |&known| known.clone())
        };
        let targets: Vec<_> = targets.iter().map(target).collect();
        *list = Arc::new(targets.clone());
        Ok(targets)
    }

    /// Counts how late a run started.
    pub fn start_lag(&self, _lag: Duration) {}

    /// Counts a run that panicked.
    pub fn task_restarted(&self) {}

    /// Says whether nobody can be reached, for a reason of the prober's own side.
    pub fn isolated(&self, _isolated: bool) {}

    /// Adds a target, asked every `interval`; `name` becomes the label `target`. The first one added is the primary.
    /// A name that is there already gives the target that has it.
    pub fn target(&self, name: &str, interval: Duration) -> Arc<Target> {
        let mut list = self.0.list.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = list.iter().find(|target| target.name == name) {
            return target.clone();
        }
        let target = self.new_target(name, interval);
        Arc::make_mut(&mut list).push(target.clone());
        target
    }

    fn new_target(&self, name: &str, interval: Duration) -> Arc<Target> {
        let buckets = self.0.buckets.clone();
        Arc::new(Target {
            name: name.to_owned(),
            plain: LabelValue::is_plain(name),
            interval,
            counts: Mutex::new(Counts::new(&buckets)),
            buckets,
        })
    }
}

/// A target, as far as metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetConfig {
    /// Label `target`.
    pub name: String,
    /// Between the starts of two runs.
    pub interval: Duration,
    /// From which on a run that succeeds is slow.
    pub slow_after: Option<Duration>,
    /// Further labels of all its series: names and values. All targets have the same names.
    pub labels: Vec<(String, String)>,
    /// Whether there is a histogram for each phase.
    pub phases: bool,
}

/// Why targets cannot be exposed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// Two have this name.
    Duplicate(String),
}

impl std::fmt::Display for TargetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "two targets are named {name}; give one of them another name"),
        }
    }
}

impl std::error::Error for TargetError {}

/// The metrics of one target, as [`ExternalMetrics::target`] gives it. Runs are few, so a lock is all it needs.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use metrics_core::{ExternalMetrics, MissCause, Outcome, Phase, prometheus::Registry};
/// # let external = ExternalMetrics::register(&Registry::new())?;
/// # let outcome = Outcome {
/// #     at: SystemTime::now(), total: Duration::ZERO, head: None, status: None, reason: None,
/// #     phases: [None; Phase::ALL.len()], redirects: 0, body_bytes: None, tls: None,
/// # };
/// let target = external.target("https://example.com", Duration::from_secs(60));
/// target.record(&outcome);
/// target.missed(MissCause::Overlap, 1);
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
pub struct Target {
    name: String,
    /// Nothing in the name has to be escaped.
    plain: bool,
    interval: Duration,
    buckets: Arc<ExternalBuckets>,
    counts: Mutex<Counts>,
}

struct Counts {
    runs: u64,
    failures: [u64; Reason::ALL.len()],
    missed: [u64; MissCause::ALL.len()],
    /// Of answered runs, to the head of the response.
    head: HistogramTotal,
    run: HistogramTotal,
    phases: [HistogramTotal; Phase::ALL.len()],
    last: Option<Outcome>,
    last_success: Option<SystemTime>,
}

impl Counts {
    fn new(buckets: &ExternalBuckets) -> Self {
        Self {
            runs: 0,
            failures: [0; Reason::ALL.len()],
            missed: Default::default(),
            head: HistogramTotal::new(&buckets.part),
            run: HistogramTotal::new(&buckets.run),
            phases: std::array::from_fn(|_| HistogramTotal::new(&buckets.part)),
            last: None,
            last_success: None,
        }
    }

    fn tls(&self) -> Option<TlsOutcome> {
        self.last.as_ref()?.tls
    }
}

impl Target {
    /// Counts one run that has ended.
    pub fn record(&self, outcome: &Outcome) {
        let mut counts = self.counts();
        counts.runs += 1;
        match outcome.reason {
            Some(reason) => counts.failures[reason as usize] += 1,
            None => counts.last_success = Some(outcome.at),
        }
        if let Some(head) = outcome.head {
            counts.head.observe(&self.buckets.part, nanoseconds(head));
        }
        counts.run.observe(&self.buckets.run, nanoseconds(outcome.total));
        for (histogram, phase) in counts.phases.iter_mut().zip(outcome.phases) {
            if let Some(phase) = phase {
                histogram.observe(&self.buckets.part, nanoseconds(phase));
            }
        }
        counts.last = Some(outcome.clone());
    }

    /// Counts `runs` that were due and did not start.
    pub fn missed(&self, cause: MissCause, runs: u64) {
        self.counts().missed[cause as usize] += runs;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of one family; of the phases, those of number `part`.
    fn read(&self, family: usize, part: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let counts = self.counts();
        let name = LabelValue { text: &self.name, plain: self.plain };
        match family {
            DURATION => series(&[], counts.head.value(&self.buckets.part)),
            // The one sentinel of the contract: the article's program leaves the last 200 standing through an outage.
            LAST_STATUS => {
                let status = counts.last.as_ref().and_then(|last| last.status);
                series(&[], Value::Gauge(status.unwrap_or(0).into()));
            }
            RUNS => series(&[name], Value::Counter(counts.runs as f64)),
            FAILURES => {
                series(&[name], Value::Counters { words: Reason::WORDS, counts: &counts.failures });
            }
            RUN_DURATION => series(&[name], counts.run.value(&self.buckets.run)),
            PHASE_DURATION => {
                series(&[name, Phase::ALL[part].label()], counts.phases[part].value(&self.buckets.part));
            }
            MISSED => {
                series(&[name], Value::Counters { words: MissCause::WORDS, counts: &counts.missed });
            }
            TLS_INFO => {
                if let Some(TlsOutcome { version: Some(version), cipher: Some(cipher), .. }) = counts.tls() {
                    series(&[name, LabelValue::word(version), LabelValue::word(cipher)], Value::Gauge(1.0));
                }
            }
            _ => {
                if let Some(value) = self.gauge(family, &counts) {
                    series(&[name], Value::Gauge(value));
                }
            }
        }
    }

    /// The gauges: nothing where nothing was measured.
    fn gauge(&self, family: usize, counts: &Counts) -> Option<f64> {
        let last = counts.last.as_ref();
        match family {
            PRIMARY => Some(1.0),
            UP => Some(f64::from(last?.reason.is_none())),
            TARGET_LAST_STATUS => Some(last?.status?.into()),
            LAST_RUN => Some(unix_seconds(last?.at)),
            LAST_SUCCESS => Some(unix_seconds(counts.last_success?)),
            INTERVAL => Some(self.interval.as_secs_f64()),
            REDIRECTS => Some(last?.redirects.into()),
            BODY_BYTES => Some(last?.body_bytes? as f64),
            TLS_NOT_AFTER => Some(counts.tls()?.not_after? as f64),
            TLS_CHAIN_NOT_AFTER => Some(counts.tls()?.chain_not_after? as f64),
            _ => None,
        }
    }
}

impl Source for Targets {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(TargetsSnapshot(self.list.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn has_native_histograms(&self) -> bool {
        self.buckets.run.native_count() > 0
    }
}

const PHASES: usize = Phase::ALL.len();

/// The targets there were; a target's numbers are read under its own lock.
struct TargetsSnapshot(Arc<Vec<Arc<Target>>>);

impl Snapshot for TargetsSnapshot {
    fn children(&self, family: usize) -> usize {
        match family {
            // About the primary target only.
            DURATION | LAST_STATUS | PRIMARY => self.0.len().min(1),
            // A child is written without a pause, so it has to be small.
            PHASE_DURATION => self.0.len() * PHASES,
            _ => self.0.len(),
        }
    }

    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let (target, part) = if family == PHASE_DURATION { (child / PHASES, child % PHASES) } else { (child, 0) };
        self.0[target].read(family, part, series);
    }
}
