//! `http_server_config`: headers that every answer gets.

use actix_web::http::header::{HeaderName, HeaderValue};
use probe::yaml::{Node, Problem, Section, entries, shown, text};

/// Those that may be set, and which values they may have; none stands for all.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

pub(super) fn read(node: &Node) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let section = Section::new("http_server_config", node, &["http2", "headers"])?;
    // The server speaks HTTP/1.1, whatever is said of HTTP/2.
    section.flag("http2")?;
    let Some(headers) = section.get("headers") else { return Ok(Vec::new()) };
    let mut read = Vec::new();
    for (key, node) in entries("headers", headers)? {
        let Some((name, values)) = ALLOWED.iter().find(|(name, _)| *name == key.text) else {
            let names = ALLOWED.map(|(name, _)| name).join(", ");
            let message = format!("the header {} cannot be set; only {names} can", shown(&key.text));
            return Err(Problem::new(key.at, message));
        };
        let value = text(name, node)?;
        if !values.is_empty() && !values.contains(&value) {
            let message = format!("{name} is '{}'; write {}", shown(value), values.join(" or "));
            return Err(Problem::new(node.position(), message));
        }
        // Which is not set.
        if value.is_empty() {
            continue;
        }
        let wrong =
            |_| Problem::new(node.position(), format!("{name} has a character that no header may have; take it out"));
        let value = HeaderValue::from_str(value).map_err(wrong)?;
        read.extend(HeaderName::from_bytes(name.as_bytes()).ok().map(|name| (name, value)));
    }
    Ok(read)
}
