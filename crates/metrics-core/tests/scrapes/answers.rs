//! Methods, HTTP/1.0, `name[]`, and what the handler counts of itself.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::test::TestRequest;
use metrics_core::{HandlerConfig, MetricsHandler};

use crate::ask::{Client, FORMATS, OPEN_METRICS, PROTOBUF, Pieces, TEXT, ask, ask_over, get, scrape, serve};
use crate::subjects::{handler, limited, with_targets};

#[actix_web::test]
async fn s5_head_has_the_headers_of_get_and_no_body() {
    let server = serve(&handler(&with_targets(1, 1, true)), 1);
    let mut client = Client::connect(server.address).await;
    for format in FORMATS {
        for encoding in ["gzip", "identity"] {
            let headers = [("Accept", format), ("Accept-Encoding", encoding)];
            // On one connection: whatever came after the head would be taken for the answer to the next request.
            client.send("HEAD /metrics HTTP/1.1", &headers).await;
            let mut of_head = client.head().await;
            client.send("GET /metrics HTTP/1.1", &headers).await;
            let mut of_get = client.answer().await.head;
            for head in [&mut of_head, &mut of_get] {
                head.headers.retain(|(name, _)| name != "date");
                head.headers.sort();
            }
            assert_eq!(of_head, of_get);
            assert_eq!((of_get.status, of_get.header("content-type")), (200, Some(format)));
        }
    }
    client.send("HEAD /metrics HTTP/1.1", &[("Connection", "close")]).await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.rest().await, b"");
}

#[actix_web::test]
async fn s6_other_methods_are_told_which_there_are() {
    let server = serve(&handler(&with_targets(1, 1, false)), 1);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW"] {
        let answer = ask_over(server.address, &format!("{method} /metrics HTTP/1.1"), &[]).await;
        let found = (answer.head.status, answer.head.header("allow"), answer.body.len());
        assert_eq!(found, (405, Some("GET, HEAD"), 0), "{method}");
    }
}

/// Who speaks HTTP/1.0 knows no chunks: the body ends with the connection.
#[actix_web::test]
async fn a_client_of_http_1_0_gets_a_body_that_ends_with_the_connection() {
    let server = serve(&handler(&with_targets(40, 30, true)), 1);
    for format in FORMATS {
        for encoding in ["gzip", "identity"] {
            for connection in ["close", "keep-alive"] {
                let headers = [("Accept", format), ("Accept-Encoding", encoding), ("Connection", connection)];
                let answer = ask_over(server.address, "GET /metrics HTTP/1.0", &headers).await;
                assert_eq!(answer.head.header("transfer-encoding"), None);
                let exposed = answer.exposed();
                assert_eq!(exposed.family("external_access_up").unwrap().samples.len(), 40);
            }
        }
    }
}

/// The names of the families that a query gives, in each format.
async fn named(handler: &MetricsHandler, query: &str) -> Vec<String> {
    let mut names = vec![];
    for format in FORMATS {
        let exposed = scrape(handler, format, query).await.exposed();
        names.push(exposed.families.into_iter().map(|family| family.name).collect());
    }
    assert!(names.iter().all(|of_format| *of_format == names[0]), "{names:?}");
    names.pop().unwrap()
}

#[actix_web::test]
async fn s8_the_families_that_are_named_and_no_other() {
    const UP: &str = "external_access_up";
    const RUNS: &str = "external_access_runs_total";
    let handler = handler(&with_targets(2, 1, true));
    let all = named(&handler, "").await;
    assert!(all.len() > 10);
    for (query, names) in [
        ("?name[]=external_access_up", &[UP][..]),
        ("?name[]=external_access_up&name[]=external_access_runs_total", &[RUNS, UP]),
        ("?name[]=external_access_runs_total&name[]=external_access_up&name[]=nothing", &[RUNS, UP]),
        ("?name%5B%5D=external_access_up", &[UP]),
        ("?name%5b%5d=external%5Faccess_up", &[UP]),
        ("?name[]=external_access_up&name[]=external_access_up", &[UP]),
        ("?a=b&name[]=external_access_up&&=&format=text", &[UP]),
        ("?name[]=external_access_up&name=external_access_runs_total&Name[]=external_access_runs_total", &[UP]),
        ("?name[]=nothing", &[]),
        ("?name[]=", &[]),
        ("?name[]", &[]),
        ("?name[]=EXTERNAL_ACCESS_UP", &[]),
        ("?name[]=external_access_*", &[]),
        // By the name that it has in the registry, whatever the format.
        ("?name[]=external_access_runs", &[]),
        ("?name[]=external_access_run_duration_seconds_bucket", &[]),
        ("?name[]=%", &[]),
        ("?name[]=%zz%ff%00&name[]=external_access_up", &[UP]),
        ("?name[]=external_access_up%", &[]),
    ] {
        assert_eq!(named(&handler, query).await, names, "{query}");
    }
    for query in ["?", "?name=external_access_up", "?names[]=external_access_up", "?%=%&%zz", "?name%5B=a"] {
        assert_eq!(named(&handler, query).await, all, "{query}");
    }
    for (format, nothing) in [(TEXT, ""), (OPEN_METRICS, "# EOF\n"), (PROTOBUF, "")] {
        assert_eq!(scrape(&handler, format, "?name[]=nothing").await.text(), nothing);
    }
}

#[actix_web::test]
async fn s9_what_the_handler_counts_is_there_from_the_first_scrape() {
    let handler = handler(&with_targets(0, 1, false));
    let first = ask(&handler, get("")).await.exposed();
    // Its own answer had a status before it had a body.
    for (code, answers) in [("200", 1.0), ("405", 0.0), ("500", 0.0), ("503", 0.0)] {
        assert_eq!(first.value("metrics_handler_requests_total", &[("code", code)]), Some(answers), "{code}");
    }
    for cause in ["panic", "timeout", "clash", "duplicate", "illegal"] {
        assert_eq!(first.errors(cause), 0.0, "{cause}");
    }
    let samples = |name| first.family(name).unwrap().samples.len();
    assert_eq!([samples("metrics_handler_requests_total"), samples("metrics_handler_errors_total")], [4, 5]);
    assert_eq!(first.in_flight(), 1.0, "itself");
}

#[actix_web::test]
async fn s9_answers_are_counted_by_code() {
    let handler = limited(&with_targets(1, 1, false), 1);
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::GET, Method::DELETE] {
        ask(&handler, TestRequest::default().method(method).uri("/metrics")).await;
    }
    // Not read to its end, it holds the one place there is.
    let unread = Pieces::of(&handler, get("")).await;
    for _ in 0..4 {
        assert_eq!(ask(&handler, get("")).await.head.status, 503);
    }
    drop(unread);
    let exposed = ask(&handler, get("")).await.exposed();
    // HEAD, the one that was not read, GET and this one.
    for (code, answers) in [("200", 4.0), ("405", 3.0), ("500", 0.0), ("503", 4.0)] {
        assert_eq!(exposed.value("metrics_handler_requests_total", &[("code", code)]), Some(answers), "{code}");
    }
}

/// The times of others are theirs to say, but not to break the handler with.
#[actix_web::test]
async fn s7_a_timeout_that_makes_no_sense_is_none() {
    let handler = handler(&with_targets(1, 1, false));
    for timeout in ["", "x", "-1", "0", "nan", "inf", "1e300", "3601", "1e-300", " 5 ", "0x10"] {
        let header = (header::HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), timeout);
        let exposed = ask(&handler, get("").insert_header(header)).await.exposed();
        assert_eq!(exposed.value("external_access_up", &[("target", "https://0.example")]), Some(1.0), "{timeout}");
    }
    let bytes = HeaderValue::from_bytes(b"\xff").unwrap();
    let odd = ask(&handler, get("").insert_header(("x-prometheus-scrape-timeout-seconds", bytes))).await;
    assert_eq!(odd.head.status, 200);
}

#[actix_web::test]
async fn a_handler_may_have_all_the_time_in_the_world_and_a_path_of_its_own() {
    let config = HandlerConfig {
        path: "/internal/metrics".to_owned(),
        timeout: std::time::Duration::MAX,
        ..HandlerConfig::default()
    };
    let handler = MetricsHandler::register_with(&with_targets(1, 1, false), &config).unwrap();
    ask(&handler, TestRequest::get().uri("/internal/metrics")).await.exposed();
    assert_eq!(ask(&handler, get("")).await.head.status, 404);
}
