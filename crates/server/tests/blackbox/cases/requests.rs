//! Requests of every shape; the peers must be sent the same.

use super::{Case, Setup, down, up};
use crate::kit::{Action, Peer, file, ok, response};

/// A peer that lets in who sends this.
fn guarded(authorization: &'static str) -> Setup {
    let peer = Peer::plain(|_| ok());
    let asked = peer.clone();
    peer.answers(move |_| {
        let last = asked.requests().pop().unwrap_or_default();
        let line =
            last.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("authorization: ").map(|_| line));
        let good = line.is_some_and(|line| line.ends_with(authorization));
        if good { ok() } else { response("401 Unauthorized", "WWW-Authenticate: Basic\r\n", "") }
    });
    Setup::of(peer.url("/")).with(&peer)
}

pub(super) static ALL: &[Case] = &[
    up("head", 200, || {
        Setup::plain(Action::answer("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")).module("method: HEAD")
    }),
    up("post", 200, || {
        let module = "method: POST, body: '{\"order\": 1}', headers: {Content-Type: application/json, X-Trace: a}";
        Setup::plain(ok()).module(module)
    }),
    up("post-without-a-body", 200, || Setup::plain(ok()).module("method: POST")),
    up("user-agent", 200, || Setup::plain(ok()).module("headers: {User-Agent: prober/1, Accept-Language: en}")),
    up("basic-auth", 200, || {
        guarded("Basic cHJvYmVyOnNlY3JldA==").module("basic_auth: {username: prober, password: secret}")
    }),
    down("basic-auth-with-the-wrong-password", 401, || {
        guarded("Basic cHJvYmVyOnNlY3JldA==").module("basic_auth: {username: prober, password: wrong}")
    }),
    up("bearer-token-of-a-file", 200, || {
        let token = file("token", "abc\n");
        guarded("Bearer abc").module(&format!("authorization: {{credentials_file: '{}'}}", token.display()))
    }),
    down("bearer-token-of-no-file", 0, || guarded("Bearer abc").module("bearer_token_file: no/such/file")),
    up("no-scheme", 200, || {
        let peer = Peer::plain(|_| ok());
        Setup::of(format!("{}/path?a=1&b=%20", peer.address)).with(&peer)
    }),
    up("hostname", 200, || Setup::plain(ok()).hostname("shop.test")),
    up("host-header", 200, || Setup::plain(ok()).module("headers: {Host: shop.test}")),
    up("hostname-beside-the-same-host-header", 200, || {
        Setup::plain(ok()).module("headers: {Host: shop.test}").hostname("shop.test")
    }),
    up("accept-encoding", 200, || Setup::plain(ok()).module("headers: {Accept-Encoding: identity}")),
    up("path-and-query", 200, || {
        let peer = Peer::plain(|_| ok());
        Setup::of(peer.url("/a%2Fb/../c?x=a+b&y=%C3%A4#fragment")).with(&peer)
    }),
];
