//! Numbers and booleans.

use crate::Reason;
use crate::line::Value;

/// The end of the number that begins at `start`: a comma, a space or the line's end.
pub(super) fn end(line: &[u8], start: usize) -> Result<usize, Reason> {
    let rest = line.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(rest.len());
    let raw = rest.get(..length).and_then(|raw| std::str::from_utf8(raw).ok());
    value(raw.ok_or(Reason::InvalidNumber)?)?;
    Ok(start + length)
}

/// Reads a number without white space around it.
pub(super) fn value(raw: &str) -> Result<Value<'_>, Reason> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    match digits.strip_suffix('i') {
        Some(digits) => integer(raw.get(..raw.len() - 1).unwrap_or_default(), digits),
        None => float(raw).map(Value::Float),
    }
}

fn integer<'b>(signed: &'b str, digits: &str) -> Result<Value<'b>, Reason> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::InvalidNumber);
    }
    signed.parse().map(Value::Integer).map_err(|_| Reason::IntegerOutOfRange(signed.to_owned()))
}

/// Reads `1`, `-1.5`, `.5`, `1.`, `1e-3`; no `+1`, no `inf`, no `nan`.
pub(crate) fn float(raw: &str) -> Result<f64, Reason> {
    let digits = raw.strip_prefix('-').unwrap_or(raw).as_bytes();
    let (mut points, mut exponent, mut before) = (0, false, 0);
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {}
            b'.' if points == 0 => points += 1,
            // A minus sign may stand before it, however little sense that makes: it is no float then.
            b'e' | b'E' if index > 0 || raw.len() > digits.len() => exponent = true,
            b'+' | b'-' if matches!(before, b'e' | b'E') => {}
            _ => return Err(Reason::InvalidNumber),
        }
        before = byte;
    }
    if digits.len() == points {
        return Err(Reason::InvalidNumber);
    }
    let fault = if exponent { Reason::InvalidFloat } else { Reason::InvalidNumber };
    match raw.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(float),
        Ok(_) => Err(Reason::InvalidFloat),
        Err(_) => Err(fault),
    }
}

/// Reads a boolean in one of its spellings.
pub(crate) fn boolean(raw: &[u8]) -> Option<bool> {
    match raw {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(true),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}
