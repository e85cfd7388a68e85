//! Answers that lead elsewhere.

use super::{Case, Setup, down, up};
use crate::kit::{Authority, Flaw, Peer, ok, redirect, response};

/// One peer that leads to another path of its own.
fn once(status: &'static str) -> Setup {
    let peer = Peer::plain(move |path| if path == "/there" { ok() } else { redirect(status, "/there") });
    Setup::of(peer.url("/")).with(&peer)
}

/// A peer in clear text that leads to one in TLS, or the other way round.
fn across(from_tls: bool) -> Setup {
    let authority = Authority::new();
    let config = authority.server("127.0.0.1", &Flaw::None);
    let trust = format!("tls_config: {{ca_file: '{}'}}", authority.file(&format!("across-{from_tls}")).display());
    let (plain, tls) = (Peer::plain(|_| ok()), Peer::tls(config, |_| ok()));
    let (first, url, to) = if from_tls {
        (&tls, tls.https("/"), plain.url("/there"))
    } else {
        (&plain, plain.url("/"), tls.https("/there"))
    };
    first.answers(move |_| redirect("301 Moved Permanently", &to));
    Setup::of(url).with(&plain).with(&tls).module(&trust)
}

/// A peer that leads there, by this location.
fn to(location: &'static str) -> Setup {
    let peer = Peer::plain(move |path| match path.strip_prefix("/a/b") {
        Some("") => redirect("302 Found", location),
        _ => ok(),
    });
    Setup::of(peer.url("/a/b")).with(&peer)
}

/// One peer that leads to another name of its own.
fn elsewhere() -> Setup {
    let peer = Peer::plain(|_| ok());
    let to = format!("http://localhost:{}/there", peer.address.port());
    peer.answers(move |path| if path == "/there" { ok() } else { redirect("302 Found", &to) });
    Setup::of(peer.url("/")).with(&peer)
}

fn posted(status: &'static str) -> Setup {
    once(status).module("method: POST, body: 'a=1', headers: {Content-Type: application/x-www-form-urlencoded}")
}

pub(super) static ALL: &[Case] = &[
    up("redirect", 200, || once("302 Found")),
    up("redirect-to-tls", 200, || across(false)),
    up("redirect-from-tls", 200, || across(true)),
    up("redirect-for-good", 200, || once("308 Permanent Redirect")),
    up("redirect-to-a-relative-path", 200, || to("../there?x=1")),
    up("redirect-to-a-fragment", 200, || to("/there#part")),
    up("redirect-to-a-query", 200, || to("?x=1")),
    up("redirect-of-a-moved-post-as-get", 200, || posted("301 Moved Permanently")),
    up("redirect-of-a-post-as-get", 200, || posted("303 See Other")),
    up("redirect-of-a-post-as-it-is", 200, || posted("307 Temporary Redirect")),
    down("redirect-loop", 302, || {
        let peer = Peer::plain(|_| redirect("302 Found", "/"));
        Setup::of(peer.url("/")).with(&peer)
    }),
    up("ten-redirects", 200, || {
        let peer = Peer::plain(|path| match path.trim_start_matches('/').parse() {
            Ok(0) => ok(),
            Ok(left) => redirect("302 Found", &format!("/{}", left - 1)),
            Err(_) => redirect("302 Found", "/9"),
        });
        Setup::of(peer.url("/")).with(&peer)
    }),
    up("redirect-that-is-not-followed", 302, || {
        once("302 Found").module("no_follow_redirects: true, valid_status_codes: [302]")
    }),
    down("redirect-that-is-not-followed-and-not-valid", 302, || once("302 Found").module("follow_redirects: false")),
    down("redirect-to-nowhere", 302, || Setup::plain(response("302 Found", "", ""))),
    down("redirect-to-a-closed-port", 0, || {
        let refusing = Setup::refused("http");
        let to = refusing.target.clone();
        let peer = Peer::plain(move |_| redirect("302 Found", &to));
        Setup { target: peer.url("/"), ..refusing }.with(&peer)
    }),
    down("redirect-to-what-is-no-url", 0, || Setup::plain(redirect("302 Found", "http://[::1/"))),
    down("redirect-to-another-scheme", 0, || Setup::plain(redirect("302 Found", "ftp://127.0.0.1/"))),
    up("redirect-with-a-cookie", 200, || {
        let to = "Location: /there\r\nSet-Cookie: session=1\r\n";
        let peer = Peer::plain(move |path| if path == "/there" { ok() } else { response("302 Found", to, "") });
        Setup::of(peer.url("/")).with(&peer)
    }),
    up("redirect-to-another-host-with-headers", 200, || {
        elsewhere().module("headers: {X-Trace: a, Accept-Language: en, Accept: text/html}")
    }),
    up("redirect-to-another-host-with-credentials", 200, || {
        elsewhere().module("basic_auth: {username: prober, password: secret}")
    }),
];
