//! Which route a request took, as actix-web tells it, without asking it for the pattern each time.
//!
//! `match_pattern()` builds its answer anew for every request, which costs one or two allocations and a walk through the
//! app's routes. What it will answer can be told from the match itself: the parts of the path that are the pattern's own
//! text, and which dynamic segments stand between them. actix-router keeps the name of each segment of each pattern in a
//! string of its own that is never freed, so the address of the name says which segment of which pattern it is, and
//! `{id:[0-9]+}` is not taken for another pattern's `{id}`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::{ResourceMap, ServiceRequest};
use actix_web::http::StatusCode;
use foldhash::fast::FixedState;

use super::worker::{RouteId, Worker};
use crate::vocab::Method;

/// The routes of one app on one worker, as far as requests have shown them.
pub(super) struct Routes {
    worker: Rc<Worker>,
    /// By method, then by what the match looks like. Nothing of it is a client's text, so the hasher need not be safe
    /// against one who would choose it, and the number of entries is that of the app's patterns.
    known: [RefCell<Known>; Method::ALL.len()],
    /// For requests that get no response. Cloned once: the original cannot be kept while a request is handled.
    map: OnceCell<ResourceMap>,
    /// What the match at hand looks like.
    shape: RefCell<Vec<u8>>,
}

type Known = HashMap<Box<[u8]>, RouteId, FixedState>;

impl Routes {
    pub(super) fn new(worker: Rc<Worker>) -> Self {
        Self { worker, known: Default::default(), map: OnceCell::new(), shape: RefCell::default() }
    }

    /// A request has come; the first one shows the routes there are.
    #[inline]
    pub(super) fn see(&self, request: &ServiceRequest) {
        self.map.get_or_init(|| request.resource_map().clone());
    }

    /// The route of a path, guards left aside.
    pub(super) fn by_path(&self, path: &str) -> RouteId {
        self.id(self.map.get().and_then(|map| map.match_pattern(path)).as_deref())
    }

    /// The route that a request took, after it was routed.
    #[inline]
    pub(super) fn taken(&self, method: Method, request: &HttpRequest, status: StatusCode) -> RouteId {
        let info = request.match_info();
        let (path, rest) = (info.as_str(), info.unprocessed());
        // A scope took it, or a service that takes whatever begins like this, or nothing did.
        if !rest.is_empty() {
            return self.partly_taken(request, status);
        }
        let known = &self.known[method as usize];
        if info.is_empty() {
            let id = known.borrow().get(path.as_bytes()).copied();
            return id.unwrap_or_else(|| self.learn(known, path.as_bytes(), request));
        }
        let mut shape = self.shape.borrow_mut();
        shape.clear();
        let mut done = 0;
        for (name, value) in info.iter() {
            // Where in the path the value stands. One that middleware put there stands nowhere in it.
            let start = (value.as_ptr() as usize).wrapping_sub(path.as_ptr() as usize);
            let Some(text) = path.as_bytes().get(done..start).filter(|_| start + value.len() <= path.len()) else {
                return self.id(request.match_pattern().as_deref());
            };
            shape.extend_from_slice(text);
            shape.push(0xff); // in no text
            shape.extend_from_slice(&(name.as_ptr() as usize).to_ne_bytes());
            done = start + value.len();
        }
        shape.extend_from_slice(&path.as_bytes()[done..]);
        let id = known.borrow().get(shape.as_slice()).copied();
        id.unwrap_or_else(|| self.learn(known, &shape, request))
    }

    /// The route of a match that does not cover the path, or covers nothing of it.
    fn partly_taken(&self, request: &HttpRequest, status: StatusCode) -> RouteId {
        let info = request.match_info();
        if status != StatusCode::NOT_FOUND {
            // An answer of middleware, before there was routing: the route that it kept the request from.
            return self.id(request.match_pattern().as_deref());
        }
        let taken = &info.as_str()[..info.as_str().len() - info.unprocessed().len()];
        if taken.is_empty() {
            return RouteId::UNMATCHED;
        }
        // Not found in a scope, or by a service of which the rest of the path is none of actix-web's business.
        let pattern = request.match_pattern();
        let service = pattern.is_some() && pattern == request.resource_map().match_pattern(taken);
        self.id(pattern.as_deref().filter(|_| service))
    }

    fn learn(&self, known: &RefCell<Known>, shape: &[u8], request: &HttpRequest) -> RouteId {
        let Some(pattern) = request.match_pattern() else { return RouteId::UNMATCHED };
        let id = self.worker.route(&pattern);
        known.borrow_mut().insert(shape.into(), id);
        id
    }

    fn id(&self, pattern: Option<&str>) -> RouteId {
        pattern.map_or(RouteId::UNMATCHED, |pattern| self.worker.route(pattern))
    }
}
