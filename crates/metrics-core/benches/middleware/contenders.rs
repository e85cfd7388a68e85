//! What is compared: the same app five times, bare and in four middleware, and the requests that it answers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{StatusCode, Uri};
use actix_web::test::init_service;
use actix_web::{App, Error, web};
use actix_web_prom::PrometheusMetricsBuilder;
use metrics_core::HttpMetrics;

use crate::nothing::Nothing;

/// Requests of one kind.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    uris: Vec<Uri>,
    status: StatusCode,
}

pub(crate) fn cases() -> [Case; 3] {
    let uri = |path: &str| path.parse().expect("a path is a URI");
    let users = (0..16).map(|id| uri(&format!("/user/{id}"))).collect();
    [
        Case { name: "/hello", uris: vec![uri("/hello")], status: StatusCode::OK },
        Case { name: "/user/{id}", uris: users, status: StatusCode::OK },
        Case { name: "404", uris: vec![uri("/nope")], status: StatusCode::NOT_FOUND },
    ]
}

/// An app on the calling thread.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    answer: Box<Answer>,
}

/// Answers that many requests, one after another.
type Answer = dyn Fn(&Case, usize);

impl Contender {
    /// The bare app comes first: all others are measured over it.
    pub(crate) fn all(metrics: &HttpMetrics) -> [Contender; 5] {
        let app = || App::new().configure(routes);
        let peer = PrometheusMetricsBuilder::new("api").build().expect("its registry is new");
        [
            Contender::new("none", at_once(init_service(app()))),
            Contender::new("guard", at_once(init_service(app().wrap(Nothing { knows_route: false })))),
            Contender::new("nothing", at_once(init_service(app().wrap(Nothing { knows_route: true })))),
            Contender::new("actix-web-prom", at_once(init_service(app().wrap(peer)))),
            Contender::new("ours", at_once(init_service(app().wrap(metrics.clone())))),
        ]
    }

    fn new<S, B>(name: &'static str, service: S) -> Contender
    where
        S: Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody,
    {
        let answer = move |case: &Case, requests: usize| {
            for uri in case.uris.iter().cycle().take(requests) {
                at_once(answer(&service, uri, case.status));
            }
        };
        Contender { name, answer: Box::new(answer) }
    }

    pub(crate) fn answer(&self, case: &Case, requests: usize) {
        (self.answer)(case, requests);
    }
}

/// Two routes to measure, and a few beside them, for a router that has to choose.
fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(async || "start"))
        .route("/hello", web::get().to(async || "Hello, world!"))
        .route("/user/{id}", web::get().to(async |id: web::Path<String>| id.into_inner()))
        .route("/user/{id}/orders", web::get().to(async || "orders"))
        .route("/health", web::get().to(async || "healthy"));
}

/// One request as a connection would have it answered, the body driven to its end.
async fn answer<S, B>(service: &S, uri: &Uri, status: StatusCode)
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let mut request = Request::new();
    request.head_mut().uri = uri.clone();
    let Ok(response) = service.call(request).await else { panic!("{uri}: an error in place of a response") };
    assert_eq!(response.status(), status, "{uri}");
    let mut body = pin!(response.into_body());
    while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        assert!(chunk.is_ok(), "{uri}: an error in the body");
    }
}

/// No runtime: nothing here waits, and its cost would only blur the differences.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("no handler and no middleware here waits"),
    }
}
