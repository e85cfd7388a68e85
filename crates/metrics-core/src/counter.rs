//! One number that a program counts for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::Registry;

use crate::family::{Family, LabelValue, Value};
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};

/// A counter without labels, for what seldom happens and must not be overlooked. Clones share their number, which is there at 0
/// from the start. The default is registered nowhere, for tests.
///
/// ```
/// use metrics_core::{ProgramCounter, prometheus::Registry};
///
/// let registry = Registry::new();
/// let lost = ProgramCounter::register(&registry, "shop_orders_lost_total", "Orders that nobody will see again")?;
/// lost.inc();
/// assert_eq!(lost.get(), 1);
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Clone, Default)]
pub struct ProgramCounter(Arc<AtomicU64>);

impl ProgramCounter {
    /// Registers it as `name` in `registry`; by convention the name ends with `_total`.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is taken or not legal, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(registry: &Registry, name: &'static str, help: &'static str) -> Result<Self, RegisterError> {
        let counter = Self::default();
        counter.expose(registry, name, help)?;
        Ok(counter)
    }

    /// As [`Self::register`], of a counter that has been counting already.
    ///
    /// # Errors
    /// As there.
    pub fn expose(&self, registry: &Registry, name: &'static str, help: &'static str) -> Result<(), RegisterError> {
        let families = [Family::counter(name, help, &[])];
        register(registry, Arc::new(Counted { families, counter: self.clone() }))
    }

    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        // Nothing else depends on the order in which threads see it.
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted {
    families: [Family; 1],
    counter: ProgramCounter,
}

impl Source for Counted {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(CounterSnapshot(self.counter.get()))
    }
}

struct CounterSnapshot(u64);

impl Snapshot for CounterSnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, _: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        series(&[], Value::Counter(self.0 as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_exposed() {
        let registry = Registry::new();
        let counter = ProgramCounter::register(&registry, "a_total", "A").unwrap();
        let value = || {
            let mut read = f64::NAN;
            CounterSnapshot(counter.get()).read(0, 0, &mut |_, value| {
                let Value::Counter(value) = value else { panic!("{value:?}") };
                read = value;
            });
            read
        };
        assert_eq!(registry.gather()[0].name(), "a_total");
        assert_eq!((counter.get(), value()), (0, 0.0));
        counter.inc();
        counter.clone().add(2);
        assert_eq!((counter.get(), value()), (3, 3.0));
        let taken = ProgramCounter::register(&registry, "a_total", "A").map(drop).unwrap_err();
        assert!(matches!(taken, RegisterError::AlreadyRegistered { .. }), "{taken}");
    }
}
