//! Arbitrary bytes as line protocol: no panic, and both ways of reading it agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svcflow_line_protocol::{LineError, Parser, Precision, SeriesKey, Value, unescape_name};

fuzz_target!(|bytes: &[u8]| {
    let fast = read(Parser::new(bytes, Precision::Millisecond, 1));
    let exact = read(Parser::exact(bytes, Precision::Millisecond, 1));
    assert_eq!(fast, exact);
});

fn read(mut parser: Parser<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = parser.next_line() {
        let point = line.and_then(|line| {
            let refused = |reason| LineError { line: line.text.as_bytes(), reason };
            let key = SeriesKey::parse(line.key).map_err(refused)?;
            let mut text = format!("{key:?} {}", line.timestamp);
            for field in line.fields {
                text += &unescape_name(field.name);
                text += &match field.value {
                    Value::String(value) => value.unescape().into_owned(),
                    value => format!("{value:?}"),
                };
            }
            Ok(text)
        });
        lines.push(point.unwrap_or_else(|error| error.to_string()));
    }
    lines
}
