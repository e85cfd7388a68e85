//! Answers of every shape, and peers that give none.

use super::{Case, Setup, down, up};
use crate::kit::peer::Full;
use crate::kit::{Action, Peer, ok, response};
use crate::kit_body;

fn gzipped(module: &str) -> Setup {
    Setup::plain(response("200 OK", "Content-Encoding: gzip\r\n", kit_body::gzip(&"fine ".repeat(1000)))).module(module)
}

fn large() -> Action {
    response("200 OK", "", vec![b'x'; 3_000_000])
}

pub(super) static ALL: &[Case] = &[
    up("200", 200, || Setup::plain(ok())),
    up("200-empty", 200, || Setup::plain(response("200 OK", "", ""))),
    up("204", 204, || Setup::plain(Action::answer("HTTP/1.1 204 No Content\r\n\r\n"))),
    down("404", 404, || Setup::plain(response("404 Not Found", "", "gone"))),
    down("503", 503, || Setup::plain(response("503 Service Unavailable", "", "sorry"))),
    down("304", 304, || Setup::plain(Action::answer("HTTP/1.1 304 Not Modified\r\n\r\n"))),
    down("404-to-head", 404, || {
        Setup::plain(Action::answer("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n")).module("method: HEAD")
    }),
    up("299", 299, || Setup::plain(response("299 Whatever", "", "fine"))),
    up("http-1.0", 200, || Setup::plain(Action::answer("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine"))),
    up("until-closed", 200, || Setup::plain(Action::answer("HTTP/1.1 200 OK\r\n\r\nfine"))),
    up("chunked", 200, || {
        let body = "5\r\nfine \r\n4\r\nfine\r\n0\r\n\r\n";
        Setup::plain(Action::answer(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")))
    }),
    down("chunked-truncated", 200, || {
        let body = "5\r\nfine \r\n4\r\nfi";
        Setup::plain(Action::answer(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")))
    }),
    down("truncated", 200, || Setup::plain(Action::answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine"))),
    up("informational", 200, || {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
        Setup::plain(Action::answer(format!("{early}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")))
    }),
    up("large", 200, || Setup::plain(large())),
    down("body-over-its-limit", 200, || Setup::plain(large()).module("body_size_limit: 1MB")),
    up("body-at-its-limit", 200, || {
        Setup::plain(response("200 OK", "", vec![b'x'; 1024])).module("body_size_limit: 1KB")
    }),
    up("gzip", 200, || gzipped("compression: gzip")),
    up("gzip-that-was-not-asked-for", 200, || gzipped("")),
    up("gzip-that-is-searched", 200, || gzipped("compression: gzip, fail_if_body_not_matches_regexp: [fine fine]")),
    down("gzip-that-is-searched-unasked", 200, || gzipped("fail_if_body_not_matches_regexp: [fine fine]")),
    up("large-text", 200, || {
        let body = [&vec![b'x'; 11 << 20][..], b"fine"].concat();
        Setup::plain(response("200 OK", "", body)).module("fail_if_body_not_matches_regexp: [fine]")
    }),
    down("gzip-over-its-limit", 200, || gzipped("compression: gzip, body_size_limit: 1KB")),
    down("gzip-that-is-none", 200, || {
        Setup::plain(response("200 OK", "Content-Encoding: gzip\r\n", "fine")).module("compression: gzip")
    }),
    down("gzip-is-asked-for-and-not-given", 200, || Setup::plain(ok()).module("compression: gzip")),
    up("last-modified", 200, || {
        Setup::plain(response("200 OK", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "fine"))
    }),
    up("last-modified-that-is-no-date", 200, || Setup::plain(response("200 OK", "Last-Modified: soon\r\n", "fine"))),
    down("refused", 0, || Setup::refused("http")),
    down("closed", 0, || Setup::plain(Action::Close)),
    down("reset", 0, || Setup::plain(Action::Reset(Vec::new()))),
    down("not-http", 0, || Setup::plain(Action::answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"))),
    down("does-not-connect", 0, || {
        let full = Full::new();
        let mut setup = Setup::of(format!("http://{}/", full.address)).short();
        setup.keep.push(Box::new(full));
        setup
    }),
    down("does-not-answer", 0, || Setup::plain(Action::Hang).short()),
    down("body-stops", 200, || Setup::plain(Action::hold("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine")).short()),
    up("named", 200, || {
        let peer = Peer::plain(|_| ok());
        Setup::of(format!("http://localhost:{}/", peer.address.port())).with(&peer)
    }),
    up("ipv6", 200, || {
        let peer = Peer::plain_at("[::1]:0", |_| ok());
        Setup::of(peer.url("/")).with(&peer)
    }),
    down("no-address-of-the-family", 0, || {
        let peer = Peer::plain_at("[::1]:0", |_| ok());
        Setup::of(peer.url("/")).with(&peer).module("ip_protocol_fallback: false")
    }),
];
