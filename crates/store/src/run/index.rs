//! Finding chunks in a run.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::window::{Part, Window};
use super::{FrameAt, Run, frame};
use crate::block::Block;
use crate::chunk::{self, Source};
use crate::codec::{Malformed, Reader};
use crate::damage::{DamageKind, Damages};
use crate::log::record::read_field;
use crate::summary::Summary;
use crate::{Error, FieldId, SeriesId, TimeRange};

/// An index frame's content.
#[derive(Debug)]
pub(super) struct Frame {
    sets: Vec<Vec<FieldId>>,
    entries: Vec<RawEntry>,
    content: Part,
}

#[derive(Clone, Debug)]
struct RawEntry {
    series: SeriesId,
    set: usize,
    span: TimeRange,
    rows: usize,
    offset: u64,
    length: usize,
    sum: u32,
    /// Where in the frame's content the column part is.
    columns: Range<usize>,
}

impl Frame {
    pub(super) fn read(content: Part) -> Result<Self, Malformed> {
        let bytes = content.bytes();
        let mut reader = Reader::new(bytes);
        let mut sets = Vec::new();
        for _ in 0..reader.count(1)? {
            let fields = (0..reader.count(1)?).map(|_| read_field(&mut reader));
            sets.push(fields.collect::<Result<Vec<_>, _>>()?);
        }
        let mut entries: Vec<RawEntry> = Vec::with_capacity(super::FRAME_ENTRIES);
        while !reader.is_empty() {
            let entry = read_entry(&mut reader, bytes.len(), entries.last())?;
            if entry.set >= sets.len() {
                return Err(reader.fault("no set of fields"));
            }
            entries.push(entry);
        }
        Ok(Self { sets, entries, content })
    }

    /// The series of its entries, with their rows and spans.
    pub(super) fn list(&self) -> impl Iterator<Item = (SeriesId, usize, TimeRange)> {
        self.entries.iter().map(|entry| (entry.series, entry.rows, entry.span))
    }
}

fn read_entry(
    reader: &mut Reader<'_>,
    length: usize,
    before: Option<&RawEntry>,
) -> Result<RawEntry, Malformed> {
    let (series, time) = before.map_or((0, 0), |it| (it.series.get(), it.span.first));
    let series = series.checked_add(reader.u32()?);
    let series = SeriesId::new(series.ok_or_else(|| reader.fault("no series' number"))?);
    let set = reader.u32()? as usize;
    let first = time.wrapping_add(reader.signed()?);
    let last = first.wrapping_add(reader.varint()?.cast_signed());
    if last < first {
        return Err(reader.fault("no span of time"));
    }
    let rows = reader.u32()? as usize;
    let offset = match before {
        Some(it) => it.offset + it.length as u64,
        None => reader.varint()?,
    };
    let payload = reader.u32()? as usize;
    let sum = u32::from_le_bytes(reader.array()?);
    let columns = reader.bytes()?.len();
    let end = length - reader.remaining();
    let span = TimeRange { first, last };
    let columns = end - columns..end;
    if offset.checked_add(payload as u64).is_none() {
        return Err(reader.fault("no offset"));
    }
    Ok(RawEntry { series, set, span, rows, offset, length: payload, sum, columns })
}

/// Goes through a run, from lower series to higher ones at best.
pub(crate) struct Cursor {
    run: Arc<Run>,
    damages: Arc<Damages>,
    /// Opened when the first series is found in it.
    file: Option<OpenFile>,
    /// The frame that was read last, and which it is.
    frame: Option<(usize, Arc<Frame>)>,
}

struct OpenFile {
    index: Window,
    payloads: Arc<Mutex<Window>>,
}

impl Cursor {
    pub(crate) const fn new(run: Arc<Run>, damages: Arc<Damages>) -> Self {
        Self { run, damages, file: None, frame: None }
    }

    fn file(&mut self) -> Result<&mut OpenFile, Error> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => {
                let file = self.run.file()?;
                let payloads = Arc::new(Mutex::new(Window::new(Arc::clone(&file))));
                Ok(none.insert(OpenFile { index: Window::new(file), payloads }))
            }
        }
    }

    pub(crate) const fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Hands over the series' chunks that may have rows in the range, in the order of time.
    ///
    /// # Errors
    ///
    /// The disk failed, or the index is damaged where some of them should be; the others were handed
    /// over.
    pub(crate) fn chunks(
        &mut self,
        series: SeriesId,
        range: TimeRange,
        mut each: impl FnMut(Entry),
    ) -> Result<(), Error> {
        if !self.run.span.overlaps(&range) || !self.run.series.contains(series.get()) {
            return Ok(());
        }
        let mut found = Ok(());
        // The frame before the first that begins with the series may end with it.
        let before = self.run.frames.partition_point(|frame| frame.first < series);
        for at in before.saturating_sub(1).. {
            let place = self.run.frames.get(at).filter(|frame| frame.first <= series).copied();
            let Some(place) = place else { break };
            match self.frame(at, place) {
                Ok(frame) => self.entries(&frame, series, range, &mut each)?,
                Err(fault) => found = Err(fault),
            }
        }
        found
    }

    fn entries(
        &mut self,
        frame: &Arc<Frame>,
        series: SeriesId,
        range: TimeRange,
        mut each: impl FnMut(Entry),
    ) -> Result<(), Error> {
        let payloads = Arc::clone(&self.file()?.payloads);
        for (at, entry) in frame.entries.iter().enumerate() {
            if entry.series == series && entry.span.overlaps(&range) {
                each(Entry {
                    run: Arc::clone(&self.run),
                    damages: Arc::clone(&self.damages),
                    payloads: Arc::clone(&payloads),
                    frame: Arc::clone(frame),
                    at,
                });
            }
        }
        Ok(())
    }

    fn frame(&mut self, at: usize, place: FrameAt) -> Result<Arc<Frame>, Error> {
        if let Some((_, frame)) = self.frame.as_ref().filter(|(there, _)| *there == at) {
            return Ok(Arc::clone(frame));
        }
        let read = self.file()?.index.read(place.offset, place.length as usize);
        let part = read.map_err(Error::io("read", &self.run.path))?;
        let content = frame::content(part.bytes(), *frame::INDEX, place.offset);
        let frame = content.map(<[u8]>::len).and_then(|content| {
            let start = frame::FRAME_HEADER;
            Frame::read(part.part(start..start + content)).ok()
        });
        let Some(frame) = frame else { return Err(self.lost(at, place)) };
        let frame = Arc::new(frame);
        self.frame = Some((at, Arc::clone(&frame)));
        Ok(frame)
    }

    fn lost(&self, at: usize, place: FrameAt) -> Error {
        self.run.set_damaged();
        let next = self.run.frames.get(at + 1).map(|next| next.first.get());
        let last_series = next.or(self.run.series.max()).unwrap_or(u32::MAX);
        let what = DamageKind::Index {
            offset: place.offset,
            first_series: place.first.get(),
            last_series,
        };
        Error::Damaged(self.damages.emit(self.run.path.clone(), what).into())
    }
}

/// A chunk in a run.
#[derive(Clone)]
pub(crate) struct Entry {
    run: Arc<Run>,
    damages: Arc<Damages>,
    payloads: Arc<Mutex<Window>>,
    frame: Arc<Frame>,
    at: usize,
}

impl Entry {
    fn raw(&self) -> Option<&RawEntry> {
        self.frame.entries.get(self.at)
    }

    /// From its first row to its last.
    pub(crate) fn span(&self) -> TimeRange {
        self.raw().map_or(TimeRange::ALL, |entry| entry.span)
    }

    pub(crate) fn rows(&self) -> usize {
        self.raw().map_or(0, |entry| entry.rows)
    }

    /// The fields that its rows have.
    pub(crate) fn fields(&self) -> &[FieldId] {
        let set = self.raw().and_then(|entry| self.frame.sets.get(entry.set));
        set.map_or(&[], |fields| fields)
    }

    fn source(&self) -> Option<Source<'_>> {
        let entry = self.raw()?;
        let columns = self.frame.content.bytes().get(entry.columns.clone())?;
        let fields = self.frame.sets.get(entry.set)?;
        Some(Source { fields, rows: entry.rows, span: entry.span, columns })
    }

    fn payload(&self) -> Result<Part, Error> {
        let Some(entry) = self.raw() else { return Err(self.lost()) };
        let read = self.payloads.lock().read(entry.offset, entry.length);
        let part = read.map_err(Error::io("read", &self.run.path))?;
        let whole = part.bytes().len() == entry.length;
        if whole && crc32c::crc32c(part.bytes()) == entry.sum { Ok(part) } else { Err(self.lost()) }
    }

    /// What is known of fields. An entry that can't be read has nothing to say.
    pub(crate) fn summaries(&self, fields: &[FieldId]) -> Vec<Option<Summary>> {
        let known = self.source().map(|source| chunk::summaries(&source, fields));
        known.and_then(Result::ok).unwrap_or_default()
    }

    /// Fills the block with the rows of the range that have one of the fields.
    ///
    /// # Errors
    ///
    /// The disk failed, or the chunk is damaged.
    pub(crate) fn decode(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) -> Result<(), Error> {
        let part = self.payload()?;
        let Some(source) = self.source() else { return Err(self.lost()) };
        let decoded = chunk::decode(&source, part.bytes(), range, fields, block);
        decoded.map_err(|_| self.lost())
    }

    /// The chunk as it is.
    ///
    /// # Errors
    ///
    /// The disk failed, or the chunk is damaged.
    pub(crate) fn encoded(&self) -> Result<chunk::Encoded, Error> {
        let part = self.payload()?;
        let Some(source) = self.source() else { return Err(self.lost()) };
        Ok(chunk::Encoded {
            fields: source.fields.to_vec(),
            rows: source.rows,
            span: source.span,
            columns: source.columns.to_vec(),
            payload: part.bytes().to_vec(),
        })
    }

    fn lost(&self) -> Error {
        self.run.set_damaged();
        let (offset, series, range) = match self.raw() {
            Some(entry) => (entry.offset, entry.series.get(), entry.span),
            None => (0, 0, TimeRange::ALL),
        };
        let what = DamageKind::Chunk { offset, series, range };
        Error::Damaged(self.damages.emit(self.run.path.clone(), what).into())
    }
}
