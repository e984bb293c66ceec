//! Lines without surprises, in one pass: no backslash outside of strings, no white space but one space between key,
//! fields and timestamp. Whatever else there is gives `None`, and the exact way reads the line.
//!
//! Field names and their order hardly ever change from line to line, so each name is first compared with the one in
//! its place in the line before.

use memchr::{memchr2, memchr3};

use crate::exact;
use crate::line::{Field, Text, Value};
use crate::{KEY_MAX, Precision};

/// A key and a name of at most this length don't exceed [`KEY_MAX`] together; longer ones are for the exact way.
const KEY_SHORT: usize = KEY_MAX / 2 - 4;

/// What was found, and where the next line begins.
#[derive(Debug)]
pub(crate) struct Found<'b> {
    pub(crate) key: &'b str,
    pub(crate) timestamp: Option<i64>,
    pub(crate) same_names: bool,
    /// The line feed, or the buffer's end.
    pub(crate) end: usize,
}

/// The fields of the line before, overwritten in place by this one's.
#[derive(Debug)]
pub(crate) struct Slots<'p, 'b> {
    fields: &'p mut Vec<Field<'b>>,
    used: usize,
    same_names: bool,
}

impl<'p, 'b> Slots<'p, 'b> {
    pub(crate) fn new(fields: &'p mut Vec<Field<'b>>) -> Self {
        Self { fields, used: 0, same_names: true }
    }

    /// The length of the name in this place before, if `bytes` go on with it and an `=`.
    fn guess(&self, bytes: &[u8]) -> Option<usize> {
        let name = self.fields.get(self.used)?.name.as_bytes();
        if name.len() > KEY_SHORT {
            return None;
        }
        let (head, rest) = bytes.split_at_checked(name.len())?;
        (head == name && rest.first() == Some(&b'=')).then_some(name.len())
    }

    fn push(&mut self, field: Field<'b>, guessed: bool) {
        self.same_names &= guessed;
        match self.fields.get_mut(self.used) {
            Some(slot) => *slot = field,
            None => self.fields.push(field),
        }
        self.used += 1;
    }

    fn finish(self) -> bool {
        let same = self.same_names && self.used == self.fields.len();
        self.fields.truncate(self.used);
        same
    }
}

/// Reads the line that begins at `from`.
pub(crate) fn parse<'b>(
    buffer: &'b str,
    from: usize,
    precision: Precision,
    mut slots: Slots<'_, 'b>,
) -> Option<Found<'b>> {
    let bytes = buffer.as_bytes();
    if matches!(bytes.get(from)?, b'#' | b',' | b' ' | b'\t' | b'\n' | 0) {
        return None;
    }
    let length = memchr3(b' ', b'\\', b'\n', bytes.get(from..)?)?;
    let key_end = from + length;
    if bytes.get(key_end) != Some(&b' ') || length > KEY_SHORT {
        return None;
    }
    let key = buffer.get(from..key_end)?;
    let mut at = key_end + 1;
    loop {
        at = field(buffer, at, &mut slots)?;
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b' ') => break,
            None | Some(b'\n') => {
                return Some(Found { key, timestamp: None, same_names: slots.finish(), end: at });
            }
            Some(_) => return None,
        }
    }
    let (timestamp, end) = integer(bytes, at + 1)?;
    if !matches!(bytes.get(end), None | Some(b'\n')) {
        return None;
    }
    let timestamp = Some(precision.time(timestamp).ok()?);
    Some(Found { key, timestamp, same_names: slots.finish(), end })
}

/// Reads `name=value`; the end of the value.
fn field<'b>(buffer: &'b str, at: usize, slots: &mut Slots<'_, 'b>) -> Option<usize> {
    let rest = buffer.as_bytes().get(at..)?;
    let guess = slots.guess(rest);
    let length = match guess {
        Some(length) => length,
        None => name_length(rest)?,
    };
    let name = buffer.get(at..at + length)?;
    let (value, end) = value(buffer, at + length + 1)?;
    slots.push(Field { name, value }, guess.is_some());
    Some(end)
}

/// The length of a name of ordinary bytes, behind which an `=` stands.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let ends = |byte: &u8| matches!(byte, b'=' | b',' | b' ' | b'\\' | b'\n');
    let length = bytes.iter().take(KEY_SHORT).position(ends)?;
    // A tab or NUL before the first name is white space, and everything is said on that by the exact way.
    let plain = !matches!(bytes.first()?, b'=' | b'\t' | 0);
    (plain && bytes.get(length) == Some(&b'=')).then_some(length)
}

fn value(buffer: &str, at: usize) -> Option<(Value<'_>, usize)> {
    let bytes = buffer.as_bytes();
    match bytes.get(at)? {
        b'"' => string(buffer, at + 1),
        b'0'..=b'9' | b'-' => number(buffer, at),
        b'.' => float(buffer, at),
        _ => {
            let rest = bytes.get(at..)?;
            let length = rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len());
            let value = exact::boolean(rest.get(..length)?)?;
            Some((Value::Boolean(value), at + length))
        }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b',' | b' ' | b'\n')
}

fn number(buffer: &str, at: usize) -> Option<(Value<'_>, usize)> {
    match integer(buffer.as_bytes(), at) {
        Some((integer, end)) if buffer.as_bytes().get(end) == Some(&b'i') => {
            Some((Value::Integer(integer), end + 1))
        }
        _ => float(buffer, at),
    }
}

fn float(buffer: &str, at: usize) -> Option<(Value<'_>, usize)> {
    let rest = buffer.as_bytes().get(at..)?;
    let length = rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len());
    let value = exact::float(buffer.get(at..at + length)?).ok()?;
    Some((Value::Float(value), at + length))
}

/// The digits from `at` on, with or without a minus sign, and their end; `None` where there are none, or more than 64
/// bits hold for sure.
fn integer(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    /// So many digits can't overflow 64 bits without a sign.
    const DIGITS_MAX: usize = 19;
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (mut number, mut end) = (0_u64, start);
    while let Some(digit) = bytes.get(end).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    if end == start || end - start > DIGITS_MAX {
        return None;
    }
    let number = i64::try_from(number).ok()?;
    Some((if negative { -number } else { number }, end))
}

/// Reads a string from behind its opening quote.
fn string(buffer: &str, start: usize) -> Option<(Value<'_>, usize)> {
    let bytes = buffer.as_bytes();
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            let text = Text(buffer.get(start..at)?);
            return Some((Value::String(text), at + 1));
        }
        at += 2;
    }
}
