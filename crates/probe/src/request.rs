//! What is sent: a module's request, and what becomes of it when it is redirected.

use awc::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use awc::http::{Method, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cookie_store::CookieStore;
use metrics_core::Reason;
use url::Url;

use crate::failure::Failed;
use crate::module::{Compression, Module, SecretError};

const USER_AGENT: &str = concat!("actix-exporter/", env!("CARGO_PKG_VERSION"));

/// Headers whose values are no secrets: they come back in many an answer.
const HARMLESS: [HeaderName; 6] = [
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::CONNECTION,
];
/// What is shorter is a word that may stand anywhere.
const SHORTEST_SECRET: usize = 4;
/// The same of a part of one.
const SHORTEST_WORD: usize = 6;

/// The request of a run, with its secrets, so it lives no longer than the run.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) body: Option<Vec<u8>>,
    /// Where the run began: what is meant for its host goes to no other.
    first: Url,
    /// In place of the host in the URL.
    host: Option<String>,
    /// In place of the host in TLS.
    server_name: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cookies: CookieStore,
    /// What must not be shown where it comes back, the longest first.
    secrets: Vec<String>,
}

impl Request {
    /// Reads the module's secrets, which may be in files.
    pub(crate) fn new(module: &Module, first: Url) -> Result<Self, Failed> {
        let mut host = None;
        let mut headers = Vec::new();
        let mut secrets: Vec<_> = first.query_pairs().map(|(_, value)| value.into_owned()).collect();
        // As it is written, too.
        secrets.extend(first.query().into_iter().flat_map(|query| query.split(['=', '&'])).map(str::to_owned));
        for (name, value) in &module.headers {
            let value = value.text().map_err(|error| unreadable(&format!("header {name}"), &error))?;
            if name == header::HOST {
                host = Some(value);
            } else {
                headers.push((name.clone(), header_value(name, &value)?));
                if !HARMLESS.contains(name) {
                    secrets.extend(with_words(value));
                }
            }
        }
        if let Some(basic) = &module.basic_auth {
            let read = |secret: &crate::Secret| secret.text().map_err(|error| unreadable("basic_auth", &error));
            let (user, password) = (read(&basic.username)?, read(&basic.password)?);
            let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
            let value = format!("Basic {encoded}");
            secrets.extend([user, password, encoded]);
            headers.push((header::AUTHORIZATION, header_value(&header::AUTHORIZATION, &value)?));
        }
        if let Some(authorization) = &module.authorization {
            let credentials = authorization.credentials.text();
            let credentials = credentials.map_err(|error| unreadable("authorization", &error))?;
            let value = format!("{} {credentials}", authorization.scheme);
            secrets.push(credentials);
            headers.push((header::AUTHORIZATION, header_value(&header::AUTHORIZATION, &value)?));
        }
        let default = |name: HeaderName, value: &'static str| {
            let given = headers.iter().any(|(given, _)| *given == name);
            (!given).then(|| (name, HeaderValue::from_static(value)))
        };
        let accepted = module.compression.map(Compression::as_str);
        let defaults = [
            default(header::USER_AGENT, USER_AGENT),
            default(header::ACCEPT, "*/*"),
            accepted.and_then(|accepted| default(header::ACCEPT_ENCODING, accepted)),
        ];
        headers.extend(defaults.into_iter().flatten());
        let body = module.body.as_ref().map(|body| body.bytes().map_err(|error| unreadable("body", &error)));
        let body = body.transpose()?;
        secrets.extend(body.as_deref().and_then(|body| str::from_utf8(body).ok()).into_iter().flat_map(with_words));
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self {
            method: module.method.clone(),
            body,
            secrets,
            first,
            server_name: module.tls_config.server_name.clone().or_else(|| host.as_deref().map(without_port)),
            host,
            headers,
            cookies: CookieStore::default(),
        })
    }

    /// What must not be shown where it comes back, the longest first.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// Host and port as in the Host header: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self, url: &Url) -> String {
        if let Some(host) = self.host.as_ref().filter(|_| self.is_first_host(url)) {
            return host.clone();
        }
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The name to mean in TLS, where it is not the URL's.
    pub(crate) fn tls_name(&self, url: &Url) -> Option<&str> {
        self.server_name.as_deref().filter(|_| self.is_first_host(url))
    }

    /// All headers but Host. What the module sends goes to the host that it is meant for and those below it, and never in
    /// clear text where it began in TLS; another host learns only what a browser would tell it.
    pub(crate) fn headers(&self, url: &Url) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let trusted = self.is_trusted(url);
        let told = [header::USER_AGENT, header::ACCEPT, header::ACCEPT_ENCODING, header::ACCEPT_LANGUAGE];
        let given = self.headers.iter().filter(move |(name, _)| trusted || told.contains(name));
        given.cloned().chain(self.cookie(url))
    }

    fn cookie(&self, url: &Url) -> Option<(HeaderName, HeaderValue)> {
        let pairs = self.cookies.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs = pairs.collect::<Vec<_>>().join("; ");
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs).ok().map(|value| (header::COOKIE, value)) }
    }

    /// Becomes the request that follows a redirect (RFC 9110, section 15.4) from one URL to another.
    pub(crate) fn redirected(&mut self, status: StatusCode, answer: &HeaderMap, from: &Url) {
        let cookies = answer.get_all(header::SET_COOKIE).filter_map(|cookie| cookie.to_str().ok());
        for cookie in cookies {
            // A cookie that is none is left out, as browsers do.
            let _ = self.cookies.parse(cookie, from);
        }
        let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if !keeps_method {
            if self.method != Method::HEAD {
                self.method = Method::GET;
            }
            self.body = None;
            let of_body = [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE];
            self.headers.retain(|(name, _)| !of_body.contains(name));
        }
    }

    fn is_first_host(&self, url: &Url) -> bool {
        url.host() == self.first.host() && url.port_or_known_default() == self.first.port_or_known_default()
    }

    fn is_trusted(&self, url: &Url) -> bool {
        let (Some(host), Some(first)) = (url.host_str(), self.first.host_str()) else { return false };
        let below = host.strip_suffix(first).is_some_and(|rest| rest.ends_with('.'));
        let downgraded = self.first.scheme() == "https" && url.scheme() == "http";
        (host == first || url.domain().is_some() && below) && !downgraded
    }
}

/// A text, and its words: who says what he was told may take it apart, or put it into quotes.
fn with_words(text: impl Into<String>) -> Vec<String> {
    let text = text.into();
    let of_word = |c: char| c.is_alphanumeric() || "-._~+/@".contains(c);
    let words = text.split(|c| !of_word(c)).filter(|word| word.len() >= SHORTEST_WORD).map(str::to_owned);
    words.chain([text.clone()]).collect()
}

fn without_port(authority: &str) -> String {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let host = if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority };
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn unreadable(what: &str, error: &SecretError) -> Failed {
    Failed::new(Reason::Internal, format!("{what}: {error}"))
}

/// Marked as one that must not be shown: awc logs requests at its finest level.
fn header_value(name: &HeaderName, value: &str) -> Result<HeaderValue, Failed> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Failed::new(Reason::Internal, format!("header {name}: its value has a control character in it"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}
