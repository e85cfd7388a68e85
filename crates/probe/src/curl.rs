//! The command that asks what a run asked, for people to repeat it by.

use std::fmt::Write;
use std::net::SocketAddr;

use awc::http::Method;
use url::Host;

use crate::module::{IpProtocol, Module};
use crate::report::RunReport;
use crate::run::MAX_REDIRECTS;
use crate::target::Target;

/// What stands where the user has to fill a secret in.
const SECRET: &str = "…";

/// Asks the same address. Secrets are left out, and so is the query of the URL, as keys stand there.
pub(crate) fn command(report: &RunReport, target: &Target) -> String {
    let (spec, module) = (&target.spec, target.spec.client.module());
    let mut command = format!("curl --verbose --max-time {}", spec.timeout.as_secs_f64());
    // Writing to a String cannot fail.
    let _ = match &module.method {
        &Method::GET => Ok(()),
        &Method::HEAD => write!(command, " --head"),
        method => write!(command, " --request {method}"),
    };
    if module.follow_redirects {
        let _ = write!(command, " --location --max-redirs {MAX_REDIRECTS}");
    }
    if !module.enable_http2 {
        command.push_str(" --http1.1");
    }
    let address = report.hops.first().and_then(|hop| hop.address);
    command.extend(address.and_then(|address| connect_to(target, address)));
    options(&mut command, module);
    let _ = write!(command, " {}", quoted(&target.shown_url()));
    command
}

/// To the address that was asked, where the URL has a name for it.
fn connect_to(target: &Target, address: SocketAddr) -> Option<String> {
    let url = &target.spec.url;
    let (Some(Host::Domain(name)), Some(port)) = (url.host(), url.port_or_known_default()) else { return None };
    // An address of IPv6 then has its brackets.
    Some(format!(" --connect-to {}", quoted(&format!("{name}:{port}:{address}"))))
}

fn options(command: &mut String, module: &Module) {
    for (name, _) in &module.headers {
        let _ = write!(command, " --header {}", quoted(&format!("{name}: {SECRET}")));
    }
    if module.basic_auth.is_some() {
        let _ = write!(command, " --user {}", quoted(&format!("{SECRET}:{SECRET}")));
    }
    if let Some(authorization) = &module.authorization {
        let _ = write!(command, " --header {}", quoted(&format!("Authorization: {} {SECRET}", authorization.scheme)));
    }
    if module.body.is_some() {
        let _ = write!(command, " --data-binary {}", quoted(SECRET));
    }
    if module.compression.is_some() {
        command.push_str(" --compressed");
    }
    match module.preferred_ip_protocol {
        Some(IpProtocol::Ip4) if !module.ip_protocol_fallback => command.push_str(" --ipv4"),
        Some(IpProtocol::Ip6) if !module.ip_protocol_fallback => command.push_str(" --ipv6"),
        _ => {}
    }
    if let Some(source) = module.source_ip_address {
        let _ = write!(command, " --interface {source}");
    }
    if module.tls_config.insecure_skip_verify {
        command.push_str(" --insecure");
    }
    if let Some(crate::module::Pem::File(path)) = &module.tls_config.ca {
        let _ = write!(command, " --cacert {}", quoted(&path.display().to_string()));
    }
    if module.tls_config.cert.is_some() {
        let _ = write!(command, " --cert {SECRET} --key {SECRET}");
    }
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
