//! Whether a request is counted already: the middleware may be wrapped around an app and around a scope within it.
//!
//! The outer one is somewhere on the stack whenever the inner one is called, so it says there what it counts. To mark the
//! request itself would cost an allocation.

use std::cell::RefCell;

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
    /// Those whose handling this thread is in, the innermost last: a handful at most.
    static COUNTED: RefCell<Vec<Exchange>> = const { RefCell::new(Vec::new()) };
}

impl Exchange {
    pub(super) fn new(metrics: usize, request: &ServiceRequest) -> Self {
        Self { metrics, head: std::ptr::from_ref(request.head()) as usize }
    }

    pub(super) fn is_counted(self) -> bool {
        COUNTED.with_borrow(|counted| counted.contains(&self))
    }

    /// Runs what handles the request.
    pub(super) fn within<T>(self, handle: impl FnOnce() -> T) -> T {
        COUNTED.with_borrow_mut(|counted| counted.push(self));
        let _handled = Handled;
        handle()
    }
}

/// Takes the innermost one away, also when handling panics.
struct Handled;

impl Drop for Handled {
    fn drop(&mut self) {
        COUNTED.with_borrow_mut(Vec::pop);
    }
}
