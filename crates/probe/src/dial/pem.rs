//! Certificates and keys out of files, configurations and the system.

use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::client::VerifierBuilderError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

use crate::module::{Pem, Secret, SecretError};
use crate::regular_file;

/// Why certificates or a key cannot be used.
#[derive(Debug)]
pub enum TlsFileError {
    /// It cannot be read, or is not PEM.
    Unreadable(Source, pem::Error),
    /// There is no certificate in it.
    Empty(Source),
    /// A certificate in it, counted from 1, is not one that can be trusted.
    Invalid(Source, usize, rustls::Error),
    /// The system has no certificate that can be trusted; why, as far as it is known.
    NoSystemRoots(String),
    /// The authorities are none that certificates can be verified with.
    Roots(VerifierBuilderError),
    /// The client's key cannot be read.
    Key(SecretError),
    /// The client's key is no PEM key.
    NoKey(Source),
    /// The client's certificate, which is there, and its key do not go together.
    Identity(Source, rustls::Error),
    /// A client certificate without its key, or a key without its certificate.
    Half,
    /// No version of TLS is left between the lowest and the highest.
    NoVersion,
}

/// Where certificates stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the configuration.
    Inline,
    /// In a file.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline => f.write_str("tls_config of the module"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

impl std::fmt::Display for TlsFileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = "give a PEM file with one or more certificates";
        match self {
            Self::Unreadable(source, pem::Error::Io(error)) => write!(f, "{source}: {error}"),
            Self::Unreadable(source, error) => write!(f, "{source}: {error}; {hint}"),
            Self::Empty(source) => write!(f, "{source}: no certificate in it; {hint}"),
            Self::Invalid(source, n, error) => write!(f, "{source}: certificate {n}: {error}; {hint}"),
            Self::NoSystemRoots(why) => {
                write!(f, "the system has no certificate authorities{why}; install ca-certificates or name a CA file")
            }
            Self::Roots(error) => write!(f, "certificate authorities: {error}; {hint}"),
            Self::Key(error) => write!(f, "client key: {error}"),
            // What the parser says may quote the key.
            Self::NoKey(source) => {
                write!(f, "{source}: the client key is not one; give a PEM key (PKCS#8, PKCS#1 or SEC1), not encrypted")
            }
            Self::Identity(source, error) => {
                write!(f, "{source}: the client certificate cannot be used with its key: {error}; give two that match")
            }
            Self::Half => {
                f.write_str("a client certificate needs its key, and a key its certificate; give both or none")
            }
            Self::NoVersion => f.write_str("min_version is above max_version"),
        }
    }
}

impl std::error::Error for TlsFileError {}

pub(super) fn store(pem: &Pem) -> Result<RootCertStore, TlsFileError> {
    let mut store = RootCertStore::empty();
    for (n, certificate) in certificates(pem)?.into_iter().enumerate() {
        store.add(certificate).map_err(|error| TlsFileError::Invalid(source(pem), n + 1, error))?;
    }
    Ok(store)
}

pub(super) fn system_roots() -> Result<RootCertStore, TlsFileError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // As browsers do: what is odd in a system's list is left out.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(TlsFileError::NoSystemRoots(why));
    }
    Ok(store)
}

pub(super) fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let unreadable = |error| TlsFileError::Unreadable(source(pem), error);
    let found: Result<Vec<_>, _> = match pem {
        Pem::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        Pem::File(path) => {
            let bytes = regular_file::read(path).map_err(|error| unreadable(pem::Error::Io(error)))?;
            CertificateDer::pem_slice_iter(&bytes).collect()
        }
    };
    let found = found.map_err(unreadable)?;
    if found.is_empty() { Err(TlsFileError::Empty(source(pem))) } else { Ok(found) }
}

pub(super) fn source(pem: &Pem) -> Source {
    match pem {
        Pem::Text(_) => Source::Inline,
        Pem::File(path) => Source::File(path.clone()),
    }
}

pub(super) fn key_source(key: &Secret) -> Source {
    match key {
        Secret::Value(_) => Source::Inline,
        Secret::File(path) => Source::File(path.clone()),
        Secret::Env(name) => Source::Env(name.clone()),
    }
}
