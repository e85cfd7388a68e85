//! The clock of a target: a fixed grid, so that slow runs do not push later ones back. Each point of it is a run that starts
//! within a second, or one that is missed; so there is no burst after a pause, and no run is lost in silence or made twice.

use std::time::Duration;

use tokio::time::Instant;

/// A run that is later than this is missed, and not made up for: after a suspend, all targets would be asked at once.
const LATEST: Duration = Duration::from_secs(1);

/// The points in time at which the runs of a target are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: Instant,
    interval: Duration,
}

impl Schedule {
    /// Points at `first`, and every `interval` from there.
    pub(crate) fn new(first: Instant, interval: Duration) -> Self {
        Self { next: first, interval }
    }

    /// When the next run is due.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Gives up the points before `until` that are too late for a run, and says how many they were.
    pub(crate) fn give_up(&mut self, now: Instant, until: Instant) -> u64 {
        // A run that is as late as the next one would be that one.
        let latest = LATEST.min(self.interval.saturating_sub(Duration::from_nanos(1)));
        let oldest = now.checked_sub(latest).map_or(self.next, |oldest| oldest.min(until));
        // Points before the oldest one that may still be started.
        let Some(behind) = oldest.checked_duration_since(self.next).filter(|behind| !behind.is_zero()) else {
            return 0;
        };
        let points = behind.as_nanos().div_ceil(self.interval.as_nanos());
        let points = u32::try_from(points).unwrap_or(u32::MAX);
        self.next += self.interval * points;
        points.into()
    }

    /// A run starts: how late it is. The next one is due at the next point.
    pub(crate) fn start(&mut self, now: Instant) -> Duration {
        let lag = now.saturating_duration_since(self.next);
        self.next += self.interval;
        lag
    }
}

/// How long after the start of a grid's time a target's first point is: by a hash of its name, the same on every machine, so
/// that many targets are spread over their interval and a lone one starts at once.
pub(crate) fn phase(name: &str, interval: Duration, targets: usize) -> Duration {
    /// What the start of one run may take, and some more.
    const EACH: Duration = Duration::from_millis(6);
    let window = u32::try_from(targets).ok().and_then(|targets| EACH.checked_mul(targets)).unwrap_or(interval);
    let window = u64::try_from(window.min(interval).as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(stable_hash(name) % window.max(1))
}

/// The first eight bytes of the SHA-256 of `name`: the same in every version and on every machine.
pub(crate) fn stable_hash(name: &str) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    let first: [u8; 8] = std::array::from_fn(|n| digest.as_ref()[n]);
    u64::from_be_bytes(first)
}
