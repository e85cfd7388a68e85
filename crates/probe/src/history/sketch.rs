//! Durations in few bytes: how many fell into each of a row of buckets, every one of them 2^(1/16) times as wide as the one
//! before. Any quantile is then off by at most 2.2 %, however many there were. (The buckets are those of schema 4 of
//! Prometheus' native histograms, counted from a tenth of a millisecond on.)

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is shorter falls into the first bucket.
const SHORTEST: f64 = 1e-4;
const PER_OCTAVE: f64 = 16.0;
/// Some 29 hours; no run is longer.
const LAST: u16 = 30 * 16;

/// How long things took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub struct Sketch {
    /// Bucket and count, in order; without those that are empty.
    buckets: Vec<(u16, u32)>,
    /// In microseconds.
    max: u64,
}

/// As it is stored: of each bucket how far it is from the one before, which is mostly a byte.
#[derive(Serialize, Deserialize)]
struct Packed(Vec<(u16, u32)>, u64);

impl From<Sketch> for Packed {
    fn from(sketch: Sketch) -> Self {
        let mut before = 0;
        let gap = |(bucket, count): (u16, u32)| (bucket - std::mem::replace(&mut before, bucket), count);
        Self(sketch.buckets.into_iter().map(gap).collect(), sketch.max)
    }
}

impl From<Packed> for Sketch {
    fn from(Packed(gaps, max): Packed) -> Self {
        let mut bucket = 0u16;
        let place = |(gap, count)| {
            bucket = bucket.saturating_add(gap);
            (bucket, count)
        };
        Self { buckets: gaps.into_iter().map(place).collect(), max }
    }
}

impl Sketch {
    /// Counts one more.
    pub fn add(&mut self, time: Duration) {
        self.count(bucket(time), 1);
        self.max = self.max.max(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.count(bucket, count);
        }
        self.max = self.max.max(other.max);
    }

    fn count(&mut self, bucket: u16, count: u32) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(n) => self.buckets[n].1 = self.buckets[n].1.saturating_add(count),
            Err(n) => self.buckets.insert(n, (bucket, count)),
        }
    }

    /// The duration that the share `q` of them, from 0 to 1, do not exceed; `None` where there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let total: u64 = self.buckets.iter().map(|(_, count)| u64::from(*count)).sum();
        let rank = q * total as f64;
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += u64::from(*count);
            seen as f64 >= rank
        });
        // Of one bucket the longest is known exactly.
        found.map(|(bucket, _)| middle(*bucket).min(Duration::from_micros(self.max)))
    }

    /// The longest; `None` where there are none.
    pub fn max(&self) -> Option<Duration> {
        (!self.buckets.is_empty()).then(|| Duration::from_micros(self.max))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds")]
fn bucket(time: Duration) -> u16 {
    let octaves = (time.as_secs_f64() / SHORTEST).max(1.0).log2();
    (octaves * PER_OCTAVE).clamp(0.0, f64::from(LAST)) as u16
}

fn middle(bucket: u16) -> Duration {
    Duration::from_secs_f64(SHORTEST * ((f64::from(bucket) + 0.5) / PER_OCTAVE).exp2())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::default();
        micros.into_iter().for_each(|micros| sketch.add(Duration::from_micros(micros)));
        sketch
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!((Sketch::default().quantile(0.5), Sketch::default().max()), (None, None));
    }

    #[test]
    fn what_is_beyond_the_buckets_is_counted_all_the_same() {
        let sketch = of([0, 1, u64::MAX]);
        assert_eq!(sketch.buckets, [(0, 2), (LAST, 1)]);
        assert_eq!(sketch.max(), Some(Duration::from_micros(u64::MAX)));
        assert!(sketch.quantile(0.5).unwrap() < Duration::from_micros(110));
    }

    proptest! {
        #[test]
        fn quantiles_are_near_and_merging_is_adding(mut times in prop::collection::vec(200u64..1_000_000_000, 1..200), cut in 0usize..200) {
            let cut = cut.min(times.len());
            let mut merged = of(times[..cut].iter().copied());
            merged.merge(&of(times[cut..].iter().copied()));
            prop_assert_eq!(&merged, &of(times.iter().copied()));
            let stored = postcard::to_allocvec(&merged).unwrap();
            prop_assert_eq!(&merged, &postcard::from_bytes::<Sketch>(&stored).unwrap());
            times.sort_unstable();
            for q in [0.5, 0.95, 1.0] {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
                let exact = times[((q * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1] as f64 / 1e6;
                let said = merged.quantile(q).unwrap().as_secs_f64();
                prop_assert!((said / exact - 1.0).abs() < 0.0225, "{q}: {said} for {exact}");
            }
            prop_assert_eq!(merged.max(), times.last().map(|max| Duration::from_micros(*max)));
        }
    }
}
