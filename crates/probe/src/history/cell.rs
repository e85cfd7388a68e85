//! What happened in a minute, an hour or a day, rolled up.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::sketch::Sketch;

/// How long a cell is, and how many of them are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// Those of 24 hours are kept.
    Minute,
    /// Those of 30 days are kept.
    Hour,
    /// In UTC. Those of 365 days are kept.
    Day,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long one is.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        }
    }

    /// How many are kept.
    pub const fn kept(self) -> u32 {
        match self {
            Self::Minute => 24 * 60,
            Self::Hour => 30 * 24,
            Self::Day => 365,
        }
    }

    /// The number of the one that a time is in, from 1970 on.
    pub fn number(self, at: SystemTime) -> u32 {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u32::try_from(since.as_secs() / self.seconds()).unwrap_or(u32::MAX)
    }

    /// When the one with this number begins, in Unix time.
    pub fn start(self, number: u32) -> i64 {
        i64::from(number) * self.seconds().cast_signed()
    }
}

/// What happened in one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Runs.
    pub counts: Counts,
    /// How long runs took that succeeded.
    pub times: Sketch,
}

/// How runs that were due ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Succeeded, the slow ones too.
    pub good: u32,
    /// Of those that succeeded: longer than `slow_after`.
    pub slow: u32,
    /// Failed.
    pub failed: u32,
    /// Were due, and say nothing of the target: they did not take place, or the prober reached nobody.
    pub unknown: u32,
}

impl Counts {
    /// All that were due.
    pub fn scheduled(&self) -> u64 {
        u64::from(self.good) + u64::from(self.failed) + u64::from(self.unknown)
    }

    /// Good ones of those that were due; `None` where none was.
    pub fn uptime(&self) -> Option<f64> {
        let scheduled = self.scheduled();
        (scheduled > 0).then(|| f64::from(self.good) / scheduled as f64)
    }

    /// Adds the others.
    pub fn add(&mut self, other: &Self) {
        self.good = self.good.saturating_add(other.good);
        self.slow = self.slow.saturating_add(other.slow);
        self.failed = self.failed.saturating_add(other.failed);
        self.unknown = self.unknown.saturating_add(other.unknown);
    }
}

impl Cell {
    /// Adds what another has.
    pub fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.times.merge(&other.times);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_did_not_take_place_is_never_up() {
        let uptime = |good, failed, unknown| Counts { good, slow: 0, failed, unknown }.uptime();
        assert_eq!(uptime(0, 0, 0), None);
        assert_eq!(uptime(3, 0, 1), Some(0.75));
        assert_eq!(uptime(3, 1, 0), Some(0.75));
        assert_eq!(uptime(u32::MAX, 0, u32::MAX), Some(0.5));
    }

    #[test]
    fn times_fall_into_the_cells_in_which_they_are() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(Span::ALL.map(|span| span.number(at(86_399))), [1_439, 23, 0]);
        assert_eq!(Span::ALL.map(|span| span.number(at(86_400))), [1_440, 24, 1]);
        assert_eq!(Span::ALL.map(|span| span.number(UNIX_EPOCH - Duration::from_secs(1))), [0; 3]);
        assert_eq!(Span::Day.start(1), 86_400);
    }
}
