//! A report under the names of blackbox_exporter's http prober.

use std::net::IpAddr;
use std::time::Duration;

use awc::http::Version;
use metrics_core::{BlackboxLeaf, BlackboxProbe, BlackboxTls, Phase, Reason};

use crate::report::{Certificate, RunReport, Tls};

impl RunReport {
    /// What blackbox_exporter would tell of this run, which had `timeout`. As there, all but times and redirects is of the last
    /// request: where that had no answer there is no status, whatever redirected to it.
    pub fn to_blackbox(&self, timeout: Duration) -> BlackboxProbe {
        let Self { outcome, hops, .. } = self;
        let (first, last) = (hops.first(), hops.last());
        let answered = last.filter(|hop| hop.status.is_some());
        let tried = || first.and_then(|hop| hop.tried.first()).map(|(address, _)| *address);
        let redirects = hops.iter().filter(|hop| hop.redirects).count();
        BlackboxProbe {
            success: outcome.reason.is_none(),
            duration: outcome.total,
            timeout,
            lookup: first.and_then(|hop| hop.phases[Phase::Resolve as usize]).unwrap_or_default(),
            address: first.and_then(|hop| hop.address).or_else(tried).map(|address| address.ip()),
            phases: outcome.phases,
            content_length: match answered {
                Some(hop) => hop.content_length,
                None => Some(0),
            },
            body_length: last.and_then(|hop| hop.body).map_or(0, |body| body.decoded),
            redirects: u32::try_from(redirects).unwrap_or(u32::MAX),
            status: answered.and_then(|hop| hop.status),
            version: answered.and_then(|hop| hop.version).map(version),
            failed_due_to_regex: matches!(outcome.reason, Some(Reason::Header | Reason::Body)),
            last_modified: answered.and_then(|hop| hop.last_modified),
            ssl: answered.is_some_and(|hop| hop.tls.is_some()),
            tls: last.and_then(|hop| hop.tls.as_ref()).map(tls),
        }
    }
}

fn version(version: Version) -> f64 {
    match version {
        Version::HTTP_09 => 0.9,
        Version::HTTP_10 => 1.0,
        Version::HTTP_2 => 2.0,
        Version::HTTP_3 => 3.0,
        _ => 1.1,
    }
}

fn tls(tls: &Tls) -> BlackboxTls {
    BlackboxTls {
        earliest_expiry: tls.chain_not_after(),
        last_chain_expiry: tls.trusted_until,
        version: tls.version,
        cipher: tls.cipher,
        leaf: tls.chain.first().map(leaf),
    }
}

fn leaf(certificate: &Certificate) -> BlackboxLeaf {
    let names: Vec<_> = certificate.names.iter().filter(|name| name.parse::<IpAddr>().is_err()).collect();
    BlackboxLeaf {
        fingerprint: certificate.fingerprint.clone(),
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        names: names.into_iter().map(String::as_str).collect::<Vec<_>>().join(","),
        // A byte of zeros before the number says that it is not negative.
        serial: certificate.serial.strip_prefix("00").unwrap_or(&certificate.serial).to_owned(),
    }
}
