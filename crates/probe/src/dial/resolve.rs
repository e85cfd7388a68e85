//! From a host to addresses.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use metrics_core::Reason;
use tokio::time::Instant;
use url::Host;

use crate::failure::Failed;
use crate::run::Env;

/// The addresses of `host`, in the order in which the system wants them tried. The system's own resolver is asked, so
/// that the answer is the one that other programs get (hosts file, search list).
pub(crate) async fn resolve(
    host: &Host<&str>,
    port: u16,
    env: &Env,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Failed> {
    if let Some(found) = env.overrides.iter().find(|known| known.is_for(host, port)) {
        return Ok(vec![found.address]);
    }
    let name = match host {
        Host::Ipv4(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Ipv6(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Domain(name) => name,
    };
    match env.lookups.find(name, deadline).await? {
        ips if ips.is_empty() => Err(Failed::new(Reason::DnsNotFound, format!("{name} has no address"))),
        ips => Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()),
    }
}

/// Asks the system, which may take its time.
pub(super) fn look_up(name: &str) -> Result<Vec<IpAddr>, Failed> {
    addresses(name).map_err(|error| Failed::new(reason(&error), format!("{name}: {}", std::io::Error::from(error))))
}

fn addresses(name: &str) -> Result<Vec<IpAddr>, LookupError> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints))?;
    Ok(found.filter_map(Result::ok).map(|info| info.sockaddr.ip()).collect())
}

fn reason(error: &LookupError) -> Reason {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Reason::DnsNotFound,
        _ => Reason::DnsFailure,
    }
}

/// An address to use for one host and port in place of what the resolver says: `HOST:PORT:ADDRESS[:PORT]`, after curl's
/// `--resolve`. IPv6 stands in brackets. The name stays what TLS and the Host header say.
///
/// ```
/// let known: probe::Override = "3-shake.com:443:127.0.0.1:8443".parse().unwrap();
/// assert_eq!(known.to_string(), "3-shake.com:443:127.0.0.1:8443");
/// assert!("3-shake.com:443".parse::<probe::Override>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    host: Host<String>,
    port: u16,
    address: SocketAddr,
}

/// A string is not of the form `HOST:PORT:ADDRESS[:PORT]`.
#[derive(Debug, PartialEq, Eq)]
pub struct OverrideError(&'static str);

impl std::fmt::Display for OverrideError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}; write it as HOST:PORT:ADDRESS[:PORT], IPv6 in brackets, e.g. 3-shake.com:443:127.0.0.1:8443",
            self.0
        )
    }
}

impl std::error::Error for OverrideError {}

impl Override {
    fn is_for(&self, host: &Host<&str>, port: u16) -> bool {
        self.host == *host && self.port == port
    }
}

impl FromStr for Override {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let (host, rest) = split_field(text).ok_or(OverrideError("the host is missing"))?;
        let host = Host::parse(host).map_err(|_| OverrideError("the host is not valid"))?;
        let (port, rest) = split_field(rest).ok_or(OverrideError("the port is missing"))?;
        let port = parse_port(port)?;
        let (address, rest) = split_field(rest).ok_or(OverrideError("the address is missing"))?;
        let address: IpAddr = address
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .map_err(|_| OverrideError("the address is not an IP address"))?;
        let to_port = if rest.is_empty() { port } else { parse_port(rest)? };
        Ok(Self { host, port, address: SocketAddr::new(address, to_port) })
    }
}

impl std::fmt::Display for Override {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.port, self.address)
    }
}

/// The text up to the next colon that is not within brackets, and what follows the colon.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (field, rest) = text.split_at(end);
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(':')? };
    (!field.is_empty()).then_some((field, rest))
}

fn parse_port(text: &str) -> Result<u16, OverrideError> {
    text.parse().map_err(|_| OverrideError("the port is not a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        text.parse::<Override>().map(|known| known.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn forms_of_an_override() {
        assert_eq!(parsed("a.example:443:127.0.0.1").as_deref(), Ok("a.example:443:127.0.0.1:443"));
        assert_eq!(parsed("A.Example:443:[::1]:8443").as_deref(), Ok("a.example:443:[::1]:8443"));
        assert_eq!(parsed("[::1]:80:127.0.0.1:81").as_deref(), Ok("[::1]:80:127.0.0.1:81"));
        assert_eq!(parsed("127.0.0.1:80:127.0.0.2:81").as_deref(), Ok("127.0.0.1:80:127.0.0.2:81"));
    }

    #[test]
    fn what_is_wrong_with_an_override_is_said() {
        for (text, part) in [
            ("", "host is missing"),
            (":443:127.0.0.1", "host is missing"),
            ("a b:443:127.0.0.1", "host is not valid"),
            ("a", "port is missing"),
            ("a:x:127.0.0.1", "port is not a number"),
            ("a:443", "address is missing"),
            ("a:443:b.example", "not an IP address"),
            ("a:443:::1", "address is missing"),
            ("a:443:127.0.0.1:70000", "port is not a number"),
            ("[::1:443:127.0.0.1", "host is missing"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
