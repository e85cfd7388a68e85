//! What holds for any bytes: `cargo xtask fuzz` looks for some that break it, and `cargo test` tries those that are kept.

#![allow(clippy::missing_panics_doc, missing_docs)]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use url::Host;

use crate::allow::{Allow, AllowList};
use crate::config::fuzzed as config;
use crate::module::RedirectPolicy;
use crate::target::parse_url;
use crate::wire::fuzzed as wire;

/// A configuration file: what is wrong with it is one line that says where; what is right is shown as a file that says the same.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("fuzzed.yml");
    // Other files are not of these bytes.
    if text.contains("file") {
        return;
    }
    match config(path, text) {
        Ok(read) => {
            let shown = read.to_string();
            // What no module can be made of is shown as a remark, and another one in its place.
            if shown.contains("# cannot be used") || shown.contains("<secret>") || shown.contains("?…") {
                return;
            }
            let again = config(path, &shown).unwrap_or_else(|error| panic!("{error}\n{shown}"));
            assert_eq!(again.to_string(), shown);
        }
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("fuzzed.yml") && line.contains("; "), "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

/// URLs, and who may be asked: what is accepted says of itself what it is, and nothing that is not public is let through as `public`.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(allow) = text.parse::<Allow>() {
        let shown = allow.to_string();
        assert_eq!(shown.parse::<Allow>().as_ref(), Ok(&allow), "{shown}");
    }
    let Ok(url) = parse_url(text) else { return };
    assert_eq!(parse_url(url.as_str()).as_ref(), Ok(&url), "{url}");
    assert!(matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none(), "{url}");
    let host = url.host().expect("whom to ask");
    let literal = match host {
        Host::Ipv4(ip) => Some(IpAddr::from(ip)),
        Host::Ipv6(ip) => Some(IpAddr::from(ip)),
        Host::Domain(_) => None,
    };
    let public = AllowList::from(vec!["public".parse::<Allow>().expect("a word")]);
    if let Some(ip) = literal {
        let mut addresses = vec![SocketAddr::new(ip, 80)];
        let allowed = public.check_host(&host).is_ok();
        assert_eq!(public.retain(&host, &mut addresses).is_ok(), allowed, "{ip}");
        assert!(!(allowed && is_special(ip)), "{ip} is let through as public");
        let first = parse_url("http://127.0.0.1/").expect("a URL");
        let mut addresses = vec![SocketAddr::new(ip, 80)];
        let led = RedirectPolicy::Public(Vec::new()).retain_allowed(&mut addresses, &url, &first, None);
        assert!(led.is_err() || allowed, "a redirect leads to {ip}");
    }
}

/// Some of what is not public, by others' lists.
fn is_special(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast()
        }
        IpAddr::V6(ip) => {
            let wrapped = ip.to_ipv4().is_some_and(|ip| is_special(ip.into()));
            wrapped || ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

/// The head of a response: awc gets the same bytes, and a run knows the same of them, in however many pieces they come.
pub fn head(data: &[u8]) {
    let [to_head, pieces @ ..] = data else { return };
    let (sizes, bytes) = pieces.split_at(pieces.len().min(4));
    let whole = wire(&[bytes], to_head % 2 == 1);
    let mut rest = bytes;
    let mut cut = Vec::new();
    for size in sizes {
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(*size)));
        cut.push(piece);
        rest = after;
    }
    cut.push(rest);
    assert_eq!(wire(&cut, to_head % 2 == 1), whole);
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(wire(&bytewise, to_head % 2 == 1), whole);
    let interim = [b"HTTP/1.1 100 Continue\r\n\r\n", bytes].concat();
    assert_eq!(wire(&[&interim], to_head % 2 == 1), whole, "an interim response changes what comes after it");
}

#[cfg(test)]
#[path = "../../../xtask/fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    use super::corpus;

    #[test]
    fn what_is_kept_of_configurations() {
        corpus::replay("configuration", super::configuration);
    }

    #[test]
    fn what_is_kept_of_urls() {
        corpus::replay("url", super::url);
    }

    #[test]
    fn what_is_kept_of_heads() {
        corpus::replay("head", super::head);
    }
}
