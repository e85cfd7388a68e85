//! P16: `redirect_policy: public`. Other addresses of loopback stand in for all those that a redirect must not lead to; that
//! those are known is tested beside the policy.

use std::net::TcpListener;

use metrics_core::Reason;
use probe::{Module, RedirectPolicy};

use crate::kit::{Action, Peer, closed_port, ok, redirect};
use crate::{Ask, UP, failed, module};

fn public(allowed: &[&str]) -> Module {
    let nets = allowed.iter().map(|net| net.parse().unwrap()).collect();
    module(|module| module.redirect_policy = RedirectPolicy::Public(nets))
}

/// A peer on the port of another one, at another address.
fn beside(peer: &Peer, ip: &str) -> Peer {
    Peer::plain_at(&format!("{ip}:{}", peer.address.port()), |_| ok())
}

#[actix_rt::test]
async fn p16_a_redirect_to_what_is_not_public_is_blocked() {
    let first = Peer::plain(|_| Action::Close);
    let mut forbidden = vec![beside(&first, "127.0.0.2"), beside(&first, "127.0.0.3")];
    let mut hosts = vec![
        ("as it is", "127.0.0.2"),
        ("another one", "127.0.0.3"),
        ("as a number", "2130706434"),
        ("hexadecimal", "0x7f000002"),
        ("octal", "0177.0.0.2"),
        ("hexadecimal parts", "0x7f.0x0.0x0.0x2"),
        ("short", "127.2"),
        ("with a dot at its end", "127.0.0.2."),
        ("in full-width digits", "１２７.０.０.２"),
        ("encoded", "%31%32%37.0.0.2"),
        ("mapped", "[::ffff:127.0.0.2]"),
        ("mapped, hexadecimal", "[::ffff:7f00:2]"),
        ("by a name", "inside.test"),
    ];
    if TcpListener::bind("[::1]:0").is_ok() {
        forbidden.push(beside(&first, "[::1]"));
        hosts.push(("IPv6", "[::1]"));
        hosts.push(("IPv6 in full", "[0:0:0:0:0:0:0:1]"));
    }
    let port = first.address.port();
    for (name, host) in hosts {
        first.answers(move |_| redirect("302 Found", &format!("http://{host}:{port}/")));
        let ask = Ask::by(public(&[])).finding(&format!("inside.test:{port}"), forbidden[0].address);
        let report = ask.of(&first.url("/")).await;
        let (reason, _, status) = failed(&report);
        assert_eq!((reason, status), (Some(Reason::Blocked), Some(302)), "{name}: {report:?}");
        assert_eq!((report.outcome.redirects, report.hops[1].address), (1, None), "{name}: {report:?}");
    }
    for peer in forbidden {
        assert_eq!(peer.connections(), 0, "{}", peer.address);
    }
}

/// Whoever is redirected from one allowed place to another is still followed with care.
#[actix_rt::test]
async fn p16_each_redirect_is_looked_at() {
    let first = Peer::plain(|_| Action::Close);
    let port = first.address.port();
    first.answers(move |path| {
        if path == "/" {
            redirect("302 Found", "/next")
        } else {
            redirect("302 Found", &format!("http://127.0.0.2:{port}/"))
        }
    });
    let forbidden = beside(&first, "127.0.0.2");
    let report = Ask::by(public(&[])).of(&first.url("/")).await;
    assert_eq!(failed(&report).0, Some(Reason::Blocked), "{report:?}");
    assert_eq!((report.outcome.redirects, forbidden.connections()), (2, 0));
}

#[actix_rt::test]
async fn p16_another_port_is_blocked() {
    let other = Peer::plain(|_| ok());
    let to = other.url("/");
    let first = Peer::plain(move |_| redirect("302 Found", &to));
    let report = Ask::by(public(&["127.0.0.0/8"])).of(&first.url("/")).await;
    assert_eq!(failed(&report).0, Some(Reason::Blocked), "{report:?}");
    assert_eq!(other.connections(), 0);
}

/// The target itself may be anywhere: it was chosen by whoever wrote the configuration.
#[actix_rt::test]
async fn the_first_peer_is_always_allowed() {
    let first = Peer::plain(|path| if path == "/" { redirect("302 Found", "/there") } else { ok() });
    let report = Ask::by(public(&[])).of(&first.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");

    let port = first.address.port();
    first.answers(move |path| {
        let mapped = format!("http://[::ffff:127.0.0.1]:{port}/there");
        if path == "/" { redirect("302 Found", &mapped) } else { ok() }
    });
    let report = Ask::by(public(&[])).of(&first.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
}

#[actix_rt::test]
async fn what_is_allowed_is_followed() {
    let first = Peer::plain(|_| Action::Close);
    let port = first.address.port();
    first.answers(move |_| redirect("302 Found", &format!("http://127.0.0.2:{port}/")));
    let there = beside(&first, "127.0.0.2");
    for (net, good) in [("127.0.0.2/32", true), ("127.0.0.0/8", true), ("127.0.0.3/32", false), ("::1/128", false)] {
        let before = there.connections();
        let report = Ask::by(public(&[net])).of(&first.url("/")).await;
        let reason = (!good).then_some(Reason::Blocked);
        assert_eq!(report.outcome.reason, reason, "{net}: {report:?}");
        assert_eq!(there.connections() - before, usize::from(good), "{net}");
    }
}

/// 80 and 443 are where the public internet is, whatever the target's port is.
#[actix_rt::test]
async fn the_well_known_ports_are_allowed() {
    for (to, name) in [("http://there.test/", "there.test:80"), ("https://there.test/", "there.test:443")] {
        let first = Peer::plain(move |_| redirect("302 Found", to));
        // It leads to a port where nobody listens: what counts is that it was tried.
        let closed = closed_port();
        let report = Ask::by(public(&["127.0.0.0/8"])).finding(name, closed).of(&first.url("/")).await;
        assert_eq!(report.outcome.reason, Some(Reason::ConnectRefused), "{to}: {report:?}");
    }
}

/// Without a policy a redirect may lead anywhere.
#[actix_rt::test]
async fn any_is_the_default() {
    let first = Peer::plain(|_| Action::Close);
    let port = first.address.port();
    first.answers(move |_| redirect("302 Found", &format!("http://127.0.0.2:{port}/")));
    let there = beside(&first, "127.0.0.2");
    let report = Ask::by(Module::default()).of(&first.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(there.connections(), 1);
}
