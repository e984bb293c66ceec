//! Rows become a chunk.

use std::ops::Range;

use super::column::Present;
use super::entry::ColumnEntry;
use super::integers;
use crate::block::Block;
use crate::codec::put_length;
use crate::{FieldId, TimeRange};

/// A chunk, apart from where it will be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Encoded {
    /// The fields that at least one row has, in the order of the columns.
    pub(crate) fields: Vec<FieldId>,
    pub(crate) rows: usize,
    pub(crate) span: TimeRange,
    /// The column part of the entry.
    pub(crate) columns: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// Makes a chunk of rows of a block whose columns are those of the fields. `None` without rows.
pub(crate) fn encode(fields: &[FieldId], block: &Block, rows: Range<usize>) -> Option<Encoded> {
    let times = block.times.get(rows.clone())?;
    let span = TimeRange { first: *times.first()?, last: *times.last()? };
    let mut chunk = Encoded { rows: times.len(), span, ..Encoded::default() };
    integers::put(&mut chunk.payload, times);
    put_length(&mut chunk.columns, chunk.payload.len());
    for (field, column) in fields.iter().zip(&block.columns) {
        let present = Present::new(column, times, rows.start);
        let count = present.count();
        if count == 0 {
            continue;
        }
        let start = chunk.payload.len();
        present.put_validity(&mut chunk.payload);
        let summary = present.put_values(&mut chunk.payload);
        let length = chunk.payload.len() - start;
        ColumnEntry { length, count, summary }.put(&mut chunk.columns, times.len(), span);
        chunk.fields.push(*field);
    }
    Some(chunk)
}
