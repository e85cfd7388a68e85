//! Histograms: the buckets, and counts that one owner holds (a sum over workers, or durations behind a lock).
//!
//! What is observed is counted in whole units (nanoseconds, bytes), and sums are added up as whole numbers: a sum of
//! fractions depends on the order of its parts, and one that falls by its last bit is a restart to Prometheus.

mod durations;
pub(crate) mod native;

pub(crate) use durations::Durations;

use std::time::Duration;

use crate::family::Value;

/// Upper bounds of duration histograms, in seconds: the default of Prometheus client libraries.
pub(crate) const DURATION_BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The buckets of a histogram; many histograms share them.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// Upper bounds as exposed: inclusive and rising, without `+Inf`.
    bounds: Box<[f64]>,
    /// The same in whole units.
    limits: Box<[u64]>,
    /// How many units make one of what is exposed.
    units: f64,
    /// Whether there are the buckets of a native histogram besides.
    native: bool,
}

impl Buckets {
    /// Of durations, exposed in seconds and observed in nanoseconds.
    pub(crate) fn seconds(bounds: &[f64]) -> Self {
        Self::new(bounds, 1e9)
    }

    /// With the buckets of a native histogram besides, if so: of durations only.
    pub(crate) fn with_native(self, native: bool) -> Self {
        Self { native, ..self }
    }

    /// Of sizes in bytes.
    #[cfg(feature = "actix-web")]
    pub(crate) fn bytes(bounds: &[f64]) -> Self {
        Self::new(bounds, 1.0)
    }

    /// Bounds are finite and not negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole units, rounded down
    fn new(bounds: &[f64], units: f64) -> Self {
        // A bound that falls short of a whole unit by nothing but rounding is meant to be that unit.
        let limit = |bound: &f64| (bound * units * (1.0 + f64::EPSILON)) as u64;
        Self { bounds: bounds.into(), limits: bounds.iter().map(limit).collect(), units, native: false }
    }

    /// Number of buckets, that of `+Inf` included.
    pub(crate) fn count(&self) -> usize {
        self.limits.len() + 1
    }

    /// Number of buckets of the native histogram: none, where there is none.
    pub(crate) fn native_count(&self) -> usize {
        if self.native { native::COUNT } else { 0 }
    }

    /// The bucket of a value. A linear search: most observations are small, and there are about ten bounds.
    pub(crate) fn of(&self, value: u64) -> usize {
        self.limits.iter().position(|limit| value <= *limit).unwrap_or(self.limits.len())
    }
}

/// Nanoseconds, as duration histograms observe them.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts per bucket, and the sum in whole units.
#[derive(Debug, Clone)]
pub(crate) struct HistogramTotal {
    pub(crate) buckets: Box<[u64]>,
    /// Empty where there is no native histogram.
    pub(crate) native: Box<[u64]>,
    pub(crate) sum: u128,
}

impl HistogramTotal {
    pub(crate) fn new(buckets: &Buckets) -> Self {
        Self { buckets: vec![0; buckets.count()].into(), native: vec![0; buckets.native_count()].into(), sum: 0 }
    }

    pub(crate) fn value<'a>(&'a self, buckets: &'a Buckets) -> Value<'a> {
        Value::Histogram {
            bounds: &buckets.bounds,
            buckets: &self.buckets,
            sum: self.sum as f64 / buckets.units,
            native: (!self.native.is_empty()).then_some(&*self.native),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_rest_is_inf() {
        let buckets = Buckets::seconds(&[1e-9, 2e-9]);
        assert_eq!([0, 1, 2, 3, u64::MAX].map(|value| buckets.of(value)), [0, 0, 1, 2, 2]);
    }

    #[test]
    fn a_bound_is_the_whole_unit_that_it_means() {
        // 0.007 × 10⁹ is not 7 × 10⁶ in binary, for one.
        for thousandths in 1..2000u32 {
            let (bound, nanos) = (f64::from(thousandths) / 1000.0, u64::from(thousandths) * 1_000_000);
            let buckets = Buckets::seconds(&[bound]);
            assert_eq!((buckets.of(nanos), buckets.of(nanos + 1)), (0, 1), "{bound}");
        }
        assert_eq!(Buckets::seconds(&[0.0]).of(0), 0);
    }
}
