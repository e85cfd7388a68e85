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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use awc::http::header::HeaderName;
    use metrics_core::Reason;
    use tokio::time::Instant;

    use super::*;
    use crate::client::Client;
    use crate::dial::tls::Roots;
    use crate::engine::panicked;
    use crate::module::{Authorization, BasicAuth, Compression, Secret};
    use crate::report::Hop;
    use crate::target::{Detail, Spec, parse_url};

    fn of(url: &str, module: Module, address: Option<&str>) -> String {
        let url = parse_url(url).unwrap();
        let client = Arc::new(Client::new(module, &Roots::BuiltIn).unwrap());
        let mut report = panicked(SystemTime::now(), Instant::now());
        let mut hop = Hop::new(url.clone(), Duration::ZERO);
        hop.address = address.map(|address| address.parse().unwrap());
        report.hops = vec![hop];
        assert_eq!(report.outcome.reason, Some(Reason::Internal));
        let target = Target {
            name: "a".to_owned(),
            spec: Spec { url, timeout: Duration::from_millis(2_500), client },
            module: String::new(),
            interval: Duration::from_secs(60),
            slow_after: None,
            labels: Vec::new(),
            metrics: Detail::Totals,
        };
        command(&report, &target)
    }

    #[test]
    fn the_address_that_was_asked_is_asked_again() {
        let start = "curl --verbose --max-time 2.5 --location --max-redirs 10";
        for (url, address, end) in [
            ("http://127.0.0.1:81/x", Some("127.0.0.1:81"), " 'http://127.0.0.1:81/x'"),
            ("http://a.test/", None, " 'http://a.test/'"),
            ("http://a.test/", Some("127.0.0.1:8080"), " --connect-to 'a.test:80:127.0.0.1:8080' 'http://a.test/'"),
            ("https://a.test/?key=1", Some("[::1]:443"), " --connect-to 'a.test:443:[::1]:443' 'https://a.test/?…'"),
            ("http://a.test/it's", None, r" 'http://a.test/it'\''s'"),
        ] {
            assert_eq!(of(url, Module::default(), address), format!("{start}{end}"));
        }
    }

    #[test]
    fn what_a_module_asks_for_is_asked_for_and_secrets_are_left_out() {
        let secret = |text: &str| Secret::Value(text.to_owned());
        let module = Module {
            method: Method::POST,
            headers: vec![(HeaderName::from_static("x-a"), secret("canary"))],
            body: Some(secret("canary")),
            compression: Some(Compression::Gzip),
            follow_redirects: false,
            enable_http2: false,
            preferred_ip_protocol: Some(IpProtocol::Ip4),
            ip_protocol_fallback: false,
            source_ip_address: Some([127, 0, 0, 1].into()),
            basic_auth: Some(BasicAuth { username: secret("canary"), password: secret("canary") }),
            authorization: Some(Authorization { scheme: "Bearer".to_owned(), credentials: secret("canary") }),
            ..Module::default()
        };
        assert_eq!(
            of("http://a.test/", module, None),
            "curl --verbose --max-time 2.5 --request POST --http1.1 --header 'x-a: …' --user '…:…' \
             --header 'Authorization: Bearer …' --data-binary '…' --compressed --ipv4 --interface 127.0.0.1 'http://a.test/'"
        );
        let head = Module { method: Method::HEAD, ..Module::default() };
        assert!(of("http://a.test/", head, None).contains(" --head --location "));
    }
}
