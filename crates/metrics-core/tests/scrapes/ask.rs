//! The two ways to ask for a scrape, in process and in raw HTTP/1.1, and what comes back.

use std::future::poll_fn;
use std::io::Read;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{self, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Bytes;
use actix_web::{App, HttpServer};
use flate2::read::GzDecoder;
use metrics_core::MetricsHandler;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::exposed::Exposed;
use crate::kit::{Head, Server, in_time, read_chunk, read_head};
use crate::protobuf;

/// The formats, each by its `Content-Type` to the letter; as `Accept`, it asks for that format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(crate) const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
pub(crate) const FORMATS: [&str; 3] = [TEXT, OPEN_METRICS, PROTOBUF];

pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn format(&self) -> &str {
        self.head.header("content-type").unwrap()
    }

    pub(crate) fn is_gzip(&self) -> bool {
        self.head.header("content-encoding") == Some("gzip")
    }

    /// The body without gzip.
    pub(crate) fn plain(&self) -> Vec<u8> {
        if !self.is_gzip() {
            return self.body.clone();
        }
        let mut plain = Vec::new();
        GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap();
        plain
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.plain()).unwrap()
    }

    /// What the body says, which must be in the format that the head says.
    pub(crate) fn exposed(&self) -> Exposed {
        assert_eq!(self.head.status, 200);
        match self.format() {
            TEXT => Exposed::parse(&self.text(), false),
            OPEN_METRICS => Exposed::parse(&self.text(), true),
            PROTOBUF => protobuf::exposed(&protobuf::messages(&self.plain())),
            other => panic!("no format: {other}"),
        }
    }
}

/// `query` from its `?` on.
pub(crate) fn get(query: &str) -> TestRequest {
    TestRequest::get().uri(&format!("/metrics{query}"))
}

/// In process.
pub(crate) async fn ask(handler: &MetricsHandler, request: TestRequest) -> Answer {
    let (mut pieces, mut body) = (Pieces::of(handler, request).await, Vec::new());
    while let Some(piece) = pieces.next().await {
        body.extend_from_slice(&piece);
    }
    Answer { head: pieces.head, body }
}

/// In process, in this format.
pub(crate) async fn scrape(handler: &MetricsHandler, format: &str, query: &str) -> Answer {
    let answer = ask(handler, get(query).insert_header((header::ACCEPT, format))).await;
    assert_eq!(answer.format(), format);
    answer
}

/// An answer that is being read.
pub(crate) struct Pieces {
    pub(crate) head: Head,
    body: Pin<Box<BoxBody>>,
}

impl Pieces {
    pub(crate) async fn of(handler: &MetricsHandler, request: TestRequest) -> Self {
        let app = init_service(App::new().service(handler.clone())).await;
        let response = in_time(call_service(&app, request.to_request())).await.unwrap().map_into_boxed_body();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let head = Head { status: response.status().as_u16(), headers };
        Self { head, body: Box::pin(response.into_body()) }
    }

    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        poll_fn(|context| self.body.as_mut().poll_next(context)).await.map(Result::unwrap)
    }
}

pub(crate) fn serve(handler: &MetricsHandler, workers: usize) -> Server {
    let handler = handler.clone();
    let server = HttpServer::new(move || App::new().service(handler.clone())).workers(workers);
    // No connection is closed for having been idle, and none has more threads to block than need be: a machine of many
    // cores gives each worker few.
    let server = server.keep_alive(Duration::from_secs(600)).worker_max_blocking_threads(1).disable_signals();
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    Server::run(address, server.run())
}

/// A connection of HTTP/1.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Whoever does not read holds the server up soon.
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        Self(BufReader::new(in_time(socket.connect(address)).await.unwrap().unwrap()))
    }

    /// A request without a body.
    pub(crate) async fn send(&mut self, first_line: &str, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
        let request = format!("{first_line}\r\nHost: a\r\n{headers}\r\n");
        in_time(self.0.write_all(request.as_bytes())).await.unwrap().unwrap();
    }

    pub(crate) async fn head(&mut self) -> Head {
        in_time(read_head(&mut self.0)).await.unwrap().unwrap()
    }

    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        in_time(read_chunk(&mut self.0)).await.unwrap().unwrap()
    }

    /// All that comes until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        in_time(self.0.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }

    /// The answer to anything but HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let mut body = Vec::new();
        if head.header("transfer-encoding") == Some("chunked") {
            loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            in_time(self.0.read_exact(&mut body)).await.unwrap().unwrap();
        } else {
            body = self.rest().await;
        }
        Answer { head, body }
    }
}

/// Over the wire, on a connection of its own.
pub(crate) async fn ask_over(address: SocketAddr, first_line: &str, headers: &[(&str, &str)]) -> Answer {
    let mut client = Client::connect(address).await;
    client.send(first_line, headers).await;
    client.answer().await
}
