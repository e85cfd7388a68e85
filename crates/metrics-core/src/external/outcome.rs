//! What one run found, as far as metrics go.

use std::time::{Duration, SystemTime};

use crate::vocab::{Phase, Reason};

/// What one run found, as far as metrics go.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use metrics_core::{Outcome, Phase, Reason};
///
/// let connecting = Duration::from_millis(3);
/// let mut refused = Outcome {
///     at: SystemTime::now(),
///     total: connecting,
///     head: None,
///     status: None,
///     reason: Some(Reason::ConnectRefused),
///     phases: [None; Phase::ALL.len()],
///     redirects: 0,
///     body_bytes: None,
///     tls: None,
/// };
/// refused.phases[Phase::Connect as usize] = Some(connecting);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// When the run started.
    pub at: SystemTime,
    /// How long it took, whatever its end.
    pub total: Duration,
    /// Time from the start of the run to the head of the final response; `None` when there was no response.
    pub head: Option<Duration>,
    /// Status of the last response; a redirect's when following it failed.
    pub status: Option<u16>,
    /// Why the run failed; `None` when it succeeded.
    pub reason: Option<Reason>,
    /// By [`Phase`]: time spent in it, summed over redirects; `None` when it was not reached.
    pub phases: [Option<Duration>; Phase::ALL.len()],
    /// Redirects followed.
    pub redirects: u32,
    /// Bytes of the last body that were read; `None` when there was no response.
    pub body_bytes: Option<u64>,
    /// What TLS showed, of the last request; `None` without TLS, and when it was not reached.
    pub tls: Option<TlsOutcome>,
}

/// What a TLS handshake showed, as far as metrics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsOutcome {
    /// `TLS 1.3`, for one; `None` when the handshake did not end.
    pub version: Option<&'static str>,
    /// The cipher suite by its IANA name; `None` when the handshake did not end.
    pub cipher: Option<&'static str>,
    /// Unix time until which the leaf certificate is valid, also when it was rejected; `None` when none came.
    pub not_after: Option<i64>,
    /// The earliest such time of the chain as presented.
    pub chain_not_after: Option<i64>,
}
