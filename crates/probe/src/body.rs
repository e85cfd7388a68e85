//! The body of a response as it is read: counted, decoded where the module says so, kept where expressions are held
//! against it, and never beyond its limits.

use std::io::{self, Write};

use awc::http::header;
use brotli_decompressor::DecompressorWriter;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use metrics_core::Reason;
use tokio::time::Instant;

use crate::evidence::SAMPLE;
use crate::failure::Failed;
use crate::http::Answer;
use crate::module::{Compression, Module};
use crate::report::Body;

/// What is kept of a body for expressions, at most, where the module sets no limit.
const KEPT: u64 = 10 << 20;

/// What brotli and deflate hand on at a time.
const PIECE: usize = 16 << 10;

/// A body under way.
pub(crate) struct BodyReader {
    bytes: u64,
    decoder: Decoder,
}

impl BodyReader {
    pub(crate) fn new(module: &Module, answer: &Answer, deadline: Instant) -> Self {
        let matched =
            !module.fail_if_body_matches_regexp.is_empty() || !module.fail_if_body_not_matches_regexp.is_empty();
        let limit = module.body_size_limit.or(matched.then_some(KEPT));
        let sink =
            Sink { decoded: 0, limit, deadline, kept: matched.then(Vec::new), sample: Vec::new(), stopped: None };
        // An expression is meant for the text, also where the server compresses it unasked.
        let gzip = || answer.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| is_gzip(coding.as_bytes()));
        let compression = module.compression.or_else(|| (matched && gzip()).then_some(Compression::Gzip));
        Self { bytes: 0, decoder: Decoder::new(compression, sink) }
    }

    /// Takes the next bytes as they were sent.
    pub(crate) fn read(&mut self, piece: &[u8]) -> Result<(), Failed> {
        self.bytes += piece.len() as u64;
        let written = self.decoder.write(piece);
        self.failed(written)
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) -> Result<(), Failed> {
        // A body that is not there has no encoding.
        if self.bytes == 0 {
            return Ok(());
        }
        let finished = self.decoder.finish();
        self.failed(finished)
    }

    pub(crate) fn sizes(&self) -> Body {
        Body { bytes: self.bytes, decoded: self.decoder.sink().decoded }
    }

    /// What is needed of it for expressions, decoded.
    pub(crate) fn kept(&self) -> &[u8] {
        self.decoder.sink().kept.as_deref().unwrap_or_default()
    }

    /// The beginning of it, decoded.
    pub(crate) fn sample(&self) -> &[u8] {
        &self.decoder.sink().sample
    }

    /// The reason that made the sink stop is the one, whatever a decoder makes of it.
    fn failed(&self, result: io::Result<()>) -> Result<(), Failed> {
        let sink = self.decoder.sink();
        match (sink.stopped, result) {
            (Some(Stop::TooLarge), _) => {
                let limit = sink.limit.unwrap_or_default();
                Err(Failed::new(Reason::BodyTooLarge, format!("the body is larger than {limit} bytes")))
            }
            (Some(Stop::Deadline), _) => {
                Err(Failed::new(Reason::BodyTimeout, format!("{} bytes in time, and no end", self.bytes)))
            }
            (None, Err(error)) => Err(Failed::new(Reason::Protocol, format!("the body cannot be decoded: {error}"))),
            (None, Ok(())) => Ok(()),
        }
    }
}

fn is_gzip(coding: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip"].iter().any(|known| coding.trim_ascii().eq_ignore_ascii_case(known))
}

/// Where decoded bytes go.
struct Sink {
    decoded: u64,
    limit: Option<u64>,
    deadline: Instant,
    kept: Option<Vec<u8>>,
    sample: Vec<u8>,
    stopped: Option<Stop>,
}

/// Why nothing more is taken.
#[derive(Clone, Copy)]
enum Stop {
    TooLarge,
    Deadline,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Also of what is too large.
        let room = SAMPLE.saturating_sub(self.sample.len());
        self.sample.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.decoded += bytes.len() as u64;
        if let Some(limit) = self.limit.filter(|limit| self.decoded > *limit) {
            // What is beyond the limit is not taken, so it does not count either.
            self.decoded = limit;
            self.stopped = Some(Stop::TooLarge);
        } else if Instant::now() >= self.deadline {
            // A small piece can decode to a large one, so the clock is looked at here.
            self.stopped = Some(Stop::Deadline);
        }
        if self.stopped.is_some() {
            return Err(io::Error::other("stopped"));
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From the bytes that are sent to those that are meant.
enum Decoder {
    Identity(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Deflate(Box<Inflate>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

impl Decoder {
    fn new(compression: Option<Compression>, sink: Sink) -> Self {
        match compression {
            None | Some(Compression::Identity) => Self::Identity(sink),
            Some(Compression::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Some(Compression::Deflate) => Self::Deflate(Box::new(Inflate { state: None, ended: false, sink })),
            Some(Compression::Brotli) => Self::Brotli(Box::new(DecompressorWriter::new(sink, PIECE))),
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(sink) => sink.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
            Self::Deflate(decoder) => decoder.write(piece),
            Self::Brotli(decoder) => decoder.write_all(piece),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) if decoder.ended => Ok(()),
            Self::Deflate(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Brotli(decoder) => decoder.close(),
        }
    }

    fn sink(&self) -> &Sink {
        match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Deflate(decoder) => &decoder.sink,
            Self::Brotli(decoder) => decoder.get_ref(),
        }
    }
}

/// `deflate`, with the zlib header that it should have, or without.
struct Inflate {
    /// Known from the first byte on.
    state: Option<Decompress>,
    ended: bool,
    sink: Sink,
}

impl Inflate {
    fn write(&mut self, mut piece: &[u8]) -> io::Result<()> {
        let Some(first) = piece.first() else { return Ok(()) };
        // A zlib header begins with compression method 8 (RFC 1950, section 2.2); in a bare stream such a first byte would be
        // a stored block whose padding is not zero.
        let state = self.state.get_or_insert_with(|| Decompress::new(first & 0xf == 8));
        let mut space = [0; PIECE];
        while !self.ended {
            let before = (state.total_in(), state.total_out());
            let status = state.decompress(piece, &mut space, FlushDecompress::None)?;
            let [read, written] = [state.total_in() - before.0, state.total_out() - before.1];
            // Neither is more than it was given room for.
            let [read, written] = [read, written].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            self.sink.write_all(&space[..written])?;
            piece = &piece[read..];
            self.ended = status == Status::StreamEnd;
            if piece.is_empty() && written < space.len() || read == 0 && written == 0 {
                break;
            }
        }
        Ok(())
    }
}
