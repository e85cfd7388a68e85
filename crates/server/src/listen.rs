//! Where the server listens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

use anyhow::Context;
use listenfd::ListenFd;
use socket2::{Domain, Socket, Type};

/// The flags that say it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Web server")]
pub(crate) struct ListenFlags {
    /// Where to serve, as `[HOST]:PORT`; without HOST on all addresses, IPv4 and IPv6; port 0 lets the system choose; repeatable
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = ":2121",
        global = true,
        value_delimiter = ','
    )]
    #[arg(env = "ACTIX_EXPORTER_WEB_LISTEN_ADDRESS", hide_env_values = true)]
    pub(crate) addresses: Vec<ListenAddress>,

    /// Serve on the sockets that systemd hands over (socket activation) instead of --web.listen-address
    #[arg(long = "web.systemd-socket", env = "ACTIX_EXPORTER_WEB_SYSTEMD_SOCKET", hide_env_values = true)]
    systemd_socket: bool,
}

impl ListenFlags {
    /// Sockets that listen there.
    pub(crate) fn listeners(&self) -> anyhow::Result<Vec<TcpListener>> {
        if self.systemd_socket {
            return handed_over();
        }
        let mut listeners = Vec::new();
        for address in &self.addresses {
            listeners.extend(address.listeners()?);
        }
        Ok(listeners)
    }
}

/// Those of `LISTEN_FDS`: sd_listen_fds(3).
fn handed_over() -> anyhow::Result<Vec<TcpListener>> {
    let mut sockets = ListenFd::from_env();
    let listeners = (0..sockets.len()).map(|n| {
        let socket = sockets.take_tcp_listener(n).with_context(|| {
            format!("socket {n} of systemd is no TCP listener; check ListenStream= of its .socket unit")
        })?;
        socket.with_context(|| format!("socket {n} of systemd is not there"))
    });
    let listeners = listeners.collect::<anyhow::Result<Vec<_>>>()?;
    anyhow::ensure!(
        !listeners.is_empty(),
        "--web.systemd-socket: systemd has handed over no socket; start the service by a .socket unit, or leave the flag out"
    );
    Ok(listeners)
}

/// `[HOST]:PORT`. Without a host it means every address of the machine, IPv4 and IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    host: Option<String>,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "write it as [HOST]:PORT, e.g. :2121, 127.0.0.1:2121 or [::1]:2121";
        let (host, port) = text.rsplit_once(':').ok_or(HINT)?;
        let port = port.parse().map_err(|_| HINT)?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').ok_or(HINT)?,
            None if host.contains(':') => return Err("an IPv6 address stands in brackets, e.g. [::1]:2121"),
            None => host,
        };
        Ok(Self { host: Some(host.to_owned()).filter(|host| !host.is_empty()), port })
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{}:{}", host.as_deref().unwrap_or_default(), self.port),
        }
    }
}

impl ListenAddress {
    /// Sockets that listen there. Where the machine has no IPv6, an address without a host means IPv4 alone.
    pub(crate) fn listeners(&self) -> anyhow::Result<Vec<TcpListener>> {
        let listeners = match &self.host {
            Some(host) => {
                self.resolve(host).and_then(|addresses| addresses.iter().map(|a| listener(*a, false)).collect())
            }
            None => self.on_all_addresses(),
        };
        listeners.map_err(|error| anyhow::anyhow!("cannot listen on {self}: {error}; {}", advice(&error)))
    }

    fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        (host, self.port).to_socket_addrs().map(Iterator::collect)
    }

    fn on_all_addresses(&self) -> io::Result<Vec<TcpListener>> {
        let v4 = listener((Ipv4Addr::UNSPECIFIED, self.port).into(), false)?;
        // With port 0 the system chose one; IPv6 gets the same.
        let port = v4.local_addr()?.port();
        match listener((Ipv6Addr::UNSPECIFIED, port).into(), true) {
            Ok(v6) => Ok(vec![v4, v6]),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
            Err(error) => {
                log::warn!("no IPv6 here ({error}): listening on IPv4 alone");
                Ok(vec![v4])
            }
        }
    }

    /// Where a client on the same machine finds the server.
    pub(crate) fn addresses_on_this_machine(&self) -> anyhow::Result<Vec<SocketAddr>> {
        anyhow::ensure!(
            self.port != 0,
            "with port 0 nobody can know where the server listens: give --web.listen-address its port"
        );
        let Some(host) = &self.host else {
            return Ok(vec![(Ipv4Addr::LOCALHOST, self.port).into(), (Ipv6Addr::LOCALHOST, self.port).into()]);
        };
        let to_loopback = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, self.port).into(),
            IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, self.port).into(),
            _ => address,
        };
        let addresses = self.resolve(host).with_context(|| format!("cannot resolve {self}"))?;
        Ok(addresses.into_iter().map(to_loopback).collect())
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop the program that listens there, or choose another port with --web.listen-address"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege: choose another with --web.listen-address"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: give one of its own with --web.listen-address"
        }
        _ => "check --web.listen-address",
    }
}

fn listener(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the last run to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_listen_address() {
        for (text, host, port) in [
            (":2121", None, 2121),
            ("127.0.0.1:0", Some("127.0.0.1"), 0),
            ("[::1]:80", Some("::1"), 80),
            ("localhost:1", Some("localhost"), 1),
        ] {
            let parsed: ListenAddress = text.parse().unwrap();
            assert_eq!((parsed.host.as_deref(), parsed.port), (host, port));
            assert_eq!(parsed.to_string(), text);
        }
        for text in ["", "2121", "localhost", "::1:80", ":x", ":70000", "[::1:80"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_host_both_families_have_one_port() {
        let listeners = ListenAddress { host: None, port: 0 }.listeners().unwrap();
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    }
}
