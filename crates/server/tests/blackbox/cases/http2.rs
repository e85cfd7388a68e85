//! Answers over HTTP/2.

use http::{Request, Response};

use super::tls::{HERE, trusts};
use super::{Case, Setup, down, up};
use crate::kit::{Authority, Flaw, Tls};
use crate::kit_http2::Http2Peer;

fn http2(name: &str, status: u16) -> Setup {
    over_http2(name, move |_| (Response::builder().status(status).body(()).unwrap(), b"fine".to_vec()))
}

fn over_http2(name: &str, script: impl Fn(&Request<()>) -> (Response<()>, Vec<u8>) + Send + Sync + 'static) -> Setup {
    let authority = Authority::new();
    let config = Tls { alpn: &["h2"], ..Tls::default() }.server(&authority.signs(&[HERE], &Flaw::None));
    let peer = Http2Peer::start(config, script);
    Setup::of(format!("https://{}/", peer.address)).module(&trusts(&authority, name, "")).with_http2(peer)
}

pub(super) static ALL: &[Case] = &[
    up("http2", 200, || http2("http2", 200)),
    down("http2-503", 503, || http2("http2-503", 503)),
    up("http2-as-wanted", 200, || http2("http2-as-wanted", 200).module("valid_http_versions: [HTTP/2.0]")),
    down("http2-not-wanted", 200, || http2("http2-not-wanted", 200).module("valid_http_versions: [HTTP/1.1]")),
    up("http2-with-a-length", 200, || {
        over_http2("http2-with-a-length", |_| {
            (Response::builder().header("content-length", "4").body(()).unwrap(), b"fine".to_vec())
        })
    }),
    up("http2-redirect", 200, || {
        over_http2("http2-redirect", |request| {
            let response = Response::builder();
            let response = match request.uri().path() {
                "/there" => response,
                _ => response.status(302).header("location", "/there"),
            };
            (response.body(()).unwrap(), b"fine".to_vec())
        })
    }),
    up("http2-post", 200, || http2("http2-post", 200).module("method: POST, body: a=1, headers: {X-Trace: a}")),
    up("http2-head", 200, || {
        over_http2("http2-head", |_| (Response::builder().header("content-length", "4").body(()).unwrap(), Vec::new()))
            .module("method: HEAD")
    }),
    up("http2-host-header", 200, || {
        let authority = Authority::new();
        let config = Tls { alpn: &["h2"], ..Tls::default() }.server(&authority.signs(&["shop.test"], &Flaw::None));
        let peer = Http2Peer::start(config, |_| (Response::new(()), b"fine".to_vec()));
        let module = trusts(&authority, "http2-host-header", "");
        Setup::of(format!("https://{}/", peer.address)).module(&module).hostname("shop.test").with_http2(peer)
    }),
];
