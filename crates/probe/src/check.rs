//! Whether an answer is the one that is expected. Which fault is named, where there are several, is the order here.

use awc::http::header::HeaderMap;
use metrics_core::Reason;
use regex::bytes::Regex;

use crate::failure::Failed;
use crate::module::{HeaderMatch, Module};
use crate::report::Hop;

/// Holds the answer to the last hop against what `module` expects. `body` is as long as it has to be for that.
pub(crate) fn check(module: &Module, hop: &Hop, headers: &HeaderMap, body: &[u8]) -> Result<(), Failed> {
    ssl(module, hop.url.scheme() == "https")?;
    http_version(module, hop)?;
    status(module, hop.status.unwrap_or_default())?;
    for expected in &module.fail_if_header_matches {
        header(expected, headers, true)?;
    }
    for expected in &module.fail_if_header_not_matches {
        header(expected, headers, false)?;
    }
    for expression in &module.fail_if_body_matches_regexp {
        self::body(expression, body, true)?;
    }
    for expression in &module.fail_if_body_not_matches_regexp {
        self::body(expression, body, false)?;
    }
    Ok(())
}

fn ssl(module: &Module, ssl: bool) -> Result<(), Failed> {
    match ssl {
        true if module.fail_if_ssl => Err(Failed::new(Reason::Ssl, "the answer came over TLS: fail_if_ssl")),
        false if module.fail_if_not_ssl => {
            Err(Failed::new(Reason::Ssl, "the answer did not come over TLS: fail_if_not_ssl"))
        }
        _ => Ok(()),
    }
}

fn http_version(module: &Module, hop: &Hop) -> Result<(), Failed> {
    let valid = &module.valid_http_versions;
    match hop.version {
        Some(version) if !valid.is_empty() && !valid.contains(&version) => {
            Err(Failed::new(Reason::HttpVersion, format!("{version:?} is not one of {valid:?}")))
        }
        _ => Ok(()),
    }
}

fn status(module: &Module, status: u16) -> Result<(), Failed> {
    let valid = &module.valid_status_codes;
    let is = if valid.0.len() > 1 { "is not one of" } else { "is not" };
    if valid.contain(status) {
        Ok(())
    } else {
        Err(Failed::new(Reason::Status, format!("status {status} {is} {valid}")))
    }
}

/// Values stay unsaid: a header may hold a secret.
fn header(expected: &HeaderMatch, headers: &HeaderMap, fails_if_it_matches: bool) -> Result<(), Failed> {
    let HeaderMatch { header, regexp, allow_missing } = expected;
    if !headers.contains_key(header) {
        return if *allow_missing {
            Ok(())
        } else {
            Err(Failed::new(Reason::Header, format!("header {header} is missing")))
        };
    }
    let matches = headers.get_all(header).any(|value| regexp.is_match(value.as_bytes()));
    if matches == fails_if_it_matches {
        let does = if matches { "matches" } else { "does not match" };
        return Err(Failed::new(Reason::Header, format!("header {header} {does} {regexp}")));
    }
    Ok(())
}

fn body(expression: &Regex, body: &[u8], fails_if_it_matches: bool) -> Result<(), Failed> {
    let matches = expression.is_match(body);
    if matches == fails_if_it_matches {
        let does = if matches { "matches" } else { "does not match" };
        return Err(Failed::new(Reason::Body, format!("the body {does} {expression}")));
    }
    Ok(())
}
