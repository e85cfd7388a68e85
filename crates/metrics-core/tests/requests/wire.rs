//! The three ways in which a case reaches the app: a mock, HTTP/1.1 in raw bytes, HTTP/2.

use std::fmt::Debug;
use std::future::poll_fn;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use actix_http::Request as Incoming;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, call_service};
use actix_web::web::Bytes;
use actix_web::{Error, HttpServer};
use futures::FutureExt;
use metrics_core::HttpMetrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::app::{self, Layout, app, next_number};
use crate::case::{Body, Case, Client, Request, Sees, Text};
use crate::kit::{Server, in_time, read_chunk, read_head};
use crate::scrape::ensure;

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    /// The body came to its proper end.
    pub(crate) whole: bool,
}

impl Seen {
    pub(crate) fn fits(&self, case: &Case) -> Result<(), String> {
        let fits = match (case.client, case.sees) {
            (Client::LeavesEarly, _) => self.status.is_none(),
            (Client::LeavesMidway, _) => self.status == Some(200) && !self.whole,
            (Client::Ignores, Sees::Whole(status, _)) => self.status == Some(status),
            (_, Sees::Broken) => !self.whole,
            (_, Sees::Whole(status, text)) => {
                let fits = match text {
                    Text::Is(text) => self.body == text.as_bytes(),
                    Text::Length(length) => self.body.len() == length,
                    Text::Any => true,
                };
                self.whole && self.status == Some(status) && fits
            }
        };
        ensure(fits, || {
            let body = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]).into_owned();
            format!("saw {:?} whole={} {body:?}, not {:?}", self.status, self.whole, case.sees)
        })
    }
}

impl Request {
    /// The target of one exchange.
    fn target(&self, n: u64) -> String {
        self.target.replace("{n}", &n.to_string())
    }
}

fn told(error: impl Debug) -> String {
    format!("{error:?}")
}

/// Calls the service of `init_service`, and does with the response what a dispatcher and its client would.
pub(crate) async fn mock<S, B>(service: &S, case: &Case) -> Result<Seen, String>
where
    S: Service<Incoming, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let n = next_number();
    let request = incoming(&case.request, n);
    let mut seen = Seen::default();
    // A worker lives on after a panic, and so must the test.
    let exchange = AssertUnwindSafe(in_time(call(service, request, n, case, &mut seen))).catch_unwind().await;
    exchange.unwrap_or(Ok(()))?;
    Ok(seen)
}

/// One request that gets a response, read to its end.
pub(crate) async fn ask<S, B>(service: &S, request: TestRequest)
where
    S: Service<Incoming, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let _ = to_bytes(call_service(service, request.to_request()).await.into_body()).await;
}

fn incoming(request: &Request, n: u64) -> Incoming {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut incoming = TestRequest::default().method(method).uri(&request.target(n));
    for header in request.headers {
        incoming = incoming.insert_header(*header);
    }
    if let Some(length) = request.body.announced() {
        incoming = incoming.insert_header(("content-length", length.to_string()));
    }
    let mut incoming = incoming.to_request();
    if !matches!(request.body, Body::None) {
        let pieces = request.body.pieces().into_iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        let missing = matches!(request.body, Body::Short { .. }).then(|| Err(PayloadError::Incomplete(None)));
        let payload = Box::pin(futures::stream::iter(pieces.chain(missing)));
        *incoming.payload() = Payload::Stream { payload };
    }
    incoming
}

async fn call<S, B>(service: &S, request: Incoming, n: u64, case: &Case, seen: &mut Seen)
where
    S: Service<Incoming, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let mut call = pin!(service.call(request));
    if case.client == Client::LeavesEarly {
        let gate = app::gate(n);
        assert!(futures::poll!(call.as_mut()).is_pending());
        gate.entered.await.unwrap();
        return;
    }
    let response = match call.await {
        Ok(response) => response,
        // After the last middleware, actix-web makes a response of it.
        Err(error) => {
            let response = error.error_response();
            seen.status = Some(response.status().as_u16());
            seen.body = to_bytes(response.into_body()).await.unwrap().to_vec();
            seen.whole = true;
            return;
        }
    };
    seen.status = Some(response.status().as_u16());
    let bodiless = case.request.method == "HEAD"
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
    let mut body = pin!(response.into_body());
    let mut pieces = match case.client {
        Client::Ignores => 0,
        Client::LeavesMidway => 2,
        _ => usize::MAX,
    };
    // The dispatcher of HTTP/1 polls also what it does not send.
    while pieces > 0 {
        match poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            Some(Ok(bytes)) if !bodiless => seen.body.extend_from_slice(&bytes),
            Some(Ok(_)) => {}
            Some(Err(_)) => return,
            None => {
                seen.whole = true;
                return;
            }
        }
        pieces -= 1;
    }
}

impl Server {
    pub(crate) fn start(layout: Layout, http: &HttpMetrics, workers: usize) -> Self {
        let http = http.clone();
        let server = HttpServer::new(move || app(layout, http.clone())).workers(workers).disable_signals();
        // No connection of a test is closed for having been idle.
        let server = server.keep_alive(Duration::from_secs(600)).bind_auto_h2c("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        Self::run(address, server.run())
    }
}

/// A client of HTTP/1.1, with one connection at a time.
pub(crate) struct Http1 {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Http1 {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    pub(crate) async fn exchange(&mut self, case: &Case) -> Result<Seen, String> {
        in_time(self.try_exchange(case)).await?.map_err(told)
    }

    async fn try_exchange(&mut self, case: &Case) -> io::Result<Seen> {
        let mut connection = match self.connection.take().filter(|_| case.shares_connection()) {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(self.address).await?),
        };
        let n = next_number();
        let gate = (case.client == Client::LeavesEarly).then(|| app::gate(n));
        connection.write_all(&bytes(&case.request, n)?).await?;
        if matches!(case.request.body, Body::Short { .. }) {
            connection.shutdown().await?;
        }
        if let Some(gate) = gate {
            gate.entered.await.map_err(io::Error::other)?;
            drop(connection);
            drop(gate.open);
            return Ok(Seen::default());
        }
        let mut seen = Seen::default();
        let kept = read(&mut connection, case, &mut seen).await.unwrap_or(false);
        self.connection = (kept && case.shares_connection()).then_some(connection);
        Ok(seen)
    }
}

fn bytes(request: &Request, n: u64) -> io::Result<Vec<u8>> {
    if let Some(raw) = request.raw {
        return Ok(raw.to_vec());
    }
    let mut bytes = Vec::new();
    write!(bytes, "{} {} HTTP/1.1\r\n", request.method, request.target(n))?;
    if !request.headers.iter().any(|(name, _)| *name == "host") {
        write!(bytes, "host: a\r\n")?;
    }
    for (name, value) in request.headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    match request.body {
        Body::None => write!(bytes, "\r\n")?,
        Body::Sized(text) => write!(bytes, "content-length: {}\r\n\r\n{text}", text.len())?,
        Body::Short { announced, sent } => write!(bytes, "content-length: {announced}\r\n\r\n{sent}")?,
        Body::Pieces(pieces) => {
            write!(bytes, "transfer-encoding: chunked\r\n\r\n")?;
            for piece in pieces {
                write!(bytes, "{:x}\r\n{piece}\r\n", piece.len())?;
            }
            write!(bytes, "0\r\n\r\n")?;
        }
    }
    Ok(bytes)
}

/// Reads an answer as far as it comes; whether the connection can carry another one.
async fn read(connection: &mut BufReader<TcpStream>, case: &Case, seen: &mut Seen) -> io::Result<bool> {
    let mut head = read_head(connection).await?;
    while head.status == 100 {
        head = read_head(connection).await?;
    }
    seen.status = Some(head.status);
    if case.request.method == "HEAD" || [204, 304].contains(&head.status) {
        seen.whole = true;
    } else if head.status == 101 {
        // What follows is no HTTP; who upgrades knows where it ends.
        let Sees::Whole(_, Text::Is(text)) = case.sees else { return Ok(false) };
        seen.body.resize(text.len(), 0);
        connection.read_exact(&mut seen.body).await?;
        seen.whole = true;
    } else if head.header("transfer-encoding") == Some("chunked") {
        loop {
            let chunk = read_chunk(connection).await?;
            seen.body.extend_from_slice(&chunk);
            if chunk.is_empty() || case.client == Client::LeavesMidway {
                seen.whole = chunk.is_empty();
                break;
            }
        }
    } else if let Some(length) = head.header("content-length") {
        seen.body.resize(length.parse().map_err(io::Error::other)?, 0);
        connection.read_exact(&mut seen.body).await?;
        seen.whole = true;
    } else {
        connection.read_to_end(&mut seen.body).await?;
        seen.whole = true;
        return Ok(false);
    }
    Ok(head.header("connection") != Some("close"))
}

/// A client of HTTP/2 that knows without asking that the server speaks it; one connection for as long as it holds.
pub(crate) struct Http2 {
    address: SocketAddr,
    connection: Option<(h2::client::SendRequest<Bytes>, h2::PingPong)>,
}

impl Http2 {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    pub(crate) async fn exchange(&mut self, case: &Case) -> Result<Seen, String> {
        in_time(self.try_exchange(case)).await?
    }

    async fn connect(&self) -> Result<(h2::client::SendRequest<Bytes>, h2::PingPong), String> {
        let stream = TcpStream::connect(self.address).await.map_err(told)?;
        let (client, mut connection) = h2::client::handshake(stream).await.map_err(told)?;
        let ping = connection.ping_pong().unwrap();
        actix_rt::spawn(connection.map(drop));
        Ok((client.ready().await.map_err(told)?, ping))
    }

    async fn try_exchange(&mut self, case: &Case) -> Result<Seen, String> {
        let (mut client, mut ping) = match self.connection.take() {
            // A panic may have ended the task of the whole connection.
            Some((client, ping)) => match client.ready().await {
                Ok(client) => (client, ping),
                Err(_) => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let n = next_number();
        let gate = (case.client == Client::LeavesEarly).then(|| app::gate(n));
        let pieces = case.request.body.pieces();
        let request = http2_request(&case.request, n);
        let (response, mut stream) = client.send_request(request, pieces.is_empty()).map_err(told)?;
        for (i, piece) in pieces.iter().enumerate() {
            // A server that has already answered may refuse the rest.
            let _ = stream.send_data(Bytes::from_static(piece.as_bytes()), i + 1 == pieces.len());
        }
        let mut seen = Seen::default();
        if let Some(gate) = gate {
            gate.entered.await.map_err(told)?;
            stream.send_reset(h2::Reason::CANCEL);
            // Frames are read in their order: with the pong, the reset has come.
            ping.ping(h2::Ping::opaque()).await.map_err(told)?;
            drop(gate.open);
        } else {
            let _ = read_http2(response, stream, case, &mut seen).await;
        }
        self.connection = Some((client, ping));
        Ok(seen)
    }
}

fn http2_request(request: &Request, n: u64) -> http::Request<()> {
    let host = request.headers.iter().find_map(|(name, value)| (*name == "host").then_some(*value));
    let target = request.target(n);
    let uri = if target.starts_with('/') { format!("http://{}{target}", host.unwrap_or("a")) } else { target };
    let mut builder = http::Request::builder().method(request.method).uri(uri);
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != "host") {
        builder = builder.header(*name, *value);
    }
    if let Some(length) = request.body.announced() {
        builder = builder.header("content-length", length);
    }
    builder.body(()).unwrap()
}

async fn read_http2(
    response: h2::client::ResponseFuture,
    mut stream: h2::SendStream<Bytes>,
    case: &Case,
    seen: &mut Seen,
) -> Result<(), h2::Error> {
    let response = response.await?;
    seen.status = Some(response.status().as_u16());
    let mut body = response.into_body();
    while let Some(bytes) = body.data().await {
        let bytes = bytes?;
        body.flow_control().release_capacity(bytes.len())?;
        seen.body.extend_from_slice(&bytes);
        if case.client == Client::LeavesMidway {
            stream.send_reset(h2::Reason::CANCEL);
            return Ok(());
        }
    }
    seen.whole = true;
    Ok(())
}
