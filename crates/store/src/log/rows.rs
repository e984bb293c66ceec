//! Rows of a batch in the log.
//!
//! The sets of fields (their count, then each one's count and field numbers), the texts of string fields
//! (their count, then each), the count of rows, then row after row: its set's number, its series and its
//! time, both as the difference from the row before, then a value for each field: integers as signed,
//! floats as [floats](crate::codec::put_float), booleans as a byte, strings as their text's number.

use crate::batch::{Row, Rows};
use crate::codec::{Malformed, Reader, put_bytes, put_float, put_length, put_signed, put_varint};
use crate::log::record::read_field;
use crate::{FieldId, FieldType, SeriesId};

pub(super) fn put_rows_parts(out: &mut Vec<u8>, rows: &Rows) {
    // A row seldom takes more: four counters of up to four bytes and three for the rest.
    out.reserve(rows.len() * 20);
    put_length(out, rows.shapes().len());
    for shape in rows.shapes() {
        put_length(out, shape.len());
        shape.iter().for_each(|field| put_varint(out, u64::from(field.bits())));
    }
    put_length(out, rows.texts().len());
    rows.texts().for_each(|text| put_bytes(out, text.as_bytes()));
    put_length(out, rows.len());
    let (mut series, mut time) = (0, 0_i64);
    for row in rows.iter() {
        put_length(out, row.shape);
        put_signed(out, i64::from(row.series.get()) - series);
        put_signed(out, row.time.wrapping_sub(time));
        (series, time) = (i64::from(row.series.get()), row.time);
        let shape = rows.shape(row.shape);
        for (field, word) in shape.iter().zip(row.values) {
            match field.field_type() {
                FieldType::Integer => put_signed(out, word.cast_signed()),
                FieldType::Float => put_float(out, *word),
                FieldType::Boolean | FieldType::String => put_varint(out, *word),
            }
        }
    }
}

pub(super) fn read_rows(reader: &mut Reader<'_>) -> Result<Rows, Malformed> {
    let mut rows = Rows::default();
    for _ in 0..reader.count(2)? {
        let fields = (0..reader.count(1)?).map(|_| read_field(reader)).collect::<Result<_, _>>();
        let fields: Vec<FieldId> = fields?;
        if fields.is_empty() || !fields.is_sorted_by(|one, next| one < next) {
            return Err(reader.fault("no set of fields"));
        }
        rows.add_shape(fields);
    }
    for _ in 0..reader.count(1)? {
        rows.add_text(reader.text()?);
    }
    let (mut series, mut time) = (0_i64, 0_i64);
    let mut values = Vec::new();
    for _ in 0..reader.count(4)? {
        let shape = reader.u32()? as usize;
        series = series.wrapping_add(reader.signed()?);
        time = time.wrapping_add(reader.signed()?);
        values.clear();
        for field in rows.shape(shape) {
            values.push(read_word(reader, *field, rows.texts().len())?);
        }
        if values.is_empty() {
            return Err(reader.fault("no set of this number"));
        }
        let series = u32::try_from(series).map_err(|_| reader.fault("no series' number"))?;
        rows.add(&Row { series: SeriesId::new(series), time, shape, values: &values });
    }
    Ok(rows)
}

fn read_word(reader: &mut Reader<'_>, field: FieldId, texts: usize) -> Result<u64, Malformed> {
    let word = match field.field_type() {
        FieldType::Integer => return Ok(reader.signed()?.cast_unsigned()),
        FieldType::Float => return reader.float(),
        FieldType::Boolean | FieldType::String => reader.varint()?,
    };
    let most = if field.field_type() == FieldType::Boolean { 2 } else { texts as u64 };
    if word < most { Ok(word) } else { Err(reader.fault("no text's number")) }
}
