//! Cells that one thread writes and any thread reads.
//!
//! Each worker has cells of its own, so that recording is a plain load, add and store: no lock, no locked instruction
//! and no cache line that another worker writes. A scrape reads the cells of all workers and adds them up.
//! A cell with two writers would lose counts: a worker (http/worker.rs) is `!Send` and hands out no cell.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use crate::histogram::{Buckets, HistogramTotal, native};

/// A count.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes back one that was added: for gauges such as the requests in flight. Who sees it gone sees what this thread
    /// counted before.
    pub(crate) fn sub_one(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Release);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// A number with fractions.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// A histogram without its bounds, which all workers share.
#[derive(Debug)]
pub(crate) struct HistogramCells {
    buckets: Box<[Count]>,
    /// Empty where there is no native histogram.
    native: Box<[Count]>,
    /// In whole units. Not an integer, which ten thousand requests at a time would fill with nanoseconds in three weeks.
    sum: Number,
}

impl HistogramCells {
    pub(crate) fn new(buckets: &Buckets) -> Self {
        let counts = |count| (0..count).map(|_| Count::default()).collect();
        Self { buckets: counts(buckets.count()), native: counts(buckets.native_count()), sum: Number::default() }
    }

    pub(crate) fn observe(&self, buckets: &Buckets, value: u64) {
        if !self.native.is_empty() {
            self.native[native::of(value)].add(1);
            // Who sees an observation below sees it here too, so that no bucket is ever above the count of all.
            fence(Release);
        }
        self.buckets[buckets.of(value)].add(1);
        self.sum.set(self.sum.get() + value as f64);
    }

    /// Number of observations.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(Count::get).sum()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole and not negative, being a sum of integers
    pub(crate) fn add_to(&self, total: &mut HistogramTotal) {
        // In the reverse order of their writing.
        for (total, cell) in total.buckets.iter_mut().zip(&self.buckets) {
            *total += cell.get();
        }
        for (total, cell) in total.native.iter_mut().zip(&self.native) {
            *total += cell.get();
        }
        total.sum += self.sum.get() as u128;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn total(buckets: &Buckets, cells: &[HistogramCells]) -> HistogramTotal {
        let mut total = HistogramTotal::new(buckets);
        for cells in cells {
            cells.add_to(&mut total);
        }
        total
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever each thread observes, and whenever somebody reads: no bucket falls from one reading to the next, none is above the native
        /// ones, which are written first, and at the end there is each observation, once, and no other.
        #[test]
        fn readings_while_others_record_never_fall_and_end_exact(
            observed in prop::collection::vec(prop::collection::vec(0..20_000_000_000u64, 0..400), 1..5),
        ) {
            let buckets = Buckets::seconds(&[0.001, 0.1, 1.0, 10.0]).with_native(true);
            let cells: Vec<_> = observed.iter().map(|_| HistogramCells::new(&buckets)).collect();
            let left = AtomicUsize::new(observed.len());
            let mut readings = Vec::new();
            thread::scope(|scope| {
                for (cells, values) in cells.iter().zip(&observed) {
                    let (buckets, left) = (&buckets, &left);
                    scope.spawn(move || {
                        for value in values {
                            cells.observe(buckets, *value);
                        }
                        left.fetch_sub(1, Release);
                    });
                }
                while left.load(Acquire) > 0 {
                    readings.push(total(&buckets, &cells));
                }
            });
            readings.push(total(&buckets, &cells));
            for pair in readings.windows(2) {
                let grows = |of: fn(&HistogramTotal) -> &[u64]| of(&pair[0]).iter().zip(of(&pair[1])).all(|(a, b)| a <= b);
                prop_assert!(grows(|total| &total.buckets) && grows(|total| &total.native));
            }
            for reading in &readings {
                prop_assert!(reading.buckets.iter().sum::<u64>() <= reading.native.iter().sum::<u64>());
            }
            let values = || observed.iter().flatten();
            let last = &readings[readings.len() - 1];
            for bucket in 0..buckets.count() {
                let expected = values().filter(|value| buckets.of(**value) == bucket).count();
                prop_assert_eq!(last.buckets[bucket], expected as u64);
            }
            prop_assert_eq!(last.native.iter().sum::<u64>(), values().count() as u64);
            // The sum is an f64, which has all of these whole.
            prop_assert_eq!(last.sum, values().map(|value| u128::from(*value)).sum::<u128>());
        }
    }
}
