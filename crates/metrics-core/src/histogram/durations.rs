//! Durations over the default buckets, counted by one owner behind a lock: small and in one piece, since ten thousand
//! targets have up to six of these each.

use std::sync::LazyLock;
use std::time::Duration;

use super::{Buckets, DURATION_BOUNDS, nanoseconds, native};
use crate::family::Value;

static BUCKETS: LazyLock<Buckets> = LazyLock::new(|| Buckets::seconds(&DURATION_BOUNDS));

/// A histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// The last one is `+Inf`'s.
    buckets: [u64; DURATION_BOUNDS.len() + 1],
    /// In nanoseconds: 584 years of them, and it stays there.
    sum: u64,
    native: Option<Box<[u64; native::COUNT]>>,
}

impl Durations {
    /// With the buckets of a native histogram besides, if so.
    pub(crate) fn new(native: bool) -> Self {
        Self { native: native.then(|| Box::new([0; native::COUNT])), ..Self::default() }
    }

    pub(crate) fn observe(&mut self, duration: Duration) {
        let duration = nanoseconds(duration);
        self.buckets[BUCKETS.of(duration)] += 1;
        if let Some(native) = &mut self.native {
            native[native::of(duration)] += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Number of observations.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(crate) fn value(&self) -> Value<'_> {
        Value::Histogram {
            bounds: &DURATION_BOUNDS,
            buckets: &self.buckets,
            sum: self.sum as f64 / 1e9,
            native: self.native.as_ref().map(|native| &native[..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_rest_is_inf() {
        let mut histogram = Durations::new(true);
        for nanos in [0, 5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        let Value::Histogram { bounds, buckets, sum, native: Some(native) } = histogram.value() else { panic!() };
        assert_eq!(bounds, DURATION_BOUNDS);
        assert_eq!(buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((native.iter().sum::<u64>(), histogram.count()), (5, 5));
        assert!((sum - 20.010_000_002).abs() < f64::EPSILON * 20.0, "{sum}");
    }

    #[test]
    fn a_sum_never_falls() {
        let mut histogram = Durations::new(false);
        for _ in 0..2 {
            histogram.observe(Duration::MAX);
        }
        assert_eq!((histogram.sum, histogram.count()), (u64::MAX, 2));
    }
}
