//! How large the exposition of targets is, before one of them has been asked: by writing it.

use std::sync::{Arc, RwLock};
use std::time::{Duration, UNIX_EPOCH};

use super::config::{self, TargetConfig, TargetError};
use super::list::{List, Listed};
use super::{ExternalMetrics, Outcome, Target, Targets, TlsOutcome};
use crate::exposition::{Exposition, Format, Plan};
use crate::vocab::Phase;

/// How large the external-access metrics of some targets are, in the text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Series of all of them. What a scrape has besides (of requests, of the process) is not among them.
    pub series: usize,
    /// Bytes of all of them, without compression.
    pub bytes: usize,
    /// Series that a target has, on average; 0 without a target. What all targets share is not among them.
    pub series_per_target: usize,
    /// Bytes that a target has, on average.
    pub bytes_per_target: usize,
}

impl ExternalMetrics {
    /// How large the metrics of these targets become: once each has been asked over TLS, and has the numbers that a day of a
    /// run each minute leaves. Takes the time of a scrape, and the memory of the configuration.
    ///
    /// ```
    /// use std::time::Duration;
    /// use metrics_core::{ExternalMetrics, TargetConfig};
    ///
    /// let target = |phases| TargetConfig {
    ///     name: "shop".to_owned(), interval: Duration::from_secs(60), slow_after: None, labels: vec![], phases
    /// };
    /// let [phases, totals] = [true, false].map(|phases| ExternalMetrics::cost(&[target(phases)]));
    /// assert!(phases?.series > 3 * totals?.series / 2);
    /// # Ok::<(), metrics_core::TargetError>(())
    /// ```
    ///
    /// # Errors
    /// [`TargetError`] as [`apply`](Self::apply) has it.
    pub fn cost(targets: &[TargetConfig]) -> Result<Cost, TargetError> {
        let labels: Arc<[String]> = config::label_names(targets)?.into();
        // Their numbers are the same: those of one target that is there under all names.
        let (target, phases, primary) = (Arc::new(Target::new(false)), Arc::default(), Arc::default());
        target.attach(Some(Arc::clone(&phases)), Some(Arc::clone(&primary)));
        (0..24 * 60).for_each(|minute| target.record(&outcome(minute)));
        let list = |targets: &mut dyn Iterator<Item = &TargetConfig>| {
            let listed =
                |config: &TargetConfig| Listed::new(config, target.clone(), config.phases.then(|| phases.clone()));
            let targets: Vec<_> = targets.map(listed).collect();
            let primary = (!targets.is_empty()).then(|| primary.clone());
            size(List { primary, labels: labels.clone(), targets })
        };
        let all = list(&mut targets.iter());
        // What the second of two has more is what a target has; what the first one has more, they share.
        let first = targets.first();
        let [one, two] = [1, 2].map(|times| list(&mut first.into_iter().cycle().take(times)));
        let per_target = |all: usize, one: usize, two: usize| {
            let shared = one - (two - one);
            (all - shared).checked_div(targets.len()).unwrap_or_default()
        };
        Ok(Cost {
            series: all.0,
            bytes: all.1,
            series_per_target: per_target(all.0, one.0, two.0),
            bytes_per_target: per_target(all.1, one.1, two.1),
        })
    }
}

/// Series and bytes.
fn size(list: List) -> (usize, usize) {
    let targets = Arc::new(Targets { list: RwLock::new(Arc::new(list)), ..Targets::default() });
    let plan = Plan::new(vec![targets], Vec::new(), Format::Text, &None, &mut Vec::new());
    let (mut exposition, mut buffer) = (Exposition::new(plan, Format::Text), Vec::new());
    let (mut series, mut bytes, mut more) = (0, 0, true);
    while more {
        buffer.clear();
        more = exposition.fill(&mut buffer);
        bytes += buffer.len();
        let lines = buffer.split_inclusive(|byte| *byte == b'\n');
        series += lines.filter(|line| !line.starts_with(b"#")).count();
    }
    (series, bytes)
}

/// Of a run at so many minutes of a day.
fn outcome(minute: u64) -> Outcome {
    // From 1 ms to 1 s, with as many digits as are measured.
    let total = Duration::from_nanos(1_000_000 << (minute % 11)) + Duration::from_nanos(7 * minute);
    Outcome {
        at: UNIX_EPOCH + Duration::from_secs(1_800_000_000 + 60 * minute) + total,
        total,
        head: Some(total),
        status: Some(200),
        reason: None,
        phases: [Some(total / 5); Phase::ALL.len()],
        redirects: 1,
        body_bytes: Some(10_000),
        tls: Some(TlsOutcome {
            version: Some("TLS 1.3"),
            cipher: Some("TLS_AES_256_GCM_SHA384"),
            not_after: Some(1_800_000_000),
            chain_not_after: Some(1_800_000_000),
        }),
    }
}
