//! From a query's thread to the connection: compressed where the client wants that, in parts of bounded size
//! through a bounded channel, so that a slow client holds the query up instead of filling memory.

use std::io::Write;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use svcflow_query::SinkClosed;
use tokio::sync::mpsc::Sender;

use super::indent::Indent;

/// Bytes that are collected before a part is sent.
const PART: usize = 64 << 10;

/// Parts that may wait for the connection. None is ever dropped: the query waits.
pub(crate) const PARTS_WAITING: usize = 4;

/// What is written is sent along by and by; what wasn't sent yet can be taken back.
pub(crate) struct Output {
    /// Written and not yet sent.
    buffer: Vec<u8>,
    /// How many parts were sent.
    sent: u64,
    indent: Option<Indent>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    parts: Sender<Part>,
}

/// A part of an answer; an error breaks the connection off, so that what came is not taken for all.
pub(crate) type Part = Result<Piece, BrokenOff>;

/// Bytes of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// Nothing follows: where the first piece is the last one, its length is the answer's.
    pub(crate) last: bool,
}

/// An answer that can't be ended properly.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the query failed after a part of its answer was sent")]
pub(crate) struct BrokenOff;

/// A place in the output to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    sent: u64,
    length: usize,
}

impl Output {
    pub(crate) fn new(parts: Sender<Part>, pretty: bool, gzip: bool) -> Self {
        Self {
            buffer: Vec::with_capacity(PART + PART / 8),
            sent: 0,
            indent: pretty.then(Indent::default),
            // The fastest: answers are repetitive, and the query waits meanwhile.
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            parts,
        }
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.sent == 0
    }

    /// Where to write to.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(super) fn put(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { sent: self.sent, length: self.buffer.len() }
    }

    /// Takes back all that was written since the mark, if none of it was sent; whether it could.
    pub(super) fn take_back(&mut self, mark: Mark) -> bool {
        let possible = mark.sent == self.sent && mark.length <= self.buffer.len();
        if possible {
            self.buffer.truncate(mark.length);
        }
        possible
    }

    /// Sends a part if enough has come together.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) fn step(&mut self) -> Result<(), SinkClosed> {
        if self.buffer.len() < PART { Ok(()) } else { self.send() }
    }

    /// Sends what there is: the client shall have it now.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) fn flush(&mut self) -> Result<(), SinkClosed> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }

    /// Sends the rest and ends the answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn finish(mut self) -> Result<(), SinkClosed> {
        let mut rest = std::mem::take(&mut self.buffer);
        self.spread(&mut rest);
        if let Some(mut gzip) = self.gzip.take() {
            // Into memory, which doesn't fail.
            gzip.write_all(&rest).map_err(|_| SinkClosed)?;
            rest = gzip.finish().map_err(|_| SinkClosed)?;
        }
        deliver(&self.parts, rest, true)
    }

    /// Breaks the answer off.
    ///
    /// # Errors
    /// Always: nothing more can be written.
    pub(super) fn break_off(&mut self) -> Result<(), SinkClosed> {
        self.buffer.clear();
        // Whether the client learns of it or is gone already, this is the end.
        let _ = self.parts.blocking_send(Err(BrokenOff));
        Err(SinkClosed)
    }

    fn send(&mut self) -> Result<(), SinkClosed> {
        self.sent += 1;
        let mut part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART + PART / 8));
        self.spread(&mut part);
        if let Some(gzip) = &mut self.gzip {
            // Flushed, so that the client can read what it has been sent.
            gzip.write_all(&part).and_then(|()| gzip.flush()).map_err(|_| SinkClosed)?;
            part = std::mem::take(gzip.get_mut());
        }
        deliver(&self.parts, part, false)
    }

    /// Makes a part pretty, where that is wanted.
    fn spread(&mut self, part: &mut Vec<u8>) {
        if let Some(indent) = &mut self.indent {
            let mut pretty = Vec::with_capacity(part.len() * 4);
            indent.push(part, &mut pretty);
            *part = pretty;
        }
    }
}

fn deliver(parts: &Sender<Part>, part: Vec<u8>, last: bool) -> Result<(), SinkClosed> {
    parts.blocking_send(Ok(Piece { bytes: Bytes::from(part), last })).map_err(|_| SinkClosed)
}
