//! What the runs of one target have come to. Runs are few, so a lock is all it needs.

use std::sync::{Arc, Mutex};

use super::{
    BODY_BYTES, FAILURES, LAST_RUN, LAST_SUCCESS, MISSED, Outcome, REDIRECTS, RUN_DURATION, RUNS, TARGET_LAST_STATUS,
    TLS_CHAIN_NOT_AFTER, TLS_INFO, TLS_NOT_AFTER, TlsOutcome, UP, lock,
};
use crate::family::{LabelValue, Value};
use crate::histogram::Durations;
use crate::unix_seconds;
use crate::vocab::{MissCause, Phase, Reason};

/// The counts of one target, as [`ExternalMetrics::apply`](crate::ExternalMetrics::apply) gives it.
///
/// They are exposed for as long as the target is one of those that there are. One that is gone can still be recorded
/// into, and nobody sees it.
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
pub struct Target(Mutex<Counts>);

/// There may be ten thousand of them, so only what is exposed is kept, and without a heap of small pieces.
struct Counts {
    failures: [u64; Reason::ALL.len()],
    missed: [u64; MissCause::ALL.len()],
    run: Durations,
    /// Where it is wanted.
    phases: Option<Arc<Mutex<Phases>>>,
    /// Of the primary target alone.
    primary: Option<Arc<Mutex<Primary>>>,
    last: Option<Last>,
    /// In Unix time.
    last_success: Option<f64>,
}

/// By phase.
pub(super) type Phases = [Durations; Phase::ALL.len()];

/// The two metrics that are about the primary target: since it is the primary.
#[derive(Default)]
pub(super) struct Primary {
    /// Of answered runs, to the head of the response.
    pub(super) head: Durations,
    /// Of the last run, or 0.
    pub(super) status: u16,
}

/// What is exposed of the last run.
struct Last {
    /// In Unix time.
    at: f64,
    body_bytes: Option<u64>,
    redirects: u32,
    status: Option<u16>,
    up: bool,
    tls: Option<TlsOutcome>,
}

impl Last {
    fn of(outcome: &Outcome) -> Self {
        let Outcome { at, status, reason, redirects, body_bytes, tls, .. } = *outcome;
        Self { at: unix_seconds(at), body_bytes, redirects, status, up: reason.is_none(), tls }
    }
}

impl Target {
    pub(super) fn new(native_histogram: bool) -> Self {
        Self(Mutex::new(Counts {
            failures: [0; Reason::ALL.len()],
            missed: Default::default(),
            run: Durations::new(native_histogram),
            phases: None,
            primary: None,
            last: None,
            last_success: None,
        }))
    }

    /// What its runs are recorded into besides, from now on.
    pub(super) fn attach(&self, phases: Option<Arc<Mutex<Phases>>>, primary: Option<Arc<Mutex<Primary>>>) {
        let mut counts = lock(&self.0);
        counts.phases = phases;
        counts.primary = primary;
    }

    /// Counts one run that has ended.
    pub fn record(&self, outcome: &Outcome) {
        let last = Last::of(outcome);
        let mut counts = lock(&self.0);
        match outcome.reason {
            Some(reason) => counts.failures[reason as usize] += 1,
            None => counts.last_success = Some(last.at),
        }
        counts.last = Some(last);
        counts.run.observe(outcome.total);
        if let Some(phases) = &counts.phases {
            for (histogram, phase) in lock(phases).iter_mut().zip(outcome.phases) {
                if let Some(phase) = phase {
                    histogram.observe(phase);
                }
            }
        }
        if let Some(primary) = &counts.primary {
            let mut primary = lock(primary);
            if let Some(head) = outcome.head {
                primary.head.observe(head);
            }
            // The one sentinel of the contract: the article's program leaves the last 200 standing through an outage.
            primary.status = outcome.status.unwrap_or(0);
        }
    }

    /// Counts `runs` that were due and did not start.
    pub fn missed(&self, cause: MissCause, runs: u64) {
        lock(&self.0).missed[cause as usize] += runs;
    }

    /// The series of one family about runs as a whole.
    pub(super) fn read(
        &self,
        family: usize,
        name: LabelValue<'_>,
        series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>),
    ) {
        let counts = lock(&self.0);
        match family {
            RUNS => series(&[name], Value::Counter(counts.run.count() as f64)),
            FAILURES => series(&[name], Value::Counters { words: Reason::WORDS, counts: &counts.failures }),
            RUN_DURATION => series(&[name], counts.run.value()),
            MISSED => series(&[name], Value::Counters { words: MissCause::WORDS, counts: &counts.missed }),
            TLS_INFO => {
                if let Some(TlsOutcome { version: Some(version), cipher: Some(cipher), .. }) = counts.tls() {
                    series(&[name, LabelValue::word(version), LabelValue::word(cipher)], Value::Gauge(1.0));
                }
            }
            _ => {
                if let Some(value) = counts.gauge(family) {
                    series(&[name], Value::Gauge(value));
                }
            }
        }
    }
}

impl Counts {
    fn tls(&self) -> Option<TlsOutcome> {
        self.last.as_ref()?.tls
    }

    /// Nothing where nothing was measured.
    fn gauge(&self, family: usize) -> Option<f64> {
        let last = self.last.as_ref()?;
        match family {
            UP => Some(f64::from(last.up)),
            TARGET_LAST_STATUS => Some(last.status?.into()),
            LAST_RUN => Some(last.at),
            LAST_SUCCESS => self.last_success,
            REDIRECTS => Some(last.redirects.into()),
            BODY_BYTES => Some(last.body_bytes? as f64),
            TLS_NOT_AFTER => Some(last.tls?.not_after? as f64),
            TLS_CHAIN_NOT_AFTER => Some(last.tls?.chain_not_after? as f64),
            _ => None,
        }
    }
}
