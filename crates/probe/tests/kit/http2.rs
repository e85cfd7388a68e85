//! Peers that speak HTTP/2: one that does it well, by the crate h2, and the frames of those that do not.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::kit::peer::{Wire, read};

type Script = dyn Fn(&Request<()>) -> (Response<()>, Vec<u8>) + Send + Sync;

/// A peer that keeps to the rules. Its threads end with the test's process.
pub struct Http2Peer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request<Vec<u8>>>>>,
}

impl Http2Peer {
    pub fn start(
        config: Arc<ServerConfig>,
        script: impl Fn(&Request<()>) -> (Response<()>, Vec<u8>) + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let (requests, script): (_, Arc<Script>) = (peer.requests.clone(), Arc::new(script));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let (listener, tls) = (TcpListener::from_std(listener).unwrap(), TlsAcceptor::from(config));
                while let Ok((stream, _)) = listener.accept().await {
                    let (tls, requests, script) = (tls.clone(), requests.clone(), script.clone());
                    tokio::spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &requests, &*script).await;
                        }
                    });
                }
            });
        });
        peer
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request<Vec<u8>>> {
        let requests = self.requests.lock().unwrap();
        let copy = |request: &Request<Vec<u8>>| {
            let mut copy = Request::new(request.body().clone());
            copy.method_mut().clone_from(request.method());
            copy.uri_mut().clone_from(request.uri());
            copy.headers_mut().clone_from(request.headers());
            copy
        };
        requests.iter().map(copy).collect()
    }
}

async fn serve(stream: TlsStream<TcpStream>, requests: &Arc<Mutex<Vec<Request<Vec<u8>>>>>, script: &Script) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut answering))) = connection.accept().await {
        let (head, mut body) = request.into_parts();
        let (head, requests) = (Request::from_parts(head, ()), requests.clone());
        let (response, answer) = script(&head);
        // A task of its own, as the connection has to be polled for the body to come.
        tokio::spawn(async move {
            let mut whole = Vec::new();
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                whole.extend_from_slice(&piece);
            }
            requests.lock().unwrap().push(head.map(|()| whole));
            if let Ok(mut stream) = answering.send_response(response, answer.is_empty())
                && !answer.is_empty()
            {
                let _ = stream.send_data(answer.into(), true);
            }
        });
    }
}

/// Kinds of frames (RFC 9113, section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `:status: 200`, as HPACK has it in its table.
pub const STATUS_200: u8 = 0x88;

/// A frame of this kind and these flags, on the stream of the request or on that of the connection.
pub fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = u8::from(!matches!(kind, SETTINGS | GOAWAY));
    [&[a, b, c, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A header as HPACK has it where it is in no table (RFC 7541, section 6.2.2); both parts shorter than 127 bytes.
pub fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// `:status` where the table has none for it.
pub fn status(code: &str) -> Vec<u8> {
    [&[0x08, u8::try_from(code.len()).unwrap()], code.as_bytes()].concat()
}

/// GOAWAY that refuses everything, with this code.
pub fn goaway(code: u32, last_stream: u32) -> Vec<u8> {
    frame(GOAWAY, 0, &[last_stream.to_be_bytes(), code.to_be_bytes()].concat())
}

/// Reads up to the head of the request, and begins the connection with our settings.
pub fn begin(wire: &mut dyn Wire) -> io::Result<()> {
    read(wire, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len())?;
    send(wire, &frame(SETTINGS, 0, &[]))?;
    loop {
        let head = read(wire, 9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        read(wire, length as usize)?;
        if head[3] == HEADERS && head[4] & END_HEADERS != 0 {
            return Ok(());
        }
    }
}

pub fn send(wire: &mut dyn Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes)?;
    wire.flush()
}
