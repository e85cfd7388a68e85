//! What becomes of a handler that panics: its client is told so, it is counted and logged, and the worker lives on. actix-web by
//! itself closes the connection without an answer.

use std::panic::{AssertUnwindSafe, PanicHookInfo};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::middleware::Next;
use futures::FutureExt;
use metrics_core::ProgramCounter;

/// Answers 500 where `next` panics.
pub(crate) async fn caught(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
    panics: ProgramCounter,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    // What a handler had in its hands goes with it, and what it shares are locks that say when they are poisoned.
    AssertUnwindSafe(next.call(request)).catch_unwind().await.unwrap_or_else(|_| {
        panics.inc();
        Err(ErrorInternalServerError("the server made a mistake: its log says which; please report it\n"))
    })
}

/// From here on panics are lines of the log.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!("panic in thread {name}, at {place}: {}", message(panic));
    }));
}

fn message<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it says nothing")
}
