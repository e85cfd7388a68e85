//! The table.

use crate::app::{Layout, ODD_PATTERN};
use crate::case::Body::{None as NoBody, Pieces, Short, Sized};
use crate::case::Client::{Ignores, LeavesEarly, LeavesMidway};
use crate::case::Over::{Http1, Http2, Mock};
use crate::case::Text::Any;
use crate::case::{Case, case, get, post, raw, request};

pub(crate) fn all() -> Vec<Case> {
    [endings(), heads_without_bodies(), labels(), methods(), normalized(), sizes()].concat()
}

/// The plainest of all.
pub(crate) fn hello() -> Case {
    case("T1", "a handler answers", get("/hello")).sees(200, "hello").counts("/hello")
}

/// However an exchange ends, it is one count.
fn endings() -> Vec<Case> {
    vec![
        hello(),
        case("T1", "an answer without a body", get("/empty")).sees(200, "").counts("/empty"),
        case("T1", "a body of known size in pieces", get("/sized")).sees(200, "fourmore").counts("/sized"),
        case("T2", "a handler fails", get("/fails")).sees(502, "upstream").counts("/fails"),
        case("T2", "an extractor of a handler fails, with a 404 of a route that was found", get("/number/x"))
            .sees(404, Any)
            .counts("/number/{n}"),
        case("T3", "inner middleware gives an error", get("/forbidden/{n}"))
            .sees(403, "not you")
            .counts("/forbidden/{id}"),
        case("T3", "an extractor of inner middleware fails", get("/demanding/{n}"))
            .sees(500, Any)
            .counts("/demanding/{id}"),
        case("T5", "a handler panics", get("/panics")).breaks().aborts("/panics", "panic"),
        case("T5", "inner middleware panics before there is a future", get("/items/{n}").with(PANIC))
            .breaks()
            .aborts("/items/{id}", "panic"),
        case("T5", "a body panics", get("/panics-in-body")).breaks().aborts("/panics-in-body", "panic").sent(3),
        case("T6", "the client leaves amid a stream", get("/endless"))
            .client(LeavesMidway)
            .aborts("/endless", "incomplete")
            .sent_at_least(1000)
            .but(Mock, "nothing is under way", |case| case.sent(2000)),
        case("T7", "the client leaves during a slow handler, which HTTP/1 does not notice", get("/slow/{n}"))
            .client(LeavesEarly)
            .counts("/slow/{n}")
            .sent(4)
            .but(Mock, "T4: without a dispatcher, leaving is dropping", |case| case.aborts("/slow/{n}", "dropped"))
            .but(Http2, "the answer finds the stream reset", |case| case.aborts("/slow/{n}", "incomplete")),
        case("T8", "a body gives an error", get("/breaks")).breaks().aborts("/breaks", "body_error").sent(3),
        case("T10", "a body that nobody polls", get("/hello"))
            .client(Ignores)
            .sees(200, Any)
            .aborts("/hello", "incomplete")
            .not_over(&[Http1, Http2], "a dispatcher polls each body that it is to send"),
        case("T10", "the body of a default 405, which nobody polls", get("/only-post"))
            .client(Ignores)
            .sees(405, "")
            .counts("/only-post")
            .sent(0)
            .not_over(&[Http1, Http2], "a dispatcher decides for itself whether to poll an empty body"),
        case("T10", "the body of a default 404, which nobody polls", get("/nowhere"))
            .client(Ignores)
            .sees(404, "")
            .counts("unmatched")
            .sent(0)
            .not_over(&[Http1, Http2], "a dispatcher decides for itself whether to poll an empty body"),
        case("T12", "two Hosts", raw(b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")).sees(400, ""),
        case("T12", "a bad Content-Length", raw(b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"))
            .sees(400, ""),
        case(
            "T12",
            "two Content-Lengths",
            raw(b"GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        )
        .sees(400, ""),
        case("T12", "no HTTP at all", raw(b"\x16\x03\x01 hello\r\n\r\n")).sees(400, ""),
        case("T12", "L8: bytes that are not UTF-8 in a path", raw(b"GET /items/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"))
            .sees(400, ""),
    ]
}

const PANIC: &[(&str, &str)] = &[("x-panic", "1")];

fn heads_without_bodies() -> Vec<Case> {
    vec![
        case("T9", "204", get("/204")).sees(204, "").counts("/204"),
        case("T9", "204 with a body that is never sent", get("/204-with-body")).sees(204, "").counts("/204-with-body"),
        case("T9", "304", get("/304")).sees(304, "").counts("/304"),
        case("T9", "101: the exchange is the life of the connection", get("/upgrades").with(UPGRADE))
            .sees(101, "onetwo")
            .counts("/upgrades")
            .closes()
            .not_over(&[Http2], "HTTP/2 has no 101"),
        case("V5", "HEAD", request("HEAD", "/hello")).sees(200, "").counts("/hello"),
        case("V5", "HEAD of a stream", request("HEAD", "/stream")).sees(200, "").counts("/stream"),
        case("V5", "HEAD that a handler fails", request("HEAD", "/fails")).sees(502, "").counts("/fails"),
        case("V5", "HEAD that inner middleware gives an error for", request("HEAD", "/forbidden/1"))
            .sees(403, Any)
            .counts("/forbidden/{id}")
            .sent(0),
    ]
}

const UPGRADE: &[(&str, &str)] = &[("connection", "upgrade"), ("upgrade", "websocket")];

/// The label `path` is the pattern of the route that answered, or `unmatched`.
fn labels() -> Vec<Case> {
    vec![
        case("L1", "the pattern, not the value", get("/items/{n}")).sees(200, "ok").counts("/items/{id}"),
        case("L1", "the pattern, not the query", get("/items/{n}?a=b&c")).sees(200, "ok").counts("/items/{id}"),
        case("L2", "an empty resource of a scope", get("/s")).sees(200, "ok").counts("/s"),
        case("L2", "an empty resource of a scope in a scope", get("/api/v1")).sees(200, "ok").counts("/api/v1"),
        case("L2", "scopes in scopes", get("/api/v1/user/{n}/a/b"))
            .sees(200, "ok")
            .counts("/api/v1/user/{id}/{tail:.*}"),
        case("L2", "a scope without a name in a scope", get("/empty-scope/x")).sees(200, "ok").counts("/empty-scope/x"),
        case("L2", "equal resources of two scopes: one", get("/a/{n}/x")).sees(200, "ok").counts("/a/{id}/x"),
        case("L2", "equal resources of two scopes: the other", get("/b/{n}/x")).sees(200, "ok").counts("/b/{id}/x"),
        case("L3", "a guard passes over the first pattern that fits", post("/s/act", NoBody))
            .sees(200, "ok")
            .counts("/s/act"),
        case("L3", "and chooses it otherwise", get("/s/act")).sees(200, "ok").counts("/s/{id}"),
        case("L3", "two resources told apart by guards: one", get("/g/{n}")).sees(200, "ok").counts("/g/{get}"),
        case("L3", "two resources told apart by guards: the other", post("/g/{n}", NoBody))
            .sees(200, "ok")
            .counts("/g/{post}"),
        case("L3", "one path, two resources: one", get("/same")).sees(200, "ok").counts("/same"),
        case("L3", "one path, two resources: the other", post("/same", NoBody)).sees(200, "ok").counts("/same"),
        case("L4", "no route", get("/no/such/{n}")).sees(404, "").counts("unmatched"),
        case("L4", "no route in a scope", get("/s/no/such/{n}")).sees(404, "").counts("unmatched"),
        case("L4", "no route, but a default_service of the scope", get("/fallback/{n}"))
            .sees(418, "teapot")
            .counts("unmatched"),
        case("L4", "no route, but a default_service of the app", get("/no/such/{n}"))
            .layout(Layout::Default)
            .sees(200, "default")
            .counts("unmatched"),
        case("L4", "a route of another method", post("/hello", NoBody)).sees(404, "").counts("unmatched"),
        case("L4", "a route of another method, in a scope", request("DELETE", "/s/act"))
            .sees(404, "")
            .counts("unmatched"),
        case("L4", "HEAD of a GET", request("HEAD", "/text")).sees(404, "").counts("unmatched"),
        case("L5", "405 of a known resource", get("/only-post")).sees(405, "").counts("/only-post"),
        case("L5", "405 of a known resource for HEAD", request("HEAD", "/only-post"))
            .sees(405, "")
            .counts("/only-post"),
        case("L7", "regex: digits", get("/r/{n}")).sees(200, "ok").counts("/r/{x:[0-9]+}"),
        case("L7", "regex: letters", get("/r/abc")).sees(200, "ok").counts("/r/{x:[a-z]+}"),
        case("L7", "regex: neither", get("/r/A")).sees(404, "").counts("unmatched"),
        case("L7", "tail", get("/tail/a/b/{n}")).sees(200, "ok").counts("/tail/{tail:.*}"),
        case("L7", "empty tail", get("/tail/")).sees(200, "ok").counts("/tail/{tail:.*}"),
        case("L7", "one of several patterns is named by the first", get("/multi/b")).sees(200, "ok").counts("/multi/a"),
        case("L7", "the first of several patterns", get("/multi/a")).sees(200, "ok").counts("/multi/a"),
        case("L7", "a service for all paths below one", get("/files/a/{n}")).sees(200, "file").counts("/files"),
        case("L7", "its root", get("/files")).sees(200, "file").counts("/files"),
        case("L7", "its own 404", get("/files/missing")).sees(404, "").counts("/files"),
        case("L7", "a path that only begins alike", get("/filesystem")).sees(404, "").counts("unmatched"),
        case("L8", "percent-encoded odd bytes in a value", get("/items/%ff%22%0a%5c"))
            .sees(200, "ok")
            .counts("/items/{id}"),
        case("L8", "percent-encoded letters of a route", get("/%68ello")).sees(200, "hello").counts("/hello"),
        case("L8", "odd bytes and no route", get("/%ff%22%0a%5c/\"{n}\"")).sees(404, "").counts("unmatched"),
        case("L8", "a pattern with odd characters", get("/odd/\"q\"/{n}/x")).sees(200, "ok").counts(ODD_PATTERN),
        case("L10", "Host and User-Agent", get("/hello").with(&[("host", "evil.example"), ("user-agent", "{n}\"")]))
            .sees(200, "hello")
            .counts("/hello"),
        case(
            "L4",
            "an answer of inner middleware before routing has the pattern of the path",
            get("/items/{n}").with(REFUSE),
        )
        .sees(401, "who are you")
        .counts("/items/{id}"),
        case("L4", "an answer of inner middleware where no route is", get("/no/such").with(REFUSE))
            .sees(401, "who are you")
            .counts("unmatched"),
    ]
}

const REFUSE: &[(&str, &str)] = &[("x-refuse", "1")];

/// The label `method` is one of nine, or `other`.
fn methods() -> Vec<Case> {
    let known = ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];
    let known =
        known.map(|method| case("L9", "a known method", request(method, "/any")).sees(200, "ok").counts("/any"));
    let unknown = ["FOOBAR", "get", "PROPFIND", "M-SEARCH"]
        .map(|method| case("L9", "any other", request(method, "/any")).sees(200, "ok").counts("/any").method("other"));
    let odd = [
        case("L9", "an unknown method of a route of GET", request("FOOBAR", "/hello"))
            .sees(404, "")
            .counts("unmatched")
            .method("other"),
        case("L9", "OPTIONS *", request("OPTIONS", "*")).sees(404, "").counts("unmatched"),
        case("L9", "CONNECT", request("CONNECT", "example.com:80")).sees(404, "").counts("unmatched"),
    ];
    [&known[..], &unknown, &odd].concat()
}

/// The label is the route that was found after the path was put right, wherever that happens.
fn normalized() -> Vec<Case> {
    let with = |layout| move |what, target| case("L6", what, get(target)).layout(layout);
    let (plain, inside, outside) = (with(Layout::Plain), with(Layout::NormalizeInside), with(Layout::NormalizeOutside));
    vec![
        plain("a slash too many", "/hello/").sees(404, "").counts("unmatched"),
        inside("taken away within", "/hello/").sees(200, "hello").counts("/hello"),
        inside("taken away within, value", "//items///{n}/").sees(200, "ok").counts("/items/{id}"),
        inside("nothing to take away", "/hello").sees(200, "hello").counts("/hello"),
        outside("taken away around", "/hello/").sees(200, "hello").counts("/hello"),
        outside("taken away around, value", "//items///{n}/").sees(200, "ok").counts("/items/{id}"),
        outside("taken away around, error", "/forbidden/1/").sees(403, "not you").counts("/forbidden/{id}"),
    ]
}

/// The sizes of bodies: what was announced or read, and what passed.
fn sizes() -> Vec<Case> {
    let odd_length = |what, headers| {
        case("V9", what, get("/hello").with(headers))
            .sees(200, "hello")
            .counts("/hello")
            .not_over(&[Http1, Http2], "a dispatcher refuses it, see T12")
    };
    vec![
        odd_length("a Content-Length below 0 counts as none", &[("content-length", "-1")]),
        odd_length("a Content-Length that is no number counts as none", &[("content-length", "NaN")]),
        odd_length("a Content-Length beyond all counts counts as none", &[("content-length", "99999999999999999999")]),
        case("V1", "a request of announced size", post("/echo", Sized("12345"))).sees(200, "12345").counts("/echo"),
        case("V1", "a request without one: what was read", post("/echo", Pieces(&["hello", " world"])))
            .sees(200, "hello world")
            .counts("/echo"),
        case("V1", "a request of announced size 0", post("/echo", Sized(""))).sees(200, "").counts("/echo"),
        case("V1", "an announcement is waited for", post("/echo", Sized("12345")).with(&[("expect", "100-continue")]))
            .sees(200, "12345")
            .counts("/echo")
            .not_over(&[Mock, Http2], "the dispatcher of HTTP/1 answers 100"),
        case(
            "V2",
            "a Content-Length that lies: what was announced",
            post("/echo", Short { announced: 10, sent: "abc" }),
        )
        .sees(400, Any)
        .counts("/echo")
        .closes()
        .but(Http2, "such a stream is malformed and is reset", |case| case.breaks().aborts("/echo", "incomplete")),
        case("V3", "an unread body of announced size", post("/ignores", Sized("12345")))
            .sees(200, "ignored")
            .counts("/ignores"),
        case("V3", "an unread body without one", post("/ignores", Pieces(&["hello"])))
            .sees(200, "ignored")
            .counts("/ignores")
            .received(0)
            .closes(),
        case("V4", "a stream is one observation", get("/stream")).sees(200, 4000).counts("/stream"),
        case("V6", "Compress within: compressed bytes", get("/zip/text").with(GZIP)).sees(200, Any).counts("/zip/text"),
        case("V6", "Compress within, not asked for", get("/zip/text")).sees(200, 5000).counts("/zip/text"),
        case("V6", "Compress around: the bytes before it", get("/text").with(GZIP))
            .layout(Layout::CompressOutside)
            .sees(200, Any)
            .counts("/text")
            .sent(5000),
        case("V6", "Compress around, a stream", get("/stream").with(GZIP))
            .layout(Layout::CompressOutside)
            .sees(200, Any)
            .counts("/stream")
            .sent(4000),
        case("V7", "a stream of events", get("/events")).sees(200, 27).counts("/events"),
    ]
}

const GZIP: &[(&str, &str)] = &[("accept-encoding", "gzip")];
