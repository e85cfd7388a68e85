//! Answers over plain TCP: whole, cut off, late, and none at all.

use std::io::Write;

use metrics_core::{Phase, Reason};
use probe::Module;

use crate::kit::peer::{read, reset};
use crate::kit::{Action, Peer, ok, response};
use crate::{Ask, SHORT, ask, failed, module, reached};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Peers that answer 200 in one way or another: each is up, with so many bytes of body.
#[actix_rt::test]
async fn answers_that_are_good() {
    let chunked = |chunks: &str| Action::answer(format!("{CHUNKED}{chunks}0\r\n\r\n"));
    for (name, action, body) in [
        ("content-length", ok(), 4),
        ("empty", response("200 OK", "", ""), 0),
        ("no content", Action::answer("HTTP/1.1 204 No Content\r\n\r\n"), 0),
        ("reset content", response("205 Reset Content", "", ""), 0),
        ("large", response("200 OK", "", "x".repeat(100_000)), 100_000),
        ("chunked", chunked("3\r\nabc\r\n"), 3),
        ("chunked, empty", chunked(""), 0),
        ("chunks with extensions", chunked("3;a=b\r\nabc\r\nA ; c\r\n0123456789\r\n"), 13),
        (
            "chunks and what follows them",
            Action::answer(CHUNKED.to_owned() + "A\r\n0123456789\r\n0\r\n\r\nHTTP/1.1 500 No\r\n\r\n"),
            10,
        ),
        ("trailers", Action::answer(CHUNKED.to_owned() + "3\r\nabc\r\n0\r\nX: y\r\nZ: z\r\n\r\n"), 3),
        (
            "chunks and a length",
            Action::answer(CHUNKED.replacen("OK\r\n", "OK\r\nContent-Length: 9\r\n", 1) + "0\r\n\r\n"),
            0,
        ),
        ("a coding that is none", Action::answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc"), 3),
        ("a coding that HTTP/1.0 has not", Action::answer(CHUNKED.replace("1.1", "1.0") + "0\r\n\r\n"), 5),
        ("lines without CR", Action::answer("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), 2),
        ("empty lines before the head", Action::answer("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("no content, with a length", Action::answer("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"), 0),
        ("until the connection ends", Action::answer("HTTP/1.1 200 OK\r\n\r\nto the end"), 10),
        ("until the connection ends, empty", Action::answer("HTTP/1.1 200 OK\r\n\r\n"), 0),
        ("HTTP/1.0", Action::answer("HTTP/1.0 200 OK\r\n\r\nto the end"), 10),
        ("HTTP/1.0 with a length", Action::answer("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("no reason phrase", Action::answer("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("P12 interim responses", Action::answer(interim() + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("left open", Action::hold("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("more than announced", Action::answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"), 2),
        ("byte by byte", Action::Bytewise(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()), 2),
        ("compressed, not decoded", response("200 OK", "Content-Encoding: gzip\r\n", "bomb"), 4),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/")).await;
        assert_eq!((report.outcome.reason, report.outcome.body_bytes), (None, Some(body)), "{name}: {report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect, Phase::Processing, Phase::Transfer], "{name}");
        let [hop] = &report.hops[..] else { panic!("{name}: {report:?}") };
        assert_eq!(hop.address, Some(peer.address), "{name}");
        assert_eq!((hop.status, hop.tried.len(), &hop.tls), (report.outcome.status, 0, &None), "{name}");
        assert_eq!(peer.connections(), 1, "{name}");
    }
}

fn interim() -> String {
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20)
}

/// Peers that fail in a way of their own: reason, step and status, and they are asked once.
#[actix_rt::test]
async fn p9_p13_p24_answers_that_are_bad() {
    let head = "HTTP/1.1 200 OK\r\n";
    let in_chunks = |chunks: &str| Action::answer(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}"));
    let [truncated, closed] = [Reason::BodyTruncated, Reason::ConnectionClosed];
    let [processing, transfer] = [Some(Phase::Processing), Some(Phase::Transfer)];
    for (name, action, reason, phase, status) in [
        ("500", response("500 Oops", "", "sorry"), Reason::Status, None, Some(500)),
        ("404", response("404 Not Found", "", ""), Reason::Status, None, Some(404)),
        ("304", Action::answer("HTTP/1.1 304 Not Modified\r\n\r\n"), Reason::Status, None, Some(304)),
        (
            "304 with the length that a 200 would have",
            Action::hold("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
            Reason::Status,
            None,
            Some(304),
        ),
        (
            "101 that nobody asked for",
            Action::hold("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
            Reason::Status,
            None,
            Some(101),
        ),
        ("P13 status 999", response("999 X", "", ""), Reason::Status, None, Some(999)),
        ("P24 close before the reply", Action::Close, closed, processing, None),
        ("P23 reset before the reply", Action::Reset(Vec::new()), closed, processing, None),
        ("close within the head", Action::answer("HTTP/1.1 200 OK\r\nServer: x"), closed, transfer, None),
        ("close within the first line", Action::answer("HTTP/1.1 2"), closed, transfer, None),
        ("reset within the head", Action::Reset(b"HTTP/1.1 200 OK\r\nServer: x".to_vec()), closed, transfer, None),
        ("close after an interim response", Action::answer("HTTP/1.1 103 Hi\r\n\r\n"), closed, processing, None),
        (
            "P9 short body",
            Action::answer(head.to_owned() + "Content-Length: 9\r\n\r\nabc"),
            truncated,
            transfer,
            Some(200),
        ),
        (
            "no body at all",
            Action::answer(head.to_owned() + "Content-Length: 9\r\n\r\n"),
            truncated,
            transfer,
            Some(200),
        ),
        (
            "reset within the body",
            Action::Reset((head.to_owned() + "Content-Length: 9\r\n\r\nabc").into()),
            truncated,
            transfer,
            Some(200),
        ),
        (
            "reset where the body would end with the connection",
            Action::Reset((head.to_owned() + "\r\nabc").into()),
            truncated,
            transfer,
            Some(200),
        ),
        ("no chunk", in_chunks(""), truncated, transfer, Some(200)),
        ("within a chunk size", in_chunks("5"), truncated, transfer, Some(200)),
        ("short chunk", in_chunks("5\r\nabc"), truncated, transfer, Some(200)),
        ("no last chunk", in_chunks("3\r\nabc\r\n"), truncated, transfer, Some(200)),
        ("within the last chunk", in_chunks("3\r\nabc\r\n0\r\n"), truncated, transfer, Some(200)),
        ("bad chunk", in_chunks("xyz\r\n"), Reason::Protocol, transfer, Some(200)),
        ("chunk without its end", in_chunks("3\r\nabcdef\r\n0\r\n\r\n"), Reason::Protocol, transfer, Some(200)),
        ("huge chunk", in_chunks("fffffffffffffffff\r\nabc"), Reason::Protocol, transfer, Some(200)),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/")).await;
        assert_eq!(failed(&report), (Some(reason), phase, status), "{name}: {report:?}");
        assert_eq!((report.hops.len(), peer.connections()), (1, 1), "{name}: no retry");
    }
}

/// The peer is gone before it has read anything. Whether the reset is seen while the connection comes about is a matter of
/// microseconds; either way it was taken, and then closed.
#[actix_rt::test]
async fn p23_reset_after_accept() {
    let resets = Peer::raw(|stream| reset(stream));
    let closes = Peer::raw(|_| Ok(()));
    for peer in [resets, closes] {
        for _ in 0..20 {
            let report = ask(&peer.url("/")).await;
            let (reason, phase, status) = failed(&report);
            assert_eq!((reason, status), (Some(Reason::ConnectionClosed), None), "{report:?}");
            assert!(matches!(phase, Some(Phase::Connect | Phase::Processing)), "{report:?}");
        }
        assert_eq!(peer.connections(), 20, "no retry");
    }
}

/// Peers that would take for ever: the step that the deadline found under way names the reason.
#[actix_rt::test]
async fn p6_p7_p8_answers_that_do_not_end() {
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let [head, body] = [Reason::ResponseTimeout, Reason::BodyTimeout];
    let [processing, transfer] = [Some(Phase::Processing), Some(Phase::Transfer)];
    for (name, action, reason, phase, status) in [
        ("P6 hang", Action::Hang, head, processing, None),
        ("P7 head drips", Action::Drip("HTTP/1.1 200 OK\r\nX-Long: and so on"), head, transfer, None),
        ("head stalls", Action::hold("HTTP/1.1 200 OK\r\nServer: x"), head, transfer, None),
        ("P12 only interim responses", Action::hold(self::interim()), head, processing, None),
        (
            "P12 interim responses without end",
            Action::Flood(vec![], interim.repeat(100).into()),
            head,
            processing,
            None,
        ),
        ("body stalls", Action::hold(open), body, transfer, Some(200)),
        ("P8 body drips", Action::Drip("HTTP/1.1 200 OK\r\n\r\n"), body, transfer, Some(200)),
        ("body without end stays open", Action::hold("HTTP/1.1 200 OK\r\n\r\nabc"), body, transfer, Some(200)),
        (
            "a chunk stalls",
            Action::hold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
            body,
            transfer,
            Some(200),
        ),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = Ask::by(Module::default()).within(SHORT).of(&peer.url("/")).await;
        let (found, step, answered) = failed(&report);
        assert_eq!((found, answered), (Some(reason), status), "{name}: {report:?}");
        // Between two interim responses nothing, or a part of the next one, may have come.
        assert!(step == phase || name.contains("without end") && step == transfer, "{name}: {report:?}");
        assert!(report.outcome.total >= SHORT, "{name}");
        assert_eq!(peer.connections(), 1, "{name}: no retry");
    }
}

/// A peer that answers before it has had the whole request, and hangs up on the rest of it.
#[actix_rt::test]
async fn an_answer_that_comes_before_the_request_is_through_counts() {
    let peer = Peer::raw(|stream| {
        read(stream, 1000)?;
        stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
    });
    let module = module(|module| {
        module.method = awc::http::Method::POST;
        module.body = Some(probe::Secret::Value("x".repeat(20 << 20)));
    });
    let report = Ask::by(module).of(&peer.url("/")).await;
    assert_eq!(failed(&report), (Some(Reason::Status), None, Some(413)), "{report:?}");
}
