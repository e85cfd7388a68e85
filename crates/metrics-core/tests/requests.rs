//! What is counted of requests, case by case: one request is one count, whatever happens.
//! The ids (T…, L…, V…) name the rules; see docs/metrics.md.
#![cfg(feature = "actix-web")]
#![allow(clippy::float_cmp)] // counts are whole numbers

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BodyStream, MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse, HttpServer, middleware};
use futures::StreamExt;
use metrics_core::prometheus::{Registry, TextEncoder};
use metrics_core::{HttpMetrics, scrape};

/// What a scrape would give, with questions to ask of it.
struct Scrape(String);

impl Scrape {
    fn of(registry: &Registry) -> Self {
        Self(TextEncoder::new().encode_to_string(&registry.gather()).unwrap())
    }

    /// The value of the one series with this name and these labels, as they are spelled.
    fn value(&self, series: &str) -> Option<f64> {
        let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
        self.0.lines().find_map(value)
    }

    fn sum(&self, name: &str) -> f64 {
        let of_family = |line: &&str| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "));
        let values = self.0.lines().filter(of_family).map(|line| line.rsplit_once(' ').unwrap().1);
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    }

    /// T11: at rest every family has counted the same exchanges.
    #[track_caller]
    fn at_rest(&self, requests: u32) {
        let expected = f64::from(requests);
        assert_eq!(self.sum("http_requests_total"), expected, "{}", self.0);
        for family in ["http_request_duration_seconds", "http_request_size_bytes", "http_response_size_bytes"] {
            assert_eq!(self.sum(&format!("{family}_count")), expected, "{family}\n{}", self.0);
        }
        let ended = self.sum("http_responses_total") + self.sum("http_requests_aborted_total");
        assert_eq!(ended, expected, "{}", self.0);
        assert_eq!(self.value("http_requests_in_flight"), Some(0.0), "{}", self.0);
    }
}

fn registered() -> (Registry, HttpMetrics) {
    let registry = Registry::new();
    let http = HttpMetrics::register(&registry).unwrap();
    (registry, http)
}

/// Handlers for each way in which an exchange can end.
fn routes(config: &mut web::ServiceConfig) {
    async fn items(id: web::Path<String>) -> String {
        format!("item {id}")
    }
    async fn fails() -> Result<HttpResponse, Error> {
        Err(actix_web::error::ErrorBadGateway("upstream"))
    }
    async fn panics() -> HttpResponse {
        panic!("on purpose")
    }
    async fn never() -> HttpResponse {
        std::future::pending().await
    }
    async fn stream() -> HttpResponse {
        let pieces = futures::stream::iter(0..4).map(|_| Ok::<_, Error>(Bytes::from(vec![b'x'; 1000])));
        HttpResponse::Ok().streaming(pieces)
    }
    async fn broken_stream() -> HttpResponse {
        let pieces = [Ok(Bytes::from_static(b"one")), Err(ErrorForbidden("broken"))];
        HttpResponse::Ok().streaming(futures::stream::iter(pieces))
    }
    async fn echo(body: Bytes) -> Bytes {
        body
    }
    config
        .route("/hello", web::get().to(|| async { "hello" }))
        .route("/hello", web::head().to(|| async { "hello" }))
        .route("/items/{id}", web::get().to(items))
        .route("/fails", web::get().to(fails))
        .route("/panics", web::get().to(panics))
        .route("/never", web::get().to(never))
        .route("/stream", web::get().to(stream))
        .route("/broken", web::get().to(broken_stream))
        .route("/echo", web::post().to(echo))
        .route("/empty", web::get().to(|| async { HttpResponse::NoContent().finish() }))
        .service(
            web::scope("/s")
                // By path alone, /s/act would be this one.
                .route("/{id}", web::get().to(HttpResponse::Ok))
                .route("/act", web::post().to(HttpResponse::Ok))
                .service(web::resource("").route(web::get().to(HttpResponse::Ok))),
        );
}

async fn read_all(response: ServiceResponse<impl MessageBody>) -> usize {
    to_bytes(response.into_body()).await.map_or(0, |bytes| bytes.len())
}

/// One case: a request, and the series in which it must be found once.
macro_rules! counted_once {
    ($($test:ident: $request:expr => $series:expr;)+) => {$(
        #[actix_web::test]
        async fn $test() {
            let (registry, http) = registered();
            let app = init_service(App::new().configure(routes).wrap(http)).await;
            let response = call_service(&app, $request.to_request()).await;
            read_all(response).await;
            let scrape = Scrape::of(&registry);
            scrape.at_rest(1);
            for series in $series {
                let (series, value) = series.rsplit_once(' ').unwrap();
                assert_eq!(scrape.value(series), value.parse().ok(), "{series}\n{}", scrape.0);
            }
        }
    )+};
}

counted_once! {
    t1_ok: TestRequest::get().uri("/hello") => [
        r#"http_requests_total{method="GET",path="/hello"} 1"#,
        r#"http_responses_total{method="GET",path="/hello",code="200"} 1"#,
        r#"http_response_size_bytes_sum{method="GET",path="/hello"} 5"#,
    ];
    t2_handler_error: TestRequest::get().uri("/fails") => [
        r#"http_responses_total{method="GET",path="/fails",code="502"} 1"#,
        r#"http_response_size_bytes_sum{method="GET",path="/fails"} 8"#,
    ];
    t8_body_error: TestRequest::get().uri("/broken") => [
        r#"http_requests_aborted_total{method="GET",path="/broken",cause="body_error"} 1"#,
        r#"http_response_size_bytes_sum{method="GET",path="/broken"} 3"#,
    ];
    t9_no_content: TestRequest::get().uri("/empty") => [
        r#"http_responses_total{method="GET",path="/empty",code="204"} 1"#,
        r#"http_response_size_bytes_sum{method="GET",path="/empty"} 0"#,
    ];
    l1_pattern_not_value: TestRequest::get().uri("/items/42") => [
        r#"http_requests_total{method="GET",path="/items/{id}"} 1"#,
    ];
    l2_nested_scope_with_an_empty_resource: TestRequest::get().uri("/s") => [
        r#"http_requests_total{method="GET",path="/s"} 1"#,
    ];
    l3_guards_choose_the_pattern: TestRequest::post().uri("/s/act") => [
        r#"http_requests_total{method="POST",path="/s/act"} 1"#,
    ];
    l4_unmatched: TestRequest::get().uri("/no/such") => [
        r#"http_requests_total{method="GET",path="unmatched"} 1"#,
        r#"http_responses_total{method="GET",path="unmatched",code="404"} 1"#,
    ];
    l8_odd_bytes_in_a_path: TestRequest::get().uri("/items/%ff%22%0a%5c") => [
        r#"http_requests_total{method="GET",path="/items/{id}"} 1"#,
    ];
    l9_unknown_method: TestRequest::default().method(Method::from_bytes(b"FOOBAR").unwrap()).uri("/hello") => [
        r#"http_requests_total{method="other",path="unmatched"} 1"#,
    ];
    v1_announced_request_size: TestRequest::post().uri("/echo").set_payload("12345") => [
        r#"http_request_size_bytes_sum{method="POST",path="/echo"} 5"#,
        r#"http_response_size_bytes_sum{method="POST",path="/echo"} 5"#,
    ];
    v4_a_stream_is_one_observation: TestRequest::get().uri("/stream") => [
        r#"http_response_size_bytes_sum{method="GET",path="/stream"} 4000"#,
        r#"http_response_size_bytes_count{method="GET",path="/stream"} 1"#,
    ];
    v5_head_has_no_body: TestRequest::default().method(Method::HEAD).uri("/hello") => [
        r#"http_response_size_bytes_sum{method="HEAD",path="/hello"} 0"#,
    ];
}

#[actix_web::test]
async fn t3_an_error_of_inner_middleware_is_counted_and_passed_on() {
    let (registry, http) = registered();
    let refuse = middleware::from_fn(|_, _: middleware::Next<actix_web::body::BoxBody>| async {
        Err::<ServiceResponse, _>(ErrorForbidden("not you"))
    });
    let app = init_service(App::new().configure(routes).wrap(refuse).wrap(http)).await;
    let error = try_call_service(&app, TestRequest::get().uri("/items/1").to_request()).await.map(|_| ()).unwrap_err();
    assert_eq!((error.error_response().status(), error.to_string()), (StatusCode::FORBIDDEN, "not you".to_owned()));
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1);
    assert_eq!(scrape.value(r#"http_responses_total{method="GET",path="/items/{id}",code="403"}"#), Some(1.0));
    assert_eq!(scrape.value(r#"http_response_size_bytes_sum{method="GET",path="/items/{id}"}"#), Some(7.0));
}

#[actix_web::test]
async fn t4_a_dropped_future_is_counted_as_dropped_and_has_no_response_time() {
    let (registry, http) = registered();
    let app = init_service(App::new().configure(routes).wrap(http)).await;
    let mut call = Box::pin(app.call(TestRequest::get().uri("/never").to_request()));
    assert!(futures::poll!(call.as_mut()).is_pending());
    assert_eq!(Scrape::of(&registry).value("http_requests_in_flight"), Some(1.0));
    drop(call);
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1);
    assert_eq!(scrape.value(r#"http_requests_aborted_total{method="GET",path="/never",cause="dropped"}"#), Some(1.0));
    assert!(!scrape.0.contains("http_response_time_seconds"), "never a sentinel:\n{}", scrape.0);
}

#[actix_web::test]
async fn t6_an_abandoned_stream_is_counted_with_what_was_sent() {
    let (registry, http) = registered();
    let app = init_service(App::new().configure(routes).wrap(http)).await;
    let response = call_service(&app, TestRequest::get().uri("/stream").to_request()).await;
    let mut body = Box::pin(response.into_body());
    for _ in 0..2 {
        std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().unwrap();
    }
    drop(body);
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1);
    assert_eq!(
        scrape.value(r#"http_requests_aborted_total{method="GET",path="/stream",cause="incomplete"}"#),
        Some(1.0)
    );
    assert_eq!(scrape.value(r#"http_response_size_bytes_sum{method="GET",path="/stream"}"#), Some(2000.0));
}

#[actix_web::test]
async fn t10_a_body_that_is_never_polled_is_counted() {
    let (registry, http) = registered();
    let app = init_service(App::new().configure(routes).wrap(http)).await;
    drop(call_service(&app, TestRequest::post().uri("/hello").to_request()).await);
    drop(call_service(&app, TestRequest::get().uri("/nowhere").to_request()).await);
    Scrape::of(&registry).at_rest(2);
}

/// A body of known size that is not polled once more after its last byte, as a dispatcher may do.
#[actix_web::test]
async fn a_sized_body_is_complete_with_its_last_byte() {
    struct Sized;
    impl MessageBody for Sized {
        type Error = Error;
        fn size(&self) -> BodySize {
            BodySize::Sized(3)
        }
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
            Poll::Ready(Some(Ok(Bytes::from_static(b"abc"))))
        }
    }
    let (registry, http) = registered();
    let route = web::get().to(|| async { HttpResponse::Ok().message_body(Sized) });
    let app = init_service(App::new().route("/", route).wrap(http)).await;
    let mut body = Box::pin(call_service(&app, TestRequest::get().to_request()).await.into_body());
    std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().unwrap();
    drop(body);
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1);
    assert_eq!(scrape.value(r#"http_responses_total{method="GET",path="/",code="200"}"#), Some(1.0));
}

#[actix_web::test]
async fn v10_the_time_of_the_last_response_is_a_unix_time() {
    let (registry, http) = registered();
    let app = init_service(App::new().configure(routes).wrap(http)).await;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now();
    read_all(call_service(&app, TestRequest::get().uri("/hello").to_request()).await).await;
    let time = Scrape::of(&registry).value(r#"http_response_time_seconds{method="GET",path="/hello"}"#).unwrap();
    assert!((before..=now()).contains(&time), "{time}");
}

#[actix_web::test]
async fn more_status_codes_than_one_block_holds() {
    let (registry, http) = registered();
    let answer = |code: web::Path<u16>| async move { HttpResponse::new(StatusCode::from_u16(*code).unwrap()) };
    let app = init_service(App::new().route("/{code}", web::get().to(answer)).wrap(http)).await;
    for code in (400..430).chain(400..430) {
        drop(call_service(&app, TestRequest::get().uri(&format!("/{code}")).to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(60);
    for code in 400..430 {
        let series = format!(r#"http_responses_total{{method="GET",path="/{{code}}",code="{code}"}}"#);
        assert_eq!(scrape.value(&series), Some(2.0), "{code}");
    }
}

#[actix_web::test]
async fn counters_do_not_fall_when_a_worker_ends() {
    let (registry, http) = registered();
    for run in 1..=3 {
        let app = init_service(App::new().configure(routes).wrap(http.clone())).await;
        read_all(call_service(&app, TestRequest::get().uri("/hello").to_request()).await).await;
        Scrape::of(&registry).at_rest(run);
        drop(app);
        Scrape::of(&registry).at_rest(run);
    }
}

#[actix_web::test]
async fn l4_ten_thousand_hostile_requests_add_one_path_and_one_method() {
    let (registry, http) = registered();
    let app = init_service(App::new().configure(routes).wrap(http)).await;
    for i in 0..10_000 {
        let method = Method::from_bytes(format!("M{i}").as_bytes()).unwrap();
        let request = TestRequest::default().method(method).uri(&format!("/wp-{i}.php?{i}"));
        drop(call_service(&app, request.to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(10_000);
    assert_eq!(scrape.value(r#"http_requests_total{method="other",path="unmatched"}"#), Some(10_000.0));
}

#[actix_web::test]
async fn scrapes_answer_get_and_head_and_nothing_else() {
    let (registry, http) = registered();
    let app = init_service(App::new().service(scrape(&registry)).wrap(http)).await;
    let get = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
    assert_eq!(get.headers().get("content-type").unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(to_bytes(get.into_body()).await.unwrap().to_vec()).unwrap();
    assert!(text.contains("http_requests_in_flight 1\n"), "a scrape sees itself:\n{text}");
    let head = TestRequest::default().method(Method::HEAD).uri("/metrics").to_request();
    assert_eq!(call_service(&app, head).await.status(), StatusCode::OK);
    let post = call_service(&app, TestRequest::post().uri("/metrics").to_request()).await;
    assert_eq!(
        (post.status(), post.headers().get("allow").unwrap().as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"GET, HEAD"[..])
    );
}

/// A live server on a port that the system chooses; stops with the value.
struct Live {
    address: SocketAddr,
    registry: Registry,
}

impl Live {
    /// Must be called within an actix system.
    fn start() -> Self {
        let (registry, http) = registered();
        let app = move || App::new().configure(routes).wrap(http.clone());
        let server = HttpServer::new(app).workers(2).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        actix_rt::spawn(server.run());
        Self { address, registry }
    }

    /// Sends raw bytes and reads until the server closes, or `until` bytes have come and the client leaves.
    async fn exchange(&self, request: &'static str, until: usize) -> String {
        let address = self.address;
        let talk = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.take(until as u64).read_to_end(&mut answer).unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        };
        actix_rt::task::spawn_blocking(talk).await.unwrap()
    }

    /// Waits until `requests` have been recorded; a client may see its answer a moment before that.
    async fn at_rest(&self, requests: u32) -> Scrape {
        for _ in 0..1000 {
            let scrape = Scrape::of(&self.registry);
            if scrape.sum("http_requests_total") >= f64::from(requests)
                && scrape.value("http_requests_in_flight") == Some(0.0)
            {
                scrape.at_rest(requests);
                return scrape;
            }
            actix_rt::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not at rest:\n{}", Scrape::of(&self.registry).0);
    }
}

const ALL: usize = usize::MAX;

#[actix_web::test]
async fn t1_live() {
    let live = Live::start();
    let answer = live.exchange("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ALL).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    live.at_rest(1).await;
}

#[actix_web::test]
async fn t5_live_a_panic_is_counted_and_the_worker_lives() {
    let live = Live::start();
    for _ in 0..4 {
        assert_eq!(live.exchange("GET /panics HTTP/1.1\r\nHost: a\r\n\r\n", ALL).await, "");
    }
    let answer = live.exchange("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ALL).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let scrape = live.at_rest(5).await;
    assert_eq!(scrape.value(r#"http_requests_aborted_total{method="GET",path="/panics",cause="panic"}"#), Some(4.0));
}

#[actix_web::test]
async fn t6_live_a_client_that_leaves_mid_stream() {
    let (registry, http) = registered();
    // A stream without end: it can only end by the client's leaving.
    let endless = || async {
        let pieces = futures::stream::repeat_with(|| Ok::<_, Error>(Bytes::from(vec![b'x'; 65_536])));
        HttpResponse::Ok().body(BodyStream::new(pieces))
    };
    let app = move || App::new().route("/endless", web::get().to(endless)).wrap(http.clone());
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let live = Live { address: server.addrs()[0], registry };
    actix_rt::spawn(server.run());
    live.exchange("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n", 300_000).await;
    let scrape = live.at_rest(1).await;
    assert_eq!(
        scrape.value(r#"http_requests_aborted_total{method="GET",path="/endless",cause="incomplete"}"#),
        Some(1.0)
    );
    assert!(scrape.sum("http_response_size_bytes_sum") >= 300_000.0 - 1000.0);
}

#[actix_web::test]
async fn t12_live_malformed_requests_never_reach_middleware() {
    let live = Live::start();
    let answer = live.exchange("GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", ALL).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    live.at_rest(0).await;
}

#[actix_web::test]
async fn v1_live_a_chunked_request_counts_what_was_read() {
    let live = Live::start();
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                   5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let answer = live.exchange(request, ALL).await;
    assert!(answer.ends_with("hello world"), "{answer}");
    let scrape = live.at_rest(1).await;
    assert_eq!(scrape.value(r#"http_request_size_bytes_sum{method="POST",path="/echo"}"#), Some(11.0));
}

/// The guard must be moved whole into the future (R6): it must not end while the handler still runs.
#[actix_web::test]
async fn r6_the_record_lasts_as_long_as_the_handler() {
    let (registry, http) = registered();
    let gate = Rc::new(tokio_gate());
    let wait = gate.1.clone();
    let route = web::get().to(move || {
        let wait = wait.clone();
        async move {
            wait.await;
            "done"
        }
    });
    let app = init_service(App::new().route("/", route).wrap(http)).await;
    let mut call = Box::pin(app.call(TestRequest::get().to_request()));
    assert!(futures::poll!(call.as_mut()).is_pending());
    let scrape = Scrape::of(&registry);
    assert_eq!((scrape.sum("http_requests_total"), scrape.value("http_requests_in_flight")), (0.0, Some(1.0)));
    gate.0.borrow_mut().take();
    read_all(call.await.unwrap()).await;
    Scrape::of(&registry).at_rest(1);
}

type Gate = futures::future::Shared<Pin<Box<dyn Future<Output = ()>>>>;

/// A future that ends when its key is dropped.
fn tokio_gate() -> (std::cell::RefCell<Option<futures::channel::oneshot::Sender<()>>>, Gate) {
    use futures::FutureExt;
    let (key, gate) = futures::channel::oneshot::channel::<()>();
    let gate: Pin<Box<dyn Future<Output = ()>>> = Box::pin(gate.map(|_| ()));
    (std::cell::RefCell::new(Some(key)), gate.shared())
}
