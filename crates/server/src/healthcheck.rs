//! The subcommand `healthcheck`, for containers that hold nothing but this binary.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::listen::ListenAddress;

const LIMIT: Duration = Duration::from_secs(2);

/// Asks the server on this machine for `/-/healthy`.
pub(crate) fn healthcheck(listen: &ListenAddress) -> anyhow::Result<()> {
    let mut last = None;
    for address in listen.addresses_on_this_machine()? {
        match ask(address) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error.context(format!("no healthy server on {address}"))),
        }
    }
    Err(last.context("no address to ask")?)
}

fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    match answer.lines().next() {
        Some(line) if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        line => bail!("it answered {:?}", line.unwrap_or_default()),
    }
}
