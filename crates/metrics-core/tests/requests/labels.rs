//! How many label values there are, and which.

use std::collections::BTreeSet;

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, guard, web};
use metrics_core::MetricsHandler;

use crate::app::{Layout, ODD_PATTERN, app};
use crate::case::{case, get};
use crate::scrape::{Books, Scrape, registered};
use crate::wire::{ask, mock};

#[actix_web::test]
async fn l4_l9_ten_thousand_hostile_requests_add_one_path_and_one_method() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    for i in 0..10_000 {
        let method = Method::from_bytes(format!("M{i}").as_bytes()).unwrap();
        let request = TestRequest::default().method(method).uri(&format!("/wp-{i}.php?{i}"));
        drop(call_service(&app, request.to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(10_000).unwrap();
    assert_eq!(scrape.value("http_requests_total", &[("method", "other"), ("path", "unmatched")]), Some(10_000.0));
}

/// What is kept of one pattern must not be taken for another one: these differ in nothing but a regex.
#[actix_web::test]
async fn l7_patterns_that_differ_only_in_a_regex_stay_two() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    let mut books = Books::default();
    for turn in 0..300 {
        let (path, pattern) = match turn % 3 {
            0 => ("/r/1", "/r/{x:[0-9]+}"),
            1 => ("/r/a", "/r/{x:[a-z]+}"),
            _ => ("/r/22", "/r/{x:[0-9]+}"),
        };
        let case = case("L7", "", get(path)).sees(200, "ok").counts(pattern);
        let seen = mock(&app, &case).await.unwrap();
        seen.fits(&case).unwrap();
        books.enter(case.counted.as_ref().unwrap(), seen.body.len());
    }
    books.agree(&Scrape::of(&registry)).unwrap();
}

/// What a match looks like has everything in it that tells one route from another, also the second time.
#[actix_web::test]
async fn l2_l3_routes_that_share_something_stay_apart() {
    let ok = || async { "ok" };
    let (registry, http) = registered();
    let app = App::new()
        .service(web::scope("/in/{id}").route("/x", web::get().to(ok)).route("/y", web::get().to(ok)))
        .service(web::scope("/only/{id}").route("/get", web::get().to(ok)))
        .service(web::resource(["/m/a", "/m/b"]).guard(guard::Get()).to(ok))
        .service(web::resource("/m/b").guard(guard::Post()).to(ok))
        .wrap(http);
    let app = init_service(app).await;
    let requests = [
        (Method::GET, "/in/1/x", "/in/{id}/x"),
        (Method::GET, "/in/1/y", "/in/{id}/y"),
        (Method::GET, "/only/1/get", "/only/{id}/get"),
        (Method::POST, "/only/1/get", "unmatched"),
        (Method::GET, "/m/b", "/m/a"),
        (Method::POST, "/m/b", "/m/b"),
    ];
    for _ in 0..3 {
        for (method, path, _) in &requests {
            ask(&app, TestRequest::default().method(method.clone()).uri(path)).await;
        }
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(18).unwrap();
    for (method, path, pattern) in requests {
        let labels = [("method", method.as_str()), ("path", pattern)];
        assert_eq!(scrape.value("http_requests_total", &labels), Some(3.0), "{method} {path}");
    }
}

/// Two apps of the same shape, of which each has a pattern of its own in the same place.
#[actix_web::test]
async fn l7_equal_places_in_two_apps_stay_two() {
    let (registry, http) = registered();
    let one = init_service(App::new().route("/{one}", web::get().to(|| async { "1" })).wrap(http.clone())).await;
    let other = init_service(App::new().route("/{other}", web::get().to(|| async { "2" })).wrap(http)).await;
    let mut books = Books::default();
    for _ in 0..10 {
        let ones = case("L7", "", get("/x")).sees(200, "1").counts("/{one}");
        let others = case("L7", "", get("/x")).sees(200, "2").counts("/{other}");
        mock(&one, &ones).await.unwrap().fits(&ones).unwrap();
        mock(&other, &others).await.unwrap().fits(&others).unwrap();
        books.enter(&ones.counted.unwrap(), 1);
        books.enter(&others.counted.unwrap(), 1);
    }
    books.agree(&Scrape::of(&registry)).unwrap();
}

#[actix_web::test]
async fn l8_odd_characters_of_a_pattern_are_escaped_where_they_are_served() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http).service(MetricsHandler::register(&registry).unwrap())).await;
    let odd = case("L8", "", get("/odd/\"q\"/{n}/x")).sees(200, "ok").counts(ODD_PATTERN);
    mock(&app, &odd).await.unwrap().fits(&odd).unwrap();
    let response = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
    let text = String::from_utf8(read_body(response).await.to_vec()).unwrap();
    let scrape = Scrape::parse(text);
    assert_eq!(scrape.value("http_requests_total", &[("method", "GET"), ("path", ODD_PATTERN)]), Some(1.0));
}

#[actix_web::test]
async fn l10_nothing_that_a_client_says_is_a_label() {
    let (registry, http) = registered();
    let app = init_service(app(Layout::Plain, http)).await;
    for target in ["http://evil.example/items/evil?evil=evil#evil", "/evil", "/tail/evil", "/files/evil", "/r/evil"] {
        for method in ["GET", "EVIL"] {
            let request = TestRequest::default().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(target);
            let headers = [("host", "evil.example"), ("user-agent", "evil"), ("x-forwarded-for", "evil")];
            let request = headers.into_iter().fold(request, TestRequest::insert_header);
            drop(call_service(&app, request.to_request()).await);
        }
    }
    let scrape = Scrape::of(&registry);
    scrape.sane().unwrap();
    scrape.at_rest(10).unwrap();
    assert!(!scrape.text.to_lowercase().contains("evil"), "{}", scrape.text);
}

/// The pattern of the resource that matches an empty path is empty; its label is not.
#[actix_web::test]
async fn l2_the_path_is_never_empty() {
    let (registry, http) = registered();
    let nameless = web::scope("").service(web::resource("").to(|| async { "scope" }));
    let app = App::new().service(web::resource("").to(|| async { "resource" })).service(nameless).wrap(http);
    let app = init_service(app).await;
    for (method, target) in [("CONNECT", "example.com:80"), ("GET", "http://a"), ("GET", "/"), ("OPTIONS", "*")] {
        let request = TestRequest::default().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(target);
        drop(call_service(&app, request.to_request()).await);
    }
    let scrape = Scrape::of(&registry);
    scrape.at_rest(4).unwrap();
    let paths: BTreeSet<_> = scrape.named("http_requests_total").map(|sample| sample.label("path")).collect();
    assert!(paths.iter().all(|path| path.starts_with('/') || *path == "unmatched"), "{paths:?}");
}
