//! For actix-web: the middleware that counts requests.
//!
//! [`HttpMetrics`] is the Transform itself: `App::new().wrap(http.clone())`, as the outermost middleware, so that it also
//! sees the responses and errors that other middleware make.

mod body;

pub use body::CountedBody;

use std::cell::Cell;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header;
use actix_web::{Error, HttpMessage};

use crate::HttpMetrics;
use crate::http::{Layer, Record, RequestBytes};
use crate::vocab::Method;
use body::CountedPayload;

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
        ready(Ok(CountedService { service, layer: self.layer() }))
    }
}

/// The service that [`HttpMetrics`] makes of the one that it wraps, on one worker.
///
/// Its name is needed only where a type has to be spelled out:
///
/// ```
/// use actix_web::{HttpResponse, dev::{Service, ServiceRequest, Transform, fn_service}};
/// use metrics_core::{CountedService, HttpMetrics, prometheus::Registry};
///
/// # let _ = actix_web::rt::System::new().block_on(async {
/// async fn answer(request: ServiceRequest) -> Result<actix_web::dev::ServiceResponse, actix_web::Error> {
///     Ok(request.into_response(HttpResponse::Ok().finish()))
/// }
/// let http = HttpMetrics::register(&Registry::new()).expect("a new registry has all names free");
/// let counted: CountedService<_> = http.new_transform(fn_service(answer)).await?;
/// # let request = actix_web::test::TestRequest::get().to_srv_request();
/// assert_eq!(counted.call(request).await.map_err(drop)?.status(), 200);
/// # Ok::<(), ()>(())
/// # }).unwrap();
/// ```
pub struct CountedService<S> {
    service: S,
    layer: Rc<Layer>,
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
        let head = std::ptr::from_ref(request.head()) as usize;
        if self.layer.worker.is_handled(head) {
            return CountedFuture { record: None, head, future: self.service.call(request) };
        }
        let bytes = request_bytes(&mut request);
        let record = Record::start(self.layer.clone(), Method::of(request.method()), &request, bytes);
        let future = self.layer.worker.handle(head, || self.service.call(request));
        CountedFuture { record: Some(record), head, future }
    }
}

/// The announced length of the request body, or a counter of what will be read of it.
#[inline]
fn request_bytes(request: &mut ServiceRequest) -> RequestBytes {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(length) = length {
        return RequestBytes::Announced(length);
    }
    if matches!(request.parts_mut().1, Payload::None) {
        return RequestBytes::Announced(0);
    }
    let bytes = Rc::new(Cell::new(0));
    let counted = CountedPayload::new(request.take_payload(), bytes.clone());
    request.set_payload(Payload::Stream { payload: Box::pin(counted) });
    RequestBytes::Read(bytes)
}

pin_project_lite::pin_project! {
    /// The response that is being made, by a [`CountedService`]; carries the record of its request.
    pub struct CountedFuture<F> {
        // None where the request is counted already.
        record: Option<Record>,
        head: usize,
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
        let result = std::task::ready!(match this.record {
            Some(record) => record.layer().worker.handle(*this.head, || this.future.poll(cx)),
            None => this.future.poll(cx),
        });
        let record = this.record.take();
        Poll::Ready(match result {
            Ok(response) => {
                let record = record.and_then(|record| body::respond(record, &response));
                Ok(response.map_body(|_, body| CountedBody::new(body, record)))
            }
            Err(error) => {
                // actix-web turns it into a response after the last middleware, which is where it would be complete.
                if let Some(record) = record {
                    let response = error.error_response();
                    let size = response.body().size();
                    if let (true, BodySize::Sized(bytes)) = (record.responding(response.status(), size), size) {
                        record.sent(usize::try_from(bytes).unwrap_or(usize::MAX));
                    }
                    record.complete();
                }
                Err(error)
            }
        })
    }
}
