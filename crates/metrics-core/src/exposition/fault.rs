//! What a scrape lacks, and what to do about it.

use std::any::Any;

use crate::vocab::FaultCause;

/// Something that a scrape lacks.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) cause: FaultCause,
    /// What, and what to do.
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
        let what = format!("a collector in the registry panicked: {text}; mend or unregister it");
        Self { cause: FaultCause::Panic, what }
    }

    pub(crate) fn timeout() -> Self {
        let what = "collectors in the registry did not answer in time: make them faster, or let them cache";
        Self { cause: FaultCause::Timeout, what: what.to_owned() }
    }

    pub(super) fn clash(name: &str, why: &str) -> Self {
        Self { cause: FaultCause::Clash, what: format!("metric {name:?} is left out: {why}; rename one of them") }
    }

    pub(super) fn duplicate(name: &str) -> Self {
        let what = format!("metric {name:?} lacks series: one has the same labels as another one");
        Self { cause: FaultCause::Duplicate, what }
    }

    pub(super) fn illegal(name: &str, why: &str) -> Self {
        Self { cause: FaultCause::Illegal, what: format!("metric {name:?} {why}") }
    }
}
