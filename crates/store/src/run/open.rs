//! Opening a run.

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use roaring::RoaringBitmap;

use super::frame::{self, FRAME_HEADER, TAIL, read_at};
use super::index::Frame;
use super::window::Part;
use super::{FrameAt, Identity, Run};
use crate::codec::{Malformed, Reader};
use crate::damage::{DamageKind, Damages};
use crate::log::record::{read_bitmap, read_range};
use crate::{Error, SeriesId, TimeRange};

/// How much of a file is searched at once.
const SEARCHED: usize = 1 << 20;
/// No index frame is longer, and no header.
const MOST_FRAME: u32 = 64 << 20;

impl Run {
    /// Opens a file of chunks. Where its top is damaged, its index is looked for. `None` where nothing
    /// can be found, which is noted.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub(crate) fn open(path: &Path, damages: &Damages) -> Result<Option<Self>, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let bytes = file.metadata().map_err(Error::io("look at", path))?.len();
        if let Some(run) = open_whole(path, &file, bytes).map_err(Error::io("read", path))? {
            return Ok(Some(run));
        }
        let run = rescue(path, &file, bytes).map_err(Error::io("read", path))?;
        let what = match &run {
            Some(run) => DamageKind::Index {
                offset: 0,
                first_series: run.series.min().unwrap_or(0),
                last_series: run.series.max().unwrap_or(u32::MAX),
            },
            None => DamageKind::Chunks,
        };
        damages.emit(path.to_owned(), what);
        Ok(run)
    }
}

fn open_whole(path: &Path, file: &File, bytes: u64) -> std::io::Result<Option<Run>> {
    let Some(tail_at) = bytes.checked_sub(TAIL as u64) else { return Ok(None) };
    let tail = read_at(file, tail_at, TAIL)?;
    let Some((offset, magic)) = tail.split_first_chunk() else { return Ok(None) };
    let offset = u64::from_le_bytes(*offset);
    let length = tail_at.checked_sub(offset).and_then(|length| usize::try_from(length).ok());
    let (Some(length), true) = (length, magic == frame::MAGIC) else { return Ok(None) };
    let top = read_at(file, offset, length)?;
    let content = frame::content(&top, *frame::TOP, offset);
    Ok(content.and_then(|content| read_top(path, bytes, content).ok()))
}

fn read_top(path: &Path, bytes: u64, content: &[u8]) -> Result<Run, Malformed> {
    let mut reader = Reader::new(content);
    let identity = Identity::read(&mut reader)?;
    let series = read_bitmap(&mut reader)?;
    let (rows, chunks) = (reader.varint()?, reader.varint()?);
    let span = read_range(&mut reader)?;
    let count = reader.count(2)?;
    let mut offset = reader.varint()?;
    let mut first = 0_u32;
    let mut frames = Vec::with_capacity(count);
    for _ in 0..count {
        first = first.wrapping_add(reader.u32()?);
        let length = reader.u32()?;
        frames.push(FrameAt { first: SeriesId::new(first), offset, length });
        offset = offset.wrapping_add(u64::from(length));
    }
    let path = path.to_owned();
    let (damaged, obsolete) = (AtomicBool::new(false), AtomicBool::new(false));
    let instead = OnceLock::new();
    Ok(Run {
        path,
        identity,
        series,
        rows,
        chunks,
        span,
        bytes,
        frames,
        damaged,
        obsolete,
        instead,
    })
}

/// Finds the index frames of a file whose top can't be read.
fn rescue(path: &Path, file: &File, bytes: u64) -> std::io::Result<Option<Run>> {
    let Some(header) = read_frame(file, *frame::HEADER, 0)? else { return Ok(None) };
    let Ok(identity) = Identity::read(&mut Reader::new(header.bytes())) else { return Ok(None) };
    let mut run = Run {
        path: path.to_owned(),
        identity,
        series: RoaringBitmap::new(),
        rows: 0,
        chunks: 0,
        span: TimeRange { first: i64::MAX, last: i64::MIN },
        bytes,
        frames: Vec::new(),
        damaged: AtomicBool::new(true),
        obsolete: AtomicBool::new(false),
        instead: OnceLock::new(),
    };
    let mut start = 0;
    while start < bytes {
        let searched = read_at(file, start, SEARCHED + frame::INDEX.len() - 1)?;
        for at in find_all(&searched, frame::INDEX) {
            let offset = start + at as u64;
            if let Some(content) = read_frame(file, *frame::INDEX, offset)? {
                run.add_frame(offset, content);
            }
        }
        start += SEARCHED as u64;
    }
    Ok((!run.frames.is_empty()).then_some(run))
}

impl Run {
    fn add_frame(&mut self, offset: u64, content: Part) {
        let length = u32::try_from(content.bytes().len() + FRAME_HEADER).unwrap_or(u32::MAX);
        let Ok(frame) = Frame::read(content) else { return };
        let Some((first, _, _)) = frame.list().next() else { return };
        for (series, rows, span) in frame.list() {
            self.series.insert(series.get());
            self.rows += rows as u64;
            self.chunks += 1;
            self.span.first = self.span.first.min(span.first);
            self.span.last = self.span.last.max(span.last);
        }
        self.frames.push(FrameAt { first, offset, length });
    }
}

fn find_all<'a>(bytes: &'a [u8], mark: &'a [u8; 4]) -> impl Iterator<Item = usize> + 'a {
    let places = bytes.windows(mark.len()).enumerate();
    places.filter(move |(_, window)| window == mark).map(|(at, _)| at)
}

/// The content of the frame at this offset, if there is one.
fn read_frame(file: &File, mark: [u8; 4], offset: u64) -> std::io::Result<Option<Part>> {
    let header = read_at(file, offset, FRAME_HEADER)?;
    let length = header.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    let Some(length) = length.filter(|length| *length <= MOST_FRAME) else { return Ok(None) };
    let bytes = read_at(file, offset, FRAME_HEADER + length as usize)?;
    let content = frame::content(&bytes, mark, offset).map(<[u8]>::to_vec);
    Ok(content.map(Part::from))
}
