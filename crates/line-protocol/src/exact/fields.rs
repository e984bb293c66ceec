//! `name=value,name=value`.

use super::{boolean, key_with_field, number, skip_white};
use crate::line::{Field, Text, Value};
use crate::{KEY_MAX, Reason};

/// The fields' begin and end in `line`, from the space behind the key on; numbers and booleans are checked on the way.
pub(super) fn scan(line: &[u8], from: usize) -> Result<(usize, usize), Reason> {
    let start = skip_white(line, from);
    let mut at = start;
    let mut quoted = false;
    let (mut equals, mut commas) = (0_usize, 0_usize);
    while let Some(&byte) = line.get(at) {
        match byte {
            b'\\' if at + 1 < line.len() => at += 1,
            b'"' if equals > commas => quoted = !quoted,
            b'=' if !quoted => {
                equals += 1;
                if let Some(end) = behind_equals(line, at)? {
                    at = end;
                    continue;
                }
            }
            b',' if !quoted => commas += 1,
            b' ' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    if quoted {
        return Err(Reason::UnbalancedQuotes);
    }
    if equals == 0 || commas != equals - 1 {
        return Err(Reason::InvalidFieldFormat);
    }
    Ok((start, at.min(line.len())))
}

/// Checks what surrounds the `=` at `equals`; the end of a value that is no string.
fn behind_equals(line: &[u8], equals: usize) -> Result<Option<usize>, Reason> {
    let before = |back: usize| equals.checked_sub(back).and_then(|at| line.get(at));
    if matches!(before(1), Some(b' ' | b',')) && before(2) != Some(&b'\\') {
        return Err(Reason::MissingFieldKey);
    }
    match line.get(equals + 1) {
        None | Some(b',' | b' ') => Err(Reason::MissingFieldValue),
        Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => number::end(line, equals + 1).map(Some),
        Some(b'"') => Ok(None),
        Some(_) => boolean_end(line, equals + 1).map(Some),
    }
}

fn boolean_end(line: &[u8], start: usize) -> Result<usize, Reason> {
    let rest = line.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
    boolean(rest.get(..length).unwrap_or_default()).ok_or(Reason::InvalidBoolean)?;
    Ok(start + length)
}

/// Takes checked fields apart.
pub(super) fn collect<'b>(
    mut rest: &'b str,
    key_length: usize,
    fields: &mut Vec<Field<'b>>,
) -> Result<(), Reason> {
    while !rest.is_empty() {
        let (name, behind) = split_name(rest)?;
        let length = key_with_field(key_length, name.len());
        if length > KEY_MAX {
            return Err(Reason::KeyTooLong(length));
        }
        let (raw, behind) = behind.split_at(value_end(behind.as_bytes()));
        fields.push(Field { name, value: value(raw)? });
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Ok(())
}

/// The name and what stands behind its `=`.
fn split_name(fields: &str) -> Result<(&str, &str), Reason> {
    let bytes = fields.as_bytes();
    let escaped = |at: &usize| at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'\\');
    let equals = memchr::memchr_iter(b'=', bytes).find(|at| !escaped(at));
    let (name, rest) = fields.split_at(equals.unwrap_or(fields.len()));
    match rest.strip_prefix('=') {
        Some(value) if !value.is_empty() => Ok((name, value)),
        _ => Err(Reason::InvalidValue(name.to_owned())),
    }
}

/// The comma behind a value, or the end.
fn value_end(bytes: &[u8]) -> usize {
    let (mut at, mut quoted) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 1,
            b'"' => quoted = !quoted,
            b',' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

fn value(raw: &str) -> Result<Value<'_>, Reason> {
    match raw.as_bytes() {
        // Whatever the last byte is, it counts as the closing quote: `"x"y` is the string `x"`.
        [b'"', .., last] if last.is_ascii() => {
            let inner = raw.get(1..raw.len() - 1).ok_or(Reason::InvalidFieldFormat)?;
            Ok(Value::String(Text(inner)))
        }
        [b'0'..=b'9' | b'-' | b'.' | b'n' | b'N', ..] => number::value(raw),
        other => boolean(other).map(Value::Boolean).ok_or(Reason::InvalidFieldFormat),
    }
}
