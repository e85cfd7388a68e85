//! Whether a request is counted already: the middleware may be wrapped around an app and around a scope within it.
//!
//! The outer one is somewhere on the stack whenever the inner one is called, so it says there what it counts. To mark the
//! request itself would cost an allocation.

use std::cell::Cell;

use actix_web::dev::ServiceRequest;

/// A request that some metrics count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Exchange {
    /// Whose metrics.
    metrics: usize,
    /// Where its head lies in memory, for as long as it is handled.
    head: usize,
}

thread_local! {
    /// The one whose handling this thread is in.
    static COUNTED: Cell<Option<Exchange>> = const { Cell::new(None) };
}

impl Exchange {
    pub(super) fn new(metrics: usize, request: &ServiceRequest) -> Self {
        Self { metrics, head: std::ptr::from_ref(request.head()) as usize }
    }

    pub(super) fn is_counted(self) -> bool {
        COUNTED.get() == Some(self)
    }

    /// Runs what handles the request.
    pub(super) fn within<T>(self, handle: impl FnOnce() -> T) -> T {
        let _outer = Outer(COUNTED.replace(Some(self)));
        handle()
    }
}

/// Stands in again afterwards, also when handling panics.
struct Outer(Option<Exchange>);

impl Drop for Outer {
    fn drop(&mut self) {
        COUNTED.set(self.0);
    }
}
