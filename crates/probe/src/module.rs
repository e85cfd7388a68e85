//! What a module says: how to ask, and what to expect of the answer. The words are blackbox_exporter's, of its http prober.

mod secret;
mod status;
mod yaml;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use awc::http::header::HeaderName;
use awc::http::{Method, Version};
use ipnet::IpNet;
use regex::bytes::Regex;

pub use secret::{Secret, SecretError};
pub use status::StatusCodes;
pub(crate) use yaml::quoted;

/// How to ask, and what to expect. [`Module::default`] is a GET that follows redirects and wants a 2xx status:
/// blackbox_exporter's `http_2xx`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the options of the format, each by itself")]
pub struct Module {
    /// For the whole run, where the module says one.
    pub timeout: Option<Duration>,
    /// Of the request. Default: GET.
    pub method: Method,
    /// Sent with the request. `Host` replaces the name in the URL, also in TLS.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Sent with the request.
    pub body: Option<Secret>,
    /// How the body of the response must be encoded, and is decoded. Default: it is taken as it comes.
    pub compression: Option<Compression>,
    /// Whether redirects are followed, at most ten. Default: they are.
    pub follow_redirects: bool,
    /// Where redirects may lead. Default: anywhere.
    pub redirect_policy: RedirectPolicy,
    /// Whether HTTP/2 is offered in TLS. Default: it is.
    pub enable_http2: bool,
    /// Default: 2xx.
    pub valid_status_codes: StatusCodes,
    /// Default: any.
    pub valid_http_versions: Vec<Version>,
    /// Fail if the last response came over TLS.
    pub fail_if_ssl: bool,
    /// Fail unless the last response came over TLS.
    pub fail_if_not_ssl: bool,
    /// Fail if a value of this header matches.
    pub fail_if_header_matches: Vec<HeaderMatch>,
    /// Fail unless a value of this header matches.
    pub fail_if_header_not_matches: Vec<HeaderMatch>,
    /// Fail if the body matches.
    pub fail_if_body_matches_regexp: Vec<Regex>,
    /// Fail unless the body matches.
    pub fail_if_body_not_matches_regexp: Vec<Regex>,
    /// Bytes of the body, decoded; a larger one fails.
    pub body_size_limit: Option<u64>,
    /// Addresses of this family are tried first. Default: in the order of the system (RFC 6724).
    pub preferred_ip_protocol: Option<IpProtocol>,
    /// Whether addresses of the other family are tried too. Default: they are.
    pub ip_protocol_fallback: bool,
    /// Where connections come from.
    pub source_ip_address: Option<IpAddr>,
    /// Sent as `Authorization: Basic`.
    pub basic_auth: Option<BasicAuth>,
    /// Sent as `Authorization`.
    pub authorization: Option<Authorization>,
    /// Whom to trust, and who we are.
    pub tls_config: TlsConfig,
}

impl Default for Module {
    fn default() -> Self {
        Self {
            timeout: None,
            method: Method::GET,
            headers: Vec::new(),
            body: None,
            compression: None,
            follow_redirects: true,
            redirect_policy: RedirectPolicy::default(),
            enable_http2: true,
            valid_status_codes: StatusCodes::default(),
            valid_http_versions: Vec::new(),
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            fail_if_header_matches: Vec::new(),
            fail_if_header_not_matches: Vec::new(),
            fail_if_body_matches_regexp: Vec::new(),
            fail_if_body_not_matches_regexp: Vec::new(),
            body_size_limit: None,
            preferred_ip_protocol: None,
            ip_protocol_fallback: true,
            source_ip_address: None,
            basic_auth: None,
            authorization: None,
            tls_config: TlsConfig::default(),
        }
    }
}

impl Module {
    /// Whether a run has to read files.
    pub(crate) fn reads_files(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        let basic = self.basic_auth.iter().flat_map(|basic| [&basic.username, &basic.password]);
        let token = self.authorization.iter().map(|authorization| &authorization.credentials);
        headers.chain(basic).chain(token).chain(&self.body).any(|secret| matches!(secret, Secret::File(_)))
    }
}

/// How a body is encoded (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `gzip`
    Gzip,
    /// `deflate`: with the zlib header that the RFC demands, or without, as some servers send it and blackbox_exporter reads it.
    Deflate,
    /// `br`
    Brotli,
    /// `identity`
    Identity,
}

impl Compression {
    /// As it is written, in HTTP too.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Identity => "identity",
        }
    }
}

/// Where redirects may lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RedirectPolicy {
    /// Anywhere.
    #[default]
    Any,
    /// To addresses of the public internet and those listed here, on the ports 80 and 443 and the target's own.
    Public(Vec<IpNet>),
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpProtocol {
    /// `ip4`
    Ip4,
    /// `ip6`
    Ip6,
}

/// A header, and an expression for its values.
#[derive(Debug, Clone)]
pub struct HeaderMatch {
    /// Its name.
    pub header: HeaderName,
    /// What is looked for, anywhere in a value.
    pub regexp: Regex,
    /// Whether a response without the header passes.
    pub allow_missing: bool,
}

/// A user name and a password.
#[derive(Debug, Clone)]
pub struct BasicAuth {
    /// The name.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// Credentials of another scheme than Basic.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The scheme. Default: Bearer.
    pub scheme: String,
    /// The token.
    pub credentials: Secret,
}

/// Whom to trust, and who we are.
#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    /// Certificate authorities, PEM. Default: those that [`Client::new`](crate::Client::new) is given.
    pub ca: Option<Pem>,
    /// Our certificate and its chain, PEM.
    pub cert: Option<Pem>,
    /// Its key, PEM.
    pub key: Option<Secret>,
    /// The name in SNI and in the certificate. Default: the host of the URL.
    pub server_name: Option<String>,
    /// Go on whatever is wrong with the certificate. What is wrong is still reported.
    pub insecure_skip_verify: bool,
    /// The lowest version that is offered.
    pub min_version: Option<TlsVersion>,
    /// The highest version that is offered.
    pub max_version: Option<TlsVersion>,
    /// Trust what the system trusts, instead of the built-in roots.
    pub system_roots: bool,
}

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pem {
    /// Themselves.
    Text(String),
    /// In a file.
    File(PathBuf),
}

/// A version of TLS that rustls speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS12`
    Tls12,
    /// `TLS13`
    Tls13,
}
