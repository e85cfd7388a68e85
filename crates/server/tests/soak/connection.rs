//! A client's connection, over TCP or TLS: requests as bytes, answers to their end.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::SockRef;

/// A server that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(60);

trait Wire: Read + Write + Send {}

impl<S: Read + Write + Send> Wire for S {}

/// How to get in.
#[derive(Clone)]
pub(crate) enum Door {
    Open,
    /// Over TLS, with this header.
    Guarded(Arc<ClientConfig>, String),
}

impl Door {
    /// What each request of who may come in has.
    pub(crate) fn header(&self) -> &str {
        match self {
            Self::Open => "",
            Self::Guarded(_, header) => header,
        }
    }
}

pub(crate) struct Connection {
    wire: BufReader<Box<dyn Wire>>,
    /// The same socket, below TLS.
    tcp: TcpStream,
}

impl Connection {
    pub(crate) fn new(address: SocketAddr, door: &Door) -> io::Result<Self> {
        let tcp = Self::tcp(address)?;
        let wire: Box<dyn Wire> = match door {
            Door::Open => Box::new(tcp.try_clone()?),
            Door::Guarded(config, _) => {
                let name = ServerName::try_from("localhost").map_err(Error::other)?;
                let connection = ClientConnection::new(config.clone(), name).map_err(Error::other)?;
                Box::new(StreamOwned::new(connection, tcp.try_clone()?))
            }
        };
        Ok(Self { wire: BufReader::with_capacity(64 << 10, wire), tcp })
    }

    /// Without TLS, whatever the server speaks.
    pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        Ok(tcp)
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.wire.get_mut().write_all(request)?;
        self.wire.get_mut().flush()
    }

    /// Some of what comes: nothing once the server has closed.
    pub(crate) fn some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.read(buffer)
    }

    /// The status of the next answer, whose body goes there.
    pub(crate) fn answer(&mut self, to_head: bool, body: &mut dyn Write) -> io::Result<u16> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| wrong(&status))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().map_err(|_| wrong(&line))?,
                Some(("transfer-encoding", "chunked")) => chunked = true,
                Some(_) => {}
            }
        }
        if to_head {
            return Ok(status);
        }
        if !chunked {
            self.body(length, body)?;
            return Ok(status);
        }
        loop {
            let size = self.line()?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| wrong(&size))?;
            self.body(size, body)?;
            self.line()?;
            if size == 0 {
                return Ok(status);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.wire.read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
            None => Err(Error::new(ErrorKind::UnexpectedEof, "the server closed within an answer")),
        }
    }

    fn body(&mut self, length: u64, body: &mut dyn Write) -> io::Result<()> {
        let copied = io::copy(&mut self.wire.by_ref().take(length), body)?;
        if copied == length { Ok(()) } else { Err(Error::new(ErrorKind::UnexpectedEof, "a body was cut short")) }
    }

    /// As a client that dies: what is under way is lost.
    pub(crate) fn reset(self) -> io::Result<()> {
        SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO))?;
        Ok(())
    }

    /// As a client that has said all.
    pub(crate) fn says_no_more(&self) -> io::Result<()> {
        self.tcp.shutdown(Shutdown::Write)
    }
}

fn wrong(line: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("this is no answer: {line:.200}"))
}
