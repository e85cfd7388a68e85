//! For actix-web: the middleware that counts requests, and the route that answers scrapes.
//!
//! `HttpMetrics` is the Transform itself: `App::new().wrap(http.clone())`, as the outermost middleware, so that it also
//! sees the responses and errors that other middleware make.

use std::cell::Cell;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::PayloadError;
use actix_web::http::{Method as HttpMethod, StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpResponse, Resource, web};
use futures::Stream;
use prometheus::{Registry, TextEncoder};

use crate::HttpMetrics;
use crate::http::{Record, RequestBytes, Worker};
use crate::vocab::Method;

impl<S, B> Transform<S, ServiceRequest> for HttpMetrics
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<CountedBody<B>>;
    type Error = Error;
    type Transform = CountedService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(CountedService { service, worker: self.worker() }))
    }
}

/// The service that [`HttpMetrics`] wraps, on one worker.
pub struct CountedService<S> {
    service: S,
    worker: Rc<Worker>,
}

impl<S, B> Service<ServiceRequest> for CountedService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<CountedBody<B>>;
    type Error = Error;
    type Future = CountedFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let method = Method::from_token(request.method().as_str());
        // By path alone, before routing: the label for errors and panics, after which no request comes back.
        let path = request.match_pattern();
        let bytes = request_bytes(&mut request);
        let record = Record::start(self.worker.clone(), method, path, bytes);
        CountedFuture { record: Some(record), future: self.service.call(request) }
    }
}

/// The announced length of the request body, or a counter of what will be read of it.
fn request_bytes(request: &mut ServiceRequest) -> RequestBytes {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(length) = length {
        return RequestBytes::Announced(length);
    }
    match request.take_payload() {
        Payload::None => RequestBytes::Announced(0),
        payload => {
            let bytes = Rc::new(Cell::new(0));
            let counted = CountedPayload { payload, bytes: bytes.clone() };
            request.set_payload(Payload::Stream { payload: Box::pin(counted) });
            RequestBytes::Read(bytes)
        }
    }
}

/// A request body without an announced length.
struct CountedPayload {
    payload: Payload,
    bytes: Rc<Cell<u64>>,
}

impl Stream for CountedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.bytes.set(self.bytes.get() + bytes.len() as u64);
        }
        polled
    }
}

pin_project_lite::pin_project! {
    /// The response that is being made; carries the record of its request.
    pub struct CountedFuture<F> {
        record: Option<Record>,
        #[pin]
        future: F,
    }
}

impl<F, B> Future for CountedFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<CountedBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = std::task::ready!(this.future.poll(cx));
        let record = this.record.take();
        Poll::Ready(match result {
            Ok(response) => Ok(count_body(response, record)),
            Err(error) => {
                // actix-web turns it into a response after the last middleware, which is where it would be complete.
                if let Some(mut record) = record {
                    let response = error.error_response();
                    if let BodySize::Sized(bytes) = response.body().size() {
                        record.sent(usize::try_from(bytes).unwrap_or(usize::MAX));
                    }
                    record.complete(response.status().as_u16());
                }
                Err(error)
            }
        })
    }
}

/// Moves the record into the body of the response, or ends it where no body will be read.
fn count_body<B: MessageBody>(response: ServiceResponse<B>, record: Option<Record>) -> ServiceResponse<CountedBody<B>> {
    let status = response.status();
    let head = response.request().method() == HttpMethod::HEAD;
    let pattern = response.request().match_pattern();
    response.map_body(|_, body| {
        let size = body.size();
        let mut record = record;
        if let Some(record) = &mut record {
            record.routed(pattern);
            record.responding();
        }
        // Of these the dispatcher sends no body, and polls it or not as it likes.
        let bodiless = head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || matches!(size, BodySize::None | BodySize::Sized(0));
        if bodiless && let Some(record) = record.take() {
            record.complete(status.as_u16());
        }
        CountedBody { record, status, size, body }
    })
}

pin_project_lite::pin_project! {
    /// A response body; the record of its request ends with it.
    pub struct CountedBody<B> {
        record: Option<Record>,
        status: StatusCode,
        size: BodySize,
        #[pin]
        body: B,
    }
}

impl<B: MessageBody> MessageBody for CountedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    // try_into_bytes() is not forwarded: a body that is taken that way would never be polled, and so not be counted.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = std::task::ready!(this.body.poll_next(cx));
        let Some(mut record) = this.record.take() else { return Poll::Ready(polled) };
        match &polled {
            Some(Ok(bytes)) => {
                record.sent(bytes.len());
                // Nobody needs to poll a body of known size once more to know that it has ended.
                if *this.size == BodySize::Sized(record.sent_so_far()) {
                    record.complete(this.status.as_u16());
                } else {
                    *this.record = Some(record);
                }
            }
            Some(Err(_)) => record.body_error(),
            None => record.complete(this.status.as_u16()),
        }
        Poll::Ready(polled)
    }
}

/// The route `/metrics` over everything in `registry`, in the Prometheus text format 0.0.4.
pub fn scrape(registry: &Registry) -> Resource {
    let registry = registry.clone();
    get_only("/metrics", move || ready(exposition(&registry)))
}

/// A route that answers GET, HEAD likewise (which actix-web does not do by itself), and 405 to all else.
pub fn get_only<F>(path: &str, answer: F) -> Resource
where
    F: Fn() -> Ready<HttpResponse> + Clone + 'static,
{
    let refuse = || ready(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish());
    web::resource(path)
        .route(web::get().to(answer.clone()))
        .route(web::head().to(answer))
        .default_service(web::to(refuse))
}

fn exposition(registry: &Registry) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text),
        Err(error) => HttpResponse::InternalServerError()
            .content_type("text/plain; charset=utf-8")
            .body(format!("a metric in the registry cannot be exposed: {error}\n")),
    }
}
