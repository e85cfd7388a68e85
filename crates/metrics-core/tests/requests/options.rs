//! What [`Config`] changes, and what it refuses; how many series there can be; nested wrapping.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::error::ErrorForbidden;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpRequest, HttpResponse, guard};
use futures::channel::oneshot;
use metrics_core::prometheus::Registry;
use metrics_core::{Config, ConfigError, HttpMetrics, LongLived, RegisterError, StatusLabel};

use crate::scrape::{HISTOGRAMS, Scrape, registered};
use crate::wire::ask;

fn configured(config: &Config) -> (Registry, HttpMetrics) {
    let registry = Registry::new();
    let http = HttpMetrics::register_with(&registry, config).unwrap();
    (registry, http)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

async fn read(response: ServiceResponse<impl MessageBody>) {
    let _ = to_bytes(response.into_body()).await;
}

/// Answers with the status that the request names.
async fn as_told(request: HttpRequest) -> HttpResponse {
    let status = request.headers().get("x-status").map_or(&b"200"[..], |status| status.as_bytes());
    HttpResponse::new(StatusCode::from_bytes(status).unwrap())
}

#[actix_web::test]
async fn l12_label_sets_beyond_the_cap_fold_into_one_path_and_are_counted() {
    let (registry, http) = configured(&Config { max_label_sets: 3, ..Config::default() });
    let app = (0..6).fold(App::new(), |app, i| app.route(&format!("/r{i}"), web::to(HttpResponse::Ok)));
    let app = init_service(app.wrap(http)).await;
    for _ in 0..2 {
        for uri in (0..6).map(|i| format!("/r{i}")) {
            ask(&app, TestRequest::get().uri(&uri)).await;
        }
        ask(&app, TestRequest::post().uri("/r0")).await;
        ask(&app, TestRequest::get().uri("/nothing")).await;
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(16).unwrap();
    let requests = |method, path| scrape.value("http_requests_total", &[("method", method), ("path", path)]);
    for path in ["/r0", "/r1", "/r2"] {
        assert_eq!(requests("GET", path), Some(2.0), "{path}");
    }
    for path in ["/r3", "/r4", "/r5"] {
        assert_eq!(requests("GET", path), None, "{path}");
    }
    assert_eq!((requests("GET", "overflow"), requests("POST", "overflow")), (Some(6.0), Some(2.0)));
    assert_eq!(requests("GET", "unmatched"), Some(2.0), "no pattern, and outside the cap");
    assert_eq!(scrape.value("http_metrics_overflow_total", &[]), Some(8.0));
}

#[actix_web::test]
async fn l12_many_workers_have_one_cap() {
    let (registry, http) = configured(&Config { max_label_sets: 2, ..Config::default() });
    for worker in 0..4 {
        let app = App::new().route(&format!("/r{worker}"), web::to(HttpResponse::Ok));
        let app = init_service(app.wrap(http.clone())).await;
        ask(&app, TestRequest::get().uri(&format!("/r{worker}"))).await;
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(4).unwrap();
    assert_eq!(scrape.value("http_requests_total", &[("method", "GET"), ("path", "overflow")]), Some(2.0));
}

/// The worst that clients and handlers can do together reaches the documented number, and nothing goes beyond it.
#[actix_web::test]
async fn l12_no_traffic_makes_more_series_than_documented() {
    for status in [StatusLabel::Exact, StatusLabel::Class] {
        let (registry, http) = configured(&Config { max_label_sets: 2, status, ..Config::default() });
        let most = http.most_series();
        let app = App::new()
            .route("/a/{x}", web::to(as_told))
            .route("/b/{x}", web::to(as_told))
            .route("/c/{x}", web::to(as_told))
            .default_service(web::to(as_told));
        let app = init_service(app.wrap(http)).await;
        let methods = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH OTHER OTHER2";
        // 404 first: it is one of those with a code of its own.
        for code in [404].into_iter().chain(400..470).chain([100, 200, 302, 503, 999]) {
            for method in methods.split(' ').map(|method| Method::from_bytes(method.as_bytes()).unwrap()) {
                for path in ["/a/1", "/b/2", "/c/3", "/d/4"] {
                    let request = TestRequest::default().method(method.clone()).uri(path);
                    let request = request.insert_header(("x-status", code.to_string()));
                    drop(call_service(&app, request.to_request()).await);
                }
            }
        }
        let scrape = Scrape::of(&registry);
        scrape.at_rest(76 * 11 * 4).unwrap();
        assert_eq!(scrape.samples.len(), most, "{status:?}");
    }
}

#[actix_web::test]
async fn a_service_that_passes_on_every_status_keeps_the_first_64() {
    let (registry, http) = registered();
    let app = init_service(App::new().route("/", web::to(as_told)).wrap(http)).await;
    for code in (400..500).chain(400..500) {
        let request = TestRequest::get().insert_header(("x-status", code.to_string()));
        drop(call_service(&app, request.to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(200).unwrap();
    let code = |code: &str| scrape.value("http_responses_total", &[("method", "GET"), ("path", "/"), ("code", code)]);
    assert_eq!((code("400"), code("463"), code("464")), (Some(2.0), Some(2.0), None));
    assert_eq!(code("other"), Some(72.0));
    assert_eq!(scrape.value("http_metrics_overflow_total", &[]), Some(72.0));
}

#[actix_web::test]
async fn status_classes_are_all_there_with_the_first_request() {
    let (registry, http) = configured(&Config { status: StatusLabel::Class, ..Config::default() });
    let app = init_service(App::new().route("/", web::to(as_told)).wrap(http)).await;
    for code in ["200", "204", "404", "599", "600"] {
        drop(call_service(&app, TestRequest::get().insert_header(("x-status", code)).to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(5).unwrap();
    for (code, count) in [("1xx", 0.0), ("2xx", 2.0), ("3xx", 0.0), ("4xx", 1.0), ("5xx", 1.0), ("other", 1.0)] {
        let labels = [("method", "GET"), ("path", "/"), ("code", code)];
        assert_eq!(scrape.value("http_responses_total", &labels), Some(count), "{code}");
    }
    assert_eq!(scrape.value("http_metrics_overflow_total", &[]), Some(0.0), "nothing was folded for want of series");
}

#[test]
fn l13_labels_that_cannot_be_are_refused_at_construction() {
    let labels = |labels: &[(&str, &str)]| Config { const_labels: owned(labels), ..Config::default() };
    let own = |label: &str| label.to_owned();
    let family = || "http_requests_total".to_owned();
    let cases = [
        (labels(&[("le", "1")]), ConfigError::ReservedLabel { label: own("le") }),
        (labels(&[("quantile", "1")]), ConfigError::ReservedLabel { label: own("quantile") }),
        (labels(&[("__name__", "x")]), ConfigError::ReservedLabel { label: own("__name__") }),
        (labels(&[("__x", "x")]), ConfigError::ReservedLabel { label: own("__x") }),
        (labels(&[("method", "x")]), ConfigError::ClashingLabel { label: own("method"), family: family() }),
        (labels(&[("path", "x")]), ConfigError::ClashingLabel { label: own("path"), family: family() }),
        (
            labels(&[("code", "x")]),
            ConfigError::ClashingLabel { label: own("code"), family: own("http_responses_total") },
        ),
        (
            labels(&[("cause", "x")]),
            ConfigError::ClashingLabel { label: own("cause"), family: own("http_requests_aborted_total") },
        ),
        (labels(&[("a", "1"), ("b", "2"), ("a", "1")]), ConfigError::DuplicateLabel { label: own("a") }),
        (labels(&[("", "x")]), ConfigError::IllegalLabel { label: own("") }),
        (labels(&[("1st", "x")]), ConfigError::IllegalLabel { label: own("1st") }),
        (labels(&[("a:b", "x")]), ConfigError::IllegalLabel { label: own("a:b") }),
        (labels(&[("größe", "x")]), ConfigError::IllegalLabel { label: own("größe") }),
    ];
    for (config, expected) in cases {
        refused(&config, &expected);
    }
}

#[test]
fn bad_configurations_of_any_kind_are_refused_with_the_field_in_the_message() {
    let namespace = |namespace: &str| Config { namespace: namespace.to_owned(), ..Config::default() };
    let buckets = |buckets: &[f64]| Config { duration_buckets: buckets.to_vec(), ..Config::default() };
    let bucket = |index, bound| ConfigError::Bucket { field: "duration_buckets", index, bound };
    let sizes = Config { size_buckets: vec![1.0, 1.0], ..Config::default() };
    let excluded = Config { excluded_routes: vec!["healthz".to_owned()], ..Config::default() };
    let known = |routes: &[(&str, &str)]| Config { known_routes: owned(routes), ..Config::default() };
    let cases = [
        (namespace("3-shake"), ConfigError::IllegalNamespace { namespace: "3-shake".to_owned() }),
        (namespace("a b"), ConfigError::IllegalNamespace { namespace: "a b".to_owned() }),
        (buckets(&[1.0, f64::INFINITY]), bucket(1, f64::INFINITY)),
        (buckets(&[2.0, 1.0]), bucket(1, 1.0)),
        (buckets(&[-1.0]), bucket(0, -1.0)),
        (sizes, ConfigError::Bucket { field: "size_buckets", index: 1, bound: 1.0 }),
        (excluded, ConfigError::Route { field: "excluded_routes", route: "healthz".to_owned() }),
        (known(&[("GET", "x")]), ConfigError::Route { field: "known_routes", route: "x".to_owned() }),
        (known(&[("get", "/x")]), ConfigError::UnknownMethod { method: "get".to_owned() }),
        (
            Config { max_label_sets: 1, ..known(&[("GET", "/x"), ("GET", "/y"), ("GET", "unmatched")]) },
            ConfigError::TooManyKnownRoutes { known: 2, max_label_sets: 1 },
        ),
    ];
    for (config, expected) in cases {
        refused(&config, &expected);
    }
    let registry = Registry::new();
    let refused = HttpMetrics::register_with(&registry, &buckets(&[f64::NAN])).map(|_| ()).unwrap_err();
    assert!(matches!(refused, RegisterError::Config(ConfigError::Bucket { index: 0, .. })), "{refused}");
}

#[test]
fn what_is_just_allowed_is_allowed() {
    let routes = [("GET", "/x"), ("GET", "/y"), ("GET", "/x"), ("other", "unmatched")];
    let config = Config {
        namespace: "a:b".to_owned(),
        const_labels: owned(&[("_", ""), ("L3", "ü")]),
        duration_buckets: vec![0.0, f64::MIN_POSITIVE, f64::MAX],
        known_routes: owned(&routes),
        max_label_sets: 2,
        ..Config::default()
    };
    let (registry, _http) = configured(&config);
    assert_eq!(Scrape::of(&registry).named("a:b_http_requests_total").count(), 3);
    configured(&Config { max_label_sets: 0, ..Config::default() });
}

/// Refused for this reason, in words that name the field, and with nothing registered.
#[track_caller]
fn refused(config: &Config, expected: &ConfigError) {
    let registry = Registry::new();
    let error = HttpMetrics::register_with(&registry, config).map(|_| ()).unwrap_err();
    assert!(matches!(&error, RegisterError::Config(error) if error == expected), "{error:?}, not {expected:?}");
    let message = error.to_string();
    let field = message.split([' ', '[']).next().unwrap();
    assert!(format!("{config:?}").contains(&format!("{field}: ")), "names no field: {message}");
    HttpMetrics::register(&registry).unwrap();
}

#[test]
fn l13_labels_that_the_registry_adds_are_refused_too() {
    let labels = [("method".to_owned(), "x".to_owned())].into();
    let registry = Registry::new_custom(None, Some(labels)).unwrap();
    let error = HttpMetrics::register(&registry).map(|_| ()).unwrap_err();
    assert!(matches!(error, RegisterError::AlteredNames), "{error}");
}

#[actix_web::test]
async fn a_namespace_and_constant_labels_are_on_every_series_and_nowhere_else() {
    let config = Config {
        namespace: "shop".to_owned(),
        const_labels: owned(&[("zone", "a \"b\"\\\n"), ("_x", "")]),
        ..Config::default()
    };
    let (registry, http) = configured(&config);
    let app = init_service(App::new().route("/", web::get().to(|| async { "1" })).wrap(http)).await;
    ask(&app, TestRequest::get()).await;
    let scrape = Scrape::of(&registry);
    assert!(!scrape.samples.is_empty());
    for sample in &scrape.samples {
        assert!(sample.name.starts_with("shop_http_"), "{sample:?}");
        assert_eq!((sample.label("zone"), sample.label("_x")), ("a \"b\"\\\n", ""), "{sample:?}");
    }
}

/// Two servers, each with a label of its own, in one registry.
#[actix_web::test]
async fn r2_two_sets_that_differ_in_a_constant_label_share_a_registry() {
    let registry = Registry::new();
    let set = |server: &str| {
        let config = Config { const_labels: owned(&[("server", server)]), ..Config::default() };
        HttpMetrics::register_with(&registry, &config)
    };
    for (server, requests) in [("public", 1), ("admin", 2)] {
        let app = App::new().route("/", web::to(HttpResponse::Ok)).wrap(set(server).unwrap());
        let app = init_service(app).await;
        for _ in 0..requests {
            ask(&app, TestRequest::get()).await;
        }
    }
    assert!(matches!(set("admin"), Err(RegisterError::AlreadyRegistered { .. })));
    let scrape = Scrape::of(&registry);
    let requests =
        |server| scrape.value("http_requests_total", &[("method", "GET"), ("path", "/"), ("server", server)]);
    assert_eq!((requests("public"), requests("admin")), (Some(1.0), Some(2.0)));
    assert_eq!(scrape.text.matches("# TYPE http_requests_total ").count(), 1);
    // A set without the label would be other dimensions under the same names.
    let error = HttpMetrics::register(&registry).map(|_| ()).unwrap_err();
    assert!(matches!(error, RegisterError::Conflict(_)), "{error}");
}

#[actix_web::test]
async fn buckets_are_as_configured() {
    let config = Config { duration_buckets: vec![], size_buckets: vec![0.0, 4.0, 4.5], ..Config::default() };
    let (registry, http) = configured(&config);
    let app = init_service(App::new().route("/", web::post().to(|body: Bytes| ready(body))).wrap(http)).await;
    for body in ["", "1234", "12345"] {
        ask(&app, TestRequest::post().set_payload(body)).await;
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(3).unwrap();
    let buckets = |family: &str| -> Vec<_> {
        let family = format!("{family}_bucket");
        scrape.named(&family).map(|sample| (sample.label("le").to_owned(), sample.value)).collect()
    };
    let expected = [("0", 1.0), ("4", 2.0), ("4.5", 2.0), ("+Inf", 3.0)];
    let expected: Vec<_> = expected.into_iter().map(|(le, count)| (le.to_owned(), count)).collect();
    assert_eq!(buckets("http_request_size_bytes"), expected);
    assert_eq!(buckets("http_request_duration_seconds"), [("+Inf".to_owned(), 3.0)]);
}

#[actix_web::test]
async fn excluded_routes_leave_no_trace() {
    let excluded = ["/health", "/items/{id}", "unmatched"].map(str::to_owned).to_vec();
    let (registry, http) = configured(&Config { excluded_routes: excluded, ..Config::default() });
    let app = App::new()
        .route("/health", web::get().to(HttpResponse::Ok))
        .route("/items/{id}", web::get().to(HttpResponse::Ok))
        .route("/items", web::get().to(HttpResponse::Ok))
        .wrap(http);
    let app = init_service(app).await;
    for path in ["/health", "/items/1", "/items/health", "/nothing", "/items"] {
        ask(&app, TestRequest::get().uri(path)).await;
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(1).unwrap();
    assert_eq!(scrape.value("http_requests_total", &[("method", "GET"), ("path", "/items")]), Some(1.0));
}

#[actix_web::test]
async fn r7_what_is_known_is_there_at_0_before_the_first_request() {
    let routes = [("GET", "/items/{id}"), ("other", "unmatched"), ("GET", "/items/{id}")];
    let (registry, http) = configured(&Config { known_routes: owned(&routes), ..Config::default() });
    let scrape = Scrape::of(&registry);
    scrape.at_rest(0).unwrap();
    assert_eq!(scrape.value("http_metrics_overflow_total", &[]), Some(0.0));
    for (method, path) in routes {
        let labels = [("method", method), ("path", path)];
        assert_eq!(scrape.value("http_requests_total", &labels), Some(0.0), "{path}");
        for family in HISTOGRAMS {
            assert_eq!(scrape.value(&format!("{family}_count"), &labels), Some(0.0), "{family} {path}");
        }
        let dropped = [&labels[..], &[("cause", "dropped")]].concat();
        assert_eq!(scrape.value("http_requests_aborted_total", &dropped), Some(0.0), "{path}");
    }
    assert_eq!(scrape.named("http_response_time_seconds").count(), 0, "never a made-up time");
    let app = init_service(App::new().route("/items/{id}", web::get().to(HttpResponse::Ok)).wrap(http)).await;
    ask(&app, TestRequest::get().uri("/items/1")).await;
    let after = Scrape::of(&registry);
    assert_eq!(after.value("http_requests_total", &[("method", "GET"), ("path", "/items/{id}")]), Some(1.0));
}

/// By default the duration histogram has all of them; with `Skip` it lacks exactly the long-lived ones.
#[actix_web::test]
async fn v7_long_lived_exchanges_are_skipped_only_where_asked_and_only_in_the_duration() {
    fn stream(kind: &'static str) -> HttpResponse {
        let pieces = futures::stream::iter([Ok::<_, Error>(Bytes::from_static(b"data: 1\n\n"))]);
        HttpResponse::Ok().content_type(kind).streaming(pieces)
    }
    async fn upgrade() -> HttpResponse {
        let frames = futures::stream::iter([Ok::<_, Error>(Bytes::from_static(b"frame"))]);
        HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(frames)
    }
    for (long_lived, skipped) in [(LongLived::Observe, false), (LongLived::Skip, true)] {
        let (registry, http) = configured(&Config { long_lived, ..Config::default() });
        let app = App::new()
            .route("/events", web::get().to(|| async { stream("text/event-stream") }))
            .route("/download", web::get().to(|| async { stream("application/octet-stream") }))
            .route("/upgrade", web::get().to(upgrade))
            .route("/page", web::get().to(|| async { "page" }))
            .service(
                web::scope("/gzip")
                    .wrap(Compress::default())
                    .route("/page", web::get().to(|| async { "page" }))
                    .route("/events", web::get().to(|| async { stream("text/event-stream; charset=utf-8") })),
            )
            .wrap(http);
        let app = init_service(app).await;
        let paths =
            [("/events", 0), ("/download", 0), ("/upgrade", 0), ("/page", 1), ("/gzip/page", 1), ("/gzip/events", 0)];
        for (path, counted) in paths {
            let request = TestRequest::get().uri(path).insert_header((header::ACCEPT_ENCODING, "gzip"));
            ask(&app, request).await;
            let scrape = Scrape::of(&registry);
            let labels = [("method", "GET"), ("path", path)];
            let expected = if skipped { f64::from(counted) } else { 1.0 };
            let duration = scrape.value("http_request_duration_seconds_count", &labels);
            assert_eq!(duration, Some(expected), "{path} {long_lived:?}");
            assert_eq!(scrape.value("http_requests_total", &labels), Some(1.0), "{path} {long_lived:?}");
            assert_eq!(scrape.value("http_response_size_bytes_count", &labels), Some(1.0), "{path} {long_lived:?}");
        }
        assert_eq!(Scrape::of(&registry).in_flight(), 0.0);
    }
}

/// R5, and every way in which an exchange can end.
#[actix_web::test]
async fn r5_wrapped_around_the_app_twice_and_around_a_scope_counts_once() {
    let (registry, http) = registered();
    let refuse = from_fn(|_, _: Next<_>| async { Err::<ServiceResponse, Error>(ErrorForbidden("no")) });
    let scope = web::scope("/s")
        .route("/ok", web::get().to(|| async { "ok" }))
        .route("/error", web::get().to(|| async { Err::<&str, _>(ErrorForbidden("no")) }))
        .route("/panic", web::get().to(|| async { std::panic::resume_unwind(Box::new("on purpose")) as HttpResponse }))
        .route(
            "/later",
            web::get().to(|| async {
                actix_rt::task::yield_now().await;
                "later"
            }),
        )
        .service(web::resource("/refused").wrap(refuse).to(HttpResponse::Ok))
        .wrap(http.clone());
    let app = App::new().service(scope).wrap(http.clone()).wrap(http.clone()).wrap(http);
    let app = init_service(app).await;
    for path in ["/s/ok", "/s/error", "/s/later", "/s/nothing", "/s/refused", "/outside"] {
        if let Ok(response) = try_call_service(&app, TestRequest::get().uri(path).to_request()).await {
            read(response).await;
        }
    }
    let panics = async { drop(call_service(&app, TestRequest::get().uri("/s/panic").to_request()).await) };
    assert!(futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(panics)).await.is_err());
    // After the panic as before it.
    ask(&app, TestRequest::get().uri("/s/ok")).await;
    let scrape = Scrape::of(&registry);
    scrape.at_rest(8).unwrap();
    assert_eq!(scrape.value("http_requests_total", &[("method", "GET"), ("path", "/s/ok")]), Some(2.0));
}

/// A request is told by where its head lies; one whose head comes to lie where another one's lay is another request.
#[actix_web::test]
async fn r5_memory_that_is_used_again_hides_no_request() {
    let (registry, http) = registered();
    let app = || init_service(App::new().route("/", web::to(HttpResponse::Ok)).wrap(http.clone()));
    let (first, second) = (app().await, app().await);
    ask(&second, TestRequest::get()).await;
    ask(&first, TestRequest::get()).await;
    drop(first);
    ask(&second, TestRequest::get()).await;
    Scrape::of(&registry).at_rest(3).unwrap();
}

/// Around a scope alone it counts what the scope does.
#[actix_web::test]
async fn r5_around_a_scope_alone_counts_the_scope() {
    let (registry, http) = registered();
    let scope = web::scope("/s").route("/{x}", web::get().to(HttpResponse::Ok)).wrap(http);
    let app = init_service(App::new().service(scope)).await;
    for path in ["/s/1", "/s/2", "/outside"] {
        ask(&app, TestRequest::get().uri(path)).await;
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(2).unwrap();
    assert_eq!(scrape.value("http_requests_total", &[("method", "GET"), ("path", "/s/{x}")]), Some(2.0));
}

/// Requests that wait at the same time do not hide each other from the inner one, and two sets each count for themselves.
#[actix_web::test]
async fn r5_interleaved_requests_are_each_counted_once_by_each_set() {
    let ((ours, http), (theirs, other)) = (registered(), registered());
    let (gates, waiting): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel::<()>()).unzip();
    let waiting = Arc::new(std::sync::Mutex::new(waiting));
    let wait = move || {
        let gate = waiting.lock().unwrap().pop();
        async move {
            if let Some(gate) = gate {
                let _ = gate.await;
            }
            "done"
        }
    };
    let scope = web::scope("/s").route("/wait", web::get().guard(guard::Any(guard::Get())).to(wait)).wrap(http.clone());
    let app = init_service(App::new().service(scope.wrap(other)).wrap(http)).await;
    let mut calls: Vec<_> =
        (0..3).map(|_| Box::pin(app.call(TestRequest::get().uri("/s/wait").to_request()))).collect();
    for call in &mut calls {
        assert!(futures::poll!(call.as_mut()).is_pending());
    }
    assert_eq!((Scrape::of(&ours).in_flight(), Scrape::of(&theirs).in_flight()), (3.0, 3.0));
    drop(gates);
    for call in calls {
        read(pin!(call).await.unwrap()).await;
    }
    Scrape::of(&ours).at_rest(3).unwrap();
    Scrape::of(&theirs).at_rest(3).unwrap();
}
