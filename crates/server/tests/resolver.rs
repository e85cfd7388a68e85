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
    ])
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
