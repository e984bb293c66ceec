//! Floats and texts as Go prints them: byte for byte what InfluxDB's clients have always read.

use std::io::Write;

/// Below this, and from [`EXPONENT_FROM`] on, Go's JSON writes an exponent (encoding/json, `floatEncoder`).
const EXPONENT_BELOW: f64 = 1e-6;
const EXPONENT_FROM: f64 = 1e21;

/// A finite float as JSON.
pub(super) fn json_float(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if size == 0.0 || (EXPONENT_BELOW..EXPONENT_FROM).contains(&size) {
        plain_float(out, value);
        return;
    }
    // Rust gives the shortest digits, too, but no sign of a positive exponent.
    let start = out.len();
    let _ = write!(out, "{value:e}");
    let exponent = out.get(start..).and_then(|text| text.iter().position(|byte| *byte == b'e'));
    if let Some(at) = exponent.map(|at| start + at + 1)
        && out.get(at) != Some(&b'-')
    {
        out.insert(at, b'+');
    }
}

/// A float without an exponent, in as few digits as tell it from its neighbours: Go's `FormatFloat(f, 'f', -1, 64)`.
pub(super) fn plain_float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.fract() == 0.0 && value.abs() < 9e15 && value != 0.0 {
        // Counters that were stored as floats: twice as fast as by the general way.
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        integer(out, value as i64);
    } else {
        let _ = write!(out, "{value}");
    }
}

/// An integer.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A text as JSON, with what Go escapes so that JSON may stand within HTML.
pub(super) fn json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(is_escaped) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let taken = escape(out, special);
        rest = special.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether a byte is escaped or may begin what is: U+2028 and U+2029 begin with E2. A table, since most of an answer
/// about many series is short texts: looking them through takes two thirds of the time that comparisons do.
#[expect(
    clippy::indexing_slicing,
    reason = "bytes are below 256, and this is worked out by the compiler"
)]
static ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut special: &[u8] = b"\"\\<>&\xe2";
    while let [byte, rest @ ..] = special {
        table[*byte as usize] = true;
        special = rest;
    }
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "bytes are below 256")]
fn is_escaped(byte: &u8) -> bool {
    ESCAPED[usize::from(*byte)]
}

/// Writes the first character of `rest`; the bytes that it takes.
fn escape(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    match rest {
        [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => {
            out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
            return 3;
        }
        [byte @ (b'"' | b'\\'), ..] => out.extend_from_slice(&[b'\\', *byte]),
        [b'\n', ..] => out.extend_from_slice(b"\\n"),
        [b'\r', ..] => out.extend_from_slice(b"\\r"),
        [b'\t', ..] => out.extend_from_slice(b"\\t"),
        [byte @ 0xe2, ..] => out.push(*byte),
        [byte, ..] => {
            let _ = write!(out, "\\u{byte:04x}");
        }
        [] => {}
    }
    1
}

/// A cell of CSV as Go's encoding/csv writes it.
pub(super) fn csv_cell(out: &mut Vec<u8>, text: &str) {
    let quoted = text == r"\."
        || text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
        || text.starts_with(char::is_whitespace);
    if !quoted {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// What 1.6.7 answered for these values.
    #[test]
    fn floats_as_1_6_7_prints_them() {
        for (value, json, csv) in [
            (1e21, "1e+21", "1000000000000000000000"),
            (1e20, "100000000000000000000", "100000000000000000000"),
            (0.000_001, "0.000001", "0.000001"),
            (0.000_000_1, "1e-7", "0.0000001"),
            (123_456_789.125, "123456789.125", "123456789.125"),
            (-1.5e300, "-1.5e+300", &format!("-15{}", "0".repeat(299))),
            (-0.0, "-0", "-0"),
            (0.0, "0", "0"),
            (100.0, "100", "100"),
            (-9_007_199_254_740_993.0, "-9007199254740992", "-9007199254740992"),
            (5e-324, "5e-324", &format!("0.{}5", "0".repeat(323))),
        ] {
            assert_eq!(written(|out| json_float(out, value)), json);
            assert_eq!(written(|out| plain_float(out, value)), csv);
        }
        assert_eq!(written(|out| plain_float(out, f64::INFINITY)), "+Inf");
    }

    #[test]
    fn texts_as_1_6_7_prints_them() {
        let text = "<&>\u{2028}\u{2029}\t\n\r\u{1}\u{7f}\u{8}é\"\\ 😀/“";
        let json = r#""\u003c\u0026\u003e\u2028\u2029\t\n\r\u0001"#.to_owned()
            + "\u{7f}"
            + r#"\u0008é\"\\ 😀/“""#;
        assert_eq!(written(|out| json_string(out, text)), json);
        for (text, csv) in [
            ("plain", "plain"),
            ("", ""),
            (r"\.", "\"\\.\""),
            ("a,b", "\"a,b\""),
            ("\"x", "\"\"\"x\""),
            (" lead", "\" lead\""),
            ("a\nb", "\"a\nb\""),
            ("\u{a0}x", "\"\u{a0}x\""),
        ] {
            assert_eq!(written(|out| csv_cell(out, text)), csv);
        }
    }
}
