//! HTTP/2, which is spoken where ALPN says so.

use std::sync::Arc;

use awc::http::header::HeaderName;
use awc::http::{Method, Version};
use http::Response;
use metrics_core::{Phase, Reason};
use probe::{BasicAuth, Module, RunReport, Secret};
use rustls::ServerConfig;

use crate::kit::peer::{Wire, until_closed};
use crate::kit::{Authority, Flaw, Peer, Tls, ok};
use crate::kit_http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Http2Peer, RST_STREAM, SETTINGS, STATUS_200, begin, frame,
    goaway, header, send, status,
};
use crate::{Ask, SHORT, UP, failed, module};

fn config(authority: &Authority, alpn: &[&str]) -> Arc<ServerConfig> {
    Tls { alpn, ..Tls::default() }.server(&authority.signs(&["good.test"], &Flaw::None))
}

fn ask(module: Module, authority: &Authority, address: std::net::SocketAddr) -> Ask {
    Ask::by(module).trusting(authority).finding("good.test:443", address)
}

fn version(report: &RunReport) -> Option<Version> {
    report.hops[0].version
}

#[actix_rt::test]
async fn a_request_over_http2() {
    let authority = Authority::new();
    let peer = Http2Peer::start(config(&authority, &["h2"]), |_| (Response::new(()), b"fine".to_vec()));
    let secret = |text: &str| Secret::Value(text.to_owned());
    let module = module(|module| {
        module.method = Method::POST;
        module.body = Some(secret("a body"));
        module.headers = vec![(HeaderName::from_static("x-one"), secret("1"))];
        module.basic_auth = Some(BasicAuth { username: secret("me"), password: secret("s3cret") });
    });
    let report = ask(module, &authority, peer.address).of("https://good.test/path?q=1#part").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!((version(&report), report.outcome.body_bytes), (Some(Version::HTTP_2), Some(4)), "{report:?}");
    let requests = peer.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(
        (request.method().as_str(), request.uri().to_string()),
        ("POST", "https://good.test/path?q=1".to_owned())
    );
    assert_eq!(request.body(), b"a body");
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("x-one"), Some("1"));
    assert_eq!(header("authorization"), Some("Basic bWU6czNjcmV0"));
    assert_eq!(header("content-length"), Some("6"));
    // Of HTTP/1.1, and forbidden here (RFC 9113, section 8.2.2).
    assert_eq!((header("connection"), header("transfer-encoding")), (None, None));
}

#[actix_rt::test]
async fn answers_over_http2() {
    let authority = Authority::new();
    let many = vec![b'x'; 1_000_000];
    for (code, body) in [(200, &b"fine"[..]), (200, b""), (200, &many), (204, b""), (500, b"oops"), (404, b"")] {
        let answer = body.to_vec();
        let peer = Http2Peer::start(config(&authority, &["h2", "http/1.1"]), move |_| {
            (Response::builder().status(code).body(()).unwrap(), answer.clone())
        });
        let report = ask(Module::default(), &authority, peer.address).of("https://good.test").await;
        let reason = (code >= 300).then_some(Reason::Status);
        assert_eq!(failed(&report), (reason, None, Some(code)), "{report:?}");
        assert_eq!((version(&report), report.outcome.body_bytes), (Some(Version::HTTP_2), Some(body.len() as u64)));
    }
}

#[actix_rt::test]
async fn a_redirect_over_http2() {
    let authority = Authority::new();
    let peer = Http2Peer::start(config(&authority, &["h2"]), |request| {
        let response = match request.uri().path() {
            "/" => Response::builder().status(302).header("location", "/there").header("set-cookie", "a=b"),
            _ => Response::builder(),
        };
        (response.body(()).unwrap(), Vec::new())
    });
    let report = ask(Module::default(), &authority, peer.address).of("https://good.test").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!((report.outcome.redirects, peer.requests()[1].headers()["cookie"].to_str().unwrap()), (1, "a=b"));
}

/// HTTP/1.1 where it is not offered, not wanted, or nothing is said.
#[actix_rt::test]
async fn http_1_1_where_alpn_says_so() {
    let authority = Authority::new();
    for (enabled, alpn) in [(false, &["h2", "http/1.1"][..]), (true, &["http/1.1"]), (true, &[]), (false, &[])] {
        let peer = Peer::tls(config(&authority, alpn), |_| ok());
        let module = module(|module| module.enable_http2 = enabled);
        let report = ask(module, &authority, peer.address).of("https://good.test").await;
        assert_eq!(
            (failed(&report), version(&report)),
            (UP, Some(Version::HTTP_11)),
            "{enabled}, {alpn:?}: {report:?}"
        );
    }
    // A peer that has nothing in common with what is offered.
    for (enabled, alpn) in [(false, &["h2"][..]), (true, &["spdy/3"])] {
        let peer = Peer::tls(config(&authority, alpn), |_| ok());
        let module = module(|module| module.enable_http2 = enabled);
        let report = ask(module, &authority, peer.address).of("https://good.test").await;
        let wanted = (Some(Reason::TlsHandshake), Some(Phase::Tls), None);
        assert_eq!(failed(&report), wanted, "{enabled}, {alpn:?}: {report:?}");
    }
}

#[actix_rt::test]
async fn the_version_is_checked() {
    let authority = Authority::new();
    let peer = Http2Peer::start(config(&authority, &["h2"]), |_| (Response::new(()), Vec::new()));
    for (valid, reason) in [(Version::HTTP_2, None), (Version::HTTP_11, Some(Reason::HttpVersion))] {
        let module = module(|module| module.valid_http_versions = vec![valid]);
        let report = ask(module, &authority, peer.address).of("https://good.test").await;
        assert_eq!(failed(&report), (reason, None, Some(200)), "{report:?}");
    }
}

/// RFC 9113, section 8.1: a peer that needs no more of the request answers, and then resets the stream without an error.
#[actix_rt::test]
async fn an_answer_that_comes_before_the_request_is_through_counts() {
    let authority = Authority::new();
    let reset = frame(RST_STREAM, 0, &[0; 4]);
    let head = |flags: u8| frame(HEADERS, flags | END_HEADERS, &status("413"));
    for (frames, body) in [
        (vec![head(END_STREAM), reset.clone()], 0),
        (vec![head(0), frame(DATA, END_STREAM, b"no"), reset.clone()], 2),
        (vec![[head(0), frame(DATA, END_STREAM, b"no"), reset].concat()], 2),
    ] {
        let peer = says(&authority, frames, true);
        let module = module(|module| {
            module.method = Method::POST;
            module.body = Some(Secret::Value("x".repeat(1 << 20)));
        });
        let report = ask(module, &authority, peer.address).of("https://good.test").await;
        assert_eq!(failed(&report), (Some(Reason::Status), None, Some(413)), "{report:?}");
        assert_eq!(report.outcome.body_bytes, Some(body), "{report:?}");
    }
}

/// A peer that takes the request, sends this, and then closes or waits.
fn says(authority: &Authority, frames: Vec<Vec<u8>>, stays: bool) -> Peer {
    Peer::within_tls(config(authority, &["h2"]), move |wire| {
        begin(wire)?;
        for frame in &frames {
            send(wire, frame)?;
        }
        if stays {
            until_closed(wire);
        }
        Ok(())
    })
}

/// The same frame on another stream.
fn on_stream(stream: u8, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[8] = stream;
    frame
}

fn head(flags: u8, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, &[&[STATUS_200], more].concat())
}

#[actix_rt::test]
async fn answers_in_frames_that_are_good() {
    let authority = Authority::new();
    let interim = frame(HEADERS, END_HEADERS, &status("103"));
    for (name, frames, body) in [
        ("a body", vec![head(0, &[]), frame(DATA, END_STREAM, b"fine")], 4),
        ("no body", vec![head(END_STREAM, &[])], 0),
        ("a length", vec![head(0, &header("content-length", "2")), frame(DATA, END_STREAM, b"ok")], 2),
        (
            "in pieces",
            vec![head(0, &[]), frame(DATA, 0, b"fi"), frame(DATA, 0, b""), frame(DATA, END_STREAM, b"ne")],
            4,
        ),
        ("trailers", vec![head(0, &[]), frame(DATA, 0, b"ok"), frame(HEADERS, 5, &header("x", "y"))], 2),
        ("P12 interim", vec![interim.clone(), interim, head(0, &[]), frame(DATA, END_STREAM, b"ok")], 2),
        ("a kind that nobody knows", vec![frame(0xbe, 0, b"?"), head(END_STREAM, &[])], 0),
        ("an end announced", vec![goaway(0, 1), head(0, &[]), frame(DATA, END_STREAM, b"ok")], 2),
    ] {
        for stays in [false, true] {
            let peer = says(&authority, frames.clone(), stays);
            let report = ask(Module::default(), &authority, peer.address).of("https://good.test").await;
            assert_eq!(failed(&report), UP, "{name}, {stays}: {report:?}");
            assert_eq!(report.outcome.body_bytes, Some(body), "{name}, {stays}: {report:?}");
            assert_eq!(peer.connections(), 1, "{name}, {stays}");
        }
    }
}

#[actix_rt::test]
async fn answers_in_frames_that_are_bad() {
    let authority = Authority::new();
    let length = |text: &str| head(0, &header("content-length", text));
    let reset = |code: u32| frame(RST_STREAM, 0, &code.to_be_bytes());
    let [processing, transfer] = [Some(Phase::Processing), Some(Phase::Transfer)];
    let [protocol, truncated, closed] = [Reason::Protocol, Reason::BodyTruncated, Reason::ConnectionClosed];
    let large = [&[0][..], &[1, b'x'], &[127, 0x80 + 1, 0x7f], &vec![b'y'; 16_000]].concat();
    let mut flood = vec![frame(HEADERS, 0, &[STATUS_200])];
    flood.extend(vec![frame(CONTINUATION, 0, &large[..16_000]); 64]);
    for (name, frames, reason, phase, status) in [
        ("RST_STREAM INTERNAL_ERROR", vec![reset(2)], protocol, processing, None),
        ("RST_STREAM REFUSED_STREAM", vec![reset(7)], protocol, processing, None),
        ("RST_STREAM CANCEL", vec![reset(8)], protocol, processing, None),
        ("RST_STREAM ENHANCE_YOUR_CALM", vec![reset(11)], protocol, processing, None),
        ("RST_STREAM HTTP_1_1_REQUIRED", vec![reset(13)], protocol, processing, None),
        ("RST_STREAM NO_ERROR", vec![reset(0)], protocol, processing, None),
        ("GOAWAY ENHANCE_YOUR_CALM", vec![goaway(11, 0)], protocol, processing, None),
        ("GOAWAY PROTOCOL_ERROR", vec![goaway(1, 0)], protocol, processing, None),
        ("GOAWAY NO_ERROR, the request refused", vec![goaway(0, 0)], protocol, processing, None),
        // The request is promised an answer, which does not come.
        ("GOAWAY ENHANCE_YOUR_CALM, and close", vec![goaway(11, 1)], protocol, processing, None),
        ("GOAWAY NO_ERROR, and close", vec![goaway(0, 1)], protocol, processing, None),
        ("close", vec![], closed, processing, None),
        ("close after an interim response", vec![frame(HEADERS, 4, &self::status("103"))], closed, processing, None),
        ("HTTP/1.1", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], protocol, processing, None),
        ("frames that are none", vec![vec![0xff; 64]], protocol, processing, None),
        ("a head that cannot be decoded", vec![frame(HEADERS, 5, &[0xff; 8])], protocol, processing, None),
        ("a status that is none", vec![frame(HEADERS, 5, &self::status("abc"))], protocol, processing, None),
        ("P13 status 1000", vec![frame(HEADERS, 5, &self::status("1000"))], protocol, processing, None),
        ("a head without end", flood, protocol, processing, None),
        ("a body before the head", vec![frame(DATA, END_STREAM, b"x")], protocol, processing, None),
        ("settings that are none", vec![frame(SETTINGS, 0, &[1, 2, 3])], protocol, processing, None),
        ("an answer to what was not asked", vec![on_stream(3, &head(END_STREAM, &[]))], protocol, processing, None),
        ("an answer to nobody", vec![on_stream(0, &head(END_STREAM, &[]))], protocol, processing, None),
        (
            "a promise that was declined",
            vec![frame(5, END_HEADERS, &[0, 0, 0, 2, 0x82, 0x87, 0x84])],
            protocol,
            processing,
            None,
        ),
        ("a window of no size", vec![frame(8, 0, &[0; 4])], protocol, processing, None),
        ("a frame that is too large", vec![frame(DATA, 0, &[0; 20_000])], protocol, processing, None),
        (
            "the rest of a head that has none",
            vec![frame(CONTINUATION, END_HEADERS, &[STATUS_200])],
            protocol,
            processing,
            None,
        ),
        ("two statuses", vec![head(END_STREAM, &[STATUS_200])], protocol, processing, None),
        ("a header of HTTP/1.1", vec![head(END_STREAM, &header("connection", "close"))], protocol, processing, None),
        ("a header in capitals", vec![head(END_STREAM, &header("X-Up", "y"))], protocol, processing, None),
        ("a line break in a header", vec![head(END_STREAM, &header("x", "y\r\nz: y"))], protocol, processing, None),
        ("a length that is none", vec![head(END_STREAM, &header("content-length", "x"))], protocol, processing, None),
        (
            "a frame that is all padding and more",
            vec![head(0, &[]), frame(DATA, 8, &[200, 1, 2])],
            protocol,
            transfer,
            Some(200),
        ),
        ("reset without an error within the body", vec![head(0, &[]), reset(0)], protocol, transfer, Some(200)),
        ("P9 a short body", vec![length("9"), frame(DATA, END_STREAM, b"abc")], truncated, transfer, Some(200)),
        (
            "no body of that length",
            vec![frame(HEADERS, 5, &[&[STATUS_200][..], &header("content-length", "9")].concat())],
            truncated,
            transfer,
            Some(200),
        ),
        ("closed within the body", vec![length("9"), frame(DATA, 0, b"abc")], truncated, transfer, Some(200)),
        ("closed before the end", vec![head(0, &[]), frame(DATA, 0, b"abc")], truncated, transfer, Some(200)),
        (
            "closed within a frame",
            vec![head(0, &[]), frame(DATA, 0, b"abcdef")[..12].to_vec()],
            truncated,
            transfer,
            Some(200),
        ),
        ("reset within the body", vec![head(0, &[]), frame(DATA, 0, b"abc"), reset(2)], protocol, transfer, Some(200)),
        (
            "GOAWAY within the body",
            vec![head(0, &[]), frame(DATA, 0, b"abc"), goaway(2, 0)],
            protocol,
            transfer,
            Some(200),
        ),
        ("more than announced", vec![length("2"), frame(DATA, END_STREAM, b"abc")], protocol, transfer, Some(200)),
        (
            "a body where none was announced",
            vec![length("0"), frame(DATA, END_STREAM, b"abc")],
            protocol,
            transfer,
            Some(200),
        ),
    ] {
        let peer = says(&authority, frames, false);
        let report = ask(Module::default(), &authority, peer.address).of("https://good.test").await;
        assert_eq!(failed(&report), (Some(reason), phase, status), "{name}: {report:?}");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

#[actix_rt::test]
async fn answers_in_frames_that_do_not_end() {
    let authority = Authority::new();
    let interim = frame(HEADERS, END_HEADERS, &status("103"));
    let [processing, transfer] = [Some(Phase::Processing), Some(Phase::Transfer)];
    for (name, frames, wanted) in [
        ("P6 hang", vec![], (Some(Reason::ResponseTimeout), processing, None)),
        ("P12 only interim", vec![interim], (Some(Reason::ResponseTimeout), processing, None)),
        ("half a head", vec![frame(HEADERS, 0, &[STATUS_200])], (Some(Reason::ResponseTimeout), processing, None)),
        (
            "the body stalls",
            vec![head(0, &[]), frame(DATA, 0, b"abc")],
            (Some(Reason::BodyTimeout), transfer, Some(200)),
        ),
        ("no body at all", vec![head(0, &[])], (Some(Reason::BodyTimeout), transfer, Some(200))),
    ] {
        let peer = says(&authority, frames, true);
        let report = ask(Module::default(), &authority, peer.address).within(2 * SHORT).of("https://good.test").await;
        assert_eq!(failed(&report), wanted, "{name}: {report:?}");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

/// Frames that keep a connection busy and bring nothing.
#[actix_rt::test]
async fn floods_of_frames() {
    let authority = Authority::new();
    let ping = on_stream(0, &frame(6, 0, &[0; 8]));
    let [before, within] =
        [(Reason::ResponseTimeout, Phase::Processing, None), (Reason::BodyTimeout, Phase::Transfer, Some(200))];
    for (name, first, then, (reason, phase, status)) in [
        ("pings", vec![], ping, before),
        ("settings", vec![], frame(SETTINGS, 0, &[]), before),
        ("interim responses", vec![], frame(HEADERS, END_HEADERS, &status("103")), before),
        ("pieces of nothing", head(0, &[]), frame(DATA, 0, b""), within),
    ] {
        let then = then.repeat(100);
        let peer = Peer::within_tls(config(&authority, &["h2"]), move |wire| {
            begin(wire)?;
            send(wire, &first)?;
            loop {
                send(wire, &then)?;
            }
        });
        let report = ask(Module::default(), &authority, peer.address).within(2 * SHORT).of("https://good.test").await;
        assert_eq!(failed(&report), (Some(reason), Some(phase), status), "{name}: {report:?}");
    }
}

/// Silence before the first frame of the peer.
#[actix_rt::test]
async fn not_even_settings() {
    let authority = Authority::new();
    let peer = Peer::within_tls(config(&authority, &["h2"]), |wire: &mut dyn Wire| {
        until_closed(wire);
        Ok(())
    });
    let report = ask(Module::default(), &authority, peer.address).within(2 * SHORT).of("https://good.test").await;
    assert_eq!(failed(&report), (Some(Reason::ResponseTimeout), Some(Phase::Processing), None), "{report:?}");
}

/// Nothing is sent to a peer whose certificate is rejected, not even the words with which HTTP/2 begins.
#[actix_rt::test]
async fn a_rejected_certificate_over_http2() {
    let authority = Authority::new();
    let received = Arc::new(std::sync::Mutex::new(None));
    let note = received.clone();
    let peer = Peer::within_tls(config(&Authority::new(), &["h2"]), move |wire| {
        let mut all = Vec::new();
        let _ = wire.read_to_end(&mut all);
        *note.lock().unwrap() = Some(all);
        Ok(())
    });
    let report = ask(Module::default(), &authority, peer.address).of("https://good.test").await;
    assert_eq!(failed(&report), (Some(Reason::TlsUntrusted), Some(Phase::Tls), None), "{report:?}");
    peer.received();
    assert_eq!(received.lock().unwrap().as_deref(), Some(&b""[..]));
}
