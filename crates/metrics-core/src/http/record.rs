//! The record of one request: how its exchange ended, and what its end adds to the cells of its worker.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::body::BodySize;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;

use super::routes::Routes;
use super::tally::Exchange;
use super::worker::{RouteId, Worker};
use crate::histogram::nanoseconds;
use crate::vocab::{AbortCause, Method};

/// The middleware around one app, scope or resource on one worker: what its records have in common.
pub(crate) struct Layer {
    pub(crate) worker: Rc<Worker>,
    routes: Routes,
    open: RefCell<Open>,
}

impl Layer {
    pub(super) fn new(worker: Rc<Worker>) -> Self {
        Self { routes: Routes::new(worker.clone()), worker, open: RefCell::default() }
    }
}

/// One request, from its arrival to the end of its response. Dropping it records it.
///
/// It is moved from the future of the response into its body, so it is small: what is known of the request stays where
/// it is, among the [`Open`] ones of the layer.
pub(crate) struct Record {
    layer: Rc<Layer>,
    at: usize,
}

/// What is known of a request.
struct State {
    start: Instant,
    method: Method,
    /// The route that it took, which shows only with the response.
    route: Option<RouteId>,
    /// What to look the route up by if there is no response.
    path: String,
    request_bytes: RequestBytes,
    /// Of the response, once there is one.
    status: StatusCode,
    response_bytes: u64,
    /// What its body announced.
    response_size: BodySize,
    long_lived: bool,
    end: End,
}

impl State {
    /// A place that no request has had yet.
    fn unused() -> Self {
        Self {
            start: Instant::now(),
            method: Method::Other,
            route: None,
            path: String::new(),
            request_bytes: RequestBytes::Announced(0),
            status: StatusCode::OK,
            response_bytes: 0,
            response_size: BodySize::None,
            long_lived: false,
            end: End::Pending,
        }
    }
}

/// The size of a request body.
pub(crate) enum RequestBytes {
    /// What Content-Length announced, or 0 without a body.
    Announced(u64),
    /// What was read of a body without an announced length.
    Read(Rc<Cell<u64>>),
}

/// How an exchange ended, or how it would if it ended now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// No response yet.
    Pending,
    /// The response has begun.
    Responding,
    /// The body gave an error.
    BodyError,
    /// The response was complete.
    Complete,
}

impl Record {
    #[inline]
    pub(crate) fn start(layer: Rc<Layer>, method: Method, request: &ServiceRequest, bytes: RequestBytes) -> Self {
        layer.worker.begin();
        layer.routes.see(request);
        let at = layer.open.borrow_mut().begin(method, request.path(), bytes);
        Self { layer, at }
    }

    #[inline]
    pub(crate) fn layer(&self) -> &Layer {
        &self.layer
    }

    /// The response has begun, with a body of this size. Whether any of it will be sent: of the others the dispatcher sends
    /// none, and polls them or not as it likes.
    #[inline]
    pub(crate) fn responding(&self, status: StatusCode, size: BodySize) -> bool {
        let mut state = self.state();
        state.status = status;
        state.response_size = size;
        state.end = End::Responding;
        !(state.method == Method::Head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || matches!(size, BodySize::None | BodySize::Sized(0)))
    }

    /// The request as it was routed, and whether its exchange lasts as long as somebody listens.
    #[inline]
    pub(crate) fn routed(&self, request: &HttpRequest, long_lived: bool) {
        let mut state = self.state();
        state.route = Some(self.layer.routes.taken(state.method, request, state.status));
        state.long_lived = long_lived;
    }

    /// Bytes of the body went out. Whether that was all of it, if its size is known.
    #[inline]
    pub(crate) fn sent(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.response_bytes += bytes as u64;
        state.response_size == BodySize::Sized(state.response_bytes)
    }

    /// The stream of the body failed; ends the record.
    pub(crate) fn body_error(self) {
        self.state().end = End::BodyError;
    }

    /// The response was complete; ends the record.
    #[inline]
    pub(crate) fn complete(self) {
        self.state().end = End::Complete;
    }

    #[inline]
    fn state(&self) -> RefMut<'_, State> {
        RefMut::map(self.layer.open.borrow_mut(), |open| &mut open.states[self.at])
    }
}

impl Drop for Record {
    #[inline]
    fn drop(&mut self) {
        let Layer { worker, routes, open } = &*self.layer;
        let mut open = open.borrow_mut();
        let state = &mut open.states[self.at];
        let now = Instant::now();
        let exchange = Exchange {
            nanoseconds: nanoseconds(now.duration_since(state.start)),
            request_bytes: match &state.request_bytes {
                RequestBytes::Announced(bytes) => *bytes,
                RequestBytes::Read(bytes) => bytes.get(),
            },
            response_bytes: state.response_bytes,
            long_lived: state.long_lived,
            response_time: (state.end != End::Pending).then(|| worker.unix_time(now)),
            end: match state.end {
                End::Complete => Ok(worker.code(state.status.as_u16())),
                _ if std::thread::panicking() => Err(AbortCause::Panic),
                End::Pending => Err(AbortCause::Dropped),
                End::Responding => Err(AbortCause::Incomplete),
                End::BodyError => Err(AbortCause::BodyError),
            },
        };
        let route = state.route.unwrap_or_else(|| routes.by_path(&state.path));
        worker.end(state.method, route, &exchange);
        open.end(self.at);
    }
}

/// The requests of a layer that have begun and not ended. Their places are used again, and with them the memory that
/// their paths are in.
#[derive(Default)]
pub(super) struct Open {
    states: Vec<State>,
    free: Vec<usize>,
}

/// What is kept of the memory of paths: that of so many, of up to so many bytes each.
const MOST_PATHS: usize = 128;
const LONGEST_PATH: usize = 1024;

impl Open {
    #[inline]
    fn begin(&mut self, method: Method, path: &str, request_bytes: RequestBytes) -> usize {
        let at = self.free.pop().unwrap_or_else(|| {
            self.states.push(State::unused());
            self.states.len() - 1
        });
        // Field by field: a whole state would be put together elsewhere and then copied here.
        let state = &mut self.states[at];
        state.start = Instant::now();
        state.method = method;
        state.route = None;
        state.path.clear();
        state.path.push_str(path);
        state.request_bytes = request_bytes;
        state.response_bytes = 0;
        state.long_lived = false;
        state.end = End::Pending;
        at
    }

    #[inline]
    fn end(&mut self, at: usize) {
        let path = &mut self.states[at].path;
        if at >= MOST_PATHS || path.capacity() > LONGEST_PATH {
            *path = String::new();
        }
        self.free.push(at);
    }
}
