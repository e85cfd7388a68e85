//! The record of one request: how its exchange ended, and what its end adds to the cells of its worker.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use super::tally::Exchange;
use super::worker::Worker;
use crate::unix_seconds;
use crate::vocab::{AbortCause, Method};

/// The label `path` of a request that no route matched. No pattern can be this word, since patterns begin with `/`.
const UNMATCHED: &str = "unmatched";

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
    worker: Rc<Worker>,
    start: Instant,
    method: Method,
    /// The matched pattern, as far as it is known.
    path: Option<String>,
    request_bytes: RequestBytes,
    response_bytes: u64,
    end: End,
}

/// The size of a request body.
pub(crate) enum RequestBytes {
    /// What Content-Length announced, or 0 without a body.
    Announced(u64),
    /// What was read of a body without an announced length.
    Read(Rc<Cell<u64>>),
}

impl Record {
    pub(crate) fn start(worker: Rc<Worker>, method: Method, path: Option<String>, request_bytes: RequestBytes) -> Self {
        worker.begin();
        let start = Instant::now();
        Self { worker, start, method, path, request_bytes, response_bytes: 0, end: End::Pending }
    }

    /// Routing has found the pattern.
    pub(crate) fn routed(&mut self, path: Option<String>) {
        self.path = path;
    }

    /// The response has begun.
    pub(crate) fn responding(&mut self) {
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
        let end = match self.end {
            End::Complete(status) => Ok(status),
            _ if std::thread::panicking() => Err(AbortCause::Panic),
            End::Pending => Err(AbortCause::Dropped),
            End::Responding => Err(AbortCause::Incomplete),
            End::BodyError => Err(AbortCause::BodyError),
        };
        let exchange = Exchange {
            seconds: self.start.elapsed().as_secs_f64(),
            request_bytes: match &self.request_bytes {
                RequestBytes::Announced(bytes) => *bytes,
                RequestBytes::Read(bytes) => bytes.get(),
            },
            response_bytes: self.response_bytes,
            response_time: (self.end != End::Pending).then(|| unix_seconds(SystemTime::now())),
            end,
        };
        self.worker.end(self.method, self.path.as_deref().unwrap_or(UNMATCHED), &exchange);
    }
}
