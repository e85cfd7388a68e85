//! Which format and which encoding an answer has: `Accept` and `Accept-Encoding`.

use std::collections::BTreeSet;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use metrics_core::MetricsHandler;

use crate::ask::{Answer, FORMATS, OPEN_METRICS, PROTOBUF, TEXT, ask, ask_over, get, scrape, serve};
use crate::subjects::{handler, with_targets};

/// A request with these lines of a header.
fn with(name: &HeaderName, lines: &[&[u8]]) -> TestRequest {
    let line = |line: &&[u8]| (name.clone(), HeaderValue::from_bytes(line).unwrap());
    lines.iter().map(line).fold(get(""), TestRequest::append_header)
}

/// An answer that is what its head says, however it was asked for.
async fn sane(handler: &MetricsHandler, request: TestRequest) -> Answer {
    let answer = ask(handler, request).await;
    assert!(FORMATS.contains(&answer.format()), "S1: {}", answer.format());
    answer.exposed().family("external_access_up").expect("the metrics");
    let vary: Vec<_> = answer.head.headers.iter().filter(|(name, _)| name == "vary").collect();
    assert_eq!(vary, [&("vary".to_owned(), "Accept, Accept-Encoding".to_owned())]);
    answer
}

const PROTOBUF_RANGE: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// The lines of `Accept`, and what is answered where no set has native histograms and where one has them.
fn accepts() -> Vec<(Vec<Vec<u8>>, &'static str, &'static str)> {
    let one = |accept: &str, without, with| (vec![accept.as_bytes().to_vec()], without, with);
    let mut accepts = vec![(vec![], TEXT, TEXT)];
    accepts.extend(
        [
            // Prometheus 2.42, Prometheus 3, and what both say where they take native histograms.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "text/plain;q=0.5,application/openmetrics-text;q=0.6",
            "application/openmetrics-text,text/plain",
            "application/openmetrics-text,text/plain,application/vnd.google.protobuf",
            "application/*",
            "application/*,text/plain;q=0.9",
            "text/plain;q=0,*/*",
            "text/plain;version=1.0.0,application/openmetrics-text;q=0.1",
            "APPLICATION/OPENMETRICS-TEXT;VERSION=1.0.0;Q=0.9, Text/Plain;Q=0.1",
            " application/openmetrics-text ; version = \"1.0.0\" ; charset=utf-8 ; q = 0.9 ",
            // The most specific range decides, wherever it stands.
            "application/openmetrics-text;q=0.1,application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5",
            // Of two that are alike, the first.
            "application/openmetrics-text;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5",
            "*/*,text/*;q=0.9,application/vnd.google.protobuf;q=0",
            "*/*,text/plain;q=0.1,application/vnd.google.protobuf;q=0.1",
            "application/*;q=0.2,text/*;q=0.1,*/*;q=0.9",
        ]
        .map(|accept| one(accept, OPEN_METRICS, OPEN_METRICS)),
    );
    let protobuf_first = format!(
        "{PROTOBUF_RANGE},application/openmetrics-text;version=1.0.0;q=0.8,\
         application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    );
    let of_3 = format!(
        "{PROTOBUF_RANGE};q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    );
    let equals = "application/vnd.google.protobuf,application/openmetrics-text";
    for accept in [&*protobuf_first, &of_3, equals] {
        accepts.push(one(accept, OPEN_METRICS, PROTOBUF));
    }
    let quoted = "application/vnd.google.protobuf; proto=\"io.prometheus.client.MetricFamily\"; encoding=\"Delimited\"";
    for accept in [PROTOBUF_RANGE, quoted, PROTOBUF, "application/vnd.google.protobuf,*/*;q=0.9"] {
        accepts.push(one(accept, TEXT, PROTOBUF));
    }
    accepts.push((
        vec![b"text/plain;q=0.5".to_vec(), b"\xff\xfe".to_vec(), b"application/openmetrics-text".to_vec()],
        OPEN_METRICS,
        OPEN_METRICS,
    ));
    let long = "x/y;z=1,".repeat(1000);
    let text = [
        // Browsers, curl.
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "*/*",
        "text/*",
        "text/plain",
        "text/plain;version=0.0.4",
        TEXT,
        "text/plain,application/openmetrics-text",
        "application/openmetrics-text;q=0.5,text/plain;q=0.6",
        "application/openmetrics-text;q=0,*/*",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.1",
        "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
        "application/vnd.google.protobuf;encoding=text",
        "application/vnd.google.protobuf;proto=other.Message;encoding=delimited",
        // Nothing that there is: text, which everything can read.
        "text/plain;version=1.0.0",
        "text/plain;q=0",
        "*/*;q=0",
        "image/png",
        // Junk.
        "",
        ",",
        ",,, ,;,",
        ";",
        "/",
        "*",
        "*/plain",
        "q=1",
        "application",
        "application/",
        "/openmetrics-text",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=inf",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=1.1;version=1.0.0",
        "application/openmetrics-textual",
        "xapplication/openmetrics-text",
        "application/openmetrics-text;version=1.0.0.0",
        "a;b;c=d;;=,=;\"",
        &long,
    ];
    accepts.extend(text.map(|accept| one(accept, TEXT, TEXT)));
    accepts
        .extend([&b"\xff\xfe"[..], b"application/openmetrics-text\xff"].map(|line| (vec![line.to_vec()], TEXT, TEXT)));
    accepts
}

#[actix_web::test]
async fn s2_the_format_is_the_one_that_accept_prefers() {
    let (without, with_native) = (handler(&with_targets(1, 1, false)), handler(&with_targets(1, 1, true)));
    for (lines, of_without, of_with) in accepts() {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for (handler, format, native) in [(&without, of_without, false), (&with_native, of_with, true)] {
            let answer = sane(handler, with(&header::ACCEPT, &lines)).await;
            let accept = lines.iter().map(|line| line.escape_ascii().to_string()).collect::<Vec<_>>();
            assert_eq!(answer.format(), format, "{accept:?}, native: {native}");
            assert!(!answer.is_gzip());
        }
    }
}

/// The same headers in each run: words of the grammar and bytes of none, in any order.
#[actix_web::test]
async fn s2_whatever_is_asked_for_is_answered_in_one_of_the_formats() {
    const WORDS: [&[u8]; 10] = [
        b"application/openmetrics-text",
        b"text/plain",
        b"application/vnd.google.protobuf",
        b"*/*",
        b"text/*",
        b"gzip",
        b"identity",
        b"*",
        b"\"",
        b"\xff\x80",
    ];
    const BETWEEN: [&[u8]; 10] =
        [b",", b",", b", ,", b";q=0,", b";q=.5,", b";q=nan,", b";version=1.0.0,", b";version=0.0.4;q=0.5,", b";", b"="];
    let handler = handler(&with_targets(1, 1, true));
    let mut random = Random(1);
    let mut seen = BTreeSet::new();
    for _ in 0..500 {
        let mut junk = || {
            let pairs = 0..random.below(5);
            let words = pairs.map(|_| [random.pick(&WORDS), random.pick(&BETWEEN)].concat());
            HeaderValue::from_bytes(&words.collect::<Vec<_>>().concat()).unwrap()
        };
        let request = get("").insert_header((header::ACCEPT, junk())).insert_header((header::ACCEPT_ENCODING, junk()));
        let answer = sane(&handler, request).await;
        seen.insert((answer.format().to_owned(), answer.is_gzip()));
    }
    assert_eq!(seen.len(), 6, "every answer there is: {seen:?}");
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, among: &[&'a [u8]]) -> &'a [u8] {
        among[self.below(among.len())]
    }
}

#[actix_web::test]
async fn s1_the_content_type_is_exact_on_the_wire() {
    let server = serve(&handler(&with_targets(1, 1, true)), 1);
    for format in FORMATS {
        let answer = ask_over(server.address, "GET /metrics HTTP/1.1", &[("Accept", format)]).await;
        assert_eq!(answer.format(), format);
        answer.exposed();
    }
}

#[actix_web::test]
async fn s4_gzip_is_for_who_accepts_it() {
    let handler = handler(&with_targets(1, 1, true));
    let gzip: [&[&[u8]]; 13] = [
        &[b"gzip"],
        &[b"GZip"],
        &[b"x-gzip"],
        &[b"gzip, deflate, br, zstd"],
        &[b"*"],
        &[b"*;q=0.1"],
        &[b"gzip;q=0.001"],
        &[b"gzip, identity"],
        &[b"gzip;q=1, identity;q=0.5"],
        &[b"identity;q=0, gzip;q=0.1"],
        &[b"*;q=0, gzip"],
        &[b"identity;q=0.5", b"gzip"],
        &[b"\xff", b"\"x\";;,gzip"],
    ];
    let none: [&[&[u8]]; 16] = [
        &[],
        &[b""],
        &[b"gzip;q=0"],
        &[b"gzip;q=0.000"],
        &[b"identity"],
        &[b"*;q=0"],
        &[b"gzip;q=0, *"],
        &[b"identity;q=1, gzip;q=0.5"],
        &[b"identity, *;q=0.5"],
        &[b"deflate, br"],
        &[b"gzippy"],
        &[b"gzip;q=nan"],
        &[b"gzip;q=2"],
        &[b"gzip;q=-0.1"],
        &[b",;,:"],
        &[b"gzip\xff"],
    ];
    for (lines, accepted) in gzip.iter().map(|lines| (lines, true)).chain(none.iter().map(|lines| (lines, false))) {
        let answer = sane(&handler, with(&header::ACCEPT_ENCODING, lines)).await;
        let encoding = answer.head.header("content-encoding");
        assert_eq!(encoding, accepted.then_some("gzip"), "{lines:?}");
        assert_eq!(answer.body.starts_with(b"\x1f\x8b"), accepted, "{lines:?}");
    }
}

/// Of one piece and of many.
#[actix_web::test]
async fn s4_what_is_compressed_is_the_same() {
    for targets in [1, 200] {
        let handler = handler(&with_targets(targets, 30, true));
        for format in FORMATS {
            let plain = scrape(&handler, format, "").await;
            let names: Vec<String> =
                plain.exposed().at_rest().families.iter().map(|family| format!("name[]={}", family.name)).collect();
            let query = format!("?{}", names.join("&"));
            let plain = scrape(&handler, format, &query).await;
            let accept = (header::ACCEPT, format);
            let gzip =
                ask(&handler, get(&query).insert_header(accept).insert_header((header::ACCEPT_ENCODING, "gzip")));
            let gzip = gzip.await;
            assert!(gzip.is_gzip() && gzip.body.len() * 2 < plain.body.len());
            assert!(gzip.plain() == plain.body, "{format}");
        }
    }
}
