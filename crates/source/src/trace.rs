//! A recorded trace: the frames of a source with their times, compressed.
//!
//! ```text
//! magic    16 bytes  "svcflow-trace\0" and the format's version, 16 bits little-endian
//! then one zstd stream of frames:
//! time     8 bytes   nanoseconds since 1970, little-endian
//! kind     1 byte    see `Kind`
//! length   4 bytes   of the payload, little-endian
//! payload
//! ```
//! Netlink payloads are in the byte order of the host that recorded them; traces are read on a host of
//! the same order. A trace that was cut off (its recorder was killed) replays up to the cut.

use std::io::{self, BufRead, Read, Write};

use svcflow_model::{Baseline, LossKind, ObservationSink, Origin, Timestamp};

use crate::Frame;

const MAGIC: [u8; 16] = *b"svcflow-trace\0\x01\0";
/// Larger than any netlink buffer we read; a length beyond it is damage, not data.
const MAX_PAYLOAD: u32 = 1 << 20;

/// A trace that can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Writing failed.
    #[error("can't write the trace")]
    Write(#[source] io::Error),
    /// Reading failed.
    #[error("can't read the trace")]
    Read(#[source] io::Error),
    /// It is something else.
    #[error("this is no svcflow trace of version 1: make one with `svcflow record FILE`")]
    NotATrace,
    /// It ends in the middle of a frame: its recorder was stopped by force.
    #[error("the trace was cut off after {frames} frames; what came before was used")]
    CutOff {
        /// How many whole frames there are.
        frames: u64,
    },
    /// A frame makes no sense.
    #[error("frame {frame} of the trace is damaged: {what}")]
    Damaged {
        /// Which frame, from 1.
        frame: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Writes a trace.
pub struct TraceWriter<W: Write> {
    stream: zstd::Encoder<'static, W>,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace.
    ///
    /// # Errors
    /// Where `output` doesn't take the header.
    pub fn new(mut output: W) -> Result<Self, TraceError> {
        output.write_all(&MAGIC).map_err(TraceError::Write)?;
        // Level 3 compresses conntrack messages about 12:1 at several hundred MB/s.
        let stream = zstd::Encoder::new(output, 3).map_err(TraceError::Write)?;
        Ok(Self { stream })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn write(&mut self, at: Timestamp, frame: &Frame<'_>) -> Result<(), TraceError> {
        let mut scratch = [0; 24];
        let (kind, payload) = encode(frame, &mut scratch);
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut header = [0; 13];
        let [t @ .., k, l0, l1, l2, l3] = &mut header;
        t.copy_from_slice(&at.0.to_le_bytes());
        *k = kind as u8;
        [*l0, *l1, *l2, *l3] = length.to_le_bytes();
        self.stream.write_all(&header).map_err(TraceError::Write)?;
        self.stream.write_all(payload).map_err(TraceError::Write)
    }

    /// Makes everything written so far readable, whatever happens next.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn flush(&mut self) -> Result<(), TraceError> {
        self.stream.flush().map_err(TraceError::Write)
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn finish(self) -> Result<W, TraceError> {
        self.stream.finish().map_err(TraceError::Write)
    }
}

/// Reads a trace frame by frame.
pub struct TraceReader<R: BufRead> {
    stream: zstd::Decoder<'static, R>,
    frames: u64,
    payload: Vec<u8>,
}

impl<R: BufRead> TraceReader<R> {
    /// Opens a trace.
    ///
    /// # Errors
    /// Where it is no trace, or of a version this program doesn't know.
    pub fn new(mut input: R) -> Result<Self, TraceError> {
        let mut magic = [0; 16];
        input.read_exact(&mut magic).map_err(|_| TraceError::NotATrace)?;
        if magic != MAGIC {
            return Err(TraceError::NotATrace);
        }
        let stream = zstd::Decoder::with_buffer(input).map_err(TraceError::Read)?;
        Ok(Self { stream, frames: 0, payload: Vec::new() })
    }

    /// Hands the next frame to `each`; false at the end.
    ///
    /// # Errors
    /// Where the trace is cut off or damaged; the frames before were whole.
    pub fn next(
        &mut self,
        each: &mut dyn FnMut(Timestamp, &Frame<'_>),
    ) -> Result<bool, TraceError> {
        let mut header = [0; 13];
        match self.fill(&mut header)? {
            0 => return Ok(false),
            13 => {}
            _ => return Err(self.cut_off()),
        }
        let [t0, t1, t2, t3, t4, t5, t6, t7, kind, l0, l1, l2, l3] = header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length > MAX_PAYLOAD {
            return Err(self.damaged("its length is beyond any message's"));
        }
        let mut payload = std::mem::take(&mut self.payload);
        payload.resize(length as usize, 0);
        if self.fill(&mut payload)? != payload.len() {
            return Err(self.cut_off());
        }
        let frame = decode(kind, &payload).map_err(|what| self.damaged(what))?;
        each(Timestamp(i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7])), &frame);
        self.payload = payload;
        self.frames += 1;
        Ok(true)
    }

    /// Hands over the whole trace as observations.
    ///
    /// # Errors
    /// As [`Self::next`]; what came before the fault was handed over.
    pub fn replay(&mut self, sink: &mut dyn ObservationSink) -> Result<(), TraceError> {
        while self.next(&mut |at, frame| frame.interpret(at, sink))? {}
        Ok(())
    }

    /// Reads until `buffer` is full or the stream ends; a stream that stops early ends there.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TraceError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.cut_off());
                }
                Err(error) => return Err(TraceError::Read(error)),
            }
        }
        Ok(filled)
    }

    fn cut_off(&self) -> TraceError {
        TraceError::CutOff { frames: self.frames }
    }

    fn damaged(&self, what: &'static str) -> TraceError {
        TraceError::Damaged { frame: self.frames + 1, what }
    }
}

/// A frame's kind on disk. Numbers are for ever.
#[derive(Clone, Copy)]
enum Kind {
    Origin = 1,
    LookBegan = 2,
    LookEnded = 3,
    Lost = 4,
    ConntrackDump = 16,
    ConntrackEvents = 17,
    NftElements = 18,
    PickedUp = 19,
}

/// Loss kinds that sources report, by their number on disk. Numbers are for ever.
const LOSS_KINDS: [(u8, LossKind); 7] = [
    (1, LossKind::EventsDropped),
    (2, LossKind::SetFull),
    (3, LossKind::TableLost),
    (4, LossKind::Unreadable),
    (5, LossKind::RelatedErrors),
    (6, LossKind::Unclassified),
    (7, LossKind::EpochGap),
];

fn encode<'a>(frame: &Frame<'a>, scratch: &'a mut [u8; 24]) -> (Kind, &'a [u8]) {
    match *frame {
        Frame::Origin { origin, baseline } => {
            let baseline = match baseline {
                Baseline::FirstReading => 0,
                Baseline::Zero => 1,
                Baseline::FirstLook => 2,
            };
            (Kind::Origin, words(scratch, [origin.id, origin.handle, baseline]))
        }
        Frame::LookBegan => (Kind::LookBegan, &[]),
        Frame::LookEnded { complete: false } => (Kind::LookEnded, &[0]),
        Frame::LookEnded { complete: true } => (Kind::LookEnded, &[1]),
        Frame::Lost { kind, count, bytes } => {
            // A kind that sources don't report has no number; 0 reads back as damage, which a test forbids.
            let number = LOSS_KINDS.iter().find(|(_, known)| *known == kind).map_or(0, |(n, _)| *n);
            (Kind::Lost, words(scratch, [u64::from(number), count, bytes]))
        }
        Frame::ConntrackDump(buffer) => (Kind::ConntrackDump, buffer),
        Frame::ConntrackEvents(buffer) => (Kind::ConntrackEvents, buffer),
        Frame::NftElements(buffer) => (Kind::NftElements, buffer),
        Frame::PickedUp(buffer) => (Kind::PickedUp, buffer),
    }
}

fn words(scratch: &mut [u8; 24], values: [u64; 3]) -> &[u8] {
    for (place, value) in scratch.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    scratch
}

fn decode(kind: u8, payload: &[u8]) -> Result<Frame<'_>, &'static str> {
    const LOOK_BEGAN: u8 = Kind::LookBegan as u8;
    const LOOK_ENDED: u8 = Kind::LookEnded as u8;
    const ORIGIN: u8 = Kind::Origin as u8;
    const LOST: u8 = Kind::Lost as u8;
    const DUMP: u8 = Kind::ConntrackDump as u8;
    const EVENTS: u8 = Kind::ConntrackEvents as u8;
    const ELEMENTS: u8 = Kind::NftElements as u8;
    const PICKED_UP: u8 = Kind::PickedUp as u8;
    Ok(match kind {
        ORIGIN => {
            let [id, handle, baseline] = read_words(payload)?;
            let baseline = match baseline {
                1 => Baseline::Zero,
                2 => Baseline::FirstLook,
                _ => Baseline::FirstReading,
            };
            Frame::Origin { origin: Origin { id, handle }, baseline }
        }
        LOOK_BEGAN => Frame::LookBegan,
        LOOK_ENDED => Frame::LookEnded { complete: payload == [1] },
        LOST => {
            let [number, count, bytes] = read_words(payload)?;
            let kind = LOSS_KINDS.iter().find(|(known, _)| u64::from(*known) == number);
            let (_, kind) = kind.ok_or("unknown kind of loss")?;
            Frame::Lost { kind: *kind, count, bytes }
        }
        DUMP => Frame::ConntrackDump(payload),
        EVENTS => Frame::ConntrackEvents(payload),
        ELEMENTS => Frame::NftElements(payload),
        PICKED_UP => Frame::PickedUp(payload),
        _ => return Err("unknown kind of frame"),
    })
}

fn read_words(payload: &[u8]) -> Result<[u64; 3], &'static str> {
    let bytes: &[u8; 24] = payload.try_into().map_err(|_| "wrong length")?;
    let mut values = [0; 3];
    for (value, word) in values.iter_mut().zip(bytes.chunks_exact(8)) {
        *value = u64::from_le_bytes(word.try_into().map_err(|_| "wrong length")?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame<'static>> {
        let mut frames = vec![
            Frame::Origin { origin: Origin { id: 7, handle: 9 }, baseline: Baseline::Zero },
            Frame::LookBegan,
            Frame::ConntrackDump(b"dump"),
            Frame::ConntrackEvents(b""),
            Frame::NftElements(b"elements"),
            Frame::PickedUp(b"dump"),
            Frame::LookEnded { complete: true },
            Frame::LookEnded { complete: false },
            Frame::Origin { origin: Origin { id: 1, handle: 0 }, baseline: Baseline::FirstReading },
        ];
        let lost = |(_, kind)| Frame::Lost { kind, count: 3, bytes: u64::MAX };
        frames.extend(LOSS_KINDS.map(lost));
        frames
    }

    fn write(frames: &[Frame<'_>]) -> Vec<u8> {
        let mut writer = TraceWriter::new(Vec::new()).unwrap();
        for (time, frame) in (0..).zip(frames) {
            writer.write(Timestamp(time), frame).unwrap();
        }
        writer.finish().unwrap()
    }

    /// How many frames come out, each checked against `expected`, and how it ended.
    fn read(bytes: &[u8], expected: &[Frame<'_>]) -> (usize, Result<(), TraceError>) {
        let mut reader = match TraceReader::new(bytes) {
            Ok(reader) => reader,
            Err(error) => return (0, Err(error)),
        };
        let mut seen = 0;
        loop {
            let more = reader.next(&mut |at, frame| {
                assert_eq!((at, frame), (Timestamp(seen as i64), &expected[seen]));
                seen += 1;
            });
            match more {
                Ok(true) => {}
                Ok(false) => return (seen, Ok(())),
                Err(error) => return (seen, Err(error)),
            }
        }
    }

    #[test]
    fn every_frame_survives() {
        let frames = frames();
        let (seen, end) = read(&write(&frames), &frames);
        assert_eq!(seen, frames.len());
        assert!(end.is_ok());
    }

    #[test]
    fn a_cut_trace_gives_what_came_before_and_says_so() {
        let frames = frames();
        let bytes = write(&frames);
        for cut in 0..bytes.len() {
            let (seen, end) = read(&bytes[..cut], &frames);
            assert!(end.is_err() || seen < frames.len() || cut + 8 >= bytes.len(), "cut at {cut}");
        }
        assert!(matches!(read(&bytes[..5], &frames).1, Err(TraceError::NotATrace)));
    }

    #[test]
    fn a_killed_recorder_leaves_what_it_flushed() {
        let mut writer = TraceWriter::new(Vec::new()).unwrap();
        writer.write(Timestamp(0), &Frame::LookBegan).unwrap();
        writer.flush().unwrap();
        let bytes = writer.stream.get_ref().clone();
        let (seen, end) = read(&bytes, &[Frame::LookBegan]);
        assert_eq!(seen, 1);
        assert!(matches!(end, Err(TraceError::CutOff { frames: 1 })), "{end:?}");
    }

    #[test]
    fn damage_is_named_never_a_panic() {
        let good = write(&[Frame::LookBegan]);
        let damaged = |raw: &[u8]| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(zstd::encode_all(raw, 1).unwrap());
            read(&bytes, &[]).1.unwrap_err().to_string()
        };
        assert!(damaged(&[0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0]).contains("frame 1"));
        assert!(damaged(&[0, 0, 0, 0, 0, 0, 0, 0, 2, 255, 255, 255, 255]).contains("length"));
        assert!(damaged(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]).contains("wrong length"));
        for at in 16..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 0xff;
            let mut reader = TraceReader::new(&flipped[..]).unwrap();
            while let Ok(true) = reader.next(&mut |_, _| {}) {}
        }
    }
}
