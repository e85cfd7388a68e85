//! Why a step of a run failed: a reason from the closed set, found by type and never by message, and the words for people.

use std::io;

use actix_http::error::{ParseError, PayloadError};
use awc::error::{ConnectError, SendRequestError};
use metrics_core::Reason;

/// A step that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    /// For people, on one line: what a peer said stands in it only as Debug writes it.
    pub(crate) detail: String,
}

impl Failed {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Of the TCP connection.
pub(crate) fn connect(error: &io::Error) -> Failed {
    use io::ErrorKind as Kind;
    let reason = match error.kind() {
        Kind::ConnectionRefused => Reason::ConnectRefused,
        // Who is not there refuses. This one took the connection, and reset it before we had looked.
        Kind::ConnectionReset => Reason::ConnectionClosed,
        Kind::TimedOut => Reason::ConnectTimeout,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable
        | Kind::InvalidInput
        | Kind::PermissionDenied => Reason::ConnectUnreachable,
        _ => Reason::Internal,
    };
    Failed::new(reason, error.to_string())
}

/// Of the TLS handshake. A peer that hangs up during it fails this step.
pub(crate) fn tls(error: &io::Error) -> Failed {
    Failed::new(Reason::TlsHandshake, error.to_string())
}

/// Of the certificate, by what its verification says.
pub(crate) fn certificate(error: &rustls::Error) -> Failed {
    use rustls::{CertificateError as Certificate, Error};
    let reason = match error {
        Error::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => Reason::TlsExpired,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Reason::TlsNotYetValid,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Reason::TlsWrongName,
            _ => Reason::TlsUntrusted,
        },
        _ => Reason::TlsHandshake,
    };
    Failed::new(reason, error.to_string())
}

/// Of the request and the head of the response. `goaway` is the code with which the peer ended HTTP/2, where it did.
pub(crate) fn head(error: &SendRequestError, goaway: Option<u32>) -> Failed {
    if let Some(code) = goaway {
        return Failed::new(Reason::Protocol, format!("the peer ended HTTP/2: {}", h2::Reason::from(code)));
    }
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Response(ParseError::Incomplete) => {
            Failed::new(Reason::ConnectionClosed, "closed before the end of the head")
        }
        SendRequestError::Connect(ConnectError::Io(error))
        | SendRequestError::Send(error)
        | SendRequestError::Response(ParseError::Io(error)) => broken_before_head(error),
        SendRequestError::Connect(ConnectError::H2(error)) | SendRequestError::H2(error) => match error.get_io() {
            Some(error) => broken_before_head(error),
            None => Failed::new(Reason::Protocol, error.to_string()),
        },
        // awc's own limits.
        SendRequestError::Response(ParseError::TooLarge) => {
            Failed::new(Reason::Protocol, "the head has more than 96 headers or 128 KiB")
        }
        SendRequestError::Response(error) => Failed::new(Reason::Protocol, format!("not HTTP: {error}")),
        _ => Failed::new(Reason::Internal, error.to_string()),
    }
}

/// Of the body of the response. `short`: more was announced than has come, over HTTP/2.
pub(crate) fn body(error: &PayloadError, short: bool) -> Failed {
    let io = match error {
        PayloadError::Incomplete(Some(error)) | PayloadError::Io(error) => Some(error),
        PayloadError::Http2Payload(error) => error.get_io(),
        _ => None,
    };
    let reason = match (io.map(io::Error::kind), error) {
        // A chunk size that is none, or a broken TLS record.
        (Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData), _) => Reason::Protocol,
        (Some(_), _) | (None, PayloadError::Incomplete(None)) => Reason::BodyTruncated,
        // The library holds Content-Length against the end of the stream.
        (None, PayloadError::Http2Payload(error)) if short && error.is_library() => Reason::BodyTruncated,
        (None, _) => Reason::Protocol,
    };
    let detail = match (io, error) {
        (Some(error), _) => format!("broken within the body: {error}"),
        (None, PayloadError::Incomplete(None)) => "closed within the body".to_owned(),
        (None, error) => error.to_string(),
    };
    Failed::new(reason, detail)
}

/// Whether the peer has reset a stream of HTTP/2 without fault.
pub(crate) fn is_no_error(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Http2Payload(error) if error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR))
}

/// In TLS 1.3 a peer may refuse the client's side of a handshake (no client certificate, for one) only after the client
/// has sent its request.
fn broken_before_head(error: &io::Error) -> Failed {
    // `io::Error::source()` passes over its own payload, which is where tokio-rustls puts the error.
    match error.get_ref().and_then(|within| within.downcast_ref::<rustls::Error>()) {
        Some(error @ rustls::Error::AlertReceived(_)) => Failed::new(Reason::TlsHandshake, error.to_string()),
        Some(error) => Failed::new(Reason::Protocol, format!("broken TLS: {error}")),
        None => Failed::new(Reason::ConnectionClosed, format!("broken before the end of the head: {error}")),
    }
}
