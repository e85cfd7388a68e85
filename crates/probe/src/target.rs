//! What to ask, and how often.

use std::sync::Arc;
use std::time::Duration;

use metrics_core::TargetConfig;
use url::Url;

use crate::client::Client;

/// What one run asks.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Where the run starts. Made by [`parse_url`].
    pub url: Url,
    /// For the whole run: look-up, connection, handshake, all redirects and the body.
    pub timeout: Duration,
    /// How it asks, and what it expects.
    pub client: Arc<Client>,
}

/// Something that is asked again and again.
#[derive(Debug, Clone)]
pub struct Target {
    /// Label `target` of its metrics. No two targets have the same.
    pub name: String,
    /// What its runs ask.
    pub spec: Spec,
    /// The name of the module that says how, to be shown.
    pub module: String,
    /// Between the starts of two runs; at least the timeout.
    pub interval: Duration,
    /// From which on a run that succeeds is slow.
    pub slow_after: Option<Duration>,
    /// Further labels of its series.
    pub labels: Vec<(String, String)>,
    /// How much of its runs is exposed.
    pub metrics: Detail,
}

/// How much of the runs of a target is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Runs as a whole.
    Totals,
    /// Their phases too: some sixty series more.
    #[default]
    Phases,
}

impl Target {
    /// Its URL for all to see. Keys stand in queries, which are left out.
    pub fn shown_url(&self) -> String {
        let url = &self.spec.url;
        let hidden = if url.query().is_some() { "?…" } else { "" };
        format!("{}{hidden}", url.as_str().split(['?', '#']).next().unwrap_or_default())
    }

    /// As metrics know it.
    pub fn metrics_config(&self) -> TargetConfig {
        TargetConfig {
            name: self.name.clone(),
            interval: self.interval,
            slow_after: self.slow_after,
            labels: self.labels.clone(),
            phases: self.metrics == Detail::Phases,
        }
    }
}

/// Why a string is no URL that a run can start with.
#[derive(Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It is no absolute URL.
    Unparsable(url::ParseError),
    /// Another scheme than http or https.
    Scheme(String),
    /// A user name or a password stands in it: it would stand in labels, pages and logs too.
    Credentials,
}

impl std::fmt::Display for UrlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unparsable(url::ParseError::RelativeUrlWithoutBase) => {
                f.write_str("not an absolute URL; write it as https://HOST[:PORT][/PATH]")
            }
            Self::Unparsable(error) => write!(f, "not a URL ({error}); write it as https://HOST[:PORT][/PATH]"),
            Self::Scheme(scheme) => write!(f, "scheme {scheme} cannot be probed; use http:// or https://"),
            Self::Credentials => f.write_str("a user name or password in the URL would show wherever the URL does; remove it, and use a module's basic_auth"),
        }
    }
}

impl std::error::Error for UrlError {}

/// The URL of a target: absolute, http or https, without credentials.
///
/// # Errors
/// [`UrlError`] says what is wrong with it and how to write it.
pub fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(UrlError::Unparsable)?;
    // "example.com:443" parses as scheme "example.com".
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_probed() {
        for text in ["http://a", "https://3-shake.com", "https://[::1]:8443/x?y", "http://127.0.0.1:1/"] {
            assert!(parse_url(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn urls_that_cannot_say_why() {
        for (text, part) in [
            ("3-shake.com", "not an absolute URL"),
            ("", "not an absolute URL"),
            ("ftp://a", "scheme ftp"),
            ("a.example:443", "scheme a.example"),
            ("file:///etc/passwd", "scheme file"),
            ("http://", "empty host"),
            ("http://a:99999", "invalid port"),
            ("http://[::1", "IPv6"),
            ("https://me:secret@a", "password"),
        ] {
            let error = parse_url(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
