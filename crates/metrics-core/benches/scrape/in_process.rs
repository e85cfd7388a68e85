//! A scrape without a network: the response that a connection would get, its body driven to its end.

use std::future::poll_fn;
use std::pin::pin;

use actix_http::Request;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;

/// What is asked for, and the header that says that it came: no other one is to be measured in its place.
#[derive(Clone)]
pub(crate) struct Exposition {
    request: (HeaderName, &'static str),
    response: (HeaderName, &'static str),
}

pub(crate) const TEXT: Exposition = Exposition {
    request: (ACCEPT, "text/plain; version=0.0.4"),
    response: (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
};
pub(crate) const OPENMETRICS: Exposition = Exposition {
    request: (ACCEPT, "application/openmetrics-text; version=1.0.0"),
    response: (CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
};
pub(crate) const GZIP: Exposition =
    Exposition { request: (ACCEPT_ENCODING, "gzip"), response: (CONTENT_ENCODING, "gzip") };

/// Chunks go where the caller wants them; those of a measured scrape are dropped as they come.
pub(crate) async fn scrape<S, B>(service: &S, exposition: Exposition, mut chunk: impl FnMut(Bytes))
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let request = TestRequest::get().uri("/metrics").insert_header(exposition.request).to_request();
    let Ok(response) = service.call(request).await else { panic!("an error in place of a response") };
    assert_eq!(response.status(), StatusCode::OK);
    let (name, value) = exposition.response;
    assert_eq!(response.headers().get(name).map(HeaderValue::as_bytes), Some(value.as_bytes()));
    let mut body = pin!(response.into_body());
    while let Some(polled) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        let Ok(bytes) = polled else { panic!("an error in the body") };
        chunk(bytes);
    }
}
