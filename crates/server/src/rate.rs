//! How often something may happen: the generic cell rate algorithm (ITU-T I.371), which is a token bucket without the tokens.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Once in an interval; who has been quiet for long enough may have `burst` at once.
pub(crate) struct Rate {
    interval: Duration,
    burst: u32,
    /// When the next would be due, had all so far come evenly.
    next: Mutex<Option<Instant>>,
}

impl Rate {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, next: Mutex::default() }
    }

    /// So many in a second, all of them at once if need be.
    pub(crate) fn per_second(most: std::num::NonZeroU32) -> Self {
        Self::new(Duration::from_secs(1) / most.get(), most.get())
    }

    /// Whether there may be one more now, which then has been.
    pub(crate) fn takes(&self, now: Instant) -> bool {
        let Some(ahead) = self.burst.checked_sub(1) else { return false };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.unwrap_or(now).max(now);
        if due.duration_since(now) > self.interval.saturating_mul(ahead) {
            return false;
        }
        // What is too far away to be told is never.
        let Some(after) = due.checked_add(self.interval) else { return false };
        *next = Some(after);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `wanted` at the same time there may be.
    fn taken(rate: &Rate, now: Instant, wanted: usize) -> usize {
        (0..wanted).filter(|_| rate.takes(now)).count()
    }

    #[test]
    fn a_burst_at_once_then_one_in_an_interval() {
        let rate = Rate::new(Duration::from_secs(1), 3);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(taken(&rate, start, 10), 3);
        assert_eq!(taken(&rate, after(1), 10), 1);
        assert_eq!(taken(&rate, after(3), 10), 2);
        assert_eq!(taken(&rate, after(1000), 10), 3);
    }

    #[test]
    fn a_seconds_worth_at_once_and_then_as_time_goes_by() {
        let (rate, start) = (Rate::per_second(std::num::NonZeroU32::new(10).unwrap()), Instant::now());
        assert_eq!(taken(&rate, start, 1000), 10);
        assert_eq!(taken(&rate, start + Duration::from_millis(250), 1000), 2);
        assert_eq!(taken(&rate, start + Duration::from_secs(60), 1000), 10);
    }

    #[test]
    fn without_a_burst_there_is_none() {
        assert_eq!(taken(&Rate::new(Duration::from_secs(1), 0), Instant::now(), 3), 0);
    }

    #[test]
    fn an_interval_without_end_is_one_burst() {
        let rate = Rate::new(Duration::MAX, 2);
        assert!(taken(&rate, Instant::now(), 10) <= 2);
    }
}
