//! Reading rows: series after series, chunk after chunk.

use std::collections::VecDeque;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::block::Block;
use crate::database::PolicyData;
use crate::memtable::HeadRows;
use crate::piece::{self, Group, Piece};
use crate::summary::Summary;
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
    data: Arc<PolicyData>,
    series: roaring::bitmap::IntoIter,
    fields: Arc<[FieldId]>,
    range: TimeRange,
    order: Order,
    /// What is left of the current series, in the order of time.
    groups: VecDeque<Group>,
}

impl Scan {
    pub(crate) fn new(data: Arc<PolicyData>, request: &ScanRequest<'_>) -> Self {
        Self {
            data,
            series: request.series.clone().into_iter(),
            fields: request.fields.into(),
            range: request.range,
            order: request.order,
            groups: VecDeque::new(),
        }
    }

    /// Goes on to the next series that may have rows. What was left of the current one is passed over.
    ///
    /// # Errors
    ///
    /// The disk failed, or what is on it is damaged.
    pub fn next_series(&mut self) -> Result<Option<SeriesId>, Error> {
        for id in self.series.by_ref() {
            let series = SeriesId::new(id);
            let mut pieces = Vec::new();
            HeadRows::of(&self.data.heads, series, self.range, |rows| {
                pieces.push(Piece::Head(rows))
            });
            if !pieces.is_empty() {
                self.groups = piece::group(pieces).into();
                return Ok(Some(series));
            }
        }
        self.groups.clear();
        Ok(None)
    }

    /// The next chunk of the current series. Chunks of a series don't overlap in time.
    ///
    /// # Errors
    ///
    /// The disk failed, or what is on it is damaged.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let group = match self.order {
            Order::Ascending => self.groups.pop_front(),
            Order::Descending => self.groups.pop_back(),
        };
        let (range, fields) = (self.range, &self.fields);
        Ok(group.map(|group| Chunk { group, range, fields: Arc::clone(fields) }))
    }
}

/// Rows of one series that lie together in time.
#[derive(Clone)]
pub struct Chunk {
    group: Group,
    range: TimeRange,
    fields: Arc<[FieldId]>,
}

impl Chunk {
    /// A range outside of which it has no rows.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        let span = self.group.span;
        TimeRange { first: span.first.max(self.range.first), last: span.last.min(self.range.last) }
    }

    /// At most how many rows it has; exactly so many, if it has summaries. There may be none, since a
    /// row that has none of the fields isn't read.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.group.pieces.iter().map(Piece::rows).sum()
    }

    /// What is known of the `field`th field that was asked for without decoding. `None` where that
    /// isn't the whole truth: the range cuts the chunk, or newer rows overlap it.
    #[must_use]
    pub fn summary(&self, _field: usize) -> Option<&Summary> {
        None
    }

    /// Fills the block with the chunk's rows of the range that have one of the fields.
    ///
    /// # Errors
    ///
    /// The chunk is damaged.
    pub fn decode(&self, block: &mut Block) -> Result<(), Error> {
        self.group.decode(self.range, &self.fields, block)
    }
}
