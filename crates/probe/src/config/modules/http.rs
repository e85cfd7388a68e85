//! The options of the http prober.

use std::net::IpAddr;

use awc::http::Method;
use ipnet::IpNet;

use super::answer::answer;
use super::request::{credentials, headers};
use super::secrets::secret;
use super::{Reading, tls};
use crate::config::Position;
use crate::config::section::{Problem, Section, is_empty, shown};
use crate::config::yaml::Node;
use crate::module::{Compression, IpProtocol, Module, RedirectPolicy};

const KNOWN: &[&str] = &[
    "authorization",
    "basic_auth",
    "bearer_token",
    "bearer_token_file",
    "body",
    "body_env",
    "body_file",
    "body_size_limit",
    "compression",
    "enable_http2",
    "enable_http3",
    "fail_if_body_json_matches_cel",
    "fail_if_body_json_not_matches_cel",
    "fail_if_body_matches_regexp",
    "fail_if_body_not_matches_regexp",
    "fail_if_header_matches",
    "fail_if_header_not_matches",
    "fail_if_not_ssl",
    "fail_if_ssl",
    "follow_redirects",
    "headers",
    "http_headers",
    "ip_protocol_fallback",
    "method",
    "no_follow_redirects",
    "no_proxy",
    "oauth2",
    "preferred_ip_protocol",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "redirect_allow",
    "redirect_policy",
    "skip_resolve_phase_with_proxy",
    "source_ip_address",
    "tls_config",
    "valid_http_versions",
    "valid_status_codes",
];

/// Reads the section into `module`.
pub(super) fn read(node: &Node, module: &mut Module, reading: &mut Reading) -> Result<(), Problem> {
    let http = Section::new("http", node, KNOWN)?;
    refuse_unsupported(&http, reading)?;
    if let Some(at) = http.text("method")? {
        module.method = method(at, reading)?;
    }
    headers(&http, module, reading)?;
    credentials(&http, module, reading)?;
    module.body = secret(&http, "body", reading)?;
    module.compression = compression(&http, reading)?;
    redirects(&http, module)?;
    answer(&http, module, reading)?;
    addresses(&http, module)?;
    if let Some(enabled) = http.flag("enable_http2")? {
        module.enable_http2 = enabled;
    }
    if let Some(node) = http.get("tls_config") {
        module.tls_config = tls::read(node, reading)?;
    }
    Ok(())
}

/// What blackbox_exporter can and the probe cannot.
fn refuse_unsupported(http: &Section<'_>, reading: &mut Reading) -> Result<(), Problem> {
    let proxy = "the probe asks without a proxy; leave it out, or keep this module in blackbox_exporter";
    let cel = "the probe knows no CEL; use fail_if_body_matches_regexp, or keep this module in blackbox_exporter";
    for (option, why) in [
        ("proxy_url", proxy),
        ("no_proxy", proxy),
        ("proxy_connect_header", proxy),
        ("oauth2", "the probe fetches no tokens; have one put into a file and give authorization: credentials_file"),
        ("fail_if_body_json_matches_cel", cel),
        ("fail_if_body_json_not_matches_cel", cel),
    ] {
        if http.get(option).is_some_and(|node| !is_empty(node)) {
            reading.unusable(http.key(option), format!("{option}: {why}"));
        }
    }
    for (option, why) in [
        ("proxy_from_environment", proxy),
        ("skip_resolve_phase_with_proxy", proxy),
        (
            "enable_http3",
            "the probe speaks HTTP/1.1 and HTTP/2; leave it out, or keep this module in blackbox_exporter",
        ),
    ] {
        if http.flag(option)? == Some(true) {
            reading.unusable(http.key(option), format!("{option}: {why}"));
        }
    }
    Ok(())
}

fn method((at, text): (Position, &str), reading: &mut Reading) -> Result<Method, Problem> {
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| {
        Problem::new(at, format!("method {}: not a method; write a word in capitals, e.g. GET or POST", shown(text)))
    })?;
    if method == Method::CONNECT {
        reading.unusable(at, "method CONNECT: it asks for a tunnel, not for an answer; use another method");
    }
    Ok(method)
}

fn compression(http: &Section<'_>, reading: &mut Reading) -> Result<Option<Compression>, Problem> {
    let Some((at, text)) = http.text("compression")? else { return Ok(None) };
    let compression = match text {
        "gzip" => Compression::Gzip,
        "deflate" => Compression::Deflate,
        "br" => Compression::Brotli,
        "identity" => Compression::Identity,
        _ => {
            let message = format!("compression {}: not known; write gzip, deflate, br or identity", shown(text));
            reading.unusable(at, message);
            return Ok(None);
        }
    };
    Ok(Some(compression))
}

fn redirects(http: &Section<'_>, module: &mut Module) -> Result<(), Problem> {
    if let Some(follow) = http.flag("follow_redirects")? {
        module.follow_redirects = follow;
    }
    // The old name wins, as in blackbox_exporter.
    if let Some(stay) = http.flag("no_follow_redirects")? {
        module.follow_redirects = !stay;
    }
    let allowed = http.texts("redirect_allow")?.into_iter().map(network).collect::<Result<Vec<_>, _>>()?;
    module.redirect_policy = match http.text("redirect_policy")? {
        Some((_, "public")) => RedirectPolicy::Public(allowed),
        None | Some((_, "any")) if allowed.is_empty() => RedirectPolicy::Any,
        None | Some((_, "any")) => {
            let message =
                "redirect_allow without redirect_policy: public, so all is allowed; write that, or leave this out";
            return Err(Problem::new(http.key("redirect_allow"), message));
        }
        Some((at, other)) => {
            return Err(Problem::new(at, format!("redirect_policy {}: not known; write any or public", shown(other))));
        }
    };
    Ok(())
}

fn network((at, text): (Position, &str)) -> Result<IpNet, Problem> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| {
        let message = "not an address or a network; write e.g. 10.1.2.3, 10.0.0.0/8 or fd00::/8";
        Problem::new(at, format!("redirect_allow {}: {message}", shown(text)))
    })
}

/// Where connections go to, and come from.
fn addresses(http: &Section<'_>, module: &mut Module) -> Result<(), Problem> {
    module.preferred_ip_protocol = match http.text("preferred_ip_protocol")? {
        None => None,
        Some((_, "ip4")) => Some(IpProtocol::Ip4),
        Some((_, "ip6")) => Some(IpProtocol::Ip6),
        Some((at, other)) => {
            return Err(Problem::new(
                at,
                format!("preferred_ip_protocol {}: not known; write ip4 or ip6", shown(other)),
            ));
        }
    };
    if let Some(fallback) = http.flag("ip_protocol_fallback")? {
        module.ip_protocol_fallback = fallback;
    }
    if let Some((at, text)) = http.text("source_ip_address")? {
        let address = text.parse().map_err(|_| {
            Problem::new(at, format!("source_ip_address {}: not an address; write one of this machine", shown(text)))
        })?;
        module.source_ip_address = Some(address);
    }
    Ok(())
}
