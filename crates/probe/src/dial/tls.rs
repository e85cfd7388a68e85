//! From a TCP connection to a TLS session, and which certificates it trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_rt::net::TcpStream;
use metrics_core::Reason;
use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::failure::Failure;

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those of Mozilla's list, compiled in.
    BuiltIn,
    /// Those in a PEM file, and no others, as curl's `--cacert`.
    File(PathBuf),
}

/// Why a file of certificate authorities cannot be used.
#[derive(Debug)]
pub enum RootsError {
    /// It cannot be read, or is not PEM.
    Unreadable(PathBuf, pem::Error),
    /// There is no certificate in it.
    Empty(PathBuf),
    /// A certificate in it, counted from 1, is not one that can be trusted.
    Invalid(PathBuf, usize, rustls::Error),
}

impl std::fmt::Display for RootsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = "give a PEM file with one or more certificates";
        match self {
            Self::Unreadable(path, pem::Error::Io(error)) => {
                write!(f, "{}: {error}; check that the file exists and may be read", path.display())
            }
            Self::Unreadable(path, error) => write!(f, "{}: {error}; {hint}", path.display()),
            Self::Empty(path) => write!(f, "{}: no certificate in it; {hint}", path.display()),
            Self::Invalid(path, n, error) => write!(f, "{}: certificate {n}: {error}; {hint}", path.display()),
        }
    }
}

impl std::error::Error for RootsError {}

/// The configuration of all handshakes. Each is a full one: a resumed session would show no certificate.
pub(crate) fn config(roots: &Roots) -> Result<Arc<ClientConfig>, RootsError> {
    let store = match roots {
        Roots::BuiltIn => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Roots::File(path) => read_roots(path)?,
    };
    // The provider is named, so that another crate's choice of a process-wide default is no concern.
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions of TLS");
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_roots(path: &Path) -> Result<RootCertStore, RootsError> {
    let unreadable = |error| RootsError::Unreadable(path.to_owned(), error);
    let mut store = RootCertStore::empty();
    for (n, certificate) in CertificateDer::pem_file_iter(path).map_err(unreadable)?.enumerate() {
        let added = store.add(certificate.map_err(unreadable)?);
        added.map_err(|error| RootsError::Invalid(path.to_owned(), n + 1, error))?;
    }
    if store.is_empty() { Err(RootsError::Empty(path.to_owned())) } else { Ok(store) }
}

/// Shakes hands as a client that means `host`.
pub(crate) async fn handshake(
    stream: TcpStream,
    host: &Host<&str>,
    config: &Arc<ClientConfig>,
    deadline: Instant,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()),
        Host::Ipv4(ip) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
        Host::Ipv6(ip) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
    };
    let name = name.map_err(|error| Failure::new(Reason::TlsHandshake, error.to_string()))?;
    match timeout_at(deadline, TlsConnector::from(config.clone()).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Failure::tls(&error)),
        Err(_) => Err(Failure::new(Reason::TlsTimeout, "the handshake did not end in time")),
    }
}
