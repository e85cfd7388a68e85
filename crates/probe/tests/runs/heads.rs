//! Heads of responses: what is none, and the limits of those that are one.

use awc::http::Version;
use metrics_core::{Phase, Reason};

use crate::kit::{Action, Peer, response};
use crate::{UP, ask, failed};

#[actix_rt::test]
async fn p13_heads_that_are_none() {
    let head = "HTTP/1.1 200 OK\r\n";
    for (name, answer) in [
        ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        ("a page alone", "<html></html>\r\n\r\n".to_owned()),
        ("binary", "\u{0}\u{1}\u{2}\u{3}\r\n\r\n".to_owned()),
        ("HTTP/2 in clear text", "HTTP/2 200\r\n\r\n".to_owned()),
        ("HTTP/3.7", "HTTP/3.7 200 OK\r\n\r\n".to_owned()),
        ("P13 status 1000", "HTTP/1.1 1000 X\r\n\r\n".to_owned()),
        ("P13 status 1e9", "HTTP/1.1 1e9 X\r\n\r\n".to_owned()),
        ("P13 status 000", "HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("P13 status 42", "HTTP/1.1 42 X\r\n\r\n".to_owned()),
        ("P13 status -200", "HTTP/1.1 -200 X\r\n\r\n".to_owned()),
        ("no status", "HTTP/1.1\r\n\r\n".to_owned()),
        ("a length that is none", format!("{head}Content-Length: x\r\n\r\n")),
        ("a negative length", format!("{head}Content-Length: -1\r\n\r\n")),
        ("a signed length", format!("{head}Content-Length: +1\r\n\r\nx")),
        ("two lengths", format!("{head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy")),
        ("a length beyond all numbers", format!("{head}Content-Length: 99999999999999999999999\r\n\r\n")),
        ("a header without a colon", format!("{head}what is this\r\n\r\n")),
        ("a header without a name", format!("{head}: x\r\n\r\n")),
        ("P14 a large head", format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("200 headers", format!("{head}{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(199))),
    ] {
        let peer = Peer::plain(move |_| Action::answer(answer.clone()));
        let report = ask(&peer.url("/")).await;
        assert_eq!(failed(&report), (Some(Reason::Protocol), Some(Phase::Transfer), None), "{name}: {report:?}");
        assert_eq!((peer.connections(), report.outcome.head), (1, None), "{name}");
    }
}

/// No head at all, for ever: it is given up at the limit and not at the deadline.
#[actix_rt::test]
async fn p14_a_head_without_end() {
    for (name, first, then) in [
        ("one header", "HTTP/1.1 200 OK\r\nX: ", "x".repeat(1000)),
        ("many headers", "HTTP/1.1 200 OK\r\n", "X: y\r\n".repeat(100)),
        ("no line", "", "x".repeat(1000)),
        ("empty lines", "", "\r\n".repeat(1000)),
    ] {
        let peer = Peer::plain(move |_| Action::Flood(first.into(), then.clone().into()));
        let report = ask(&peer.url("/")).await;
        assert_eq!(failed(&report).0, Some(Reason::Protocol), "{name}: {report:?}");
    }
}

#[actix_rt::test]
async fn the_most_that_a_head_may_have() {
    let with = |headers: usize| response("200 OK", &"X: y\r\n".repeat(headers - 1), "");
    let long = |bytes: usize| response("200 OK", &format!("X: {}\r\n", "x".repeat(bytes)), "");
    for (name, action, good) in [
        ("96 headers", with(96), true),
        ("97 headers", with(97), false),
        ("120 KiB", long(120 << 10), true),
        ("132 KiB", long(132 << 10), false),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/")).await;
        let wanted = if good { UP } else { (Some(Reason::Protocol), Some(Phase::Transfer), None) };
        assert_eq!(failed(&report), wanted, "{name}: {report:?}");
    }
}

#[actix_rt::test]
async fn p7_a_long_head_byte_by_byte() {
    let head =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", format!("X: {}\r\n", "x".repeat(1200)).repeat(80));
    let peer = Peer::plain(move |_| Action::Bytewise(head.clone().into()));
    let report = ask(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
}

/// However many there are, the response that counts is the one after them, in the version that it says.
#[actix_rt::test]
async fn p12_many_interim_responses() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000) + "HTTP/1.0 200 OK\r\n\r\nto the end";
    let peer = Peer::plain(move |_| Action::answer(answer.clone()));
    let report = ask(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!((report.hops[0].version, report.outcome.body_bytes), (Some(Version::HTTP_10), Some(10)));
}

#[actix_rt::test]
async fn the_version_is_the_one_that_the_peer_says() {
    for (line, version) in [("HTTP/1.0", Version::HTTP_10), ("HTTP/1.1", Version::HTTP_11)] {
        for rest in [" 200 OK\r\nContent-Length: 0\r\n\r\n", " 200 OK\r\n\r\nto the end"] {
            let peer = Peer::plain(move |_| Action::answer(format!("{line}{rest}")));
            let report = ask(&peer.url("/")).await;
            assert_eq!(report.hops[0].version, Some(version), "{line}{rest}: {report:?}");
        }
    }
}
