//! Files of sealed chunks.
//!
//! A file ("run") holds chunks of one policy and one time partition, in the order of their series' ids and
//! then of time; chunks of a series don't overlap within a file. It is written once, under another name
//! until it is whole, and read until another file replaces it or its partition is dropped. Of rows of
//! one series, time and field, the one in the file of the later rounds wins. A run without chunks
//! says that nothing of those that it replaces is wanted any more; it goes after them.
//!
//! ```text
//! header frame    who it is (see Identity)
//! payloads        one behind the other, see chunk
//! index frames    16 entries each
//! top frame       who it is; series, rows, chunks, span; where the index frames are
//! tail            where the top frame begins (u64), `svcrun1\0`
//! ```
//!
//! A frame: a mark of 4 bytes, the content's length (u32), the CRC-32C of the frame's offset and the content
//! (u32), the content. An index frame's content: its sets of fields (their count; each one's count and field
//! numbers), then entries until its end:
//!
//! | what | how |
//! |---|---|
//! | series | varint: the first one's id, then each less the one before |
//! | set of fields | varint |
//! | first instant, less the previous entry's first one (in the frame) | signed |
//! | last instant less the first | varint |
//! | rows | varint |
//! | payload's offset | varint, the frame's first entry only: the others' follow each other |
//! | payload's length | varint |
//! | payload's CRC-32C | 4 bytes |
//! | length of the column part | varint |
//! | column part | see [chunk](crate::chunk) |
//!
//! Where the top frame is damaged, the index frames are looked for; where an index frame is damaged, its
//! 16 chunks are lost; where a payload is damaged, its chunk is.

mod frame;
mod index;
mod open;
mod window;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) use index::{Cursor, Entry};
use roaring::RoaringBitmap;
pub(crate) use writer::Writer;

use crate::codec::{Malformed, Reader, put_varint};
use crate::log::record::{put_range, read_range};
use crate::schema::{DatabaseId, PolicyId};
use crate::{Error, SeriesId, TimeRange};

/// Entries of an index frame. Fewer cost less when one is damaged, more make the list of frames shorter.
const FRAME_ENTRIES: usize = 16;

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Counted up over all runs of the store; its file's name.
    pub(crate) id: u64,
    pub(crate) database: DatabaseId,
    pub(crate) policy: PolicyId,
    /// All instants of its partition.
    pub(crate) partition: TimeRange,
    /// The first and the last round of sealing whose rows it has.
    pub(crate) rounds: (u64, u64),
    /// Its rows know of all deletions up to this number.
    pub(crate) deletes: u64,
}

impl Identity {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.id);
        put_varint(out, u64::from(self.database.0));
        put_varint(out, u64::from(self.policy.0));
        put_range(out, self.partition);
        put_varint(out, self.rounds.0);
        put_varint(out, self.rounds.1);
        put_varint(out, self.deletes);
    }

    /// What has its partition in common.
    pub(crate) const fn place(&self) -> (DatabaseId, PolicyId, i64) {
        (self.database, self.policy, self.partition.first)
    }

    /// Of the run that takes the place of these neighbours, of the oldest and the newest one.
    pub(crate) const fn instead_of(id: u64, first: &Self, last: &Self, deletes: u64) -> Self {
        Self {
            id,
            database: first.database,
            policy: first.policy,
            partition: first.partition,
            rounds: (first.rounds.0, last.rounds.1),
            deletes,
        }
    }

    /// Whether the rows of another one of its partition are in this one: rounds of a partition's runs
    /// don't overlap but where one was made of others.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        let (first, last) = self.rounds;
        first <= other.rounds.0
            && other.rounds.1 <= last
            && (self.rounds != other.rounds || self.id > other.id)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            id: reader.varint()?,
            database: DatabaseId(reader.u32()?),
            policy: PolicyId(reader.u32()?),
            partition: read_range(reader)?,
            rounds: (reader.varint()?, reader.varint()?),
            deletes: reader.varint()?,
        })
    }
}

/// A file of chunks that can be read.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// The series that it has chunks of.
    pub(crate) series: RoaringBitmap,
    pub(crate) rows: u64,
    pub(crate) chunks: u64,
    /// From its earliest row to its latest.
    pub(crate) span: TimeRange,
    /// The file's length.
    pub(crate) bytes: u64,
    frames: Vec<FrameAt>,
    /// Something in it can't be read: it isn't merged, so that nothing is lost for good.
    damaged: AtomicBool,
    /// Its rows are elsewhere, or no one wants them: its file goes with it.
    obsolete: AtomicBool,
    /// The run without chunks that says so to a start. It stays until this one's file is gone.
    instead: OnceLock<Arc<Run>>,
}

/// Where an index frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameAt {
    /// The series of its first entry.
    first: SeriesId,
    offset: u64,
    length: u32,
}

impl Run {
    /// Opens the file to be read.
    fn file(&self) -> Result<Arc<File>, Error> {
        File::open(&self.path).map(Arc::new).map_err(Error::io("open", &self.path))
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    fn set_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// Whether no chunk is in it. It only tells of those that it replaces that no one wants their rows.
    pub(crate) const fn is_mark(&self) -> bool {
        self.chunks == 0
    }

    /// Deletes the file as soon as no one reads it any more, and the mark's only then: if the process is
    /// killed between, what was deleted or summed up must not come back.
    pub(crate) fn discard_by(&self, mark: &Arc<Self>) {
        // One that was discarded before has gone from where it is discarded.
        let _ = self.instead.set(Arc::clone(mark));
        self.discard();
        mark.discard();
    }

    /// Deletes the file as soon as no one reads it any more.
    pub(crate) fn discard(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.obsolete.load(Ordering::Relaxed) {
            return;
        }
        if let Err(fault) = std::fs::remove_file(&self.path) {
            // The next start finds it, and finds it replaced or its partition expired.
            tracing::warn!(path = %self.path.display(), %fault, "can't delete a file of chunks");
        }
        // The partition's, the policy's and the database's folder: each goes with its last run.
        for folder in self.path.ancestors().skip(1).take(3) {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Reads an index frame's content.
pub(crate) fn read_frame(content: Vec<u8>) {
    let _ = index::Frame::read(content.into());
}

/// The folder of a partition's runs.
pub(crate) fn partition_folder(
    data: &Path,
    database: DatabaseId,
    policy: PolicyId,
    partition: TimeRange,
) -> PathBuf {
    let name = format!("{}_{}", partition.first, partition.last);
    data.join(database.0.to_string()).join(policy.0.to_string()).join(name)
}
