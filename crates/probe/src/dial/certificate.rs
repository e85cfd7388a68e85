//! What a certificate says of itself. All of it is text of the peer, until it is verified and after.

use std::fmt::Write;
use std::net::IpAddr;

use ring::digest;
use rustls::pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, GeneralName, X509Certificate, X509Name};

use crate::report::Certificate;

/// Reads what `der` says; `None` if it is no certificate.
pub(super) fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(Certificate {
        subject: distinguished(parsed.subject()),
        issuer: distinguished(parsed.issuer()),
        names: names(&parsed),
        serial: hex(parsed.raw_serial()),
        fingerprint: hex(digest::digest(&digest::SHA256, der).as_ref()),
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
    })
}

/// Unix time until which `der` is valid; `None` if it is no certificate.
pub(super) fn not_after(der: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// RFC 4514: the most specific part first.
fn distinguished(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let parts = parts.iter().rev().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+"));
    parts.collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let kind = attribute.attr_type();
    let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
    match attribute.as_str() {
        Ok(value) => format!("{kind}={}", escape(value)),
        // RFC 4514, section 2.4: what is no string is the hexadecimal form of its encoding.
        Err(_) => format!("{kind}=#{}", hex(attribute.as_slice())),
    }
}

/// RFC 4514, section 2.4; control characters as hexadecimal pairs, so that a name is one line wherever it is shown.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let edge = at == 0 || at + character.len_utf8() == value.len();
        // Writing to a String cannot fail.
        let _ = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => write!(escaped, "\\{character}"),
            ' ' if edge => write!(escaped, "\\ "),
            '#' if at == 0 => write!(escaped, "\\#"),
            _ if character.is_control() => {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(escaped, "\\{byte:02X}"))
            }
            _ => write!(escaped, "{character}"),
        };
    }
    escaped
}

/// DNS names and addresses of the subject alternative name.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(escape(name)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    let mut names: Vec<_> = names.collect();
    // It is kept for long (chains.rs).
    names.shrink_to_fit();
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
