//! How many runs on demand there may be: at the same time, and in a second. Each costs a handshake here and a request there, so
//! nobody is to have as many as he likes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::rate::Rate;

pub(crate) struct Gate {
    turns: Semaphore,
    most: usize,
    /// With how many a second that is.
    rate: Option<(Rate, NonZeroU32)>,
}

impl Gate {
    /// Without a rate they may follow each other as fast as they like.
    pub(crate) fn new(most: NonZeroUsize, per_second: Option<NonZeroU32>) -> Self {
        let most = most.get().min(Semaphore::MAX_PERMITS);
        Self { turns: Semaphore::new(most), most, rate: per_second.map(|most| (Rate::per_second(most), most)) }
    }

    /// A run may begin; it is over when the value goes.
    ///
    /// # Errors
    /// Why it may not, in one line.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, String> {
        let busy = || format!("{} probes are under way already (--probe.max-requests); try again", self.most);
        let turn = self.turns.try_acquire().map_err(|_| busy())?;
        match &self.rate {
            Some((rate, most)) if !rate.takes(Instant::now()) => {
                Err(format!("more than {most} probes in a second (--probe.rate-limit); try again"))
            }
            _ => Ok(turn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
