//! What was found damaged: each time a line in the program's log and an entry in a list that is shown.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::TimeRange;

/// Entries that are kept; what comes after is only counted.
const KEPT: usize = 1000;

/// Something on disk that isn't what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// When it was found.
    pub found: SystemTime,
    /// The file.
    pub file: PathBuf,
    /// What is lost.
    pub what: DamageKind,
}

/// What is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Writes whose records in the log can't be read.
    LogRecords {
        /// Where in the file they begin.
        offset: u64,
        /// How long they are, in bytes.
        bytes: u64,
    },
    /// The log's last record isn't whole. It was being written when the process ended, so no one was
    /// told that it is durable; or the file was cut.
    LogEnd {
        /// Where in the file it begins.
        offset: u64,
        /// How many bytes of it are there.
        bytes: u64,
    },
    /// A record of the log is whole, but doesn't fit what is there.
    LogContent {
        /// Where in the file it begins.
        offset: u64,
    },
    /// A chunk's values.
    Chunk {
        /// Where in the file it begins.
        offset: u64,
        /// Whose.
        series: u32,
        /// Of which instants.
        range: TimeRange,
    },
    /// Where the chunks of some series are.
    Index {
        /// Where in the file it begins.
        offset: u64,
        /// The first series that may be concerned.
        first_series: u32,
        /// The last series that may be concerned.
        last_series: u32,
    },
    /// A file of chunks as a whole.
    Chunks,
    /// A catalog. The other one is whole, so nothing is lost, and it was written anew.
    Catalog,
    /// Both catalogs. The store can't be opened: no one knows whose the chunks are.
    Catalogs,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.what {
            DamageKind::LogRecords { offset, bytes } => {
                write!(f, "{bytes} bytes of log records at byte {offset} are lost")
            }
            DamageKind::LogEnd { offset, bytes } => {
                write!(f, "the log ends within a record at byte {offset}: {bytes} bytes cut off")
            }
            DamageKind::LogContent { offset } => {
                write!(f, "the log's record at byte {offset} doesn't fit: passed over")
            }
            DamageKind::Chunk { offset, series, range } => write!(
                f,
                "the chunk at byte {offset} is lost: series {series}, from {} to {}",
                range.first, range.last
            ),
            DamageKind::Index { offset, first_series, last_series } => write!(
                f,
                "the index at byte {offset} is lost, and with it chunks of series {first_series} to \
                 {last_series}"
            ),
            DamageKind::Chunks => f.write_str("no chunk of the file can be found"),
            DamageKind::Catalogs => f.write_str(
                "the catalog and its copy are damaged: put one back from a backup, or name another folder",
            ),
            DamageKind::Catalog => f.write_str("the catalog was damaged: its copy is used"),
        }
    }
}

/// All damage that was found since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Damages(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    kept: Vec<Damage>,
    count: u64,
    hides_series: bool,
}

impl DamageKind {
    /// Whether a file may have rows of series of which no one knows that. What the log lost is nowhere.
    const fn hides_series(&self) -> bool {
        matches!(self, Self::Index { .. } | Self::Chunks)
    }
}

impl Damages {
    /// Notes it, unless it is known, and says so in the program's log.
    pub(crate) fn emit(&self, file: PathBuf, what: DamageKind) -> Damage {
        let damage = Damage { found: SystemTime::now(), file, what };
        let mut list = self.0.lock();
        let same = |known: &&Damage| known.file == damage.file && known.what == damage.what;
        if let Some(known) = list.kept.iter().find(same) {
            return known.clone();
        }
        tracing::error!(%damage, "damaged data");
        list.count += 1;
        list.hides_series |= damage.what.hides_series();
        if list.kept.len() < KEPT {
            list.kept.push(damage.clone());
        }
        damage
    }

    /// Whether files may have rows of series of which no one knows that.
    pub(crate) fn hide_series(&self) -> bool {
        self.0.lock().hides_series
    }

    /// The entries that were kept, and how many there were.
    pub(crate) fn list(&self) -> (Vec<Damage>, u64) {
        let list = self.0.lock();
        (list.kept.clone(), list.count)
    }
}
