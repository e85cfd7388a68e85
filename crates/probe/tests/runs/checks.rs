//! What a module expects of an answer.

use awc::http::Version;
use awc::http::header::HeaderName;
use metrics_core::{Phase, Reason};
use probe::{Compression, HeaderMatch, Module, StatusCodes};
use regex::bytes::Regex;

use crate::kit::{Action, Authority, Flaw, Peer, ok, redirect, response};
use crate::kit_body::{brotli, gzip};
use crate::{Ask, UP, failed, module};

fn regexp(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// A check fails when the answer is there: at no step.
fn wanted(reason: Option<Reason>) -> (Option<Reason>, Option<Phase>, Option<u16>) {
    (reason, None, Some(200))
}

#[actix_rt::test]
async fn status_codes() {
    for (codes, status, good) in [
        (vec![], "200", true),
        (vec![], "299", true),
        (vec![], "300", false),
        (vec![], "404", false),
        (vec![404..=404], "404", true),
        (vec![404..=404], "200", false),
        (vec![200..=299, 400..=410], "410", true),
        (vec![200..=299, 400..=410], "411", false),
        (vec![300..=399], "304", true),
        (vec![100..=199], "101", true),
    ] {
        let peer = Peer::plain(move |_| response(&format!("{status} X"), "", ""));
        let module = module(|module| module.valid_status_codes = StatusCodes(codes.clone()));
        let report = Ask::by(module).of(&peer.url("/")).await;
        let reason = (!good).then_some(Reason::Status);
        assert_eq!(failed(&report), (reason, None, status.parse().ok()), "{codes:?}, {status}: {report:?}");
    }
}

#[actix_rt::test]
async fn versions_of_http() {
    for (valid, line, good) in [
        (vec![], "HTTP/1.0", true),
        (vec![Version::HTTP_11], "HTTP/1.1", true),
        (vec![Version::HTTP_11], "HTTP/1.0", false),
        (vec![Version::HTTP_10, Version::HTTP_2], "HTTP/1.0", true),
        (vec![Version::HTTP_2], "HTTP/1.1", false),
    ] {
        // Without a length, so that the version is one that had to be put right on its way to the parser.
        let peer = Peer::plain(move |_| Action::answer(format!("{line} 200 OK\r\n\r\n")));
        let module = module(|module| module.valid_http_versions.clone_from(&valid));
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), wanted((!good).then_some(Reason::HttpVersion)), "{valid:?}, {line}: {report:?}");
    }
}

#[actix_rt::test]
async fn with_and_without_tls() {
    let authority = Authority::new();
    let tls = Peer::tls(authority.server("127.0.0.1", &Flaw::None), |_| ok());
    let plain = Peer::plain(|_| ok());
    for (if_ssl, if_not_ssl, over_tls, good) in [
        (true, false, true, false),
        (true, false, false, true),
        (false, true, true, true),
        (false, true, false, false),
        (false, false, true, true),
    ] {
        let module = module(|module| {
            module.fail_if_ssl = if_ssl;
            module.fail_if_not_ssl = if_not_ssl;
        });
        let url = if over_tls { tls.https("/") } else { plain.url("/") };
        let report = Ask::by(module).trusting(&authority).of(&url).await;
        assert_eq!(failed(&report), wanted((!good).then_some(Reason::Ssl)), "{if_ssl}, {if_not_ssl}, {url}");
    }
}

/// What counts is the last response.
#[actix_rt::test]
async fn tls_that_a_redirect_leads_to() {
    let authority = Authority::new();
    let tls = Peer::tls(authority.server("127.0.0.1", &Flaw::None), |_| ok());
    let to = tls.https("/");
    let plain = Peer::plain(move |_| redirect("301 Moved Permanently", &to));
    let module = module(|module| module.fail_if_not_ssl = true);
    let report = Ask::by(module).trusting(&authority).of(&plain.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
}

#[actix_rt::test]
async fn headers_that_must_and_must_not_match() {
    let peer = Peer::plain(|_| response("200 OK", "X-State: good\r\nX-Two: one\r\nX-Two: s3cret\r\nX-Empty:\r\n", ""));
    for (header, text, allow_missing, matches_is_good, good) in [
        ("x-state", "^good$", false, true, true),
        ("X-State", "^bad$", false, true, false),
        ("x-state", "^bad$", false, false, true),
        ("x-state", "oo", false, false, false),
        ("x-two", "s3cret", false, true, true),
        ("x-two", "s3cret", false, false, false),
        ("x-empty", "^$", false, true, true),
        ("x-none", "anything", false, true, false),
        ("x-none", "anything", true, true, true),
        ("x-none", "anything", false, false, false),
        ("x-none", "anything", true, false, true),
    ] {
        let expected =
            HeaderMatch { header: HeaderName::try_from(header).unwrap(), regexp: regexp(text), allow_missing };
        let module = module(|module| {
            let list = if matches_is_good {
                &mut module.fail_if_header_not_matches
            } else {
                &mut module.fail_if_header_matches
            };
            list.push(expected);
        });
        let report = Ask::by(module).of(&peer.url("/")).await;
        let name = format!("{header}, {text}, {matches_is_good}: {:?}", report.failure);
        assert_eq!(failed(&report), wanted((!good).then_some(Reason::Header)), "{name}");
        assert!(!name.replace(text, "").contains("s3cret"), "a header may be secret: {name}");
    }
}

#[actix_rt::test]
async fn bodies_that_must_and_must_not_match() {
    let text = "all is well\nthis is the second line";
    for (encoding, compression, body) in [
        ("", None, text.as_bytes().to_vec()),
        // Compressed though nobody asked for it.
        ("Content-Encoding: gzip\r\n", None, gzip(text)),
        ("Content-Encoding: GZip\r\n", None, gzip(text)),
        ("Content-Encoding: gzip\r\n", Some(Compression::Gzip), gzip(text)),
        ("Content-Encoding: br\r\n", Some(Compression::Brotli), brotli(text)),
    ] {
        let peer = Peer::plain(move |_| response("200 OK", encoding, &body));
        for (expression, matches_is_good, good) in [
            ("well", true, true),
            ("ill", true, true),
            ("(?m)^this.*line$", true, true),
            ("nothing", true, false),
            ("nothing", false, true),
            ("second", false, false),
        ] {
            let good = if expression == "ill" { !matches_is_good } else { good };
            let module = module(|module| {
                module.compression = compression;
                let list = if matches_is_good {
                    &mut module.fail_if_body_not_matches_regexp
                } else {
                    &mut module.fail_if_body_matches_regexp
                };
                list.push(regexp(expression));
            });
            let report = Ask::by(module).of(&peer.url("/")).await;
            let name = format!("{encoding:?} {expression}, {matches_is_good}: {:?}", report.failure);
            assert_eq!(failed(&report), wanted((!good).then_some(Reason::Body)), "{name}");
        }
    }
}

/// Bytes that are no text can be matched too.
#[actix_rt::test]
async fn bodies_need_not_be_text() {
    let peer = Peer::plain(|_| response("200 OK", "", [0xff, 0xfe, b'o', b'k', 0]));
    let module = module(|module| module.fail_if_body_not_matches_regexp = vec![regexp(r"(?-u)\xfeok\x00$")]);
    let report = Ask::by(module).of(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
}

type Repair = fn(&mut Module);

/// Where several things are wrong, the reason is the first of them in this order.
#[actix_rt::test]
async fn one_reason_of_several() {
    let peer = Peer::plain(|_| Action::answer("HTTP/1.0 500 Oops\r\n\r\nbad"));
    let mut all = module(|module| {
        module.fail_if_not_ssl = true;
        module.valid_http_versions = vec![Version::HTTP_11];
        module.fail_if_header_not_matches =
            vec![HeaderMatch { header: HeaderName::from_static("x"), regexp: regexp("x"), allow_missing: false }];
        module.fail_if_body_matches_regexp = vec![regexp("bad")];
    });
    let repairs: [(Reason, Repair); 5] = [
        (Reason::Ssl, |module| module.fail_if_not_ssl = false),
        (Reason::HttpVersion, |module| module.valid_http_versions.clear()),
        (Reason::Status, |module| module.valid_status_codes = StatusCodes(vec![500..=500])),
        (Reason::Header, |module| module.fail_if_header_not_matches.clear()),
        (Reason::Body, |module| module.fail_if_body_matches_regexp.clear()),
    ];
    for (reason, repair) in repairs {
        let report = Ask::by(all.clone()).of(&peer.url("/")).await;
        assert_eq!(failed(&report), (Some(reason), None, Some(500)), "{report:?}");
        repair(&mut all);
    }
    let report = Ask::by(all).of(&peer.url("/")).await;
    assert_eq!(report.outcome.reason, None, "{report:?}");
}
