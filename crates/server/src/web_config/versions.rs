//! Versions of TLS, cipher suites and curves, by the names that Go gives them.

use probe::Position;
use probe::yaml::{Problem, Section, shown};
use rustls::crypto::CryptoProvider;
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};

use super::Reading;

const VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
/// The first one that is spoken here.
const OLDEST: usize = 2;

/// Of Go's secure ones those that are not here: they have no forward secrecy or no authenticated encryption.
const NOT_HERE: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// Those of TLS 1.3 are always on, in Go too.
const OF_TLS13: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

const CURVES: [(&str, NamedGroup); 4] = [
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("CurveP521", NamedGroup::secp521r1),
    ("X25519", NamedGroup::X25519),
];

/// `min_version` and `max_version`.
pub(super) fn versions(
    section: &Section<'_>,
    reading: &mut Reading<'_>,
) -> Result<Vec<&'static SupportedProtocolVersion>, Problem> {
    let lowest = version(section, "min_version")?.unwrap_or((section.key("min_version"), OLDEST));
    let highest = version(section, "max_version")?.unwrap_or((section.key("max_version"), VERSIONS.len() - 1));
    if lowest.1 < OLDEST {
        let message = format!("min_version {} is not spoken here: it begins with TLS12", VERSIONS[lowest.1]);
        reading.warn(Problem::new(lowest.0, message));
    }
    if highest.1 < OLDEST {
        let message = format!("max_version {} is not spoken here; write TLS12 or TLS13", VERSIONS[highest.1]);
        return Err(Problem::new(highest.0, message));
    }
    if lowest.1 > highest.1 {
        return Err(Problem::new(
            lowest.0,
            "min_version is above max_version: no version is left; lower one or raise the other",
        ));
    }
    let spoken = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    Ok(spoken.into_iter().filter(|(n, _)| (lowest.1..=highest.1).contains(n)).map(|(_, version)| version).collect())
}

fn version(section: &Section<'_>, option: &str) -> Result<Option<(Position, usize)>, Problem> {
    let Some((at, text)) = section.text(option)? else { return Ok(None) };
    let known = VERSIONS.iter().position(|version| *version == text);
    let unknown =
        || Problem::new(at, format!("{option} {} is unknown; write one of {}", shown(text), VERSIONS.join(", ")));
    known.map(|version| Some((at, version))).ok_or_else(unknown)
}

/// `cipher_suites`, which are those of TLS 1.2, and `curve_preferences`: what is left of `provider`.
pub(super) fn narrowed(
    section: &Section<'_>,
    mut provider: CryptoProvider,
    versions: &mut Vec<&'static SupportedProtocolVersion>,
    reading: &mut Reading<'_>,
) -> Result<CryptoProvider, Problem> {
    let suites = cipher_suites(section, &provider, reading)?;
    if let Some(suites) = suites {
        if suites.is_empty() {
            let message = "cipher_suites has none of TLS 1.2, which is not spoken then";
            reading.warn(Problem::new(section.key("cipher_suites"), message));
            versions.retain(|version| **version != rustls::version::TLS12);
        }
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(suites);
    }
    if versions.is_empty() {
        let message = "cipher_suites leaves nothing to speak beside max_version; add one of TLS 1.2";
        return Err(Problem::new(section.key("cipher_suites"), message));
    }
    let mut groups = Vec::new();
    let curves = section.texts("curve_preferences")?;
    for (at, name) in &curves {
        let known = CURVES.iter().find(|(curve, _)| curve == name);
        let unknown = || {
            let names = CURVES.map(|(curve, _)| curve).join(", ");
            Problem::new(*at, format!("curve_preferences {} is unknown; write some of {names}", shown(name)))
        };
        let (_, group) = known.ok_or_else(unknown)?;
        match provider.kx_groups.iter().find(|known| known.name() == *group) {
            Some(group) => groups.push(*group),
            None => {
                reading.warn(Problem::new(*at, format!("curve_preferences {name} is not spoken here; it is left out")));
            }
        }
    }
    if !curves.is_empty() {
        if groups.is_empty() {
            let message = "curve_preferences leaves no curve that is spoken here; add X25519";
            return Err(Problem::new(section.key("curve_preferences"), message));
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}

fn cipher_suites(
    section: &Section<'_>,
    provider: &CryptoProvider,
    reading: &mut Reading<'_>,
) -> Result<Option<Vec<SupportedCipherSuite>>, Problem> {
    let names = section.texts("cipher_suites")?;
    let mut suites = Vec::new();
    for (at, name) in &names {
        let is_it = |suite: &&SupportedCipherSuite| suite.suite().as_str().is_some_and(|known| known == *name);
        if let Some(suite) = provider.cipher_suites.iter().find(is_it) {
            suites.push(*suite);
        } else if NOT_HERE.contains(name) {
            reading.warn(Problem::new(*at, format!("cipher_suites {name} is not spoken here; it is left out")));
        } else if !OF_TLS13.contains(name) {
            let known = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none());
            let known: Vec<_> = known.filter_map(|suite| suite.suite().as_str()).collect();
            let message = format!("cipher_suites {} is unknown; write some of {}", shown(name), known.join(", "));
            return Err(Problem::new(*at, message));
        }
    }
    Ok((!names.is_empty()).then_some(suites))
}
