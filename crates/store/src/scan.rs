//! Reading rows: series after series, chunk after chunk.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;

use crate::block::Block;
use crate::damage::Damages;
use crate::memtable::HeadRows;
use crate::piece::{self, Group, Piece};
use crate::run::Cursor;
use crate::schema::Delete;
use crate::summary::Summary;
use crate::tables::Tables;
use crate::{Error, FieldId, SeriesId, TimeRange};

/// In which order a series' chunks come. Rows within a chunk are always ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The earliest first.
    #[default]
    Ascending,
    /// The latest first.
    Descending,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ScanRequest<'a> {
    /// In which policy; without a name, the default one.
    pub policy: Option<&'a str>,
    /// Which series. They come in the order of their ids.
    pub series: &'a RoaringBitmap,
    /// Which fields, all of one measurement. A row comes if it has a value for one of them.
    pub fields: &'a [FieldId],
    /// Which instants.
    pub range: TimeRange,
    /// Which chunks first.
    pub order: Order,
}

/// Goes through the rows that were asked for.
///
/// ```no_run
/// # fn show(mut scan: svcflow_store::Scan) -> Result<(), svcflow_store::Error> {
/// let mut block = svcflow_store::Block::default();
/// while let Some(series) = scan.next_series()? {
///     while let Some(chunk) = scan.next_chunk()? {
///         chunk.decode(&mut block)?;
///         // `block` holds rows of `series`.
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Scan {
    tables: Arc<Tables>,
    deletes: Arc<Vec<Delete>>,
    series: roaring::bitmap::IntoIter,
    fields: Arc<[FieldId]>,
    range: TimeRange,
    order: Order,
    /// The runs that may have rows, those that win last.
    runs: Vec<Cursor>,
    /// Why some of the current series' chunks can't be found.
    fault: Option<Error>,
    /// What is left of the current series, in the order of time.
    groups: VecDeque<Group>,
    /// Empty between two series.
    pieces: Vec<Piece>,
}

impl Scan {
    pub(crate) fn new(
        tables: Arc<Tables>,
        deletes: Arc<Vec<Delete>>,
        damages: &Arc<Damages>,
        request: &ScanRequest<'_>,
    ) -> Self {
        let runs = tables.runs().filter(|run| run.span.overlaps(&request.range));
        let runs = runs.map(|run| Cursor::new(Arc::clone(run), Arc::clone(damages))).collect();
        Self {
            tables,
            deletes,
            series: request.series.clone().into_iter(),
            fields: request.fields.into(),
            range: request.range,
            order: request.order,
            runs,
            fault: None,
            groups: VecDeque::new(),
            pieces: Vec::new(),
        }
    }

    /// Goes on to the next series that may have rows. What was left of the current one is passed over.
    ///
    /// # Errors
    ///
    /// None at present; what is damaged shows when chunks are asked for.
    pub fn next_series(&mut self) -> Result<Option<SeriesId>, Error> {
        self.groups.clear();
        self.fault = None;
        while let Some(id) = self.series.next() {
            let series = SeriesId::new(id);
            self.find_pieces(series);
            piece::group(&mut self.pieces, &mut self.groups);
            if !self.groups.is_empty() || self.fault.is_some() {
                return Ok(Some(series));
            }
        }
        Ok(None)
    }

    /// Finds what may have rows of the series, those that win last.
    fn find_pieces(&mut self, series: SeriesId) {
        let range = self.range;
        let recent = self.tables.recent.as_ref().and_then(|recent| recent.covers(series, range));
        if recent.is_none() {
            for cursor in &mut self.runs {
                let found = piece::sealed(cursor, &self.deletes, series, range, &mut self.pieces);
                self.fault = self.fault.take().or(found.err());
            }
        }
        for table in recent.into_iter().chain(self.tables.heads()) {
            HeadRows::of(table, series, range, |rows| self.pieces.push(Piece::Head(rows)));
        }
    }

    /// The next chunk of the current series. Chunks of a series don't overlap in time.
    ///
    /// # Errors
    ///
    /// The disk failed, or what is on it is damaged where chunks of the series should be. The next call
    /// gives the chunks that are found.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let group = match self.order {
            Order::Ascending => self.groups.pop_front(),
            Order::Descending => self.groups.pop_back(),
        };
        let (range, fields) = (self.range, &self.fields);
        Ok(group.map(|group| Chunk {
            group,
            range,
            fields: Arc::clone(fields),
            summaries: OnceLock::new(),
        }))
    }
}

/// Rows of one series that lie together in time.
#[derive(Clone)]
pub struct Chunk {
    group: Group,
    range: TimeRange,
    fields: Arc<[FieldId]>,
    summaries: OnceLock<Vec<Option<Summary>>>,
}

impl Chunk {
    /// A range outside of which it has no rows.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        let span = self.group.span;
        TimeRange { first: span.first.max(self.range.first), last: span.last.min(self.range.last) }
    }

    /// At most how many rows it has. There may be none: a row that has none of the fields isn't read.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.group.rows()
    }

    /// What is known of the `field`th field that was asked for without decoding. `None` where that
    /// isn't the whole truth (the range cuts the chunk, newer rows overlap it, rows were deleted), where
    /// the rows aren't sealed yet, where no row has the field, and where there is nothing to say: floats
    /// that aren't finite, long texts.
    #[must_use]
    pub fn summary(&self, field: usize) -> Option<&Summary> {
        let entry = self.group.sole_entry().filter(|_| self.range.covers(&self.group.span))?;
        let summaries = self.summaries.get_or_init(|| entry.summaries(&self.fields));
        summaries.get(field)?.as_ref()
    }

    /// Fills the block with the chunk's rows of the range that have one of the fields.
    ///
    /// # Errors
    ///
    /// The disk failed, or the chunk is damaged. Others can still be read.
    pub fn decode(&self, block: &mut Block) -> Result<(), Error> {
        self.group.decode(self.range, &self.fields, block)
    }
}
