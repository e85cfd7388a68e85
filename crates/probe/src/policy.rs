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
        peer: IpAddr,
    ) -> Result<(), Failed> {
        let Self::Public(exceptions) = self else { return Ok(()) };
        let blocked = |detail: String| Err(Failed::new(Reason::Blocked, detail));
        let (port, known) = (to.port_or_known_default(), [Some(80), Some(443), first.port_or_known_default()]);
        if !known.contains(&port) {
            let port = port.unwrap_or_default();
            return blocked(format!("a redirect to port {port}: redirect_policy allows 80, 443 and the target's own"));
        }
        let Some(any) = addresses.first().copied() else { return Ok(()) };
        addresses.retain(|address| {
            let ip = address.ip().to_canonical();
            ip == peer.to_canonical() || exceptions.iter().any(|net| net.contains(&ip)) || is_public(ip)
        });
        if addresses.is_empty() {
            return blocked(format!("a redirect to {}, which is no public address: redirect_policy", any.ip()));
        }
        Ok(())
    }
}

/// Whether the address belongs to the public internet: by the special-purpose registries of IANA (RFC 6890), with the
/// addresses in which others are wrapped judged by what is within.
fn is_public(ip: IpAddr) -> bool {
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
        // IPv4-mapped; translated by NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => wrapped(high, low),
        // 6to4
        [0x2002, high, low, ..] => wrapped(high, low),
        // Teredo, benchmarks, ORCHID; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All that is given out so far.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
