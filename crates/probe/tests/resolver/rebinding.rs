//! P17: a name that leads elsewhere the second time it is asked for.

use metrics_core::Reason;
use probe::{Module, RedirectPolicy};

use crate::asked::{Ask, UP, failed, module};
use crate::block_on;
use crate::kit::{Action, Peer, ok, redirect};
use crate::kit_dns::Dns;
use crate::own_network::Test;

pub(crate) const TESTS: &[Test] = &[
    ("p17_what_was_checked_is_what_is_connected_to", p17_what_was_checked),
    ("p17_of_several_addresses_the_forbidden_ones_are_left_out", p17_of_several_addresses),
];

/// 127.0.0.2 stands in for the public internet.
fn policy() -> Module {
    module(|module| module.redirect_policy = RedirectPolicy::Public(vec!["127.0.0.2/32".parse().unwrap()]))
}

/// A peer that redirects to a name on its own port, and those that listen there at other addresses.
fn peers(name: &'static str) -> (Peer, Peer, Peer) {
    let first = Peer::plain(|_| Action::Close);
    let port = first.address.port();
    first.answers(move |_| redirect("302 Found", &format!("http://{name}:{port}/")));
    let [allowed, forbidden] = ["127.0.0.2", "127.0.0.3"].map(|ip| Peer::plain_at(&format!("{ip}:{port}"), |_| ok()));
    (first, allowed, forbidden)
}

fn p17_what_was_checked(dns: &Dns) {
    let (first, allowed, forbidden) = peers("rebound.test");
    let report = block_on(Ask::by(policy()).of(&first.url("/")));
    assert_eq!((failed(&report), report.hops[1].address), (UP, Some(allowed.address)), "{report:?}");
    // Once for IPv4 and once for IPv6.
    assert_eq!((dns.asked("rebound.test"), forbidden.connections()), (2, 0));

    let report = block_on(Ask::by(policy()).of(&first.url("/")));
    assert_eq!(failed(&report).0, Some(Reason::Blocked), "{report:?}");
    assert_eq!((allowed.connections(), forbidden.connections()), (1, 0));
}

fn p17_of_several_addresses(_: &Dns) {
    let (first, allowed, forbidden) = peers("mixed.test");
    let report = block_on(Ask::by(policy()).of(&first.url("/")));
    assert_eq!((failed(&report), report.hops[1].address), (UP, Some(allowed.address)), "{report:?}");

    allowed.goes_away();
    let report = block_on(Ask::by(policy()).of(&first.url("/")));
    assert_eq!(failed(&report).0, Some(Reason::ConnectRefused), "{report:?}");
    assert_eq!((report.hops[1].tried.len(), forbidden.connections()), (1, 0), "{report:?}");
}
