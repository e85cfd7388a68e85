//! The options of TLS.

use std::path::PathBuf;

use rustls::pki_types::ServerName;

use super::Reading;
use super::secrets::secret;
use crate::config::Position;
use crate::config::section::{Problem, Section, is_empty, shown};
use crate::config::yaml::Node;
use crate::module::{Pem, TlsConfig, TlsVersion};

const KNOWN: &[&str] = &[
    "ca",
    "ca_file",
    "ca_ref",
    "cert",
    "cert_file",
    "cert_ref",
    "insecure_skip_verify",
    "key",
    "key_env",
    "key_file",
    "key_ref",
    "max_version",
    "min_version",
    "next_protos",
    "server_name",
    "system_roots",
];

pub(super) fn read(node: &Node, reading: &mut Reading) -> Result<TlsConfig, Problem> {
    let tls = Section::new("tls_config", node, KNOWN)?;
    if tls.get("next_protos").is_some_and(|node| !is_empty(node)) {
        reading
            .unusable(tls.key("next_protos"), "next_protos: what is offered follows from enable_http2; leave it out");
    }
    let config = TlsConfig {
        ca: pem(&tls, "ca", reading)?,
        cert: pem(&tls, "cert", reading)?,
        key: secret(&tls, "key", reading)?,
        server_name: server_name(&tls)?,
        insecure_skip_verify: tls.flag("insecure_skip_verify")?.unwrap_or_default(),
        min_version: version(&tls, "min_version")?.map(|(_, version)| version.unwrap_or(TlsVersion::Tls12)),
        max_version: match version(&tls, "max_version")? {
            Some((at, None)) => {
                let message = "max_version: the probe speaks TLS 1.2 and 1.3; keep this module in blackbox_exporter";
                reading.unusable(at, message);
                None
            }
            highest => highest.and_then(|(_, version)| version),
        },
        system_roots: tls.flag("system_roots")?.unwrap_or_default(),
    };
    check(&tls, &config)?;
    Ok(config)
}

/// What no option can know by itself.
fn check(tls: &Section<'_>, config: &TlsConfig) -> Result<(), Problem> {
    let wrong = |at, message: &str| Err(Problem::new(at, message));
    match (&config.cert, &config.key) {
        (Some(_), None) => return wrong(tls.at, "tls_config: cert without key; give both or none"),
        (None, Some(_)) => return wrong(tls.at, "tls_config: key without cert; give both or none"),
        _ => {}
    }
    if config.min_version.zip(config.max_version).is_some_and(|(lowest, highest)| lowest > highest) {
        return wrong(tls.key("max_version"), "max_version is below min_version; swap them, or leave one out");
    }
    if config.system_roots && config.ca.is_some() {
        return wrong(
            tls.key("system_roots"),
            "system_roots beside a CA of its own: only one of them is trusted; leave one out",
        );
    }
    Ok(())
}

/// Certificates, by value or in a file.
fn pem(tls: &Section<'_>, option: &str, reading: &mut Reading) -> Result<Option<Pem>, Problem> {
    let (file, other) = (format!("{option}_file"), format!("{option}_ref"));
    let Some(given) = tls.one_of(&[option, &file, &other])? else { return Ok(None) };
    let Some((_, text)) = tls.text(given)? else { return Ok(None) };
    if given == other {
        let message = format!("{other}: the probe knows no secret manager; give {option} or {file}");
        reading.unusable(tls.key(&other), message);
    }
    Ok(Some(if given == file { Pem::File(PathBuf::from(text)) } else { Pem::Text(text.to_owned()) }))
}

fn server_name(tls: &Section<'_>) -> Result<Option<String>, Problem> {
    let Some((at, name)) = tls.text("server_name")? else { return Ok(None) };
    if ServerName::try_from(name).is_err() {
        let message = format!("server_name {}: not a host name; write it without scheme and port", shown(name));
        return Err(Problem::new(at, message));
    }
    Ok(Some(name.to_owned()))
}

/// A version, or none where the probe does not speak it.
fn version(tls: &Section<'_>, option: &str) -> Result<Option<(Position, Option<TlsVersion>)>, Problem> {
    let Some((at, text)) = tls.text(option)? else { return Ok(None) };
    let version = match text {
        "TLS10" | "TLS11" => None,
        "TLS12" => Some(TlsVersion::Tls12),
        "TLS13" => Some(TlsVersion::Tls13),
        _ => {
            let message = format!("{option} {}: not known; write TLS10, TLS11, TLS12 or TLS13", shown(text));
            return Err(Problem::new(at, message));
        }
    };
    Ok(Some((at, version)))
}
