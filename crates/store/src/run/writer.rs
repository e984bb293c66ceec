//! Writing a run.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use super::{FRAME_ENTRIES, FrameAt, Identity, Run, frame, partition_folder};
use crate::chunk::Encoded;
use crate::codec::{put_bytes, put_length, put_signed, put_varint};
use crate::folder::sync_folder;
use crate::log::record::{put_bitmap, put_range};
use crate::{Error, FieldId, SeriesId, TimeRange};

/// Bytes that wait to be written. Partitions with less have no open file before they are finished.
const BUFFER: usize = 1 << 20;

/// A run that is being written. Nothing is left of one that isn't finished.
pub(crate) struct Writer {
    identity: Identity,
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    /// Bytes that were written or wait.
    length: u64,
    /// Contents of the index frames that are full.
    frames: Vec<(SeriesId, Vec<u8>)>,
    open: OpenFrame,
    series: RoaringBitmap,
    rows: u64,
    chunks: u64,
    span: TimeRange,
    finished: bool,
}

/// The index frame that gets entries.
#[derive(Default)]
struct OpenFrame {
    sets: Vec<Vec<FieldId>>,
    entries: Vec<u8>,
    count: usize,
    first: u32,
    last: u32,
    time: i64,
}

impl Writer {
    /// Begins a run in the folder of all runs.
    pub(crate) fn new(data: &Path, identity: Identity) -> Self {
        let folder = partition_folder(data, identity.database, identity.policy, identity.partition);
        let path = folder.join(format!("{:010}.run", identity.id));
        let mut content = Vec::new();
        identity.put(&mut content);
        let mut buffer = Vec::new();
        frame::put(&mut buffer, *frame::HEADER, 0, &content);
        Self {
            identity,
            path,
            file: None,
            length: buffer.len() as u64,
            buffer,
            frames: Vec::new(),
            open: OpenFrame::default(),
            series: RoaringBitmap::new(),
            rows: 0,
            chunks: 0,
            span: TimeRange { first: i64::MAX, last: i64::MIN },
            finished: false,
        }
    }

    pub(crate) const fn partition(&self) -> TimeRange {
        self.identity.partition
    }

    /// The name that the file has until it is whole.
    fn unfinished(&self) -> PathBuf {
        self.path.with_extension("new")
    }

    /// Adds a chunk. They must come in the order of their series, and of time.
    pub(crate) fn add(&mut self, series: SeriesId, chunk: &Encoded) -> Result<(), Error> {
        let offset = self.length;
        self.put(&chunk.payload)?;
        self.open.add(series, chunk, offset);
        self.series.insert(series.get());
        self.rows += chunk.rows as u64;
        self.chunks += 1;
        self.span.first = self.span.first.min(chunk.span.first);
        self.span.last = self.span.last.max(chunk.span.last);
        if self.open.count == FRAME_ENTRIES {
            self.close_frame();
        }
        Ok(())
    }

    fn close_frame(&mut self) {
        let frame = std::mem::take(&mut self.open);
        if frame.count > 0 {
            self.frames.push((SeriesId::new(frame.first), frame.content()));
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let path = self.unfinished();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&path)?),
        };
        file.write_all(&self.buffer).map_err(Error::io("write", &path))?;
        self.buffer.clear();
        Ok(())
    }

    /// Makes the file whole and durable, even without a chunk.
    pub(crate) fn finish(mut self) -> Result<Arc<Run>, Error> {
        self.close_frame();
        let mut frames = Vec::with_capacity(self.frames.len());
        for (first, content) in std::mem::take(&mut self.frames) {
            let mut bytes = Vec::with_capacity(content.len() + frame::FRAME_HEADER);
            let offset = self.length;
            frame::put(&mut bytes, *frame::INDEX, offset, &content);
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            frames.push(FrameAt { first, offset, length });
            self.put(&bytes)?;
        }
        self.series.optimize();
        let mut end = Vec::new();
        let offset = self.length;
        frame::put(&mut end, *frame::TOP, offset, &self.top(&frames));
        end.extend_from_slice(&offset.to_le_bytes());
        end.extend_from_slice(frame::MAGIC);
        self.put(&end)?;
        self.flush()?;
        self.publish()?;
        Ok(Arc::new(Run {
            path: self.path.clone(),
            identity: self.identity.clone(),
            series: std::mem::take(&mut self.series),
            rows: self.rows,
            chunks: self.chunks,
            span: self.span,
            bytes: self.length,
            frames,
            damaged: AtomicBool::new(false),
            obsolete: AtomicBool::new(false),
            instead: OnceLock::new(),
        }))
    }

    /// The top frame's content.
    fn top(&self, frames: &[FrameAt]) -> Vec<u8> {
        let mut out = Vec::new();
        self.identity.put(&mut out);
        put_bitmap(&mut out, &self.series);
        put_varint(&mut out, self.rows);
        put_varint(&mut out, self.chunks);
        put_range(&mut out, self.span);
        put_length(&mut out, frames.len());
        put_varint(&mut out, frames.first().map_or(0, |frame| frame.offset));
        let mut before = 0;
        for frame in frames {
            put_varint(&mut out, u64::from(frame.first.get() - before));
            put_varint(&mut out, u64::from(frame.length));
            before = frame.first.get();
        }
        out
    }

    fn publish(&mut self) -> Result<(), Error> {
        let path = self.unfinished();
        if let Some(file) = &self.file {
            file.sync_all().map_err(Error::io("sync", &path))?;
        }
        std::fs::rename(&path, &self.path).map_err(Error::io("rename", &path))?;
        self.finished = true;
        // The folders may be new too.
        let synced = self.path.ancestors().skip(1).take(4).try_for_each(sync_folder);
        if synced.is_err() {
            // No one will know of it. If it can't go, its rows are in the log or in other runs too.
            let _ = std::fs::remove_file(&self.path);
        }
        synced
    }
}

/// Creates the file in its folder. That goes with its last run, which may be right now.
fn create(path: &Path) -> Result<File, Error> {
    let mut attempts = 0;
    loop {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        }
        attempts += 1;
        match File::create(path) {
            Err(fault) if fault.kind() == ErrorKind::NotFound && attempts < 100 => {}
            created => return created.map_err(Error::io("create", path)),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished && self.file.is_some() {
            // If that fails, the next start finds the unfinished file and deletes it.
            let _ = std::fs::remove_file(self.unfinished());
        }
    }
}

impl OpenFrame {
    fn add(&mut self, series: SeriesId, chunk: &Encoded, offset: u64) {
        let set = self.sets.iter().position(|set| *set == chunk.fields).unwrap_or_else(|| {
            self.sets.push(chunk.fields.clone());
            self.sets.len() - 1
        });
        let out = &mut self.entries;
        let first = self.count == 0;
        put_varint(out, u64::from(series.get() - self.last));
        put_length(out, set);
        put_signed(out, chunk.span.first.wrapping_sub(self.time));
        put_varint(out, chunk.span.last.wrapping_sub(chunk.span.first).cast_unsigned());
        put_length(out, chunk.rows);
        if first {
            put_varint(out, offset);
            self.first = series.get();
        }
        put_length(out, chunk.payload.len());
        out.extend_from_slice(&crc32c::crc32c(&chunk.payload).to_le_bytes());
        put_bytes(out, &chunk.columns);
        (self.last, self.time) = (series.get(), chunk.span.first);
        self.count += 1;
    }

    fn content(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() + 16);
        put_length(&mut out, self.sets.len());
        for set in &self.sets {
            put_length(&mut out, set.len());
            set.iter().for_each(|field| put_varint(&mut out, u64::from(field.bits())));
        }
        out.extend_from_slice(&self.entries);
        out
    }
}
