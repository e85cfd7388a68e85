//! What a resolver says, and what is made of it.

use std::time::Instant;

use metrics_core::{Phase, Reason};
use probe::Module;

use crate::asked::{Ask, SHORT, UP, ask, failed, module, reached};
use crate::block_on;
use crate::kit::{Peer, ok, redirect};
use crate::kit_dns::Dns;
use crate::own_network::{LONGER_THAN_SILENCE, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_name_is_found", a_name_is_found),
    ("the_hosts_file_counts", the_hosts_file_counts),
    ("p3_p4_what_a_resolver_says", p3_p4_what_a_resolver_says),
    ("p5_a_resolver_that_is_silent", p5_a_resolver_that_is_silent),
    ("p5_runs_do_not_pile_up_lookups", p5_runs_do_not_pile_up_lookups),
    ("a_redirect_to_a_name_that_does_not_exist", a_redirect_to_a_name_that_does_not_exist),
];

fn a_name_is_found(dns: &Dns) {
    let peer = Peer::plain(|_| ok());
    let before = dns.asked("one.test");
    let report = block_on(ask(&format!("http://one.test:{}/", peer.address.port())));
    assert_eq!((failed(&report), report.hops[0].address), (UP, Some(peer.address)), "{report:?}");
    assert!(dns.asked("one.test") > before);
}

/// It is the system's own resolver that is asked, so that other programs find the same.
fn the_hosts_file_counts(dns: &Dns) {
    let peer = Peer::plain(|_| ok());
    let report = block_on(ask(&format!("http://in-hosts.test:{}/", peer.address.port())));
    assert_eq!((failed(&report), dns.asked("in-hosts.test")), (UP, 0), "{report:?}");
}

fn p3_p4_what_a_resolver_says(_: &Dns) {
    for (name, reason) in [
        ("nowhere.test", Reason::DnsNotFound),
        ("none.test", Reason::DnsNotFound),
        ("refused.test", Reason::DnsFailure),
        ("failing.test", Reason::DnsFailure),
        ("truncated.test", Reason::DnsFailure),
    ] {
        for scheme in ["http", "https"] {
            let report =
                block_on(Ask::by(Module::default()).within(LONGER_THAN_SILENCE).of(&format!("{scheme}://{name}/")));
            assert_eq!(failed(&report), (Some(reason), Some(Phase::Resolve), None), "{name}: {report:?}");
            assert_eq!((reached(&report), report.hops[0].address), (vec![Phase::Resolve], None), "{name}");
            let failure = report.failure.unwrap();
            assert!(failure.detail.contains(name), "{name}: {failure:?}");
        }
    }
}

/// The deadline is the run's, however long the resolver would wait.
fn p5_a_resolver_that_is_silent(_: &Dns) {
    let report = block_on(async {
        let report = Ask::by(Module::default()).within(SHORT).of("http://silent.test/").await;
        // Nothing of it stands in the way of others.
        let peer = Peer::plain(|_| ok());
        let other = ask(&format!("http://one.test:{}/", peer.address.port())).await;
        assert_eq!(failed(&other), UP, "{other:?}");
        report
    });
    assert_eq!(failed(&report), (Some(Reason::DnsTimeout), Some(Phase::Resolve), None), "{report:?}");
    // Where it waits for longer than the resolver, the resolver's giving up is its failure.
    let report = block_on(Ask::by(Module::default()).within(LONGER_THAN_SILENCE).of("http://silent.test/"));
    assert_eq!(failed(&report), (Some(Reason::DnsFailure), Some(Phase::Resolve), None), "{report:?}");
}

/// A look-up cannot be ended, so a run that finds one of an earlier run under way waits for that one.
fn p5_runs_do_not_pile_up_lookups(dns: &Dns) {
    block_on(async {
        let (start, env) = (Instant::now(), probe::Env::default());
        for _ in 0..5 {
            let report = Ask::by(Module::default()).within(SHORT / 4).of_in("http://silent-too.test/", &env).await;
            assert_eq!(failed(&report), (Some(Reason::DnsTimeout), Some(Phase::Resolve), None), "{report:?}");
        }
        assert!(start.elapsed() < LONGER_THAN_SILENCE);
        // One look-up asks twice: for IPv4 and for IPv6.
        assert_eq!(dns.asked("silent-too.test"), 2);
    });
}

fn a_redirect_to_a_name_that_does_not_exist(_: &Dns) {
    let peer = Peer::plain(|_| redirect("302 Found", "http://nowhere.test/"));
    let report = block_on(Ask::by(module(|_| {})).of(&peer.url("/")));
    assert_eq!(failed(&report), (Some(Reason::DnsNotFound), Some(Phase::Resolve), Some(302)), "{report:?}");
}
