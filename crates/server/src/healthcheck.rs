//! The subcommand `healthcheck`, for containers that hold nothing but this binary. It gets through every door that the server may have:
//! whatever its certificate is, without a password, and without a client certificate.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::cli::Flags;

const LIMIT: Duration = Duration::from_secs(2);

/// Asks the server on this machine for `/-/healthy`.
pub(crate) fn healthcheck(flags: &Flags) -> anyhow::Result<()> {
    let path = flags.paths.paths().of("/-/healthy");
    let mut last = None;
    for listen in &flags.listen.addresses {
        for address in listen.addresses_on_this_machine()? {
            // The web configuration may be another one since, so that the other way is tried too.
            let ways = if flags.web_config_file.is_some() { [true, false] } else { [false, true] };
            for (n, tls) in ways.into_iter().enumerate() {
                match ask(address, &path, tls) {
                    Ok(()) => return Ok(()),
                    // The way that was expected says more.
                    Err(error) if n == 0 => last = Some(error.context(format!("no healthy server on {address}"))),
                    Err(_) => {}
                }
            }
        }
    }
    Err(last.context("no address to ask")?)
}

fn ask(address: SocketAddr, path: &str, tls: bool) -> anyhow::Result<()> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = if tls {
        let connection = ClientConnection::new(Arc::new(tls_config()?), ServerName::from(address.ip()))?;
        match exchange(StreamOwned::new(connection, stream), &request) {
            Err(error) if wants_certificate(&error) => return Ok(()),
            answer => answer?,
        }
    } else {
        exchange(stream, &request)?
    };
    match answer.lines().next() {
        Some(line) if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        line => bail!("it answered {:?}", line.unwrap_or_default()),
    }
}

/// The first line of the answer, at least.
fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let (start, mut answer, mut buffer) = (Instant::now(), Vec::new(), [0; 512]);
    while !answer.contains(&b'\n') && answer.len() < 4096 && start.elapsed() < LIMIT {
        match stream.read(&mut buffer)? {
            0 => break,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A server that refuses this client for its certificate lives, and lets in whom it should.
fn wants_certificate(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let refused =
        [AlertDescription::CertificateRequired, AlertDescription::BadCertificate, AlertDescription::HandshakeFailure];
    matches!(error, Some(rustls::Error::AlertReceived(alert)) if refused.contains(alert))
}

fn tls_config() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))).with_no_client_auth())
}

/// The server's certificate is for others, and nothing secret is sent: whether it is valid is for `tls_expired` and its like to say.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
