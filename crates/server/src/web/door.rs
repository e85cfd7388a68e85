//! The door: what a connection goes through before its first request. There must be a place for it, and where the web configuration
//! says so, it must speak TLS. Each connection meets the configuration of its own moment.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_rt::net::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::access::Accesses;
use super::connections::{Connections, Entry, Place};
use super::limits::Limits;
use super::stream::Stream;

/// The first byte of a TLS handshake: RFC 8446, section 5.1.
const HANDSHAKE: u8 = 22;
/// For who is told to go away, to have read it.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are read of him meanwhile: a reset would take the answer from him.
const LINGER_BYTES: u64 = 64 * 1024;

/// Clones are the same door.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) accesses: Accesses,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: Limits,
}

impl Door {
    /// Lets a client in.
    ///
    /// # Errors
    /// He stays outside, and has been told why where that can be done. Nobody else has to know.
    pub(super) async fn enter(&self, tcp: TcpStream) -> Result<(Stream, Option<SocketAddr>), DispatchError> {
        let peer = tcp.peer_addr().ok();
        let place = match self.connections.enter() {
            Entry::Free(place) => place,
            Entry::Full(place) => return self.full(tcp, place).await,
            Entry::Crowded => return Err(outside("too many connections")),
        };
        let tls = self.accesses.borrow().config.tls.clone();
        let Some(config) = tls else { return Ok((Stream::plain(tcp, &self.limits, place), peer)) };
        let shaken = timeout(self.limits.header_timeout, async {
            let mut first = [0];
            if tcp.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
                return Ok(Err(tcp));
            }
            TlsAcceptor::from(config).accept(tcp).await.map(Ok)
        });
        match shaken.await {
            Ok(Ok(Ok(stream))) => Ok((Stream::tls(stream, &self.limits, place), peer)),
            Ok(Ok(Err(tcp))) => {
                answer(tcp, "400 Bad Request", "", "this is an HTTPS server: ask it with https://").await;
                Err(outside("no TLS"))
            }
            Ok(Err(error)) => {
                log::debug!("TLS handshake of {}: {error}", shown(peer));
                Err(DispatchError::Io(error))
            }
            Err(_) => Err(outside("no TLS handshake in time")),
        }
    }

    /// One who would speak TLS cannot read the answer, and sees a connection that is closed.
    async fn full(&self, tcp: TcpStream, _place: Place) -> Result<(Stream, Option<SocketAddr>), DispatchError> {
        if self.accesses.borrow().config.tls.is_none() {
            let why = format!("{} connections are open already (--web.max-connections)", self.connections.most());
            answer(tcp, "503 Service Unavailable", "Retry-After: 1\r\n", &why).await;
        }
        Err(outside("too many connections"))
    }
}

/// Says `line` and closes.
async fn answer(mut tcp: TcpStream, status: &str, headers: &str, line: &str) {
    let length = line.len() + 1;
    let response = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{line}\n"
    );
    let goodbye = async {
        tcp.write_all(response.as_bytes()).await?;
        tcp.shutdown().await?;
        let mut rest = tcp.take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Who does not listen has missed it.
    let _ = timeout(LINGER, goodbye).await;
}

fn outside(why: &'static str) -> DispatchError {
    DispatchError::Io(io::Error::other(why))
}

fn shown(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "a client that has gone".to_owned(), |peer| peer.to_string())
}
