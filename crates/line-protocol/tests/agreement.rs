//! The fast way and the exact one read the same, whatever is sent.

use proptest::prelude::*;
use svcflow_line_protocol::{LineError, Parser, Precision, SeriesKey};

fn read(mut parser: Parser<'_>) -> Vec<String> {
    let (mut lines, mut before) = (Vec::new(), None);
    while let Some(line) = parser.next_line() {
        lines.push(match line {
            Ok(line) => {
                let names: Vec<_> = line.fields.iter().map(|field| field.name.to_owned()).collect();
                assert!(
                    !line.same_names || before.as_ref() == Some(&names),
                    "{names:?} {before:?}"
                );
                before = Some(names);
                match SeriesKey::parse(line.key) {
                    Ok(key) => {
                        format!("{key:?} {:?} {} {:?}", line.fields, line.timestamp, line.text)
                    }
                    // The fast way leaves keys to whoever meets one for the first time.
                    Err(reason) => LineError { line: line.text.as_bytes(), reason }.to_string(),
                }
            }
            Err(error) => {
                before = None;
                error.to_string()
            }
        });
    }
    lines
}

fn agree(buffer: &[u8]) {
    let fast = read(Parser::new(buffer, Precision::Second, 1_234_567_890));
    let exact = read(Parser::exact(buffer, Precision::Second, 1_234_567_890));
    assert_eq!(fast, exact, "{:?}", String::from_utf8_lossy(buffer));
}

/// Pieces that matter to the grammar, so that random sequences of them get deep into it.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "time",
        "é",
        ",",
        "=",
        " ",
        "\n",
        "\\",
        "\"",
        "\t",
        "\0",
        "\r",
        "#",
        "i",
        "u",
        "t",
        "true",
        "F",
        "n",
        "N",
        "-",
        "+",
        ".",
        "e",
        "E",
        "0",
        "7",
        "19",
        "9223372036854775807",
        "a,b=c ",
        "x=1i",
        ",y=2",
        " f=\"",
        "\" ",
        "\\\\",
        "\\\"",
        "\\,",
        "\\ ",
        "\\=",
        "a x=1,y=\"z\" 5\n",
        "a x=1,y=2i\n",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Nearly good lines, each with at most one byte turned into something else.
fn nearly_good() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<i64>().prop_map(|n| format!("{n}i")),
        any::<f64>().prop_map(|f| format!("{f}")),
        "\"[a-c \\\\\",=\n]{0,6}\"",
        prop::sample::select(vec!["t".to_owned(), "False".to_owned()]),
    ];
    let field = ("[xyz]{1,2}", value).prop_map(|(name, value)| format!("{name}={value}"));
    let line = (
        "[a-b](,[c-e]=[a-z]{1,3}){0,3}",
        prop::collection::vec(field, 1..4),
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(key, fields, time)| {
            let time = time.map(|time| format!(" {}", time / 1_000_000_000)).unwrap_or_default();
            format!("{key} {}{time}\n", fields.join(","))
        });
    (prop::collection::vec(line, 1..5), any::<prop::sample::Index>(), any::<u8>(), any::<bool>())
        .prop_map(|(lines, index, byte, broken)| {
            let mut buffer = lines.concat().into_bytes();
            if broken {
                *index.get_mut(&mut buffer) = byte;
            }
            buffer
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn over_pieces(buffer in pieces()) {
        agree(buffer.as_bytes());
    }

    #[test]
    fn over_nearly_good_lines(buffer in nearly_good()) {
        agree(&buffer);
    }

    #[test]
    fn over_bytes(buffer in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&buffer);
    }
}
