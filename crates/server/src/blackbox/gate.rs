//! How many runs on demand there may be: at the same time, and in a second. Each costs a handshake here and a request there, so
//! nobody is to have as many as he likes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) struct Gate {
    turns: Semaphore,
    most: usize,
    rate: Option<Rate>,
}

impl Gate {
    /// Without a rate they may follow each other as fast as they like.
    pub(crate) fn new(most: NonZeroUsize, per_second: Option<NonZeroU32>) -> Self {
        let most = most.get().min(Semaphore::MAX_PERMITS);
        Self { turns: Semaphore::new(most), most, rate: per_second.map(Rate::new) }
    }

    /// A run may begin; it is over when the value goes.
    ///
    /// # Errors
    /// Why it may not, in one line.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, String> {
        let busy = || format!("{} probes are under way already (--probe.max-requests); try again", self.most);
        let turn = self.turns.try_acquire().map_err(|_| busy())?;
        match &self.rate {
            Some(rate) if !rate.takes(Instant::now()) => {
                Err(format!("more than {} probes in a second (--probe.rate-limit); try again", rate.per_second))
            }
            _ => Ok(turn),
        }
    }
}

/// The generic cell rate algorithm (ITU-T I.371): who has been quiet for a second may have all of a second's runs at once.
struct Rate {
    per_second: NonZeroU32,
    /// When the runs so far would have begun, had they come evenly.
    next: Mutex<Option<Instant>>,
}

impl Rate {
    fn new(per_second: NonZeroU32) -> Self {
        Self { per_second, next: Mutex::default() }
    }

    fn takes(&self, now: Instant) -> bool {
        const SECOND: Duration = Duration::from_secs(1);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        let after = at + SECOND / self.per_second.get();
        let takes = after <= now + SECOND;
        if takes {
            *next = Some(after);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(rate: &Rate, now: Instant) -> usize {
        (0..1000).filter(|_| rate.takes(now)).count()
    }

    #[test]
    fn a_seconds_runs_at_once_and_then_as_time_goes_by() {
        let (rate, start) = (Rate::new(NonZeroU32::new(10).unwrap()), Instant::now());
        assert_eq!(taken(&rate, start), 10);
        assert_eq!(taken(&rate, start + Duration::from_millis(250)), 2);
        assert_eq!(taken(&rate, start + Duration::from_secs(60)), 10);
    }

    #[test]
    fn who_is_over_the_limit_is_told_which_one_it_is() {
        let one = NonZeroUsize::MIN;
        let gate = Gate::new(one, None);
        let turn = gate.enter().ok().unwrap();
        assert!(gate.enter().err().unwrap().contains("1 probes are under way already (--probe.max-requests)"));
        drop(turn);
        assert!(gate.enter().is_ok());
        let gate = Gate::new(one, NonZeroU32::new(1));
        assert!(gate.enter().is_ok());
        assert!(gate.enter().err().unwrap().contains("more than 1 probes in a second (--probe.rate-limit)"));
    }
}
