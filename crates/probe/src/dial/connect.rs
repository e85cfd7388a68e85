//! From addresses to a TCP connection.

use std::io;
use std::net::{IpAddr, SocketAddr};

use actix_rt::net::TcpStream;
use metrics_core::Reason;
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::failure::{self, Failed};
use crate::module::{IpProtocol, Module};

/// Which addresses are tried, in which order, and from where.
pub(crate) struct Route {
    preferred: Option<IpProtocol>,
    fallback: bool,
    source: Option<IpAddr>,
}

impl Route {
    pub(crate) fn of(module: &Module) -> Self {
        // Without a fallback there has to be a family: blackbox_exporter's is IPv6.
        let only = (!module.ip_protocol_fallback).then_some(IpProtocol::Ip6);
        Self {
            preferred: module.preferred_ip_protocol.or(only),
            fallback: module.ip_protocol_fallback,
            source: module.source_ip_address,
        }
    }

    /// Puts the addresses of `host` into the order in which they are tried, and leaves out those that must not be.
    pub(crate) fn choose(&self, host: &Host<&str>, addresses: &mut Vec<SocketAddr>) -> Result<(), Failed> {
        if let Some(preferred) = self.preferred {
            let is_other = |address: &SocketAddr| address.is_ipv6() != (preferred == IpProtocol::Ip6);
            // Stable: within a family the order stays the resolver's.
            addresses.sort_by_key(is_other);
            if !self.fallback {
                addresses.retain(|address| !is_other(address));
            }
            if addresses.is_empty() {
                let family = if preferred == IpProtocol::Ip6 { "IPv6" } else { "IPv4" };
                let detail = format!("{host} has no {family} address, and ip_protocol_fallback is off");
                return Err(Failed::new(Reason::DnsNotFound, detail));
            }
        }
        Ok(())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }.map_err(no_family)?;
        // A request is written in one go: waiting for more would cost a delayed acknowledgement.
        socket.set_nodelay(true)?;
        if let Some(source) = self.source {
            if source.is_ipv6() != address.is_ipv6() {
                let text = format!("cannot be reached from {source}: source_ip_address is of the other family");
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
            }
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.connect(address).await
    }
}

/// A kernel without IPv6 has no such sockets, and std no name for that.
fn no_family(error: io::Error) -> io::Error {
    match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::AFNOSUPPORT) => io::Error::new(io::ErrorKind::AddrNotAvailable, error),
        _ => error,
    }
}

/// The first connection that comes about, and its address. Addresses are tried in turn, each for an even share of what is left of the time,
/// so that one that swallows packets does not cost the others their turn; those tried in vain go into `tried`.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    route: &Route,
    deadline: Instant,
    tried: &mut Vec<(SocketAddr, String)>,
) -> Result<(TcpStream, SocketAddr), Failed> {
    let mut last = Failed::new(Reason::Internal, "no address to connect to");
    for (n, &address) in addresses.iter().enumerate() {
        let left = addresses.len() - n;
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        let limit = if left == 1 { deadline } else { Instant::now() + share };
        last = match timeout_at(limit, route.connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => failure::connect(&error),
            Err(_) => Failed::new(Reason::ConnectTimeout, "no answer in time"),
        };
        tried.push((address, last.detail.clone()));
        last.detail = format!("{address}: {}", last.detail);
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the second of two small writes waits for the peer's delayed acknowledgement: 40 ms of nobody's doing.
    #[actix_rt::test]
    async fn nothing_is_held_back() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let route = Route::of(&Module::default());
        let stream = route.connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(stream.nodelay().unwrap());
    }
}
