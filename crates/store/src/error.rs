use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::FieldType;
use crate::codec::Malformed;
use crate::damage::Damage;

/// What can go wrong with the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such database.
    #[error("database not found: {name:?}")]
    DatabaseNotFound {
        /// Its name.
        name: String,
    },
    /// There is no such retention policy.
    #[error("retention policy not found: {name:?}")]
    PolicyNotFound {
        /// The policy's name; empty where the database has no default.
        name: String,
    },
    /// There is one of that name already, and it is another.
    #[error("retention policy already exists: {name:?}")]
    PolicyExists {
        /// The policy's name.
        name: String,
    },
    /// A policy that can't be.
    #[error("{what}")]
    PolicyInvalid {
        /// Why not.
        what: &'static str,
    },
    /// A name or a tag that can't be.
    #[error("{what}")]
    NameInvalid {
        /// Why not.
        what: &'static str,
    },
    /// The field is there with another type.
    #[error("field {field:?} of measurement {measurement:?} is of type {there}, not {given}")]
    FieldTypeConflict {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The type that it has.
        there: FieldType,
        /// The type that was given.
        given: FieldType,
    },
    /// The measurement has as many fields as it can have.
    #[error("measurement {measurement:?} has as many fields as it can have")]
    TooManyFields {
        /// The measurement.
        measurement: String,
    },
    /// The database has given out as many series ids as there are.
    #[error("the database has had as many series as it can have")]
    TooManySeries,
    /// A value doesn't have the type of its field, or the instant is out of range.
    #[error("{what}")]
    PointInvalid {
        /// Which, and why.
        what: &'static str,
    },
    /// A series of the batch was dropped meanwhile: look its id up again. Nothing was written.
    #[error("a series was dropped while it was written to")]
    SeriesDropped,
    /// There is no such series.
    #[error("no series {series}")]
    SeriesNotFound {
        /// Its id.
        series: u32,
    },
    /// The operating system refused something.
    #[error("can't {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or the folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// Another process has the store open.
    #[error("the store is open in another process: {} is locked", path.display())]
    Locked {
        /// The file that is locked.
        path: PathBuf,
    },
    /// The folder was written by another version, or isn't a store's.
    #[error("{} says {found:?}, which this version can't read: move the folder away, or name another folder", path.display())]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// What is on disk isn't what was written.
    #[error("damaged data: {0}")]
    Damaged(Box<Damage>),
    /// More was written than can wait in memory, and it can't be written to disk.
    #[error("no room in memory for more points until the disk takes some")]
    Full(#[source] Arc<Self>),
    /// What the process holds in memory isn't what it wrote there: a fault of ours.
    #[error("a head can't be read")]
    Head(#[source] Malformed),
}

impl Error {
    /// For `map_err`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source: Arc::new(source) }
    }
}
