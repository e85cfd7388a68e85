//! What goes on over TLS.

use super::{Case, Setup, down, up};
use crate::kit::{Action, Authority, Flaw, Identity, Peer, Tls, file, ok, response};

/// In a certificate for this address.
pub(super) const HERE: &str = "127.0.0.1";

/// The peer shows this certificate; the module trusts `authority`.
pub(super) fn shows(authority: &Authority, name: &str, identity: &Identity) -> Setup {
    serves(authority, name, &Peer::tls(identity.server(), |_| ok()))
}

fn serves(authority: &Authority, name: &str, peer: &Peer) -> Setup {
    Setup::of(peer.https("/")).with(peer).module(&trusts(authority, name, ""))
}

/// With further settings for TLS.
pub(super) fn trusts(authority: &Authority, name: &str, more: &str) -> String {
    format!("tls_config: {{ca_file: '{}'{more}}}", authority.file(name).display())
}

fn good(name: &str) -> Setup {
    let authority = Authority::new();
    shows(&authority, name, &authority.signs(&[HERE], &Flaw::None))
}

pub(super) static ALL: &[Case] = &[
    up("https", 200, || good("https")),
    up("https-of-tls-1.2", 200, || {
        let authority = Authority::new();
        let only = Some(&rustls::version::TLS12);
        let config = Tls { only, ..Tls::default() }.server(&authority.signs(&[HERE], &Flaw::None));
        serves(&authority, "https-of-tls-1.2", &Peer::tls(config, |_| ok()))
    }),
    up("http-1.1-by-name", 200, || {
        let authority = Authority::new();
        let alpn = Tls { alpn: &["http/1.1"], ..Tls::default() };
        let config = alpn.server(&authority.signs(&[HERE], &Flaw::None));
        serves(&authority, "http-1.1-by-name", &Peer::tls(config, |_| ok()))
    }),
    down("https-503", 503, || {
        let authority = Authority::new();
        let config = authority.server(HERE, &Flaw::None);
        serves(&authority, "https-503", &Peer::tls(config, |_| response("503 Oops", "", "sorry")))
    }),
    down("https-that-does-not-answer", 0, || {
        let authority = Authority::new();
        let config = authority.server(HERE, &Flaw::None);
        serves(&authority, "https-that-does-not-answer", &Peer::tls(config, |_| Action::Hang)).short()
    }),
    down("tls-not-wanted", 200, || good("tls-not-wanted").module("fail_if_ssl: true")),
    up("tls-as-wanted", 200, || good("tls-as-wanted").module("fail_if_not_ssl: true")),
    up("https-hostname", 200, || {
        let authority = Authority::new();
        shows(&authority, "https-hostname", &authority.signs(&["shop.test"], &Flaw::None)).hostname("shop.test")
    }),
    up("https-host-header", 200, || {
        let authority = Authority::new();
        shows(&authority, "https-host-header", &authority.signs(&["shop.test"], &Flaw::None))
            .module("headers: {Host: shop.test}")
    }),
    up("https-server-name", 200, || {
        let authority = Authority::new();
        let peer = Peer::tls(authority.server("shop.test", &Flaw::None), |_| ok());
        let trusts = trusts(&authority, "https-server-name", ", server_name: shop.test");
        Setup::of(peer.https("/")).with(&peer).module(&trusts)
    }),
    up("client-certificate", 200, || {
        let authority = Authority::new();
        let clients_of = Some(&authority);
        let config = Tls { clients_of, ..Tls::default() }.server(&authority.signs(&[HERE], &Flaw::None));
        let (certificate, key) = authority.signs(&["client"], &Flaw::None).pem();
        let (certificate, key) = (file("client.pem", certificate), file("client.key", key));
        let more = format!(", cert_file: '{}', key_file: '{}'", certificate.display(), key.display());
        let peer = Peer::tls(config, |_| ok());
        let trusts = trusts(&authority, "client-certificate", &more);
        Setup::of(peer.https("/")).with(&peer).module(&trusts)
    }),
    up("tls-1.2-at-most", 200, || {
        let authority = Authority::new();
        let peer = Peer::tls(authority.server(HERE, &Flaw::None), |_| ok());
        let trusts = trusts(&authority, "tls-1.2-at-most", ", max_version: TLS12");
        Setup::of(peer.https("/")).with(&peer).module(&trusts)
    }),
    down("tls-1.3-at-least", 0, || {
        let authority = Authority::new();
        let only = Some(&rustls::version::TLS12);
        let config = Tls { only, ..Tls::default() }.server(&authority.signs(&[HERE], &Flaw::None));
        let peer = Peer::tls(config, |_| ok());
        let trusts = trusts(&authority, "tls-1.3-at-least", ", min_version: TLS13");
        Setup::of(peer.https("/")).with(&peer).module(&trusts)
    }),
    down("no-tls-there", 0, || {
        let peer = Peer::raw(|stream| std::io::Write::write_all(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        Setup::of(peer.https("/"))
    }),
    down("https-refused", 0, || Setup::refused("https")),
    down("handshake-hangs", 0, || {
        let peer = Peer::raw(|stream| {
            crate::kit::peer::until_closed(stream);
            Ok(())
        });
        Setup::of(peer.https("/")).short()
    }),
];
