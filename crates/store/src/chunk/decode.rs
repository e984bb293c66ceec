//! A chunk becomes rows again.

use super::column::{as_whole, read_bits, read_values};
use super::entry::ColumnEntry;
use super::{MOST_ROWS, integers};
use crate::block::{Bitmap, Block, Column, Validity, Values};
use crate::codec::{Malformed, Reader};
use crate::summary::{Summary, ValueSummary};
use crate::{FieldId, TimeRange};

/// What is known of a chunk before its payload is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// Its fields, in the order of its columns.
    pub(crate) fields: &'a [FieldId],
    pub(crate) rows: usize,
    pub(crate) span: TimeRange,
    /// The column part of its entry.
    pub(crate) columns: &'a [u8],
}

/// The columns' entries, each with where it lies in the payload, and the length of the times.
fn entries(source: &Source<'_>) -> Result<(usize, Vec<(usize, ColumnEntry)>), Malformed> {
    let mut reader = Reader::new(source.columns);
    if source.rows == 0 || source.rows > MOST_ROWS {
        return Err(reader.fault("no count of rows"));
    }
    let times = reader.u32()? as usize;
    let mut at = times;
    let mut entries = Vec::with_capacity(source.fields.len());
    for field in source.fields {
        let kind = field.field_type();
        let entry = ColumnEntry::read(&mut reader, kind, source.rows, source.span)?;
        let start = at;
        at = at.checked_add(entry.length).ok_or_else(|| reader.fault("no length"))?;
        entries.push((start, entry));
    }
    Ok((times, entries))
}

/// What is known of the fields' values.
pub(crate) fn summaries(
    source: &Source<'_>,
    fields: &[FieldId],
) -> Result<Vec<Option<Summary>>, Malformed> {
    let (_, entries) = entries(source)?;
    let summary = |field| {
        let at = source.fields.iter().position(|it| it == field)?;
        entries.get(at)?.1.summary.clone()
    };
    Ok(fields.iter().map(summary).collect())
}

/// Fills the block with the rows of the range that have one of the fields.
pub(crate) fn decode(
    source: &Source<'_>,
    payload: &[u8],
    range: TimeRange,
    fields: &[FieldId],
    block: &mut Block,
) -> Result<(), Malformed> {
    block.reset(fields.iter().map(|field| field.field_type()));
    let (times, entries) = entries(source)?;
    let bytes = Reader::new(payload).take(times)?;
    integers::read(&mut Reader::new(bytes), source.span.first, source.rows, &mut block.times)?;
    if !block.times.is_sorted_by(|one, next| one < next) {
        return Err(Malformed { what: "times out of order", offset: 0 });
    }
    let first = block.times.partition_point(|time| *time < range.first);
    let last = block.times.partition_point(|time| *time <= range.last);
    let rows = first..last.max(first);
    let mut complete = false;
    for (field, target) in fields.iter().zip(&mut block.columns) {
        let Some(at) = source.fields.iter().position(|it| it == field) else {
            target.push_empty(source.rows);
            continue;
        };
        let Some((start, entry)) = entries.get(at) else { continue };
        let bytes = payload.get(*start..).and_then(|rest| rest.get(..entry.length));
        let bytes = bytes.ok_or(Malformed { what: "a column beyond the end", offset: *start })?;
        *target = read_column(bytes, *field, entry, source.rows)?;
        complete |= matches!(target.validity, Validity::All);
    }
    block.keep(rows);
    if !complete {
        block.drop_empty();
    }
    Ok(())
}

fn read_column(
    bytes: &[u8],
    field: FieldId,
    entry: &ColumnEntry,
    rows: usize,
) -> Result<Column, Malformed> {
    let mut reader = Reader::new(bytes);
    let bits = if entry.count == rows { None } else { Some(read_bits(&mut reader, rows)?) };
    let first = match entry.summary.as_ref().map(|summary| &summary.values) {
        Some(ValueSummary::Integer(numbers)) => Some(numbers.first),
        Some(ValueSummary::Float(numbers)) => as_whole(numbers.first),
        _ => None,
    };
    let values = read_values(&mut reader, field.field_type(), entry.count, first)?;
    let Some(bits) = bits else { return Ok(Column { values, validity: Validity::All }) };
    if bits.iter().filter(|bit| **bit).count() != entry.count {
        return Err(reader.fault("another count of values"));
    }
    Ok(Column { values: spread(values, &bits), validity: Validity::Some(Bitmap::from(&*bits)) })
}

/// Puts the values where the bits are set, and something between them.
fn spread(values: Values, bits: &[bool]) -> Values {
    fn each<T: Default>(values: Vec<T>, bits: &[bool]) -> Vec<T> {
        let mut values = values.into_iter();
        let value =
            |bit: &bool| if *bit { values.next().unwrap_or_default() } else { T::default() };
        bits.iter().map(value).collect()
    }
    match values {
        Values::Float(values) => Values::Float(each(values, bits)),
        Values::Integer(values) => Values::Integer(each(values, bits)),
        Values::Boolean(values) => Values::Boolean(each(values, bits)),
        Values::String(values) => Values::String(each(values, bits)),
    }
}
