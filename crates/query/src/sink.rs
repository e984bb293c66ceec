//! Where an answer goes: series by series, part by part, so that nobody holds all of it.

use std::ops::Range;
use std::sync::Arc;

use crate::{Column, Zone};

/// Rows of one series of an answer.
#[derive(Clone, Debug)]
pub struct SeriesFrame<'a> {
    /// The measurement; for other statements than `SELECT` what InfluxDB calls the rows. Empty is none.
    pub name: &'a str,
    /// The tags that were grouped by, sorted by key. An absent tag has the value "".
    pub tags: &'a [(&'a str, &'a str)],
    /// The columns' names; `time` (or its alias) first in answers to `SELECT`.
    pub columns: &'a [Arc<str>],
    /// The columns.
    pub values: &'a [Column],
    /// Which rows of the columns these are: several series may share columns. May be none:
    /// `SHOW DATABASES` without a database has columns only.
    pub rows: Range<usize>,
    /// Whether these rows carry on the series of the frame before.
    pub continues: bool,
    /// The time zone that instants are shown in: `tz('…')`.
    pub zone: Option<&'a Zone>,
}

/// The receiver is gone, or has had enough; the statement ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkClosed;

/// Takes the answer to one statement.
pub trait ResultSink {
    /// Takes rows. May block, which holds the query up: that is how a slow client bounds memory.
    ///
    /// # Errors
    /// Nobody is there to take them any more.
    fn frame(&mut self, frame: &SeriesFrame<'_>) -> Result<(), SinkClosed>;
}
