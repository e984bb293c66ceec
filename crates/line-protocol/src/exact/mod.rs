//! The language of InfluxDB 1.6.7, byte by byte: what it lets through and the reason it gives otherwise.
//!
//! It reads a line in passes that don't agree on everything: whether a byte is escaped is asked of the byte before
//! it in measurement and tags, but of pairs in fields. Where the passes contradict each other 1.6.7 ends the request
//! with a panic; here the line is refused.

mod fields;
mod key;
mod number;
mod split;

pub(crate) use key::Key;
pub(crate) use number::{boolean, float};
pub(crate) use split::{line_end, skip_white};

use crate::line::Field;
use crate::{KEY_MAX, Precision, Reason};

/// What an exact reading found beside the fields.
#[derive(Debug)]
pub(crate) struct Parts<'b> {
    pub(crate) key: &'b str,
    pub(crate) timestamp: Option<i64>,
}

/// Reads one line, without white space before it; fields go into `fields`, which is empty.
pub(crate) fn parse<'b>(
    line: &'b str,
    precision: Precision,
    fields: &mut Vec<Field<'b>>,
) -> Result<Parts<'b>, Reason> {
    let bytes = line.as_bytes();
    let key = Key::scan(bytes)?;
    if key.end >= bytes.len() {
        return Err(Reason::MissingFields);
    }
    key.refuse_duplicates(bytes)?;
    let raw_key = line.get(..key.end).ok_or(Reason::NotUtf8)?;
    if raw_key.len() > KEY_MAX {
        return Err(Reason::KeyTooLong(raw_key.len()));
    }
    let (start, end) = fields::scan(bytes, key.end)?;
    fields::collect(line.get(start..end).ok_or(Reason::NotUtf8)?, raw_key.len(), fields)?;
    let timestamp = timestamp(line, end, precision)?;
    Ok(Parts { key: raw_key, timestamp })
}

/// What a field's name adds to the length of a key, by InfluxDB's count.
pub(crate) fn key_with_field(key: usize, name: usize) -> usize {
    key.saturating_add(4).saturating_add(name)
}

fn timestamp(line: &str, from: usize, precision: Precision) -> Result<Option<i64>, Reason> {
    let bytes = line.as_bytes();
    let start = skip_white(bytes, from);
    let mut end = start;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'\n' | b' ' => break,
            b'-' if end == start => {}
            b'0'..=b'9' => {}
            _ => return Err(Reason::BadTimestamp),
        }
        end += 1;
    }
    let digits = line.get(start..end).unwrap_or_default();
    if digits.is_empty() {
        return Ok(None);
    }
    if digits == "-" {
        return Err(Reason::LoneMinus);
    }
    let number: i64 = digits.parse().map_err(|_| Reason::TimestampOutOfRange(digits.to_owned()))?;
    let time = precision.time(number)?;
    let rest = bytes.get(end..).unwrap_or_default();
    if rest.iter().any(|byte| *byte != b' ') {
        return Err(Reason::InvalidPoint);
    }
    Ok(Some(time))
}
