//! From a TCP connection to a TLS session: which certificates it trusts, and what it saw of them.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use actix_rt::net::TcpStream;
use metrics_core::Reason;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CipherSuite, ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::chains::{Chains, Judged};
use super::pem::{TlsFileError, certificates, key_source, source, store, system_roots};
use crate::failure::{self, Failed};
use crate::module::{Module, Pem, TlsVersion};
use crate::report::Tls;

/// Which certificate authorities are trusted where a module names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those of Mozilla's list, compiled in.
    BuiltIn,
    /// Those that the system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.
    System,
    /// Those in a PEM file, and no others, as curl's `--cacert`.
    File(PathBuf),
}

/// What all handshakes of a module have in common.
#[derive(Debug, Clone)]
pub(crate) struct TlsClient {
    /// Each handshake is a full one: a resumed session would show no certificate.
    config: ClientConfig,
    chains: Arc<Chains>,
    insecure_skip_verify: bool,
}

impl TlsClient {
    /// Reads the certificates that `module` names.
    pub(crate) fn new(module: &Module, roots: &Roots) -> Result<Self, TlsFileError> {
        let tls = &module.tls_config;
        let authorities = match &tls.ca {
            Some(pem) => store(pem)?,
            None if tls.system_roots => system_roots()?,
            None => match roots {
                Roots::BuiltIn => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
                Roots::System => system_roots()?,
                Roots::File(path) => store(&Pem::File(path.clone()))?,
            },
        };
        let from = tls.min_version.unwrap_or(TlsVersion::Tls12);
        let to = tls.max_version.unwrap_or(TlsVersion::Tls13);
        let versions = [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)];
        let versions = versions.into_iter().filter(|(version, _)| (from..=to).contains(version));
        let versions: Vec<_> = versions.map(|(_, version)| version).collect();
        if versions.is_empty() {
            return Err(TlsFileError::NoVersion);
        }
        // The provider is named, so that another crate's choice of a process-wide default is no concern.
        let provider = Arc::new(provider());
        let authorities = Arc::new(authorities);
        let verifier = WebPkiServerVerifier::builder_with_provider(authorities.clone(), provider.clone());
        let verifier = verifier.build().map_err(TlsFileError::Roots)?;
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .expect("ring supports every version that is asked for")
            .with_webpki_verifier(verifier.clone());
        let mut config = match (&tls.cert, &tls.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(secret)) => {
                let chain = certificates(cert)?;
                let text = secret.text().map_err(TlsFileError::Key)?;
                let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
                let key = key.map_err(|_| TlsFileError::NoKey(key_source(secret)))?;
                let identity = builder.with_client_auth_cert(chain, key);
                identity.map_err(|error| TlsFileError::Identity(source(cert), error))?
            }
            _ => return Err(TlsFileError::Half),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = if module.enable_http2 { vec![b"h2".to_vec()] } else { Vec::new() };
        config.alpn_protocols.push(b"http/1.1".to_vec());
        let chains = Arc::new(Chains::new(verifier, authorities, provider));
        Ok(Self { config, chains, insecure_skip_verify: tls.insecure_skip_verify })
    }

    /// Shakes hands as a client that means `host`, or `name` where there is one. What is seen goes into `seen`, however it
    /// ends: a certificate that is rejected is seen too, since the verdict on it is not given to TLS but kept until the
    /// handshake is through.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        host: &Host<&str>,
        name: Option<&str>,
        deadline: Instant,
        seen: &mut Tls,
    ) -> Result<TlsStream<TcpStream>, Failed> {
        let name = server_name(host, name)?;
        let witness = Arc::new(Witness { chains: self.chains.clone(), testimony: OnceLock::new() });
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(witness.clone());
        let ended = timeout_at(deadline, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        let mut rejected = None;
        if let Some(Judged { certificates, verdict, trusted_until }) = witness.testimony.get() {
            (seen.chain, seen.trusted_until) = (certificates.clone(), *trusted_until);
            rejected = verdict.as_ref().err();
        }
        seen.rejected = rejected.map(ToString::to_string);
        let stream = match (ended, rejected) {
            (Err(_), _) => return Err(Failed::new(Reason::TlsTimeout, "the handshake did not end in time")),
            // Whatever ended it afterwards: this is what is wrong.
            (Ok(Err(_)), Some(error)) if !self.insecure_skip_verify => return Err(failure::certificate(error)),
            (Ok(Err(error)), _) => return Err(failure::tls(&error)),
            (Ok(Ok(stream)), _) => stream,
        };
        let connection = stream.get_ref().1;
        seen.version = connection.protocol_version().map(version);
        seen.cipher = connection.negotiated_cipher_suite().and_then(|suite| cipher(suite.suite()));
        match rejected {
            Some(error) if !self.insecure_skip_verify => Err(failure::certificate(error)),
            _ => Ok(stream),
        }
    }
}

/// ring's, with AES-128 before AES-256, as browsers have it: it is good for longer than any certificate, and takes less time.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    let is_128 = |suite: CipherSuite| suite.as_str().is_some_and(|name| name.contains("AES_128"));
    provider.cipher_suites.sort_by_key(|suite| !is_128(suite.suite()));
    provider
}

fn server_name(host: &Host<&str>, name: Option<&str>) -> Result<ServerName<'static>, Failed> {
    let parsed = match (name, host) {
        (Some(name), _) => ServerName::try_from(name.to_owned()),
        // A dot at the end says that the name is whole, and is no part of it in a certificate.
        (None, Host::Domain(name)) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()),
        (None, Host::Ipv4(ip)) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
        (None, Host::Ipv6(ip)) => Ok(ServerName::from(std::net::IpAddr::from(*ip))),
    };
    let named = name.map_or_else(|| host.to_string(), str::to_owned);
    parsed.map_err(|error| Failed::new(Reason::TlsHandshake, format!("{named} cannot be asked for in TLS: {error}")))
}

fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "unknown",
    }
}

/// The IANA name. rustls calls the suites of TLS 1.3 `TLS13_…`.
fn cipher(suite: CipherSuite) -> Option<&'static str> {
    let name = suite.as_str()?;
    Some(match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        _ => name,
    })
}

/// Sees the chain that is presented and lets the handshake go on, so that version and cipher are known whatever the
/// chain is worth. Who uses it must look at the verdict before anything is sent.
#[derive(Debug)]
struct Witness {
    chains: Arc<Chains>,
    testimony: OnceLock<Judged>,
}

impl Witness {
    /// That the peer has the certificate's key matters only where the certificate does.
    fn signature(
        &self,
        verified: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.testimony.get() {
            Some(Judged { verdict: Err(_), .. }) => Ok(HandshakeSignatureValid::assertion()),
            _ => verified,
        }
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.testimony.get_or_init(|| self.chains.judge(leaf, others, name, ocsp, now));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(self.chains.verifier().verify_tls12_signature(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(self.chains.verifier().verify_tls13_signature(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.verifier().supported_verify_schemes()
    }
}
