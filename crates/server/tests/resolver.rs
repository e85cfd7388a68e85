//! The server, where names and routes fail: `cargo xtask test resolver`.

#[path = "server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../probe/tests/kit/mod.rs"]
mod kit;
#[path = "../../probe/tests/kit/dns.rs"]
mod kit_dns;
#[path = "../../probe/tests/kit/own_network.rs"]
mod own_network;
#[path = "server/reasons.rs"]
mod reasons;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use exporter::Exporter;
use kit::reasons::Place;
use kit_dns::Dns;
use rustix::process::Signal;

fn main() -> ExitCode {
    own_network::run(&[
        ("the_server_tells_each_reason", |_| reasons::tells_each_reason(Place::OwnNetwork)),
        ("p5_a_silent_resolver_holds_up_nothing", p5_a_silent_resolver_holds_up_nothing),
        ("p17_a_name_is_looked_up_once_and_checked", p17_a_name_is_looked_up_once_and_checked),
        ("when_no_target_can_be_reached_the_prober_says_so", when_no_target_can_be_reached_the_prober_says_so),
    ])
}

/// Of a probe on demand: what was checked is what is connected to, and a name that leads elsewhere the next time is not followed.
fn p17_a_name_is_looked_up_once_and_checked(dns: &Dns) {
    let name = "rebound.test";
    let allowed = kit::Peer::plain_at("127.0.0.2:0", |_| kit::ok());
    let port = allowed.address.port();
    let forbidden = kit::Peer::plain_at(&format!("127.0.0.3:{port}"), |_| kit::ok());
    let file = kit::file("rebound.yml", "targets: []\nprobe: {allow: [public, 127.0.0.2]}\n");
    let exporter = Exporter::start(&["--config.file", file.to_str().unwrap()]);
    let probe = format!("/probe?target=http://{name}:{port}/");
    let (head, page) = exporter.ask("GET", &probe);
    assert!(head.starts_with("http/1.1 200 ") && page.contains("\nprobe_success 1\n"), "{head}{page}");
    // Once for IPv4 and once for IPv6.
    assert_eq!((dns.asked(name), allowed.connections()), (2, 1));
    let (head, line) = exporter.ask("GET", &probe);
    assert!(head.starts_with("http/1.1 403 "), "{head}{line}");
    assert_eq!((allowed.connections(), forbidden.connections()), (1, 0));
}

/// A resolver that fails and a route that is missing are of the prober's own side, until somebody is reached.
fn when_no_target_can_be_reached_the_prober_says_so(_: &Dns) {
    let cut_off = "targets:\n- {name: name, url: 'http://failing.test/', interval: 200ms}\n\
                   - {name: route, url: 'http://127.1.2.3/', interval: 200ms}\n";
    let file = kit::file("cut-off.yml", cut_off);
    let exporter = Exporter::start(&["--config.file", file.to_str().unwrap()]);
    exporter.wait_until("it says so", || exporter.metric("external_access_prober_isolated") == Some(1.0));
    exporter.page_that("/3-shake-status", |page| {
        page.contains("name is unknown: ") && page.contains("\nwhy: dns_failure: ")
    });
    // Verdicts and counts are what the runs found.
    assert_eq!(exporter.metric(r#"external_access_up{target="route"}"#), Some(0.0));
    let failures = r#"external_access_failures_total{target="route",reason="connect_unreachable"}"#;
    assert!(exporter.metric(failures) >= Some(1.0));
    let peer = kit::Peer::plain(|_| kit::ok());
    let reached = format!("{cut_off}- {{name: here, url: '{}', interval: 200ms}}\n", peer.url("/"));
    std::fs::write(&file, reached).unwrap();
    exporter.signal(Signal::HUP);
    exporter.page_that("/3-shake-status", |page| {
        page.contains("name is down since ") && page.contains("\nwhy: dns_failure: ")
    });
    exporter.wait_until("it says so no more", || exporter.metric("external_access_prober_isolated") == Some(0.0));
}

/// Each run has its turn, no look-up is started beside one that is under way, and the server stops when it is told to.
fn p5_a_silent_resolver_holds_up_nothing(dns: &Dns) {
    let url = "http://silent-too.test/";
    let mut exporter = Exporter::start(&["--target", url, "--probe.interval", "200ms", "--probe.timeout", "100ms"]);
    let series = format!(r#"external_access_failures_total{{target="{url}",reason="dns_timeout"}}"#);
    exporter.wait_until("five runs", || exporter.metric(&series) >= Some(5.0));
    // One look-up asks twice: for IPv4 and for IPv6.
    assert_eq!(dns.asked("silent-too.test"), 2);
    let told = Instant::now();
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());
    assert!(told.elapsed() < Duration::from_secs(5), "the look-up goes on for longer: {:?}", told.elapsed());
}
