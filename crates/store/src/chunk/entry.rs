//! What an entry says of one column.
//!
//! | what | how |
//! |---|---|
//! | flags | a byte, see the constants |
//! | length in the payload | varint |
//! | how many rows have a value | varint, unless all have |
//! | when the first and the last value were, since the chunk's first row | varints, unless at its first and last row |
//! | the values, by the field's type | see below |
//!
//! Integers: the first value; the last less the first; the increase, unless it is that; the least value
//! less the first and when it was, unless it is the first; the greatest and when, likewise, unless it is
//! the first or the last; the sum less the count times the middle of first and last. Floats: the same as
//! floats, nothing subtracted. Booleans: nothing, the flags say it. Strings: the first and the last.

use std::sync::Arc;

use crate::codec::{Malformed, Reader, put_bytes, put_float, put_signed, put_varint};
use crate::summary::{NumberSummary, Summary, ValueSummary};
use crate::{FieldType, TimeRange};

/// Every row has a value.
const ALL_ROWS: u8 = 1;
/// The first row and the last have values.
const BOTH_ENDS: u8 = 1 << 1;
/// Of numbers: the increase is the last value less the first. Of booleans: the first value.
const NO_RESET: u8 = 1 << 2;
/// Of numbers: the least value first was the first. Of booleans: the last value.
const MIN_IS_FIRST: u8 = 1 << 3;
/// Of numbers: the greatest value first was the first one.
const MAX_IS_FIRST: u8 = 1 << 4;
/// Of numbers: the greatest value first was the last one.
const MAX_IS_LAST: u8 = 1 << 5;
/// There is no summary: floats that aren't finite, or long texts.
const NO_SUMMARY: u8 = 1 << 6;

/// Longer texts aren't in the summary.
pub(super) const SUMMARY_TEXT: usize = 64;

/// One column's part of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColumnEntry {
    /// How many bytes the column has in the payload.
    pub(super) length: usize,
    /// How many rows have a value. Never zero.
    pub(super) count: usize,
    /// What is known of the values.
    pub(super) summary: Option<Summary>,
}

impl ColumnEntry {
    /// Adds it. `rows` and `span` are the chunk's.
    pub(super) fn put(&self, out: &mut Vec<u8>, rows: usize, span: TimeRange) {
        let mut flags = if self.count == rows { ALL_ROWS } else { 0 };
        let start = out.len();
        out.push(0);
        put_varint(out, self.length as u64);
        if self.count != rows {
            put_varint(out, self.count as u64);
        }
        let since = |time: i64| time.wrapping_sub(span.first).cast_unsigned();
        if let Some(summary) = &self.summary {
            if (summary.first_time, summary.last_time) == (span.first, span.last) {
                flags |= BOTH_ENDS;
            } else {
                put_varint(out, since(summary.first_time));
                put_varint(out, since(summary.last_time));
            }
            match &summary.values {
                ValueSummary::Integer(numbers) => {
                    flags |=
                        number_flags(numbers, summary, numbers.last.wrapping_sub(numbers.first));
                    put_integers(out, flags, numbers, summary.count, since);
                }
                ValueSummary::Float(numbers) => {
                    flags |= number_flags(numbers, summary, numbers.last - numbers.first);
                    put_floats(out, flags, numbers, since);
                }
                ValueSummary::Boolean { first, last } => {
                    flags |= if *first { NO_RESET } else { 0 };
                    flags |= if *last { MIN_IS_FIRST } else { 0 };
                }
                ValueSummary::String { first, last } => {
                    put_bytes(out, first.as_bytes());
                    put_bytes(out, last.as_bytes());
                }
            }
        } else {
            flags |= NO_SUMMARY;
        }
        if let Some(place) = out.get_mut(start) {
            *place = flags;
        }
    }

    /// Reads one. `rows` and `span` are the chunk's.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        kind: FieldType,
        rows: usize,
        span: TimeRange,
    ) -> Result<Self, Malformed> {
        let flags = reader.byte()?;
        let length = reader.u32()? as usize;
        let count = if flags & ALL_ROWS != 0 { rows } else { reader.u32()? as usize };
        if count == 0 || count > rows {
            return Err(reader.fault("no count of values"));
        }
        if flags & NO_SUMMARY != 0 {
            return Ok(Self { length, count, summary: None });
        }
        let (mut first_time, mut last_time) = (span.first, span.last);
        if flags & BOTH_ENDS == 0 {
            first_time = span.first.wrapping_add(reader.varint()?.cast_signed());
            last_time = span.first.wrapping_add(reader.varint()?.cast_signed());
        }
        let mut summary = Summary {
            count: count as u64,
            first_time,
            last_time,
            values: ValueSummary::Boolean {
                first: flags & NO_RESET != 0,
                last: flags & MIN_IS_FIRST != 0,
            },
        };
        match kind {
            FieldType::Boolean => {}
            FieldType::Integer => {
                let numbers = read_integers(reader, flags, &summary, span)?;
                summary.values = ValueSummary::Integer(numbers);
            }
            FieldType::Float => {
                let numbers = read_floats(reader, flags, &summary, span)?;
                summary.values = ValueSummary::Float(numbers);
            }
            FieldType::String => {
                let first: Arc<str> = reader.text()?.into();
                summary.values = ValueSummary::String { first, last: reader.text()?.into() };
            }
        }
        Ok(Self { length, count, summary: Some(summary) })
    }
}

fn number_flags<T: PartialEq>(numbers: &NumberSummary<T>, summary: &Summary, difference: T) -> u8 {
    let flag = |set: bool, flag| if set { flag } else { 0 };
    let max_first = numbers.max_time == summary.first_time;
    flag(numbers.increase == difference, NO_RESET)
        | flag(numbers.min_time == summary.first_time, MIN_IS_FIRST)
        | flag(max_first, MAX_IS_FIRST)
        | flag(!max_first && numbers.max_time == summary.last_time, MAX_IS_LAST)
}

/// The sum that so many numbers would have if they went up evenly.
fn even_sum(first: i64, last: i64, count: u64) -> i64 {
    let sum = (i128::from(first) + i128::from(last)) * i128::from(count) / 2;
    let [a, b, c, d, e, f, g, h, ..] = sum.to_le_bytes();
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn put_integers(
    out: &mut Vec<u8>,
    flags: u8,
    numbers: &NumberSummary<i64>,
    count: u64,
    since: impl Fn(i64) -> u64,
) {
    put_signed(out, numbers.first);
    put_signed(out, numbers.last.wrapping_sub(numbers.first));
    if flags & NO_RESET == 0 {
        put_signed(out, numbers.increase);
    }
    if flags & MIN_IS_FIRST == 0 {
        put_signed(out, numbers.min.wrapping_sub(numbers.first));
        put_varint(out, since(numbers.min_time));
    }
    if flags & (MAX_IS_FIRST | MAX_IS_LAST) == 0 {
        put_signed(out, numbers.max.wrapping_sub(numbers.first));
        put_varint(out, since(numbers.max_time));
    }
    let even = even_sum(numbers.first, numbers.last, count);
    put_signed(out, numbers.sum.wrapping_sub(even));
}

fn read_integers(
    reader: &mut Reader<'_>,
    flags: u8,
    summary: &Summary,
    span: TimeRange,
) -> Result<NumberSummary<i64>, Malformed> {
    let first = reader.signed()?;
    let last = first.wrapping_add(reader.signed()?);
    let mut numbers = NumberSummary {
        first,
        last,
        min: first,
        min_time: summary.first_time,
        max: first,
        max_time: summary.first_time,
        sum: even_sum(first, last, summary.count),
        increase: last.wrapping_sub(first),
    };
    if flags & NO_RESET == 0 {
        numbers.increase = reader.signed()?;
    }
    if flags & MIN_IS_FIRST == 0 {
        numbers.min = first.wrapping_add(reader.signed()?);
        numbers.min_time = span.first.wrapping_add(reader.varint()?.cast_signed());
    }
    if flags & MAX_IS_LAST != 0 {
        (numbers.max, numbers.max_time) = (last, summary.last_time);
    } else if flags & MAX_IS_FIRST == 0 {
        numbers.max = first.wrapping_add(reader.signed()?);
        numbers.max_time = span.first.wrapping_add(reader.varint()?.cast_signed());
    }
    numbers.sum = numbers.sum.wrapping_add(reader.signed()?);
    Ok(numbers)
}

fn put_floats(
    out: &mut Vec<u8>,
    flags: u8,
    numbers: &NumberSummary<f64>,
    since: impl Fn(i64) -> u64,
) {
    put_float(out, numbers.first.to_bits());
    put_float(out, numbers.last.to_bits());
    if flags & NO_RESET == 0 {
        put_float(out, numbers.increase.to_bits());
    }
    if flags & MIN_IS_FIRST == 0 {
        put_float(out, numbers.min.to_bits());
        put_varint(out, since(numbers.min_time));
    }
    if flags & (MAX_IS_FIRST | MAX_IS_LAST) == 0 {
        put_float(out, numbers.max.to_bits());
        put_varint(out, since(numbers.max_time));
    }
    put_float(out, numbers.sum.to_bits());
}

fn read_floats(
    reader: &mut Reader<'_>,
    flags: u8,
    summary: &Summary,
    span: TimeRange,
) -> Result<NumberSummary<f64>, Malformed> {
    let first = f64::from_bits(reader.float()?);
    let last = f64::from_bits(reader.float()?);
    let mut numbers = NumberSummary {
        first,
        last,
        min: first,
        min_time: summary.first_time,
        max: first,
        max_time: summary.first_time,
        sum: 0.0,
        increase: last - first,
    };
    if flags & NO_RESET == 0 {
        numbers.increase = f64::from_bits(reader.float()?);
    }
    if flags & MIN_IS_FIRST == 0 {
        numbers.min = f64::from_bits(reader.float()?);
        numbers.min_time = span.first.wrapping_add(reader.varint()?.cast_signed());
    }
    if flags & MAX_IS_LAST != 0 {
        (numbers.max, numbers.max_time) = (last, summary.last_time);
    } else if flags & MAX_IS_FIRST == 0 {
        numbers.max = f64::from_bits(reader.float()?);
        numbers.max_time = span.first.wrapping_add(reader.varint()?.cast_signed());
    }
    numbers.sum = f64::from_bits(reader.float()?);
    Ok(numbers)
}
