//! The body of a scrape: a piece of the exposition each time that the client has room for one.

use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::task::yield_now;
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Exposition, FULL};

/// What is filled has room for the last child.
const CAPACITY: usize = FULL + FULL / 4;

/// Compressed pieces are at least this large, but for the last one.
const COMPRESSED: usize = 16 * 1024;

/// The body of a scrape. Holds `held` until it is dropped.
pub(crate) struct Stream<T> {
    exposition: Exposition,
    gzip: Option<GzEncoder<Vec<u8>>>,
    more: bool,
    /// Others had their turn since the last piece.
    yielded: bool,
    _held: T,
}

impl<T> Stream<T> {
    pub(crate) fn new(exposition: Exposition, gzip: bool, held: T) -> Self {
        // A scrape is read once, by a machine that is near.
        let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        Self { exposition, gzip, more: true, yielded: true, _held: held }
    }

    /// The next piece; empty where the compressor keeps it to itself for now.
    fn piece(&mut self) -> std::io::Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(CAPACITY);
        self.more = self.exposition.fill(&mut buffer);
        let Some(gzip) = &mut self.gzip else { return Ok(buffer) };
        gzip.write_all(&buffer)?;
        if !self.more {
            gzip.try_finish()?;
        }
        let compressed = gzip.get_mut();
        Ok(if self.more && compressed.len() < COMPRESSED { Vec::new() } else { std::mem::take(compressed) })
    }

    /// Lets all others of this worker have their turn, those included that wait for the network: whoever wakes himself at
    /// once comes first again, dozens of times.
    fn yields<R>(&mut self, context: &mut Context<'_>) -> Poll<R> {
        self.yielded = true;
        let _ = pin!(yield_now()).poll(context);
        Poll::Pending
    }
}

impl<T: Unpin> MessageBody for Stream<T> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if !this.more {
            return Poll::Ready(None);
        }
        if !this.yielded {
            return this.yields(context);
        }
        this.yielded = false;
        match this.piece() {
            // An empty piece would be taken for the end.
            Ok(piece) if piece.is_empty() && this.more => this.yields(context),
            Ok(piece) if piece.is_empty() => Poll::Ready(None),
            Ok(piece) => Poll::Ready(Some(Ok(piece.into()))),
            Err(error) => {
                this.more = false;
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }
}
