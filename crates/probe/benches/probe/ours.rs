//! Our side: runs whose outcomes are recorded, on one thread, as the engine has them.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::System;
use futures::future::join_all;
use metrics_core::prometheus::Registry;
use metrics_core::{ExternalMetrics, Phase, Target};
use probe::{Client, Env, IpProtocol, Module, Pem, Roots, RunReport, Spec, TlsConfig, parse_url};

use crate::clock::cpu_time;
use crate::peer::Peer;
use crate::{AT_ONCE, CASES, Case, Took, timed};

pub(crate) struct Ours {
    clients: [Arc<Client>; CASES.len()],
    recorded: Arc<Target>,
}

impl Ours {
    pub(crate) fn new(peer: &Peer) -> Self {
        let clients = CASES.map(|case| {
            let tls_config = TlsConfig { ca: Some(Pem::Text(peer.authority.clone())), ..TlsConfig::default() };
            let preferred_ip_protocol = Some(IpProtocol::Ip4);
            let module = Module { preferred_ip_protocol, enable_http2: case.http2, tls_config, ..Module::default() };
            Client::new(module, &Roots::BuiltIn).expect("an authority that was just made").into()
        });
        let metrics = ExternalMetrics::register(&Registry::new()).expect("a new registry has all names free");
        Self { clients, recorded: metrics.target("peer", Duration::from_secs(60)) }
    }

    pub(crate) fn ask(&self, case: &Case, url: &str, runs: u32) -> Took {
        let client = CASES.iter().zip(&self.clients).find(|(known, _)| known.name == case.name);
        let client = client.expect("it is one of them").1.clone();
        let spec = Spec { url: parse_url(url).expect("a URL"), timeout: Duration::from_secs(10), client };
        let env = Env::default();
        let asking = (0..AT_ONCE).map(|_| async {
            for _ in 0..runs / AT_ONCE {
                let report = probe::run(&spec, &env).await;
                self.recorded.record(&report.outcome);
                check(case, &report);
            }
        });
        let system = System::new();
        timed(cpu_time, || drop(system.block_on(join_all(asking))))
    }
}

/// All that a run can tell is told.
fn check(case: &Case, report: &RunReport) {
    let (outcome, hop) = (&report.outcome, report.hops.last().expect("one"));
    let version = hop.version.map(|version| format!("{version:?}"));
    let expected = if case.http2 { "HTTP/2.0" } else { "HTTP/1.1" };
    assert!(outcome.reason.is_none() && version.as_deref() == Some(expected), "{report:?}");
    let is_tls = case.scheme == "https";
    for phase in Phase::ALL {
        assert_eq!(outcome.phases[*phase as usize].is_some(), is_tls || *phase != Phase::Tls, "{phase}: {report:?}");
    }
    let chain = hop.tls.iter().flat_map(|tls| tls.chain.iter()).count();
    assert_eq!((outcome.tls.is_some(), chain), (is_tls, if is_tls { 2 } else { 0 }), "{report:?}");
    assert!(outcome.tls.is_none_or(|tls| tls.version == Some("TLS 1.3") && tls.not_after.is_some()), "{report:?}");
}
