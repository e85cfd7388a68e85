//! What one run found.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use awc::http::Version;
use metrics_core::{Outcome, Phase, Reason};
use url::Url;

/// What one run found.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// What metrics count of it.
    pub outcome: Outcome,
    /// The requests, in order: one, and one more for each redirect; never empty.
    pub hops: Vec<Hop>,
    /// Why the run failed; `None` when it succeeded.
    pub failure: Option<Failure>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// From the closed set; also in the report's outcome.
    pub reason: Reason,
    /// The step under way, of the last hop; `None` for what the answer itself was at fault for, once it was there.
    pub phase: Option<Phase>,
    /// For people, on one line: what a peer said stands in it only as Debug writes it.
    pub detail: String,
}

/// Time by [`Phase`]; `None` where it was not reached.
pub type Phases = [Option<Duration>; Phase::ALL.len()];

/// One request of a run.
#[derive(Debug, Clone)]
pub struct Hop {
    /// What was asked for.
    pub url: Url,
    /// When it began, after the start of the run.
    pub start: Duration,
    /// Its phases, one after the other from its start.
    pub phases: Phases,
    /// Addresses that were tried in vain, with the reason.
    pub tried: Vec<(SocketAddr, String)>,
    /// The peer, once connected.
    pub address: Option<SocketAddr>,
    /// What TLS showed, as far as it came.
    pub tls: Option<Tls>,
    /// Of the response.
    pub version: Option<Version>,
    /// Of the response.
    pub status: Option<u16>,
    /// The response redirects, be it followed or not.
    pub redirects: bool,
    /// Bytes of the body as the response announces them; `None` where it does not say.
    pub content_length: Option<u64>,
    /// Last-Modified of the response, in Unix time.
    pub last_modified: Option<i64>,
    /// The body that was read; `None` without a response, and for a redirect that was followed.
    pub body: Option<Body>,
    /// Of the response, as far as they are for all to see; kept where the run failed.
    pub headers: Vec<(String, String)>,
    /// The beginning of the decoded body, at most [`SAMPLE`](crate::SAMPLE) bytes of it, without what the request has that is
    /// secret; kept where the run failed.
    pub sample: Option<String>,
}

/// A body that was read, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Body {
    /// Bytes as they were sent, without the frame of chunks.
    pub bytes: u64,
    /// Bytes after decoding; the same where nothing is decoded.
    pub decoded: u64,
}

/// What a handshake showed, also one that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// `TLS 1.2` or `TLS 1.3`; `None` when the handshake did not end.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name, `TLS_AES_256_GCM_SHA384` for one; `None` when the handshake did not end.
    pub cipher: Option<&'static str>,
    /// The certificates as presented, the leaf first. Empty when none came. Runs that see the same ones share them.
    pub chain: Arc<[Certificate]>,
    /// Why the chain is not trusted; `None` when it is. A run goes on all the same where its module skips the verification.
    pub rejected: Option<String>,
    /// Unix time until which the path is valid by which the leaf is trusted: the leaf, and what was presented between it and
    /// a root. Of a root nothing is known but its key. `None` where it is not trusted.
    pub trusted_until: Option<i64>,
}

/// What a certificate says of itself. Names are texts of the peer, escaped as RFC 4514 has it and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// RFC 4514: `CN=example.com,O=Example`.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Hexadecimal, lower case.
    pub serial: String,
    /// SHA-256 of the certificate, hexadecimal, lower case.
    pub fingerprint: String,
    /// Unix time from which it is valid.
    pub not_before: i64,
    /// Unix time until which it is valid.
    pub not_after: i64,
}

impl Tls {
    /// Unix time at which the first of the certificates as presented ends.
    pub(crate) fn chain_not_after(&self) -> Option<i64> {
        self.chain.iter().map(|certificate| certificate.not_after).min()
    }
}

impl Hop {
    /// One that is about to begin.
    pub fn new(url: Url, start: Duration) -> Self {
        Self {
            url,
            start,
            phases: Phases::default(),
            tried: Vec::new(),
            address: None,
            tls: None,
            version: None,
            status: None,
            redirects: false,
            content_length: None,
            last_modified: None,
            body: None,
            headers: Vec::new(),
            sample: None,
        }
    }

    /// What is there to explain a failure.
    pub(crate) fn forget_evidence(&mut self) {
        (self.headers, self.sample) = (Vec::new(), None);
    }

    /// What was asked for, to be shown: without the query, in which sites put keys when they redirect.
    pub fn shown(&self) -> &str {
        &self.url[..url::Position::AfterPath]
    }
}
