//! The ready stream as awc sees it. It notes when the response began and whether the peer hung up, and it puts two things
//! right that awc 3 takes for something else: interim responses (1xx), and bodies that end with the connection.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_rt::net::{ActixStream, Ready, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// awc's own limit for a head; what is longer is left to it to refuse.
const MAX_HEAD: usize = 128 << 10;

/// What was seen on the wire, above TLS.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When the first byte of the final response came.
    pub(crate) first_byte: Cell<Option<Instant>>,
    /// The peer has closed its side.
    pub(crate) eof: Cell<bool>,
    /// The head announced no length: the body ends with the connection.
    pub(crate) until_eof: Cell<bool>,
}

/// A connection over which HTTP can be spoken.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

/// Whatever the head announces, a final response with such a status has no body (RFC 9110, section 6.4.1).
pub(crate) fn bodiless(status: u16) -> bool {
    matches!(status, 101 | 204 | 304)
}

/// What becomes of the bytes that are read.
#[derive(Debug)]
enum Head {
    /// Bytes of a head that is not whole yet.
    Collect(Vec<u8>),
    /// Bytes that were collected, and how many of them awc has had.
    HandOut(Vec<u8>, usize),
    /// The head is through.
    Pass,
}

/// A [`Stream`] for one request.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    head: Head,
    seen: Rc<Seen>,
}

impl Wire {
    pub(crate) fn new(stream: Stream, seen: Rc<Seen>) -> Self {
        Self { stream, head: Head::Collect(Vec::new()), seen }
    }

    /// Decides on what has been collected.
    fn filter(&self, mut bytes: Vec<u8>) -> Head {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut headers);
            let length = match head.parse(&bytes) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Head::Collect(bytes),
                // awc says what is wrong with it.
                _ => return Head::HandOut(bytes, 0),
            };
            match head.code {
                // 101 ends HTTP on this connection, so it is final.
                Some(100 | 102..=199) => {
                    bytes.drain(..length);
                    self.seen.first_byte.set((!bytes.is_empty()).then(Instant::now));
                }
                code => {
                    self.note_delimiter(&head, code);
                    if self.seen.until_eof.get() && head.version == Some(1) {
                        // RFC 9112, section 6.3: such a body is read until the connection ends. awc does so for HTTP/1.0 only.
                        bytes["HTTP/1.".len()] = b'0';
                    }
                    return Head::HandOut(bytes, 0);
                }
            }
        }
    }

    fn note_delimiter(&self, head: &httparse::Response<'_, '_>, code: Option<u16>) {
        let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
        let sized = head.headers.iter().any(|h| is(h.name, "content-length") || is(h.name, "transfer-encoding"));
        self.seen.until_eof.set(!sized && !code.is_some_and(bodiless));
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.head {
                Head::Collect(collected) => {
                    let mut bytes = std::mem::take(collected);
                    let mut space = [0; 4096];
                    let mut read = ReadBuf::new(&mut space);
                    let polled = this.stream.poll_read(cx, &mut read);
                    if polled.is_pending() {
                        this.head = Head::Collect(bytes);
                        return Poll::Pending;
                    }
                    ready!(polled)?;
                    if read.filled().is_empty() {
                        this.seen.eof.set(true);
                        this.head = Head::HandOut(bytes, 0);
                        continue;
                    }
                    if this.seen.first_byte.get().is_none() {
                        this.seen.first_byte.set(Some(Instant::now()));
                    }
                    bytes.extend_from_slice(read.filled());
                    this.head = this.filter(bytes);
                }
                Head::HandOut(bytes, from) => {
                    let rest = &bytes[*from..];
                    let n = rest.len().min(buffer.remaining());
                    buffer.put_slice(&rest[..n]);
                    *from += n;
                    if *from == bytes.len() {
                        this.head = Head::Pass;
                    }
                    if n > 0 || this.seen.eof.get() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Head::Pass => {
                    let before = buffer.filled().len();
                    ready!(this.stream.poll_read(cx, buffer))?;
                    if buffer.filled().len() == before {
                        this.seen.eof.set(true);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// Forwards to the stream within, whichever it is.
macro_rules! forward {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Plain($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }

    // Without these two a TLS stream would send its records one by one.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

impl ActixStream for Wire {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.stream.tcp(), cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.stream.tcp(), cx)
    }
}
