//! The buckets of native histograms: eight per doubling (schema 3), dense from about 1 µs to 64 s.
//!
//! In order: one for all that is below, those between, and one for all that is above. The bounds of the buckets are given
//! by their numbers alone, so that any two such histograms can be added up; see the specification of native histograms in
//! the Prometheus documentation.

use std::sync::LazyLock;

/// Buckets per doubling, as a power of two: each bound is 2^(1/8), or 9 %, above the one before it.
pub(crate) const SCHEMA: i32 = 3;

/// Bounds per doubling.
const PER_DOUBLING: i32 = 1 << SCHEMA;
/// In doublings of a second: 2^-20 s is 0.95 µs.
const LOWEST: i32 = -20;
/// In doublings of a second: 2^6 s is 64 s.
const HIGHEST: i32 = 6;

/// Number of buckets, those of what is below and above included.
pub(crate) const COUNT: usize = ((HIGHEST - LOWEST) * PER_DOUBLING) as usize + 2;

/// Seconds up to which all is counted as 0: the lower end of the dense buckets.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / (1u64 << -LOWEST) as f64;

/// The numbers of all buckets but the first, which has none: bucket i ends, inclusively, at 2^(i/8) s.
///
/// What is above has the one of schema 3 that begins where finite numbers end. No other would be true of all that is in
/// it; a quantile that falls into it is +Inf.
pub(crate) fn indices() -> impl Iterator<Item = i32> {
    (LOWEST * PER_DOUBLING + 1..=HIGHEST * PER_DOUBLING).chain([1024 * PER_DOUBLING + 1])
}

/// Upper bounds in nanoseconds, rounded down.
static LIMITS: LazyLock<Box<[u64]>> = LazyLock::new(|| {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 953 and 64 × 10⁹
    let limit = |bound: i32| ((f64::from(bound) / f64::from(PER_DOUBLING)).exp2() * 1e9) as u64;
    (LOWEST * PER_DOUBLING..=HIGHEST * PER_DOUBLING).map(limit).collect()
});

/// The bucket of a duration in nanoseconds, from 0.
pub(crate) fn of(nanoseconds: u64) -> usize {
    LIMITS.partition_point(|limit| *limit < nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_ends_take_the_rest() {
        let second = usize::try_from(-LOWEST * PER_DOUBLING).unwrap();
        for (nanoseconds, bucket) in [
            (0, 0),
            (953, 0),
            (954, 1),
            (1_000_000_000, second),
            (1_000_000_001, second + 1),
            (64_000_000_000, COUNT - 2),
            (64_000_000_001, COUNT - 1),
            (u64::MAX, COUNT - 1),
        ] {
            assert_eq!(of(nanoseconds), bucket, "{nanoseconds} ns");
        }
    }

    /// By the definition: bucket i is (2^((i-1)/8), 2^(i/8)] seconds.
    #[test]
    fn a_dense_bucket_has_the_number_that_the_schema_gives_it() {
        for nanoseconds in (1..1000).map(|n: u64| 1_000 + n * n * n * 60) {
            let index = indices().nth(of(nanoseconds) - 1).unwrap();
            let bound = |index: i32| (f64::from(index) / 8.0).exp2();
            let seconds = nanoseconds as f64 / 1e9;
            assert!(bound(index - 1) < seconds && seconds <= bound(index), "{nanoseconds} ns in {index}");
        }
    }
}
