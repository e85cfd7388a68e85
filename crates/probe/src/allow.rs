//! Where runs may go that somebody else asks for.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use metrics_core::Reason;
use url::Host;

use crate::failure::Failed;
use crate::policy::is_public;

/// Something that runs may connect to. What decides is the address that is connected to, however it was come by.
///
/// - `public`: all addresses of the public internet.
/// - `10.0.0.0/8`, `::1`, `192.0.2.7`: these addresses, whatever they are, under any name.
/// - `shop.example`, `*.shop.example`: this name, or all below it, as long as it leads to addresses of the public internet. Who
///   answers for a name says where it leads, so a name opens nothing else: an address that is private is opened by itself.
/// - `localhost`: this name, at loopback addresses, which is where it leads by definition (RFC 6761).
///
/// ```
/// use probe::Allow;
///
/// assert_eq!("Shop.Example.".parse::<Allow>().unwrap().to_string(), "shop.example");
/// assert!("https://shop.example/".parse::<Allow>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow(Rule);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Public,
    Network(IpNet),
    Name(String),
    /// The name, without the `*.` before it.
    Below(String),
}

/// A string names nothing that could be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowError(&'static str);

impl std::fmt::Display for AllowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}; write public, a host as shop.example or *.shop.example, an address or a network as 10.0.0.0/8",
            self.0
        )
    }
}

impl std::error::Error for AllowError {}

impl FromStr for Allow {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("public") {
            return Ok(Self(Rule::Public));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self(Rule::Network(canonical(network))));
        }
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(Self(Rule::Network(ip.to_canonical().into())));
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        let wrong = match name {
            _ if name.contains("//") => Some("a URL"),
            _ if name.contains('/') => Some("not a network"),
            _ if name.contains(':') => Some("a host with a port: all of them are allowed"),
            _ if name.contains('*') => Some("a * that does not stand for all names below one"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(AllowError(wrong));
        }
        let host = Host::parse(name).map_err(|_| AllowError("not a host"))?;
        // As it is shown it has to be read again: `10..` would be `10`, which is an address, and `a%2Ab` a name with a star.
        if matches!(&host, Host::Domain(name) if name.contains('*') || whole(name).split('.').any(str::is_empty)) {
            return Err(AllowError("not a host: a part of its name is empty, or has a * in it"));
        }
        match host {
            Host::Domain(name) if below => Ok(Self(Rule::Below(whole(&name).to_owned()))),
            Host::Domain(name) => Ok(Self(Rule::Name(whole(&name).to_owned()))),
            Host::Ipv4(ip) if !below => Ok(Self(Rule::Network(IpAddr::from(ip).into()))),
            _ => Err(AllowError("an address has no names below it")),
        }
    }
}

impl std::fmt::Display for Allow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Rule::Public => f.write_str("public"),
            Rule::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Rule::Network(network) => network.fmt(f),
            Rule::Name(name) => f.write_str(name),
            Rule::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// A dot at the end says that the name is whole, and is no other name.
fn whole(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Addresses are compared as what they are, so networks have to be too.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(ip), Some(prefix)) if network.addr().is_ipv6() => {
            Ipv4Net::new(ip, prefix).map_or(network, IpNet::from)
        }
        _ => network,
    }
}

/// All that runs may connect to; nothing, where it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Allow>);

impl From<Vec<Allow>> for AllowList {
    fn from(list: Vec<Allow>) -> Self {
        Self(list)
    }
}

impl AllowList {
    /// Whether it allows nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `host` might be connected to, before it is looked up: nobody is to be asked for names that cannot be.
    pub(crate) fn check_host(&self, host: &Host<&str>) -> Result<(), Failed> {
        let possible = match host {
            Host::Ipv4(ip) => self.allows(host, (*ip).into()),
            Host::Ipv6(ip) => self.allows(host, (*ip).into()),
            Host::Domain(name) => {
                self.0.iter().any(|Allow(rule)| matches!(rule, Rule::Public | Rule::Network(_)) || rule.names(name))
            }
        };
        if possible { Ok(()) } else { Err(blocked(host)) }
    }

    /// Leaves those addresses of `host` that may be connected to. These are then connected to, and not the name, which may lead
    /// elsewhere the next time that it is looked up.
    pub(crate) fn retain(&self, host: &Host<&str>, addresses: &mut Vec<SocketAddr>) -> Result<(), Failed> {
        addresses.retain(|address| self.allows(host, address.ip()));
        if addresses.is_empty() { Err(blocked(host)) } else { Ok(()) }
    }

    fn allows(&self, host: &Host<&str>, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|Allow(rule)| match (rule, host) {
            (Rule::Public, _) => is_public(ip),
            (Rule::Network(network), _) => network.contains(&ip),
            (rule, Host::Domain(name)) => rule.names(name) && (is_public(ip) || is_localhost(name) && ip.is_loopback()),
            _ => false,
        })
    }
}

impl std::fmt::Display for AllowList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, allow) in self.0.iter().enumerate() {
            write!(f, "{}{allow}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl Rule {
    fn names(&self, name: &str) -> bool {
        let name = whole(name);
        match self {
            Self::Name(known) => name == known,
            Self::Below(known) => name.strip_suffix(known.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Public | Self::Network(_) => false,
        }
    }
}

fn is_localhost(name: &str) -> bool {
    let name = whole(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// It does not say where a name leads: that is for its owner to know.
fn blocked(host: &Host<&str>) -> Failed {
    let leads = if matches!(host, Host::Domain(_)) { ", or leads to an address that is not" } else { "" };
    let todo =
        "list the name, the address or its network with --probe.allow, or with probe: allow: in the configuration file";
    Failed::new(Reason::Blocked, format!("{host} is not allowed{leads}; {todo}"))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    /// Whether a run on demand may connect to `url`, whose host leads to `addresses`; how many of them.
    fn allowed(list: &[&str], url: &str, addresses: &[&str]) -> Result<usize, Reason> {
        let list = AllowList(list.iter().map(|text| text.parse().unwrap()).collect());
        let url = Url::parse(url).unwrap();
        let host = url.host().unwrap();
        let ips: Vec<IpAddr> = match host {
            Host::Ipv4(ip) => vec![ip.into()],
            Host::Ipv6(ip) => vec![ip.into()],
            Host::Domain(_) => addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        };
        let mut addresses = ips.into_iter().map(|ip| SocketAddr::new(ip, 80)).collect();
        let checked = list.check_host(&host).and_then(|()| list.retain(&host, &mut addresses));
        checked.map(|()| addresses.len()).map_err(|failed| failed.reason)
    }

    const BLOCKED: Result<usize, Reason> = Err(Reason::Blocked);

    /// P16: what the address is decides, not how it is written.
    #[test]
    fn p16_what_is_not_public_is_not_reached_by_another_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.0x1/",
            "http://017700000001/",
            "http://0177.0.0.01/",
            "http://127.0.0.1./",
            "http://1２７.0.0.1/",
            "http://①②⑦.⓪.⓪.①/",
            "http://127。0。0。1/",
            "http://0/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::a9fe:a9fe]/",
            "http://10.0.0.1/",
            "http://012.0.0.1/",
            "http://192.168.1.1/",
            "http://172.16.0.1/",
            "http://100.100.100.200/",
            "http://[fc00::1]/",
            "http://user@127.0.0.1/",
            "http://1.1.1.1@127.0.0.1/",
            "http://127.0.0.1:80\\@1.1.1.1/",
        ] {
            assert_eq!(allowed(&["public", "shop.example", "*.example"], url, &[]), BLOCKED, "{url}");
        }
    }

    #[test]
    fn p16_names_are_judged_by_where_they_lead() {
        for name in ["http://localhost/", "http://LOCALHOST./", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://metadata.google.internal/"]
        {
            for address in ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1"] {
                assert_eq!(allowed(&["public"], name, &[address]), BLOCKED, "{name} {address}");
            }
        }
        assert_eq!(allowed(&["public"], "http://a.test/", &["1.1.1.1", "127.0.0.1", "10.0.0.1"]), Ok(1));
        assert_eq!(allowed(&["public", "10.0.0.0/8"], "http://a.test/", &["1.1.1.1", "127.0.0.1", "10.0.0.1"]), Ok(2));
    }

    #[test]
    fn a_name_opens_what_is_public_below_it_and_nothing_else() {
        let list = ["shop.example", "*.api.example", "bücher.example", "localhost"];
        for (url, address, expected) in [
            ("http://shop.example/", "1.1.1.1", Ok(1)),
            ("http://SHOP.example./", "1.1.1.1", Ok(1)),
            ("http://shop.example/", "10.0.0.1", BLOCKED),
            ("http://shop.example/", "127.0.0.1", BLOCKED),
            ("http://evil.shop.example/", "1.1.1.1", BLOCKED),
            ("http://evilshop.example/", "1.1.1.1", BLOCKED),
            ("http://shop.example.evil.test/", "1.1.1.1", BLOCKED),
            ("http://v1.api.example/", "1.1.1.1", Ok(1)),
            ("http://a.v1.api.example/", "1.1.1.1", Ok(1)),
            ("http://api.example/", "1.1.1.1", BLOCKED),
            ("http://xapi.example/", "1.1.1.1", BLOCKED),
            ("http://xn--bcher-kva.example/", "1.1.1.1", Ok(1)),
            ("http://b\u{fc}cher.example/", "1.1.1.1", Ok(1)),
            ("http://1.1.1.1/", "", BLOCKED),
            ("http://localhost:9090/", "127.0.0.1", Ok(1)),
            ("http://localhost/", "10.0.0.1", BLOCKED),
            ("http://127.0.0.1/", "", BLOCKED),
        ] {
            assert_eq!(allowed(&list, url, &[address]), expected, "{url} {address}");
        }
    }

    #[test]
    fn a_network_opens_what_is_in_it_under_any_name() {
        for list in ["10.0.0.0/8", "10.1.2.3/8", "::ffff:10.0.0.0/104"] {
            assert_eq!(allowed(&[list], "http://a.test/", &["10.2.3.4"]), Ok(1), "{list}");
            assert_eq!(allowed(&[list], "http://10.2.3.4/", &[]), Ok(1), "{list}");
            assert_eq!(allowed(&[list], "http://[::ffff:10.2.3.4]/", &[]), Ok(1), "{list}");
            assert_eq!(allowed(&[list], "http://11.2.3.4/", &[]), BLOCKED, "{list}");
        }
        assert_eq!(allowed(&["::1"], "http://[::1]/", &[]), Ok(1));
        assert_eq!(allowed(&["[::1]"], "http://127.0.0.1/", &[]), BLOCKED);
        assert_eq!(allowed(&["0x7f.1"], "http://127.0.0.1/", &[]), Ok(1));
    }

    #[test]
    fn nothing_is_allowed_where_nothing_is_listed() {
        assert_eq!(allowed(&[], "http://1.1.1.1/", &[]), BLOCKED);
        assert_eq!(allowed(&[], "http://a.test/", &["1.1.1.1"]), BLOCKED);
    }

    #[test]
    fn what_cannot_be_allowed_says_why() {
        for (text, part) in [
            ("", "not a host"),
            ("https://shop.example/", "a URL"),
            ("shop.example:443", "with a port"),
            ("10.0.0.0/33", "not a network"),
            ("shop.example/health", "not a network"),
            ("*", "a * that"),
            ("shop.*", "a * that"),
            ("*.10.0.0.1", "no names below"),
            ("a b", "not a host"),
        ] {
            let error = text.parse::<Allow>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("; write public, a host"), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_is_told_as_it_counts() {
        let list = ["PUBLIC", " Shop.Example. ", "*.B\u{fc}cher.example", "::ffff:10.0.0.0/104", "::1", "192.0.2.0/24"];
        let list = AllowList(list.iter().map(|text| text.parse().unwrap()).collect());
        assert_eq!(list.to_string(), "public, shop.example, *.xn--bcher-kva.example, 10.0.0.0/8, ::1, 192.0.2.0/24");
    }
}
