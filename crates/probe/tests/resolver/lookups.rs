//! What a resolver says, and what is made of it.

use std::time::Instant;

use futures::future::{join, join_all};
use metrics_core::{Phase, Reason};
use probe::Module;

use crate::asked::{Ask, SECOND, SHORT, UP, ask, failed, module, reached};
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
    ("p5_names_that_are_not_answered_leave_room_for_others", p5_names_that_are_not_answered),
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

/// More names than there are threads for look-ups, on a resolver that is silent about them and answers for others.
fn p5_names_that_are_not_answered(dns: &Dns) {
    const HALF: usize = 16;
    let (peer, env) = (Peer::plain(|_| ok()), probe::Env::default());
    let names = |kind: &str| (0..60).map(|n| format!("{n}.{kind}.test")).collect::<Vec<_>>();
    let (silent, good) = (names("silent"), names("good"));
    let run = |name: &str, timeout| {
        let url = format!("http://{name}:{}/", peer.address.port());
        let env = &env;
        async move { failed(&Ask::by(Module::default()).within(timeout).of_in(&url, env).await) }
    };
    let timed_out = (Some(Reason::DnsTimeout), Some(Phase::Resolve), None);
    block_on(async {
        // Nobody knows yet what they are. Each run ends in time, also where its name had no turn.
        let found = join_all(silent.iter().map(|name| run(name, SHORT))).await;
        assert!(found.iter().all(|found| *found == timed_out), "{found:?}");
        // Their look-ups go on until the system gives up on them.
        let others = join_all(good.iter().map(|name| run(name, LONGER_THAN_SILENCE))).await;
        assert!(others.iter().all(|found| *found == UP), "{others:?}");
        let asked: Vec<_> = silent.iter().filter(|name| dns.asked(name) > 0).collect();
        assert_eq!(asked.len(), 2 * HALF);

        let (found, others) = join(
            join_all(asked.iter().map(|name| run(name, SHORT))),
            join_all(good.iter().map(|name| run(name, 10 * SECOND))),
        )
        .await;
        // Whose first look-up ends only now gets what that one found.
        let given_up = (Some(Reason::DnsFailure), Some(Phase::Resolve), None);
        assert!(found.iter().all(|found| [timed_out, given_up].contains(found)), "{found:?}");
        assert!(others.iter().all(|found| *found == UP), "{others:?}");
        // One look-up asks twice: for IPv4 and for IPv6.
        let again = asked.iter().filter(|name| dns.asked(name) > 2).count();
        assert!(again <= HALF, "{again}");
    });
}

fn a_redirect_to_a_name_that_does_not_exist(_: &Dns) {
    let peer = Peer::plain(|_| redirect("302 Found", "http://nowhere.test/"));
    let report = block_on(Ask::by(module(|_| {})).of(&peer.url("/")));
    assert_eq!(failed(&report), (Some(Reason::DnsNotFound), Some(Phase::Resolve), Some(302)), "{report:?}");
}
