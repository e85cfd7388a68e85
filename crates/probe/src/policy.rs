//! Where a redirect may lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use metrics_core::Reason;
use url::Url;

use crate::failure::Failed;
use crate::module::RedirectPolicy;

impl RedirectPolicy {
    /// Leaves the addresses of `to` that a redirect may connect to: what is checked is what is connected to, so a name that
    /// resolves otherwise the next time gains nothing. A run that began at `first` and found it at `peer` may come back there.
    pub(crate) fn retain_allowed(
        &self,
        addresses: &mut Vec<SocketAddr>,
        to: &Url,
        first: &Url,
        peer: Option<IpAddr>,
    ) -> Result<(), Failed> {
        let Self::Public(exceptions) = self else { return Ok(()) };
        let blocked = |detail: String| Err(Failed::new(Reason::Blocked, detail));
        let (port, known) = (to.port_or_known_default(), [Some(80), Some(443), first.port_or_known_default()]);
        if !known.contains(&port) {
            let port = port.unwrap_or_default();
            return blocked(format!("a redirect to port {port}: redirect_policy allows 80, 443 and the target's own"));
        }
        let peer = peer.map(|peer| peer.to_canonical());
        let Some(any) = addresses.first().copied() else { return Ok(()) };
        addresses.retain(|address| {
            let ip = address.ip().to_canonical();
            Some(ip) == peer || exceptions.iter().any(|net| net.contains(&ip)) || is_public(ip)
        });
        if addresses.is_empty() {
            return blocked(format!("a redirect to {}, which is no public address: redirect_policy", any.ip()));
        }
        Ok(())
    }
}

/// Whether the address belongs to the public internet: by the special-purpose registries of IANA (RFC 6890), with the
/// addresses in which others are wrapped judged by what is within.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let octets = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || octets[0] == 0
        || octets[0] >= 240
        || matches!(octets, [100, 64..=127, ..] | [198, 18 | 19, ..] | [192, 0, 0, _] | [192, 88, 99, _]);
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // IPv4-mapped; translated by NAT64; 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            wrapped(high, low)
        }
        // Teredo, benchmarks, ORCHID; documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All that is given out so far.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(to: &str, addresses: &[&str], exceptions: &[&str]) -> Result<usize, Reason> {
        let policy = RedirectPolicy::Public(exceptions.iter().map(|net| net.parse().unwrap()).collect());
        let first = Url::parse("https://start.test:8443/").unwrap();
        let peer = Some("10.1.2.3".parse().unwrap());
        let mut addresses = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect();
        let result = policy.retain_allowed(&mut addresses, &Url::parse(to).unwrap(), &first, peer);
        result.map(|()| addresses.len()).map_err(|failed| failed.reason)
    }

    /// P16: whatever the spelling, what counts is the address.
    #[test]
    fn p16_addresses_that_are_not_public_are_blocked() {
        for ip in [
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert_eq!(allowed("https://there.test/", &[ip], &[]), Err(Reason::Blocked), "{ip}");
        }
    }

    #[test]
    fn public_addresses_are_not() {
        for ip in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2001:200::1",
            "2001:4860::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(allowed("https://there.test/", &[ip], &[]), Ok(1), "{ip}");
        }
    }

    #[test]
    fn a_redirect_may_come_back_to_the_peer_that_it_came_from_and_to_exceptions() {
        assert_eq!(allowed("https://there.test/", &["10.1.2.3"], &[]), Ok(1));
        assert_eq!(allowed("https://there.test/", &["::ffff:10.1.2.3"], &[]), Ok(1));
        assert_eq!(allowed("https://there.test/", &["10.9.0.1"], &["10.9.0.0/16"]), Ok(1));
        assert_eq!(allowed("https://there.test/", &["::1", "fe80::1"], &["::1/128"]), Ok(1));
    }

    /// P17: of several addresses only those are left that may be connected to.
    #[test]
    fn p17_what_is_not_allowed_is_not_connected_to() {
        assert_eq!(allowed("https://there.test/", &["1.1.1.1", "127.0.0.1", "10.0.0.1"], &[]), Ok(1));
    }

    #[test]
    fn p16_other_ports_are_blocked() {
        for (to, expected) in [
            ("http://there.test/", Ok(1)),
            ("https://there.test/", Ok(1)),
            ("https://there.test:8443/", Ok(1)),
            ("http://there.test:8443/", Ok(1)),
            ("http://there.test:22/", Err(Reason::Blocked)),
            ("https://there.test:6379/", Err(Reason::Blocked)),
        ] {
            assert_eq!(allowed(to, &["1.1.1.1"], &[]), expected, "{to}");
        }
    }

    #[test]
    fn without_a_policy_redirects_lead_anywhere() {
        let mut addresses = vec![SocketAddr::from(([127, 0, 0, 1], 22))];
        let [to, first] = ["http://127.0.0.1:22/", "http://start.test/"].map(|url| Url::parse(url).unwrap());
        let result = RedirectPolicy::Any.retain_allowed(&mut addresses, &to, &first, None);
        assert!(result.is_ok() && addresses.len() == 1);
    }
}
