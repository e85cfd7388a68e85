//! Names with several addresses, of which some lead nowhere.

use std::net::{IpAddr, SocketAddr};

use metrics_core::{Phase, Reason};
use probe::{IpProtocol, Module, RunReport};

use crate::asked::{Ask, SECOND, UP, failed, module};
use crate::block_on;
use crate::kit::peer::Full;
use crate::kit::{Peer, ok};
use crate::kit_dns::Dns;
use crate::own_network::{Test, UNREACHABLE};

pub(crate) const TESTS: &[Test] = &[
    ("p2_no_route", p2_no_route),
    ("p29_the_next_address_is_tried", p29_the_next_address_is_tried),
    ("p29_an_address_that_swallows_everything_takes_its_share_alone", p29_a_share),
    ("p29_without_a_fallback_there_is_one_family", p29_without_a_fallback),
    ("the_family_that_is_preferred_comes_first", the_family_that_is_preferred_comes_first),
    ("each_address_is_tried_once", each_address_is_tried_once),
];

fn six_first(fallback: bool) -> Module {
    module(|module| {
        module.preferred_ip_protocol = Some(IpProtocol::Ip6);
        module.ip_protocol_fallback = fallback;
    })
}

fn asked(module: Module, name: &str, port: u16) -> RunReport {
    block_on(Ask::by(module).of(&format!("http://{name}:{port}/")))
}

fn tried(report: &RunReport) -> Vec<IpAddr> {
    report.hops[0].tried.iter().map(|(address, _)| address.ip()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn p2_no_route(_: &Dns) {
    let report = asked(Module::default(), "unreachable.test", 80);
    assert_eq!(failed(&report), (Some(Reason::ConnectUnreachable), Some(Phase::Connect), None), "{report:?}");
    assert_eq!(tried(&report), [ip(UNREACHABLE)]);
}

/// Whatever is wrong with the first.
fn p29_the_next_address_is_tried(_: &Dns) {
    let peer = Peer::plain(|_| ok());
    for (name, in_vain) in [("partly.test", UNREACHABLE), ("unrouted.test", "::ffff:127.1.2.3"), ("both.test", "::1")] {
        let report = asked(six_first(true), name, peer.address.port());
        assert_eq!((failed(&report), report.hops[0].address), (UP, Some(peer.address)), "{name}: {report:?}");
        // Of two IPv4 addresses the system may put the good one first.
        assert!(tried(&report) == [ip(in_vain)] || name == "partly.test" && tried(&report).is_empty(), "{report:?}");
    }
}

fn p29_a_share(_: &Dns) {
    let peer = Peer::plain(|_| ok());
    let full = Full::at(SocketAddr::new(ip("::1"), peer.address.port()));
    let url = format!("http://both.test:{}/", peer.address.port());
    let report = block_on(Ask::by(six_first(true)).within(2 * SECOND).of(&url));
    assert_eq!((failed(&report), report.hops[0].address), (UP, Some(peer.address)), "{report:?}");
    assert_eq!(report.hops[0].tried.iter().map(|(address, _)| *address).collect::<Vec<_>>(), [full.address]);
    let connect = report.outcome.phases[Phase::Connect as usize];
    assert!(connect > Some(SECOND / 2), "what was waited for is part of the step: {report:?}");
}

fn p29_without_a_fallback(_: &Dns) {
    let peer = Peer::plain(|_| ok());
    let report = asked(six_first(false), "both.test", peer.address.port());
    assert_eq!(failed(&report), (Some(Reason::ConnectRefused), Some(Phase::Connect), None), "{report:?}");
    assert_eq!((tried(&report), peer.connections()), (vec![ip("::1")], 0));
    let report = asked(six_first(false), "one.test", peer.address.port());
    assert_eq!(failed(&report), (Some(Reason::DnsNotFound), Some(Phase::Resolve), None), "{report:?}");
    let four = module(|module| {
        module.preferred_ip_protocol = Some(IpProtocol::Ip4);
        module.ip_protocol_fallback = false;
    });
    let report = asked(four.clone(), "both.test", peer.address.port());
    assert_eq!((failed(&report), tried(&report)), (UP, Vec::new()), "{report:?}");
    let report = asked(four, "six.test", peer.address.port());
    assert_eq!(failed(&report), (Some(Reason::DnsNotFound), Some(Phase::Resolve), None), "{report:?}");
}

fn the_family_that_is_preferred_comes_first(_: &Dns) {
    let four = Peer::plain(|_| ok());
    let six = Peer::plain_at(&format!("[::1]:{}", four.address.port()), |_| ok());
    for (preferred, peer) in [(IpProtocol::Ip4, &four), (IpProtocol::Ip6, &six)] {
        let module = module(|module| module.preferred_ip_protocol = Some(preferred));
        let report = asked(module, "both.test", four.address.port());
        assert_eq!((failed(&report), report.hops[0].address), (UP, Some(peer.address)), "{report:?}");
        assert_eq!(tried(&report), Vec::<IpAddr>::new());
    }
}

fn each_address_is_tried_once(_: &Dns) {
    let peer = Peer::plain(|_| ok());
    let port = peer.address.port();
    drop(peer);
    let all = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"].map(ip);
    let report = asked(Module::default(), "many.test", port + 1);
    assert_eq!(failed(&report), (Some(Reason::ConnectRefused), Some(Phase::Connect), None), "{report:?}");
    let mut seen = tried(&report);
    seen.sort();
    assert_eq!(seen, all, "{report:?}");
}
