//! The options of the request that may hold secrets: headers and credentials.

use std::collections::HashSet;
use std::path::PathBuf;

use awc::http::header::{self, HeaderName, HeaderValue};

use super::Reading;
use super::secrets::{secret, variable};
use crate::config::section::{Problem, Section, entries, text};
use crate::config::yaml::{Key, Node};
use crate::module::{Authorization, BasicAuth, Module, Secret};

/// Headers that say how a request is sent: the probe's own business.
const OWN: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub(super) fn headers(http: &Section<'_>, module: &mut Module, reading: &mut Reading) -> Result<(), Problem> {
    if let Some(node) = http.get("headers") {
        let mut seen = HashSet::new();
        for (key, node) in entries("headers", node)? {
            let name = name(key, reading)?;
            if !seen.insert(name.clone()) {
                let message = "headers: this one is there already, in other letters; leave one of them out";
                return Err(Problem::new(key.at, message));
            }
            let value = value("headers", node)?;
            if name == header::ACCEPT_ENCODING {
                accepts_compression(http, key, value)?;
            }
            module.headers.push((name, Secret::Value(value.to_owned())));
        }
    }
    if let Some(node) = http.get("http_headers") {
        for (key, node) in entries("http_headers", node)? {
            let name = name(key, reading)?;
            for value in values(node)? {
                if let Secret::Value(value) = &value
                    && name == header::ACCEPT_ENCODING
                {
                    accepts_compression(http, key, value)?;
                }
                module.headers.push((name.clone(), value));
            }
        }
    }
    if module.headers.iter().filter(|(name, _)| *name == header::HOST).count() > 1 {
        return Err(Problem::new(http.key("http_headers"), "more than one Host header; leave all but one out"));
    }
    Ok(())
}

/// The name is not shown: a value may stand in its place, where the space after the colon is missing.
fn name(key: &Key, reading: &mut Reading) -> Result<HeaderName, Problem> {
    let name = HeaderName::from_bytes(key.text.as_bytes()).map_err(|_| {
        Problem::new(key.at, "not the name of a header; write NAME: VALUE, with a space after the colon")
    })?;
    if OWN.contains(&name) {
        reading.unusable(
            key.at,
            format!("header {name}: the probe sets it by itself, or has no use for it; leave it out"),
        );
    }
    Ok(name)
}

fn value<'n>(option: &str, node: &'n Node) -> Result<&'n str, Problem> {
    let text = if matches!(node.value, crate::config::yaml::Value::Null) { "" } else { text(option, node)? };
    let sendable = HeaderValue::from_str(text).is_ok();
    sendable.then_some(text).ok_or_else(|| {
        let message =
            format!("{option}: a line break or control character in the value; write it in one line, in quotes");
        Problem::new(node.at, message)
    })
}

/// The values of one header, however they are given.
fn values(node: &Node) -> Result<Vec<Secret>, Problem> {
    let section = Section::new("http_headers", node, &["values", "secrets", "files", "env"])?;
    let mut values = Vec::new();
    for option in ["values", "secrets"] {
        for node in section.list(option) {
            values.push(Secret::Value(value(option, node)?.to_owned()));
        }
    }
    for (_, path) in section.texts("files")? {
        values.push(Secret::File(PathBuf::from(path)));
    }
    for (at, text) in section.texts("env")? {
        values.push(Secret::Env(variable("env", at, text)?));
    }
    Ok(values)
}

/// Who wants an encoding must not ask for others only.
fn accepts_compression(http: &Section<'_>, key: &Key, accepted: &str) -> Result<(), Problem> {
    let Some((_, compression)) = http.text("compression")? else { return Ok(()) };
    let allowed = |(coding, quality): (&str, f32)| [compression, "*"].contains(&coding) && quality > 0.0;
    if accepted.is_empty() || accepted.split(',').map(coding).any(allowed) {
        return Ok(());
    }
    let line = http.key("compression").line;
    let message =
        format!("Accept-Encoding does not allow the compression of line {line}; name it, or leave one of them out");
    Err(Problem::new(key.at, message))
}

/// `gzip;q=0.5`
fn coding(text: &str) -> (&str, f32) {
    let (coding, quality) = text.rsplit_once(';').unwrap_or((text, "q=1"));
    let quality = quality.trim();
    let quality = quality.strip_prefix("q=").unwrap_or(quality);
    (coding.trim(), quality.parse().unwrap_or_default())
}

pub(super) fn credentials(http: &Section<'_>, module: &mut Module, reading: &mut Reading) -> Result<(), Problem> {
    http.one_of(&["basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2"])?;
    module.basic_auth = http.get("basic_auth").map(|node| basic_auth(node, reading)).transpose()?;
    module.authorization = http.get("authorization").map(|node| authorization(node, reading)).transpose()?;
    if let Some(token) = secret(http, "bearer_token", reading)? {
        module.authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials: token });
    }
    // As in blackbox_exporter: a header that is given by name is the one that is sent.
    if module.headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
        (module.basic_auth, module.authorization) = (None, None);
    }
    Ok(())
}

fn basic_auth(node: &Node, reading: &mut Reading) -> Result<BasicAuth, Problem> {
    const KNOWN: &[&str] = &[
        "username",
        "username_file",
        "username_env",
        "username_ref",
        "password",
        "password_file",
        "password_env",
        "password_ref",
    ];
    let section = Section::new("basic_auth", node, KNOWN)?;
    let nothing = || Secret::Value(String::new());
    let username = secret(&section, "username", reading)?.unwrap_or_else(nothing);
    let password = secret(&section, "password", reading)?.unwrap_or_else(nothing);
    Ok(BasicAuth { username, password })
}

fn authorization(node: &Node, reading: &mut Reading) -> Result<Authorization, Problem> {
    const KNOWN: &[&str] = &["type", "credentials", "credentials_file", "credentials_env", "credentials_ref"];
    let section = Section::new("authorization", node, KNOWN)?;
    let (at, scheme) = section.text("type")?.unwrap_or((section.at, "Bearer"));
    let scheme = scheme.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        return Err(Problem::new(at, "authorization of type Basic; use basic_auth, which encodes name and password"));
    }
    // A scheme is a token, as the name of a header is one.
    if HeaderName::from_bytes(scheme.as_bytes()).is_err() {
        return Err(Problem::new(
            at,
            "authorization: type must be one word, e.g. Bearer; put the rest into credentials",
        ));
    }
    if let Some(node) = section.get("credentials") {
        value("credentials", node)?;
    }
    let credentials = secret(&section, "credentials", reading)?.unwrap_or_else(|| {
        reading.unusable(
            section.at,
            "authorization without credentials; give credentials, credentials_file or credentials_env",
        );
        Secret::Value(String::new())
    });
    Ok(Authorization { scheme: scheme.to_owned(), credentials })
}
