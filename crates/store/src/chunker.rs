//! Rows of one series, in the order of time, cut into chunks.

use std::ops::Range;

use crate::block::{Block, Values};
use crate::chunk::{CHUNK_ROWS, CHUNK_TEXT, Encoded, encode};
use crate::{FieldId, TimeRange};

/// Collects rows until they are enough for a chunk. Chunks don't cross the borders of partitions.
pub(crate) struct Chunker {
    fields: Vec<FieldId>,
    waiting: Block,
    partition: TimeRange,
}

impl Chunker {
    /// For rows with these fields.
    pub(crate) fn new(fields: Vec<FieldId>) -> Self {
        let mut waiting = Block::default();
        waiting.reset(fields.iter().map(|field| field.field_type()));
        Self { fields, waiting, partition: TimeRange { first: 0, last: -1 } }
    }

    pub(crate) fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// Whether no rows wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.rows() == 0
    }

    /// Adds rows that are later than all before. `partition` gives an instant's; `each` gets each chunk
    /// that is full, with its partition.
    pub(crate) fn add<E>(
        &mut self,
        block: &Block,
        mut partition: impl FnMut(i64) -> TimeRange,
        mut each: impl FnMut(TimeRange, Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        while let Some(time) = block.times.get(start) {
            if !self.partition.contains(*time) {
                self.finish(&mut each)?;
                self.partition = partition(*time);
            }
            let end = block.times.partition_point(|time| *time <= self.partition.last);
            // A partition holds its own instants; if it didn't, the row would still go somewhere.
            let end = end.max(start + 1).min(start + CHUNK_ROWS - self.waiting.rows());
            let end = start + fitting(block, start..end, text_bytes(&self.waiting));
            self.waiting.append(block, start..end);
            start = end;
            if self.waiting.rows() >= CHUNK_ROWS || text_bytes(&self.waiting) >= CHUNK_TEXT {
                self.finish(&mut each)?;
            }
        }
        Ok(())
    }

    /// Hands over the rows that are left.
    pub(crate) fn finish<E>(
        &mut self,
        mut each: impl FnMut(TimeRange, Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = self.waiting.rows();
        let chunk = encode(&self.fields, &self.waiting, 0..rows);
        self.waiting.reset(self.fields.iter().map(|field| field.field_type()));
        chunk.map_or(Ok(()), |chunk| each(self.partition, chunk))
    }
}

/// How long all texts of the rows are.
fn text_bytes(block: &Block) -> usize {
    let texts = block.columns.iter().map(|column| match &column.values {
        Values::String(texts) => texts.iter().map(|text| text.len()).sum(),
        _ => 0,
    });
    texts.sum()
}

/// How many of the rows fit to so many bytes of texts; at least one.
fn fitting(block: &Block, rows: Range<usize>, mut bytes: usize) -> usize {
    let columns = block.columns.iter().filter_map(|column| match &column.values {
        Values::String(texts) => Some(texts),
        _ => None,
    });
    let columns: Vec<_> = columns.collect();
    if columns.is_empty() {
        return rows.len();
    }
    let mut count = 0;
    for row in rows.clone() {
        count += 1;
        bytes += columns.iter().filter_map(|it| it.get(row)).map(|it| it.len()).sum::<usize>();
        if bytes >= CHUNK_TEXT {
            break;
        }
    }
    count
}
