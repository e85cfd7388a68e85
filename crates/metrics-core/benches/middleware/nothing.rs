//! A middleware that records nothing, in the shape of ours: what any middleware costs that sees a request to its end.
//!
//! A guard goes from the future of the response into its body, which counts its bytes. The guard reads the clock at the
//! request's start and end, and throws both away.
//!
//! There are two of it: one whose guard knows the route of its request, as any that has something to record must, from
//! `match_pattern()`; and one whose guard knows nothing, which is what only the carrying costs.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::web::Bytes;

pub(crate) struct Nothing {
    pub(crate) knows_route: bool,
}

impl<S, B> Transform<S, ServiceRequest> for Nothing
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<GuardedBody<B>>;
    type Error = Error;
    type Transform = GuardedService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GuardedService { knows_route: self.knows_route, service }))
    }
}

pub(crate) struct GuardedService<S> {
    knows_route: bool,
    service: S,
}

impl<S, B> Service<ServiceRequest> for GuardedService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<GuardedBody<B>>;
    type Error = Error;
    type Future = GuardedFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let guard = Guard { start: Instant::now(), route: None, bytes: 0 };
        GuardedFuture { knows_route: self.knows_route, guard: Some(guard), future: self.service.call(request) }
    }
}

struct Guard {
    start: Instant,
    route: Option<String>,
    bytes: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        black_box((self.start, Instant::now(), &self.route, self.bytes));
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct GuardedFuture<F> {
        knows_route: bool,
        guard: Option<Guard>,
        #[pin]
        future: F,
    }
}

impl<F, B> Future for GuardedFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<GuardedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.future.poll(cx));
        let mut guard = this.guard.take();
        if let (true, Ok(response), Some(guard)) = (*this.knows_route, &result, &mut guard) {
            guard.route = response.request().match_pattern();
        }
        Poll::Ready(result.map(|response| response.map_body(|_, body| GuardedBody { guard, body })))
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct GuardedBody<B> {
        guard: Option<Guard>,
        #[pin]
        body: B,
    }
}

impl<B: MessageBody> MessageBody for GuardedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = ready!(this.body.poll_next(cx));
        match (&polled, this.guard.as_mut()) {
            (Some(Ok(bytes)), Some(guard)) => guard.bytes += bytes.len() as u64,
            _ => *this.guard = None,
        }
        Poll::Ready(polled)
    }
}
