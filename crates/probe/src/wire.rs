//! The ready stream as awc sees it. It notes when the response began and whether the peer hung up, and over HTTP/1 it puts two
//! things right that awc 3 takes for something else: interim responses (1xx), and bodies that end with the connection.

mod frames;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_rt::net::{ActixStream, Ready, TcpStream};
use awc::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use self::frames::Frames;

/// awc's own limit for a head; what is longer is left to it to refuse.
const MAX_HEAD: usize = 128 << 10;

/// The version of HTTP that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What was seen on the wire, above TLS.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When the first byte of the final response came; over HTTP/2, when its head was there.
    pub(crate) first_byte: Cell<Option<Instant>>,
    /// The version that the response says it has, before anything is put right.
    pub(crate) version: Cell<Option<Version>>,
    /// The peer has said that it ends the HTTP/2 connection for an error: its code (RFC 9113, section 7).
    pub(crate) goaway: Cell<Option<u32>>,
    /// Bytes of the body in frames of HTTP/2, also those that the library keeps to itself because they are wrong.
    pub(crate) data: Cell<u64>,
    /// The run is over: nothing that awc sends after its end may reach the peer.
    pub(crate) over: Cell<bool>,
    /// The peer has closed its side.
    pub(crate) eof: Cell<bool>,
    /// The body comes in chunks, of which the last says that it is.
    pub(crate) chunked: Cell<bool>,
    /// The head announced no length: the body ends with the connection.
    pub(crate) until_eof: Cell<bool>,
    /// The response has come to its end over HTTP/2.
    pub(crate) ended: Cell<bool>,
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
    /// Bytes of a head that is not whole yet, and the length at which it is looked at again: were that at every piece, a peer
    /// that sends byte by byte would make it quadratic.
    Collect(Vec<u8>, usize),
    /// Bytes that were collected, and how many of them awc has had.
    HandOut(Vec<u8>, usize),
    /// The head is through.
    Pass,
    /// HTTP/2 has frames instead.
    Frames(Frames),
}

/// A [`Stream`] for one request.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    head: Head,
    /// The response has no body, whatever its head says.
    to_head: bool,
    seen: Rc<Seen>,
}

impl Wire {
    /// `to_head`: the request is a HEAD.
    pub(crate) fn new(stream: Stream, protocol: Protocol, to_head: bool, seen: Rc<Seen>) -> Self {
        let head = match protocol {
            Protocol::Http1 => Head::Collect(Vec::new(), 0),
            Protocol::Http2 => Head::Frames(Frames::default()),
        };
        Self { stream, head, to_head, seen }
    }
}

impl Seen {
    /// Decides on what has been collected, the last `new` bytes since it was last asked. `to_head`: the request is a HEAD.
    fn filter(&self, to_head: bool, mut bytes: Vec<u8>, look_at: usize, new: usize) -> Head {
        if bytes.len() < look_at && !ends_a_head(&bytes[bytes.len().saturating_sub(new + 3)..]) {
            return Head::Collect(bytes, look_at);
        }
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut headers);
            let length = match head.parse(&bytes) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => {
                    let look_at = 2 * bytes.len();
                    return Head::Collect(bytes, look_at);
                }
                // awc says what is wrong with it.
                _ => return Head::HandOut(bytes, 0),
            };
            match head.code {
                // 101 ends HTTP on this connection, so it is final.
                Some(100 | 102..=199) => {
                    bytes.drain(..length);
                    self.first_byte.set((!bytes.is_empty()).then(Instant::now));
                }
                code => {
                    self.note_delimiter(to_head, &head, code);
                    self.version.set(head.version.map(|minor| match minor {
                        0 => Version::HTTP_10,
                        _ => Version::HTTP_11,
                    }));
                    if self.until_eof.get() && head.version == Some(1) {
                        // RFC 9112, section 6.3: such a body is read until the connection ends. awc does so for HTTP/1.0 only.
                        bytes["HTTP/1.".len()] = b'0';
                    }
                    return Head::HandOut(bytes, 0);
                }
            }
        }
    }

    fn note_delimiter(&self, to_head: bool, head: &httparse::Response<'_, '_>, code: Option<u16>) {
        let named = |name: &'static str| head.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name));
        // HTTP/1.0 has no transfer codings, and `identity` is none.
        let is_coding = |value: &[u8]| head.version == Some(1) && !value.trim_ascii().eq_ignore_ascii_case(b"identity");
        let chunked = named("transfer-encoding").any(|header| is_coding(header.value));
        let sized = chunked || named("content-length").next().is_some();
        self.chunked.set(chunked);
        self.until_eof.set(!sized && !to_head && !code.is_some_and(bodiless));
    }
}

/// Whether an empty line is in it.
fn ends_a_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|two| two == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.head {
                Head::Collect(collected, look_at) => {
                    let (mut bytes, look_at) = (std::mem::take(collected), *look_at);
                    let mut space = [0; 4096];
                    let mut read = ReadBuf::new(&mut space);
                    let polled = this.stream.poll_read(cx, &mut read);
                    if polled.is_pending() {
                        this.head = Head::Collect(bytes, look_at);
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
                    this.head = this.seen.filter(this.to_head, bytes, look_at, read.filled().len());
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
                Head::Frames(frames) => {
                    let before = buffer.filled().len();
                    ready!(this.stream.poll_read(cx, buffer))?;
                    if let Some(code) = frames.read(&buffer.filled()[before..]) {
                        this.seen.goaway.set(Some(code));
                    }
                    this.seen.data.set(frames.data);
                    this.seen.ended.set(frames.ended);
                    return Poll::Ready(Ok(()));
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
        match &mut $self.stream {
            Stream::Plain($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl Wire {
    /// A peer may answer and hang up before it has had the whole request: it still answered. What cannot be sent is said to be
    /// sent, and reading says what became of the connection.
    fn written(&self, result: io::Result<usize>, given: usize) -> io::Result<usize> {
        use io::ErrorKind as Kind;
        match result {
            Err(error)
                if !matches!(self.head, Head::Frames(_))
                    && matches!(error.kind(), Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted) =>
            {
                Ok(given)
            }
            result => result,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.seen.over.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(forward!(self, stream => Pin::new(stream).poll_write(cx, bytes)));
        Poll::Ready(self.written(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(forward!(self, stream => Pin::new(stream).poll_flush(cx)));
        Poll::Ready(self.written(flushed.map(|()| 0), 0).map(|_| ()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }

    // Without these two a TLS stream would send its records one by one.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.seen.over.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(forward!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices)));
        Poll::Ready(self.written(written, slices.iter().map(|slice| slice.len()).sum()))
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

/// What awc gets of a response that comes in these pieces and then ends, and what is seen of it: whether its body is chunked, whether it goes
/// on until the end, and its version.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzzed(pieces: &[&[u8]], to_head: bool) -> (Vec<u8>, bool, bool, Option<Version>) {
    let seen = Seen::default();
    let mut head = Head::Collect(Vec::new(), 0);
    let mut handed_out = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        head = match head {
            Head::Collect(mut bytes, look_at) => {
                bytes.extend_from_slice(piece);
                seen.filter(to_head, bytes, look_at, piece.len())
            }
            passed => {
                handed_out.extend_from_slice(piece);
                passed
            }
        };
    }
    if let Head::Collect(bytes, _) | Head::HandOut(bytes, _) = head {
        handed_out.splice(0..0, bytes);
    }
    (handed_out, seen.chunked.get(), seen.until_eof.get(), seen.version.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P7: were it parsed anew at each of its bytes, a long head would take minutes of processor time.
    #[test]
    fn p7_a_head_is_not_looked_at_again_before_it_is_twice_as_long() {
        let seen = Seen::default();
        let lines = format!("X: {}\r\n", "x".repeat(1200)).repeat(80);
        let head = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
        let (last, all_but_last) = head.as_bytes().split_last().unwrap();
        let (mut bytes, mut look_at) = (Vec::new(), 0);
        for byte in all_but_last {
            bytes.push(*byte);
            let Head::Collect(collected, next) = seen.filter(false, bytes, look_at, 1) else {
                panic!("it has no end yet")
            };
            assert!(next > collected.len());
            (bytes, look_at) = (collected, next);
        }
        bytes.push(*last);
        assert!(matches!(seen.filter(false, bytes, look_at, 1), Head::HandOut(whole, 0) if whole == head.as_bytes()));
    }
}
