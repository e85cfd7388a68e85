//! What is proved of one exchange and needs more than a line of the table.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Service;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, read_body, try_call_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse};
use futures::channel::mpsc;
use metrics_core::MetricsHandler;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{self, Layout, app, next_number};
use crate::case::{case, get, request};
use crate::cases::hello;
use crate::kit::{Server, in_time};
use crate::scrape::{Books, Scrape, registered};
use crate::wire::mock;

const HELLO: [(&str, &str); 2] = [("method", "GET"), ("path", "/hello")];

/// What has no body to send is complete without being polled, whatever body there is.
#[actix_web::test]
async fn t9_t10_a_body_that_nobody_sends_need_not_be_polled() {
    let (registry, http) = registered();
    let app = App::new()
        .route("/304", web::get().to(|| async { HttpResponse::NotModified().body("never sent") }))
        .route("/none", web::get().to(|| async { HttpResponse::Ok().message_body(actix_web::body::None::new()) }))
        .wrap(http);
    let app = init_service(app).await;
    for path in ["/304", "/none"] {
        drop(call_service(&app, TestRequest::get().uri(path).to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(2).unwrap();
    assert_eq!((scrape.sum("http_responses_total"), scrape.sum("http_response_size_bytes_sum")), (2.0, 0.0));
}

#[actix_web::test]
async fn t3_the_error_of_inner_middleware_is_passed_on_as_it_is() {
    let (_, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    let error = try_call_service(&app, TestRequest::get().uri("/forbidden/1").to_request()).await;
    let error = error.map(drop).unwrap_err();
    assert_eq!((error.error_response().status(), error.to_string()), (StatusCode::FORBIDDEN, "not you".to_owned()));
}

/// A guard that is moved into the future field by field is dropped at once.
#[actix_web::test]
async fn r6_the_record_lasts_as_long_as_the_handler() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    let n = next_number();
    let gate = app::gate(n);
    let mut call = pin!(app.call(TestRequest::get().uri(&format!("/slow/{n}")).to_request()));
    assert!(futures::poll!(call.as_mut()).is_pending());
    gate.entered.await.unwrap();
    let scrape = Scrape::of(&registry);
    assert_eq!((scrape.sum("http_requests_total"), scrape.in_flight()), (0.0, 1.0));
    drop(gate.open);
    assert_eq!(read_body(call.await.unwrap()).await, "slow");
    Scrape::of(&registry).at_rest(1).unwrap();
}

#[actix_web::test]
async fn v7_the_duration_ends_with_the_body_and_not_with_the_head() {
    let (registry, http) = registered();
    let (send, body) = mpsc::unbounded::<Result<Bytes, Error>>();
    let body = std::cell::Cell::new(Some(body));
    let body = std::rc::Rc::new(body);
    let events = web::get().to(move || {
        let body = body.take().unwrap();
        async move { HttpResponse::Ok().streaming(body) }
    });
    let app = init_service(App::new().route("/", events).wrap(http)).await;
    let duration = |scrape: &Scrape, what: &str| scrape.sum(&format!("http_request_duration_seconds_{what}"));

    let begun = Instant::now();
    let response = call_service(&app, TestRequest::get().to_request()).await;
    let head = Instant::now();
    let mut body = pin!(response.into_body());
    send.unbounded_send(Ok(Bytes::from_static(b"data: 1\n\n"))).unwrap();
    std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().unwrap();
    assert!(futures::poll!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx))).is_pending());
    let open = Scrape::of(&registry);
    assert_eq!((duration(&open, "count"), open.in_flight()), (0.0, 1.0));
    let open_for = head.elapsed();

    drop(send);
    assert!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.is_none());
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1).unwrap();
    let seconds = duration(&scrape, "sum");
    assert!((open_for.as_secs_f64()..=begun.elapsed().as_secs_f64()).contains(&seconds), "{seconds}");
}

#[actix_web::test]
async fn v8_durations_below_a_millisecond_are_kept() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    for requests in 1..=3 {
        let before = Scrape::of(&registry).value("http_request_duration_seconds_sum", &HELLO).unwrap_or_default();
        let begun = Instant::now();
        mock(&app, &hello()).await.unwrap();
        let elapsed = begun.elapsed().as_secs_f64();
        let scrape = Scrape::of(&registry);
        scrape.at_rest(requests).unwrap();
        let seconds = scrape.value("http_request_duration_seconds_sum", &HELLO).unwrap() - before;
        assert!(seconds > 0.0 && seconds <= elapsed, "{seconds} of {elapsed}");
    }
}

/// Two workers answer in turn, and the last one to answer is the one that tells the time.
#[actix_web::test]
async fn v10_the_time_of_the_last_response_is_a_unix_time_with_fractions() {
    let (registry, http) = registered();
    let one = init_service(app(Layout::Plain, http.clone())).await;
    let other = init_service(app(Layout::Plain, http)).await;
    for turn in 0..6 {
        let before = unix_seconds();
        mock(if turn % 2 == 0 { &one } else { &other }, &hello()).await.unwrap();
        let time = Scrape::of(&registry).value("http_response_time_seconds", &HELLO).unwrap();
        assert!((before..=unix_seconds()).contains(&time), "{time}");
    }
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A dispatcher need not poll a body of known size once more after its last byte.
#[actix_web::test]
async fn t1_a_sized_body_is_complete_with_its_last_byte() {
    struct Abc;
    impl MessageBody for Abc {
        type Error = Error;
        fn size(&self) -> BodySize {
            BodySize::Sized(3)
        }
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
            Poll::Ready(Some(Ok(Bytes::from_static(b"abc"))))
        }
    }
    let (registry, http) = registered();
    let route = web::get().to(|| async { HttpResponse::Ok().message_body(Abc) });
    let app = init_service(App::new().route("/", route).wrap(http)).await;
    let mut body = Box::pin(call_service(&app, TestRequest::get().to_request()).await.into_body());
    std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().unwrap();
    drop(body);
    let mut books = Books::default();
    let abc = case("T1", "", get("/")).sees(200, "abc").counts("/");
    books.enter(&abc.counted.unwrap(), 3);
    books.agree(&Scrape::of(&registry)).unwrap();
}

/// A dispatcher may poll a body that has ended, and a test may.
#[actix_web::test]
async fn t1_a_body_that_is_polled_after_its_end_is_counted_once() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    for (requests, path) in (1..).zip(["/hello", "/sized", "/204"]) {
        let mut body = pin!(call_service(&app, TestRequest::get().uri(path).to_request()).await.into_body());
        while std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.is_some() {}
        assert!(std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.is_none());
        Scrape::of(&registry).at_rest(requests).unwrap();
    }
}

#[actix_web::test]
async fn t1_every_status_has_its_own_count() {
    let (registry, http) = registered();
    let answer = |code: web::Path<u16>| async move { HttpResponse::new(StatusCode::from_u16(*code).unwrap()) };
    let app = init_service(App::new().route("/{code}", web::get().to(answer)).wrap(http)).await;
    let codes = || (405..430).chain(500..512).chain([200, 599, 600, 999]);
    for code in codes().chain(codes()) {
        drop(call_service(&app, TestRequest::get().uri(&format!("/{code}")).to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(2 * codes().count() as u64).unwrap();
    for code in codes() {
        let labels = [("method", "GET"), ("path", "/{code}"), ("code", &*code.to_string())];
        assert_eq!(scrape.value("http_responses_total", &labels), Some(2.0), "{code}");
    }
}

/// actix-http takes the body from the GET before a HEAD, when four or more wait together; all are counted nonetheless,
/// each with the bytes that passed the middleware.
#[actix_web::test]
async fn t1_pipelined_requests_are_counted_one_by_one() {
    let head = case("V5", "", request("HEAD", "/hello")).sees(200, "").counts("/hello");
    for pipeline in [vec![hello(), hello(), hello()], vec![hello(), hello(), head, hello()]] {
        let (registry, http) = registered();
        let server = Server::start(Layout::Plain, &http, 1);
        let mut books = Books::default();
        let mut requests = vec![];
        for (left, case) in (0..pipeline.len()).rev().zip(&pipeline) {
            let counted = case.counted.as_ref().unwrap();
            let last = if left == 0 { "Connection: close\r\n" } else { "" };
            requests.push(format!("{} /hello HTTP/1.1\r\nHost: a\r\n{last}\r\n", counted.method));
            books.enter(counted, if counted.method == "HEAD" { 0 } else { 5 });
        }
        let answers = in_time(async {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(requests.concat().as_bytes()).await.unwrap();
            let mut answers = String::new();
            stream.read_to_string(&mut answers).await.unwrap();
            answers
        });
        assert_eq!(answers.await.unwrap().matches("HTTP/1.1 200 OK").count(), pipeline.len());
        books.agree_in_time(&registry).await.unwrap();
    }
}

#[actix_web::test]
async fn scrapes_answer_get_and_head_and_nothing_else() {
    let (registry, http) = registered();
    let app = init_service(App::new().service(MetricsHandler::register(&registry).unwrap()).wrap(http)).await;
    let get = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
    assert_eq!(get.headers().get("content-type").unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(read_body(get).await.to_vec()).unwrap();
    assert_eq!(Scrape::parse(text).in_flight(), 1.0, "a scrape sees itself");
    let head = TestRequest::default().method(Method::HEAD).uri("/metrics").to_request();
    assert_eq!(call_service(&app, head).await.status(), StatusCode::OK);
    let post = call_service(&app, TestRequest::post().uri("/metrics").to_request()).await;
    assert_eq!(
        (post.status(), post.headers().get("allow").unwrap().as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"GET, HEAD"[..])
    );
}
