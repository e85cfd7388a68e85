//! Why a step of a run failed: a reason from the closed set, found by type and never by message, and the words for people.

use std::io;

use actix_http::error::{ParseError, PayloadError};
use awc::error::{ConnectError, SendRequestError};
use metrics_core::Reason;

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    /// For people, on one line: what a peer said stands in it only as Debug writes it.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// Of the TCP connection.
    pub(crate) fn connect(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let reason = match error.kind() {
            Kind::ConnectionRefused | Kind::ConnectionReset => Reason::ConnectRefused,
            Kind::TimedOut => Reason::ConnectTimeout,
            Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::AddrNotAvailable
            | Kind::InvalidInput
            | Kind::PermissionDenied => Reason::ConnectUnreachable,
            _ => Reason::Internal,
        };
        Self::new(reason, error.to_string())
    }

    /// Of the TLS handshake. A peer that hangs up during it fails this step.
    pub(crate) fn tls(error: &io::Error) -> Self {
        use rustls::{CertificateError as Certificate, Error};
        let reason = match tls_error(error) {
            Some(Error::InvalidCertificate(certificate)) => match certificate {
                Certificate::Expired | Certificate::ExpiredContext { .. } => Reason::TlsExpired,
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Reason::TlsNotYetValid,
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Reason::TlsWrongName,
                _ => Reason::TlsUntrusted,
            },
            _ => Reason::TlsHandshake,
        };
        Self::new(reason, error.to_string())
    }

    /// Of the request and the head of the response.
    pub(crate) fn head(error: &SendRequestError) -> Self {
        let reason = match error {
            SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Send(_) => {
                Reason::ConnectionClosed
            }
            SendRequestError::Connect(ConnectError::Io(error)) => broken_before_head(error),
            SendRequestError::Response(error) => match error {
                ParseError::Io(error) => broken_before_head(error),
                ParseError::Incomplete => Reason::ConnectionClosed,
                _ => Reason::Protocol,
            },
            _ => Reason::Internal,
        };
        Self::new(reason, error.to_string())
    }

    /// Of the body of the response.
    pub(crate) fn body(error: &PayloadError) -> Self {
        let io = match error {
            PayloadError::Incomplete(Some(error)) | PayloadError::Io(error) => Some(error),
            _ => None,
        };
        let reason = match (io.map(io::Error::kind), error) {
            // A chunk size that is none, or a broken TLS record.
            (Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData), _) => Reason::Protocol,
            (Some(_), _) | (None, PayloadError::Incomplete(None)) => Reason::BodyTruncated,
            (None, _) => Reason::Protocol,
        };
        Self::new(reason, error.to_string())
    }
}

/// In TLS 1.3 a peer may refuse the client's side of a handshake (no client certificate, for one) only after the client
/// has sent its request.
fn broken_before_head(error: &io::Error) -> Reason {
    if tls_error(error).is_some() { Reason::TlsHandshake } else { Reason::ConnectionClosed }
}

/// `io::Error::source()` passes over its own payload, which is where tokio-rustls puts the error.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
