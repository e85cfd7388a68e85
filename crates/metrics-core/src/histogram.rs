//! A histogram that one owner holds: a sum over workers, or one behind a lock.

use crate::family::Value;

/// Counts per bucket and the sum; the bounds are given with each call, since many histograms share them.
#[derive(Debug, Clone)]
pub(crate) struct HistogramTotal {
    pub(crate) buckets: Box<[u64]>,
    pub(crate) sum: f64,
}

impl HistogramTotal {
    pub(crate) fn new(bounds: &[f64]) -> Self {
        Self { buckets: vec![0; bounds.len() + 1].into(), sum: 0.0 }
    }

    pub(crate) fn observe(&mut self, bounds: &[f64], value: f64) {
        self.buckets[bucket_of(bounds, value)] += 1;
        self.sum += value;
    }

    pub(crate) fn value<'a>(&'a self, bounds: &'a [f64]) -> Value<'a> {
        Value::Histogram { bounds, buckets: &self.buckets, sum: self.sum }
    }
}

/// Bounds are inclusive. A linear search: observations are mostly small, and there are about ten bounds.
pub(crate) fn bucket_of(bounds: &[f64], value: f64) -> usize {
    bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_rest_is_inf() {
        let bounds = [1.0, 2.0];
        let mut histogram = HistogramTotal::new(&bounds);
        for value in [0.0, 1.0, 1.5, 2.0, 2.1, 1e300] {
            histogram.observe(&bounds, value);
        }
        assert_eq!(*histogram.buckets, [2, 2, 2]);
    }
}
