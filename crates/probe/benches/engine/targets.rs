//! Who is asked: names as they are in the field, at addresses of loopback that need no resolver.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use probe::{Client, Detail, Module, Pem, Roots, Spec, Target, TlsConfig, parse_url};

use crate::peer::Peer;

/// How many targets there are, how many of them hang where some do, and how often each is asked.
pub(crate) struct Size {
    pub(crate) targets: usize,
    pub(crate) hanging: usize,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// Each target has an address of its own, and with it a certificate: all of 127.0.0.0/8 is this machine.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    let part = |number: usize| u8::try_from(number % 250).unwrap_or(0);
    Ipv4Addr::new(127, 1 + part(number / 250 / 250), part(number / 250), 1 + part(number))
}

fn name(number: usize) -> String {
    format!("service-{number:05}")
}

fn url(number: usize, port: u16) -> String {
    format!("https://{}:{port}/health", address(number))
}

/// The engine's, the last `hanging` of them at a port that is silent.
pub(crate) fn targets(peer: &Peer, size: &Size, hanging: usize) -> Vec<Target> {
    let tls_config = TlsConfig { ca: Some(Pem::Text(peer.authority.clone())), ..TlsConfig::default() };
    let client = Client::new(Module { tls_config, ..Module::default() }, &Roots::BuiltIn);
    let client = Arc::new(client.expect("an authority that was just made"));
    let target = |number: usize| {
        let port = if number < size.targets - hanging { peer.port } else { peer.silent };
        let url = parse_url(&url(number, port)).expect("a URL");
        Target {
            name: name(number),
            spec: Spec { url, timeout: size.timeout, client: client.clone() },
            module: "bench".to_owned(),
            interval: size.interval,
            slow_after: None,
            labels: Vec::new(),
            metrics: Detail::default(),
        }
    };
    (0..size.targets).map(target).collect()
}

/// The same as a configuration file.
pub(crate) fn file(peer: &Peer, size: &Size, ca_file: &Path) -> String {
    let mut file = format!(
        "modules:\n  bench:\n    prober: http\n    timeout: {}s\n    http:\n      tls_config: {{ ca_file: '{}' }}\ntargets:\n",
        size.timeout.as_secs(),
        ca_file.display()
    );
    for number in 0..size.targets {
        let (name, url, interval) = (name(number), url(number, peer.port), size.interval.as_secs());
        // Writing to a String cannot fail.
        let _ = writeln!(file, "  - {{ name: {name}, url: '{url}', module: bench, interval: {interval}s }}");
    }
    file
}
