//! What an exposition in text says of the runs of all targets together.

use metrics_core::prometheus::{Registry, TextEncoder};

const RUNS: &str = "external_access_runs_total";
const FAILED: &str = "external_access_failures_total";
const MISSED: &str = "external_access_missed_runs_total";
const LAG: &str = "external_access_start_lag_seconds";

/// Runs that ended, those of them that failed, those that were not made, and by upper bound how many started so late at most.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) runs: f64,
    pub(crate) failed: f64,
    pub(crate) missed: f64,
    lag: Vec<(f64, f64)>,
    pub(crate) series: usize,
}

impl Ledger {
    pub(crate) fn read(text: &str) -> Self {
        let mut ledger = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            ledger.series += 1;
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let number = || value.parse::<f64>().expect("a sample is a number");
            match name {
                RUNS => ledger.runs += number(),
                FAILED => ledger.failed += number(),
                MISSED => ledger.missed += number(),
                _ if name.strip_suffix("_bucket") == Some(LAG) => {
                    let bound = labels.trim_start_matches("le=\"").trim_end_matches("\"}");
                    ledger.lag.push((bound.parse().expect("a bound is a number"), number()));
                }
                _ => {}
            }
        }
        ledger
    }

    /// Of this process. The others of its series are many, and are left out.
    pub(crate) fn gather(registry: &Registry) -> Self {
        let mut families = registry.gather();
        families.retain(|family| [RUNS, FAILED, MISSED, LAG].contains(&family.name()));
        Self::read(&TextEncoder::new().encode_to_string(&families).expect("all metrics can be encoded"))
    }

    /// What has happened since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let lag = self.lag.iter().zip(&before.lag).map(|((bound, now), (_, then))| (*bound, now - then)).collect();
        Self {
            runs: self.runs - before.runs,
            failed: self.failed - before.failed,
            missed: self.missed - before.missed,
            lag,
            series: self.series,
        }
    }

    /// In seconds: 99 of 100 runs started that late at most. The upper bound of the bucket, so it is no less than it was; NaN
    /// where nothing is said of it.
    pub(crate) fn lag_p99(&self) -> f64 {
        let all = self.lag.last().map_or(0.0, |(_, all)| *all);
        let bucket = self.lag.iter().find(|(_, runs)| all > 0.0 && *runs >= 0.99 * all);
        bucket.map_or(f64::NAN, |(bound, _)| *bound)
    }
}
