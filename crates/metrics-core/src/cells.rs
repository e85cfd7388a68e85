//! Cells that one thread writes and any thread reads.
//!
//! Each worker has cells of its own, so that recording is a plain load, add and store: no lock, no locked instruction
//! and no cache line that another worker writes. A scrape reads the cells of all workers and adds them up.
//! A cell with two writers would lose counts: [`crate::http::Worker`] is `!Send` and hands out no cell.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::histogram::{HistogramTotal, bucket_of};

/// A count.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes back one that was added: for gauges such as the requests in flight.
    pub(crate) fn sub_one(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
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
    sum: Number,
}

impl HistogramCells {
    pub(crate) fn new(bounds: &[f64]) -> Self {
        Self { buckets: (0..=bounds.len()).map(|_| Count::default()).collect(), sum: Number::default() }
    }

    /// `value` is finite and not negative: durations and sizes only.
    pub(crate) fn observe(&self, bounds: &[f64], value: f64) {
        self.buckets[bucket_of(bounds, value)].add(1);
        self.sum.set(self.sum.get() + value);
    }

    pub(crate) fn add_to(&self, total: &mut HistogramTotal) {
        for (total, cell) in total.buckets.iter_mut().zip(&self.buckets) {
            *total += cell.get();
        }
        total.sum += self.sum.get();
    }
}
