//! The clock of a target: a fixed grid, so that slow runs do not push later ones back. What was due and did not start is
//! counted, with the cause.

use std::time::Duration;

use metrics_core::MissCause;
use tokio::time::{Instant, sleep_until};

/// The points in time at which runs are due: the start, and every interval from there.
struct Grid {
    next: Instant,
    interval: Duration,
}

impl Grid {
    /// Moves past the points that are over by more than an interval, and says how many those were. The last one is kept:
    /// it is late, but not yet in the way of another.
    fn skip(&mut self, now: Instant) -> u64 {
        let behind = now.saturating_duration_since(self.next).as_nanos() / self.interval.as_nanos();
        let points = u32::try_from(behind).unwrap_or(u32::MAX);
        self.next += self.interval * points;
        points.into()
    }
}

/// Calls `run` at once and then every `interval`, one at a time, for ever. `missed` is told of runs that were due and did
/// not start: because the one before had not ended, or because this task itself was not given the time.
pub(crate) async fn every(interval: Duration, mut run: impl AsyncFnMut(), mut missed: impl FnMut(MissCause, u64)) {
    let mut grid = Grid { next: Instant::now(), interval };
    loop {
        sleep_until(grid.next).await;
        missed(MissCause::Late, grid.skip(Instant::now()));
        grid.next += interval;
        run().await;
        missed(MissCause::Overlap, grid.skip(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::sleep;

    use super::*;

    /// Starts of runs in seconds, and the missed ones, when run `i` takes `durations[i]` seconds; each minute, for ten.
    async fn ten_minutes(durations: &[u64]) -> (Vec<u64>, u64) {
        let start = Instant::now();
        let starts = RefCell::new(Vec::new());
        let missed = RefCell::new(0);
        let run = async || {
            let n = starts.borrow().len();
            starts.borrow_mut().push(start.elapsed().as_secs());
            sleep(Duration::from_secs(durations.get(n).copied().unwrap_or(1))).await;
        };
        let clock = every(Duration::from_secs(60), run, |cause, n| {
            assert!(n == 0 || cause == MissCause::Overlap);
            *missed.borrow_mut() += n;
        });
        let _ = tokio::time::timeout(Duration::from_secs(599), clock).await;
        (starts.into_inner(), missed.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_run_starts_at_once_and_duration_does_not_shift_the_grid() {
        let expected = (0..10).map(|k| k * 60).collect::<Vec<_>>();
        assert_eq!(ten_minutes(&[]).await, (expected.clone(), 0));
        assert_eq!(ten_minutes(&[59, 10, 30, 59]).await, (expected, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn p25_runs_never_overlap_and_each_one_that_was_due_is_started_or_counted() {
        // The run that was due at 60 s starts late, at 61 s, and the grid stays.
        assert_eq!(ten_minutes(&[61]).await, ((vec![0, 61, 120, 180, 240, 300, 360, 420, 480, 540]), 0));
        // Due at 60, 120 and 180 s while the first one hung: the last of them starts late, two are counted.
        assert_eq!(ten_minutes(&[200]).await, (vec![0, 200, 240, 300, 360, 420, 480, 540], 2));
        assert_eq!(ten_minutes(&[598]).await, (vec![0, 598], 8));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_task_did_not_run_is_late() {
        let missed = RefCell::new(Vec::new());
        let clock = every(
            Duration::from_secs(60),
            async || {},
            |cause, n| {
                if n > 0 {
                    missed.borrow_mut().push((cause, n));
                }
            },
        );
        let mut clock = Box::pin(clock);
        assert!(futures::poll!(clock.as_mut()).is_pending());
        // As after a suspend: nobody polled for three and a half minutes.
        tokio::time::advance(Duration::from_secs(210)).await;
        assert!(futures::poll!(clock.as_mut()).is_pending());
        drop(clock);
        assert_eq!(missed.into_inner(), [(MissCause::Late, 2)]);
    }
}
