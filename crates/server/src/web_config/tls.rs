//! `tls_server_config`: the server's certificate, whom it lets in by theirs, and how TLS is spoken.

use std::sync::Arc;

use probe::yaml::{Node, Problem, Section, shown};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::Reading;
use super::certificates::{Pem, untimely};
use super::clients::{Any, Named};
use super::versions::{narrowed, versions};

const KNOWN: [&str; 13] = [
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "cipher_suites",
    "curve_preferences",
    "min_version",
    "max_version",
    "prefer_server_cipher_suites",
    "client_allowed_sans",
];

/// Without one of them there is no TLS, as in the toolkit.
const MAKE_TLS: [&str; 7] = ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"];

/// What clients are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Any { mandatory: bool },
    Verified { mandatory: bool },
}

const CLIENT_AUTH_TYPES: [(&str, Asked); 6] = [
    ("NoClientCert", Asked::Nothing),
    ("RequestClientCert", Asked::Any { mandatory: false }),
    ("RequireAnyClientCert", Asked::Any { mandatory: true }),
    // What the first versions of the toolkit called it.
    ("RequireClientCert", Asked::Any { mandatory: true }),
    ("VerifyClientCertIfGiven", Asked::Verified { mandatory: false }),
    ("RequireAndVerifyClientCert", Asked::Verified { mandatory: true }),
];

/// Each has its own sessions: nobody resumes one that another configuration let him have.
pub(super) fn read(node: &Node, reading: &mut Reading<'_>) -> Result<Option<Arc<ServerConfig>>, Problem> {
    let section = Section::new("tls_server_config", node, &KNOWN)?;
    let prefers = section.flag("prefer_server_cipher_suites")?.unwrap_or(true);
    let mut versions = versions(&section, reading)?;
    let provider = rustls::crypto::ring::default_provider();
    let provider = Arc::new(narrowed(&section, provider, &mut versions, reading)?);
    let mut given = false;
    for option in MAKE_TLS {
        given |= section.text(option)?.is_some();
    }
    if !given {
        return Ok(None);
    }
    let missing = |option: &str| {
        Problem::new(node.position(), format!("tls_server_config has no {option}; add {option} or {option}_file"))
    };
    let certificate = Pem::read(&section, "cert", reading)?.ok_or_else(|| missing("cert"))?;
    let key = Pem::read(&section, "key", reading)?.ok_or_else(|| missing("key"))?;
    let chain = certificate.certificates()?;
    if let Some(why) = chain.first().and_then(untimely) {
        reading.warn(certificate.wrong(why));
    }
    let verifier = verifier(&section, &provider, reading)?;
    let config = ServerConfig::builder_with_provider(provider);
    let impossible =
        |error| Problem::new(node.position(), format!("tls_server_config: {error}; check its versions and suites"));
    let config = config.with_protocol_versions(&versions).map_err(impossible)?;
    let config = match verifier {
        None => config.with_no_client_auth(),
        Some(verifier) => config.with_client_cert_verifier(verifier),
    };
    let mismatch = |error| match error {
        rustls::Error::InconsistentKeys(_) => {
            key.wrong("belongs to another certificate; give two that belong together")
        }
        error => key.wrong(&format!("cannot be used with the certificate: {error}; give two that belong together")),
    };
    let mut config = config.with_single_cert(chain, key.key()?).map_err(mismatch)?;
    config.ignore_client_order = prefers;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(config.into()))
}

/// `client_auth_type`, `client_ca` and `client_allowed_sans`.
fn verifier(
    section: &Section<'_>,
    provider: &Arc<CryptoProvider>,
    reading: &mut Reading<'_>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Problem> {
    let (at, asked) = match section.text("client_auth_type")? {
        None => (section.key("client_auth_type"), Asked::Nothing),
        Some((at, text)) => {
            let known = CLIENT_AUTH_TYPES.iter().find(|(name, _)| *name == text);
            let names = CLIENT_AUTH_TYPES.map(|(name, _)| name).join(", ");
            let unknown =
                || Problem::new(at, format!("client_auth_type {} is unknown; write one of {names}", shown(text)));
            (at, known.ok_or_else(unknown)?.1)
        }
    };
    let authorities = Pem::read(section, "client_ca", reading)?;
    let names = section.texts("client_allowed_sans")?;
    let inner: Arc<dyn ClientCertVerifier> = match (asked, authorities) {
        (Asked::Nothing, Some(authorities)) => {
            let why = "authorities for certificates that nobody is asked for; add client_auth_type: RequireAndVerifyClientCert";
            return Err(authorities.wrong(why));
        }
        (Asked::Nothing, None) => {
            // Who wrote them thinks that the others stay outside.
            return if section.get("client_allowed_sans").is_some() { Err(names_of_nobody(section)) } else { Ok(None) };
        }
        // They say nothing where nothing is verified, as in the toolkit.
        (Asked::Any { mandatory }, _) => Arc::new(Any { provider: provider.clone(), mandatory }),
        (Asked::Verified { mandatory }, Some(authorities)) => {
            let mut roots = RootCertStore::empty();
            for certificate in authorities.certificates()? {
                let wrong = |error| authorities.wrong(&format!("a certificate of no authority: {error}; take it out"));
                roots.add(certificate).map_err(wrong)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
            let verifier = if mandatory { verifier } else { verifier.allow_unauthenticated() };
            verifier
                .build()
                .map_err(|error| authorities.wrong(&format!("{error}; write PEM certificates of authorities")))?
        }
        (Asked::Verified { .. }, None) => {
            let why =
                "client_auth_type wants certificates verified, and there is no authority for them; add client_ca_file";
            return Err(Problem::new(at, why));
        }
    };
    if section.get("client_allowed_sans").is_none() {
        return Ok(Some(inner));
    }
    if !inner.client_auth_mandatory() {
        return Err(names_of_nobody(section));
    }
    let names = names.into_iter().map(|(_, name)| name.to_owned()).collect();
    Ok(Some(Arc::new(Named { inner, names })))
}

fn names_of_nobody(section: &Section<'_>) -> Problem {
    let message = "client_allowed_sans where clients may come without a certificate; \
         add client_auth_type: RequireAndVerifyClientCert";
    Problem::new(section.key("client_allowed_sans"), message)
}
