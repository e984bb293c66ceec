//! The heads of one policy's series.

use std::collections::HashMap;

use crate::batch::Rows;
use crate::block::Block;
use crate::head::Head;
use crate::symbols::Symbols;
use crate::{FieldId, FieldType, SeriesId, TimeRange};

/// Recent rows of all series of a policy.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    /// By series id: where its head is.
    heads: HashMap<u32, Head>,
    texts: Symbols,
}

impl Memtable {
    /// Writes a batch's rows, in their order.
    pub(crate) fn apply(&mut self, rows: &Rows) {
        for row in rows.iter() {
            let head = self.heads.entry(row.series.get()).or_default();
            let texts = &mut self.texts;
            let values = row.fields.iter().zip(row.values).map(|(field, value)| {
                if field.field_type() == FieldType::String {
                    u64::from(texts.insert(rows.text(*value)).0)
                } else {
                    *value
                }
            });
            head.put(row.time, row.fields, values);
        }
    }

    /// Fills the block with a series' rows.
    pub(crate) fn read(
        &self,
        series: SeriesId,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) {
        match self.heads.get(&series.get()) {
            Some(head) => head.read(range, fields, &self.texts, block),
            None => block.reset(fields.iter().map(|field| field.field_type())),
        }
    }

    /// Takes a series' rows of the range out.
    pub(crate) fn delete(&mut self, series: SeriesId, range: TimeRange) {
        if let Some(head) = self.heads.get_mut(&series.get()) {
            head.delete(range);
        }
    }
}
