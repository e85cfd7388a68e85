//! How many connections there may be at a time. One more is told so at once, rather than left to wait for a place that may never be free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics_core::ProgramCounter;

/// Of those beyond the limit, so many are told why. The others are closed, as each that is told has a file open.
const TOLD: usize = 32;

/// All connections.
pub(crate) struct Connections {
    open: AtomicUsize,
    most: usize,
    rejected: ProgramCounter,
}

/// Where a connection stands. It counts until this is dropped.
pub(super) struct Place(Arc<Connections>);

/// Whether there is a place.
pub(super) enum Entry {
    /// There is one.
    Free(Place),
    /// There is none, and the client is to be told.
    Full(Place),
    /// There is not even one for telling.
    Crowded,
}

impl Connections {
    pub(crate) fn new(most: usize, rejected: ProgramCounter) -> Self {
        Self { open: AtomicUsize::new(0), most, rejected }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn enter(self: &Arc<Self>) -> Entry {
        // Nothing else depends on the order in which threads see it.
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.clone());
        if before < self.most {
            return Entry::Free(place);
        }
        self.rejected.inc();
        if before < self.most.saturating_add(TOLD) { Entry::Full(place) } else { Entry::Crowded }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6_a_place_that_is_left_is_free() {
        let connections = Arc::new(Connections::new(2, ProgramCounter::default()));
        let Entry::Free(first) = connections.enter() else { panic!("the first") };
        let Entry::Free(_second) = connections.enter() else { panic!("the second") };
        let told: Vec<_> = (0..TOLD).map(|_| connections.enter()).collect();
        assert!(told.iter().all(|entry| matches!(entry, Entry::Full(_))));
        assert!(matches!(connections.enter(), Entry::Crowded));
        drop((first, told));
        assert!(matches!(connections.enter(), Entry::Free(_)));
        assert_eq!(connections.rejected.get(), TOLD as u64 + 1);
    }
}
