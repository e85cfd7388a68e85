//! A connection as the HTTP dispatcher sees it: with or without TLS, and closed where its client takes nothing of what is sent, or
//! sends a body without end.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::bodies::Body;
use super::connections::Place;
use super::limits::Limits;

/// Bytes that the dispatcher gets at once: it makes a request of each forty of them, and keeps them all until they are answered.
const AT_ONCE: usize = 16 * 1024;

/// A client that has come in.
pub(super) struct Stream {
    io: Io,
    /// For how long nothing may be taken.
    write_timeout: Duration,
    /// Runs while nothing is taken.
    stalled: Option<Pin<Box<Sleep>>>,
    body: Rc<Body>,
    /// How long a body may take.
    body_timeout: Duration,
    /// Runs from its beginning.
    reading: Option<Pin<Box<Sleep>>>,
    /// Bytes that were read since the dispatcher last had to wait.
    at_once: usize,
    _place: Place,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn plain(stream: TcpStream, limits: &Limits, place: Place) -> Self {
        Self::new(Io::Plain(stream), limits, place)
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, limits: &Limits, place: Place) -> Self {
        Self::new(Io::Tls(stream.into()), limits, place)
    }

    fn new(io: Io, limits: &Limits, place: Place) -> Self {
        Self {
            io,
            write_timeout: limits.write_timeout,
            stalled: None,
            body: Rc::default(),
            body_timeout: limits.header_timeout,
            reading: None,
            at_once: 0,
            _place: place,
        }
    }

    /// Where it is told of bodies.
    pub(super) fn body(&self) -> Rc<Body> {
        self.body.clone()
    }

    fn tcp(&self) -> &TcpStream {
        match &self.io {
            Io::Plain(stream) => stream,
            Io::Tls(stream) => stream.get_ref().0,
        }
    }

    fn io(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream),
            Io::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }

    /// Begins to wait when what was to be `taken` was not, and gives up when that has lasted too long.
    fn patiently<T>(&mut self, context: &mut Context<'_>, taken: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if taken.is_ready() {
            self.stalled = None;
            return taken;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client takes nothing of the answer")))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.body.has_begun() {
            let timeout = self.body_timeout;
            let reading = self.reading.get_or_insert_with(|| Box::pin(sleep(timeout)));
            if reading.as_mut().poll(context).is_ready() {
                // The end, as if the client had made it.
                return Poll::Ready(Ok(()));
            }
        }
        if self.at_once >= AT_ONCE {
            self.at_once = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Io::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        };
        self.at_once += buffer.filled().len() - before;
        if read.is_pending() {
            self.at_once = 0;
            self.body.awaited_by(context.waker());
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = self.io().poll_write(context, bytes);
        self.patiently(context, taken)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let taken = self.io().poll_flush(context);
        self.patiently(context, taken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let taken = self.io().poll_shutdown(context);
        self.patiently(context, taken)
    }
}

impl ActixStream for Stream {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(self.tcp(), context)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(self.tcp(), context)
    }
}
