//! From a name to a connection. What takes a resolver or a network of its own is in the suite `resolver`.

use std::net::{IpAddr, TcpListener};

use metrics_core::{Phase, Reason};
use probe::{IpProtocol, Module};

use crate::kit::peer::Full;
use crate::kit::{Action, Authority, Flaw, Peer, closed_port, ok};
use crate::{Ask, SECOND, SHORT, UP, ask, failed, module, reached};

#[actix_rt::test]
async fn p1_refused() {
    let closed = closed_port();
    for url in [format!("http://{closed}/"), format!("https://{closed}/")] {
        let report = ask(&url).await;
        assert_eq!(failed(&report), (Some(Reason::ConnectRefused), Some(Phase::Connect), None), "{report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect]);
        assert_eq!((report.outcome.body_bytes, report.outcome.head), (None, None));
        let hop = &report.hops[0];
        assert_eq!((hop.tried.len(), hop.tried[0].0, hop.address), (1, closed, None), "{report:?}");
    }
}

#[actix_rt::test]
async fn p2_nobody_takes_the_connection() {
    let full = Full::new();
    for scheme in ["http", "https"] {
        let report = Ask::by(Module::default()).within(SHORT).of(&format!("{scheme}://{}/", full.address)).await;
        assert_eq!(failed(&report), (Some(Reason::ConnectTimeout), Some(Phase::Connect), None), "{report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect]);
        assert_eq!(report.hops[0].tried[0].0, full.address, "{report:?}");
    }
}

/// `.invalid` never exists (RFC 6761), and libc answers for a label that is too long by itself: nothing is sent.
#[actix_rt::test]
async fn p3_a_name_that_cannot_exist() {
    let report = ask(&format!("http://{}.invalid/", "x".repeat(64))).await;
    let dns = [Some(Reason::DnsNotFound), Some(Reason::DnsFailure)];
    assert!(dns.contains(&report.outcome.reason), "{report:?}");
    assert_eq!(reached(&report), [Phase::Resolve]);
    assert_eq!(report.hops[0].address, None);
}

#[actix_rt::test]
async fn a_connection_comes_from_where_the_module_says() {
    let peer = Peer::plain(|_| ok());
    let source: IpAddr = "127.0.0.5".parse().unwrap();
    let report = Ask::by(module(|module| module.source_ip_address = Some(source))).of(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(peer.clients().iter().map(std::net::SocketAddr::ip).collect::<Vec<_>>(), [source]);
}

/// An address that is not ours, or of the other family: there is no way to the peer from there.
#[actix_rt::test]
async fn p2_a_source_from_which_nothing_can_be_reached() {
    let peer = Peer::plain(|_| ok());
    for source in ["192.0.2.1", "2001:db8::1", "::1"] {
        let module = module(|module| module.source_ip_address = Some(source.parse().unwrap()));
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), (Some(Reason::ConnectUnreachable), Some(Phase::Connect), None), "{report:?}");
        assert_eq!(peer.connections(), 0);
    }
}

#[actix_rt::test]
async fn a_family_of_addresses_that_the_host_has_not() {
    let peer = Peer::plain(|_| ok());
    let with = |preferred, fallback| {
        module(|module| {
            module.preferred_ip_protocol = preferred;
            module.ip_protocol_fallback = fallback;
        })
    };
    for (preferred, fallback, good) in [
        (None, true, true),
        (Some(IpProtocol::Ip4), true, true),
        (Some(IpProtocol::Ip6), true, true),
        (Some(IpProtocol::Ip4), false, true),
        (Some(IpProtocol::Ip6), false, false),
        // blackbox_exporter prefers IPv6 where nothing is said.
        (None, false, false),
    ] {
        let before = peer.connections();
        let report = Ask::by(with(preferred, fallback)).of(&peer.url("/")).await;
        let wanted = if good { UP } else { (Some(Reason::DnsNotFound), Some(Phase::Resolve), None) };
        assert_eq!(failed(&report), wanted, "{preferred:?}, {fallback}: {report:?}");
        assert_eq!(peer.connections() - before, usize::from(good));
    }
}

#[actix_rt::test]
async fn ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("this machine has no IPv6 on loopback");
        return;
    }
    let peer = Peer::plain_at("[::1]:0", |_| ok());
    for preferred in [None, Some(IpProtocol::Ip4), Some(IpProtocol::Ip6)] {
        let report = Ask::by(module(|module| module.preferred_ip_protocol = preferred)).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{preferred:?}: {report:?}");
        assert_eq!(report.hops[0].address, Some(peer.address));
    }
    let only = module(|module| {
        module.preferred_ip_protocol = Some(IpProtocol::Ip4);
        module.ip_protocol_fallback = false;
    });
    let report = Ask::by(only).of(&peer.url("/")).await;
    assert_eq!(failed(&report).0, Some(Reason::DnsNotFound), "{report:?}");
    assert!(peer.requests()[0].contains(&format!("host: {}", peer.address)), "{:?}", peer.requests());
}

/// The address may be another, the name stays: in the Host header and in TLS.
#[actix_rt::test]
async fn an_override_changes_the_address_alone() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("3-shake.com", &Flaw::None), |_| ok());
    let ask = Ask::by(Module::default()).trusting_file(authority.file("override"));
    let report = ask.finding("3-shake.com:443", peer.address).of("https://3-shake.com").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(reached(&report), Phase::ALL);
    assert!(peer.requests()[0].to_ascii_lowercase().contains("\r\nhost: 3-shake.com\r\n"));
    assert_eq!(peer.names(), [Some("3-shake.com".to_owned())]);
}

/// A run that may take no time at all takes none, and says where it was.
#[actix_rt::test]
async fn a_deadline_that_has_passed_before_it_begins() {
    let peer = Peer::plain(|_| Action::Hang);
    let report = Ask::by(Module::default()).within(std::time::Duration::ZERO).of(&peer.url("/")).await;
    let reasons = [Some(Reason::ConnectTimeout), Some(Reason::ResponseTimeout)];
    assert!(reasons.contains(&report.outcome.reason), "{report:?}");
    assert!(report.outcome.total < SECOND, "{report:?}");
}
