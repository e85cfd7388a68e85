//! The record of one request: how its exchange ended, and what its end adds to the cells of its worker.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use super::routes::Routes;
use super::tally::Exchange;
use super::worker::RouteId;
use crate::histogram::nanoseconds;
use crate::vocab::{AbortCause, Method};

/// How an exchange ended, or how it would if it ended now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No response yet.
    Pending,
    /// The response has begun.
    Responding,
    /// The body gave an error.
    BodyError,
    /// The response was complete; its status.
    Complete(u16),
}

/// One request, from its arrival to the end of its response. Dropping it records it.
pub(crate) struct Record {
    routes: Rc<Routes>,
    start: Instant,
    method: Method,
    route: Route,
    request_bytes: RequestBytes,
    response_bytes: u64,
    long_lived: bool,
    end: End,
}

/// The route of a request, as far as it is known.
enum Route {
    /// Its path: which route it took shows only with the response.
    Unrouted(String),
    /// The route it took.
    Taken(RouteId),
}

/// The size of a request body.
pub(crate) enum RequestBytes {
    /// What Content-Length announced, or 0 without a body.
    Announced(u64),
    /// What was read of a body without an announced length.
    Read(Rc<Cell<u64>>),
}

impl Record {
    pub(crate) fn start(routes: Rc<Routes>, method: Method, path: String, request_bytes: RequestBytes) -> Self {
        routes.worker.begin();
        Self {
            routes,
            start: Instant::now(),
            method,
            route: Route::Unrouted(path),
            request_bytes,
            response_bytes: 0,
            long_lived: false,
            end: End::Pending,
        }
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The response has begun.
    pub(crate) fn responding(&mut self, route: RouteId, long_lived: bool) {
        if let Route::Unrouted(path) = std::mem::replace(&mut self.route, Route::Taken(route)) {
            self.routes.release(path);
        }
        self.long_lived = long_lived;
        self.end = End::Responding;
    }

    /// Bytes of the body went out.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    pub(crate) fn sent_so_far(&self) -> u64 {
        self.response_bytes
    }

    /// The stream of the body failed; ends the record.
    pub(crate) fn body_error(mut self) {
        self.end = End::BodyError;
    }

    /// The response was complete; ends the record.
    pub(crate) fn complete(mut self, status: u16) {
        self.end = End::Complete(status);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let worker = &self.routes.worker;
        let route = match std::mem::replace(&mut self.route, Route::Taken(RouteId::UNMATCHED)) {
            Route::Taken(route) => route,
            Route::Unrouted(path) => {
                let route = self.routes.by_path(&path);
                self.routes.release(path);
                route
            }
        };
        let now = Instant::now();
        let exchange = Exchange {
            nanoseconds: nanoseconds(now.duration_since(self.start)),
            request_bytes: match &self.request_bytes {
                RequestBytes::Announced(bytes) => *bytes,
                RequestBytes::Read(bytes) => bytes.get(),
            },
            response_bytes: self.response_bytes,
            long_lived: self.long_lived,
            response_time: (self.end != End::Pending).then(|| worker.unix_time(now)),
            end: match self.end {
                End::Complete(status) => Ok(worker.code(status)),
                _ if std::thread::panicking() => Err(AbortCause::Panic),
                End::Pending => Err(AbortCause::Dropped),
                End::Responding => Err(AbortCause::Incomplete),
                End::BodyError => Err(AbortCause::BodyError),
            },
        };
        worker.end(self.method, route, &exchange);
    }
}
