//! What signals do.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;

use crate::exporter::Exporter;
use crate::kit::{self, Action, Peer, ok};

#[test]
fn s10_sigterm_and_sigint_end_it_with_0_though_clients_are_connected() {
    for signal in [Signal::TERM, Signal::INT] {
        let peer = Peer::plain(|_| ok());
        let mut exporter = Exporter::start(&["--target", &peer.url("/")]);
        let mut idle = exporter.connect();
        idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        exporter.page_that("/metrics", |page| page.contains(r#"path="/-/healthy"} 1"#));
        exporter.signal(signal);
        assert_eq!(exporter.wait().code(), Some(0), "{}", exporter.log());
    }
}

#[test]
fn p28_a_run_under_way_does_not_hold_it_up() {
    let peer = Peer::plain(|_| Action::Hang);
    let mut exporter = Exporter::start(&["--target", &peer.url("/")]);
    exporter.wait_until("the peer is asked", || !peer.requests().is_empty());
    exporter.signal(Signal::TERM);
    assert_eq!(exporter.wait().code(), Some(0), "{}", exporter.log());
}

/// Answers that nobody reads: the drain waits for them, as long as it may.
fn unread(exporter: &Exporter) -> TcpStream {
    let mut stream = exporter.connect();
    for _ in 0..2_000 {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    // Until all buffers are full: what is not stuck ends in time.
    let scrapes = || exporter.metric(r#"metrics_handler_requests_total{code="200"}"#).unwrap();
    exporter.wait_until("no scrape is answered but this one", || {
        let before = scrapes();
        (1..=5).all(|n| scrapes() <= before + f64::from(n))
    });
    stream
}

#[test]
fn s9_a_client_that_does_not_read_does_not_keep_it_for_ever() {
    let peer = Peer::plain(|_| ok());
    let mut exporter = Exporter::start(&["--target", &peer.url("/")]);
    let _unread = unread(&exporter);
    exporter.signal(Signal::TERM);
    assert_eq!(exporter.wait().code(), Some(0), "{}", exporter.log());
}

#[test]
fn s11_a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let peer = Peer::plain(|_| ok());
        let mut exporter = Exporter::start(&["--target", &peer.url("/")]);
        let _unread = unread(&exporter);
        exporter.signal(signal);
        exporter.logged("serving what has begun");
        exporter.signal(signal);
        assert_eq!(exporter.wait().code(), Some(code), "{}", exporter.log());
    }
}

#[test]
fn sighup_reads_the_files_of_flags_again_too() {
    let peer = Peer::plain(|_| ok());
    let module = |status| format!("modules: {{m: {{prober: http, http: {{valid_status_codes: [{status}]}}}}}}");
    let file = kit::file("sighup.yml", module("2xx"));
    let (target, reference) = (peer.url("/"), format!("{}:m", file.display()));
    let exporter = Exporter::start(&["--target", &target, "--probe.interval", "200ms", "--probe.module", &reference]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
    kit::file("sighup.yml", module("4xx"));
    exporter.signal(Signal::HUP);
    exporter.logged("SIGHUP: 1 target: 0 new, 1 kept, 0 gone");
    exporter.page_that("/3-shake-status", |page| page.contains("\nwhy: status: "));
    kit::file("sighup.yml", "modules: {}");
    exporter.signal(Signal::HUP);
    exporter.logged("sighup.yml: no module m; ");
    assert!(exporter.ask("GET", "/-/healthy").0.starts_with("http/1.1 200"));
}
