//! What InfluxDB 1.6.7 said and stored when it was sent these lines.

use svcflow_line_protocol::{Line, LineError, Parser, Precision, SeriesKey, Value, unescape_name};

/// All of a buffer in a form to compare: good lines taken apart, refused ones as their message.
fn read(buffer: &[u8]) -> Vec<String> {
    let mut parser = Parser::new(buffer, Precision::Nanosecond, 99);
    let mut lines = Vec::new();
    while let Some(line) = parser.next_line() {
        lines.push(line.and_then(point).unwrap_or_else(|error| error.to_string()));
    }
    lines
}

fn point<'b>(line: Line<'_, 'b>) -> Result<String, LineError<'b>> {
    let refused = |reason| LineError { line: line.text.as_bytes(), reason };
    let key = SeriesKey::parse(line.key).map_err(refused)?;
    let mut text = key.measurement.into_owned();
    key.tags.iter().for_each(|(key, value)| text += &format!("|{key}|{value}"));
    for field in line.fields {
        let value = match field.value {
            Value::String(text) => format!("{:?}", text.unescape()),
            Value::Float(float) => format!("{float:?}"),
            Value::Integer(integer) => format!("{integer}i"),
            Value::Boolean(boolean) => boolean.to_string(),
        };
        text += &format!(" {}={value}", unescape_name(field.name));
    }
    Ok(format!("{text} @{}", line.timestamp))
}

fn refused(line: &str, reason: &str) {
    let line_shown = line.trim_start_matches([' ', '\t', '\0']);
    assert_eq!(read(line.as_bytes()), [format!("unable to parse '{line_shown}': {reason}")]);
}

fn stored(line: &str, point: &str) {
    assert_eq!(read(line.as_bytes()), [point], "{line:?}");
}

#[test]
fn keys() {
    stored(r#"m\"x,t\"=v\" f\"=1 5"#, r#"m"x|t\"|v\" f"=1.0 @5"#);
    stored(r"a\\ b c=1 5", r"a\ b c=1.0 @5");
    stored(r"a,t=\\ b c=1 5", r"a|t|\ b c=1.0 @5");
    stored(r"a,a\,b=c\ d\=e f=1 5", r"a|a,b|c d=e f=1.0 @5");
    stored(r"a\,b,c=d e=1 5", r"a,b|c|d e=1.0 @5");
    stored(r"\ a b=1 5", " a b=1.0 @5");
    stored(r"a,b=\,c d=1", "a|b|,c d=1.0 @99");
    stored("a,z=1,b=2 b=1 5", "a|b|2|z|1 b=1.0 @5");
    stored("a,t==x b=1 5", "a|t|=x b=1.0 @5");
    stored("é,ü=ö ß=\"ä\" 5", "é|ü|ö ß=\"ä\" @5");
    stored("a\0b c=1 5", "a\0b c=1.0 @5");
    refused(",t=1 b=1", "missing measurement");
    refused(" ,t=1 b=1", "missing measurement");
    refused("zz", "missing fields");
    refused("a\\", "missing fields");
    refused("a,t=x", "missing fields");
    refused("a,t=x,b=1", "missing fields");
    refused("a, b=1", "missing tag key");
    refused("a,=x b=1", "missing tag key");
    refused("a,t b=1", "missing tag value");
    refused("a,t= b=1", "missing tag value");
    refused("a,t=x=y b=1", "invalid tag format");
    refused(r"a,b=c\ d=1 5", "invalid tag format");
    refused("a,t=1,t=2 b=1 5", "duplicate tags");
    refused("a,z=1,b=2,z=2 b=1 5", "duplicate tags");
    refused("a,t=1,t=2 b= 5", "duplicate tags");
}

#[test]
fn keys_have_a_longest_length() {
    let long = "k".repeat(65_535);
    refused(&format!("x,t={long} b=1 5"), "max key length exceeded: 65539 > 65535");
    refused(&format!("x {long}=1 5"), "max key length exceeded: 65540 > 65535");
    let fits = "k".repeat(65_530);
    stored(&format!("x {fits}=1 5"), &format!("x {fits}=1.0 @5"));
}

#[test]
fn fields() {
    stored(r"a b\ c=1,d\==2,e\,=3 5", "a b c=1.0 d==2.0 e,=3.0 @5");
    stored("a b=1,b=2 5", "a b=1.0 b=2.0 @5");
    stored("a b=1,\0c=2 5", "a b=1.0 \0c=2.0 @5");
    stored("a b=T,c=F,d=TRUE,e=True,f=f 5", "a b=true c=false d=true e=true f=false @5");
    stored("a b=1.,c=.5,d=1E+5,e=1e-5,f=-0 5", "a b=1.0 c=0.5 d=100000.0 e=1e-5 f=-0.0 @5");
    stored("a b=007i,c=-0i,d=9223372036854775807i", "a b=7i c=0i d=9223372036854775807i @99");
    stored("a b=-9223372036854775808i 5", "a b=-9223372036854775808i @5");
    stored("a b=\"x\ny\" 5", "a b=\"x\\ny\" @5");
    stored(r#"a b="x\"y\\z" 5"#, r#"a b="x\"y\\z" @5"#);
    stored(r#"a b="x\ny" 5"#, r#"a b="x\\ny" @5"#);
    stored(r#"a b="" 5"#, r#"a b="" @5"#);
    stored(r#"a b="x"y 5"#, r#"a b="x\"" @5"#);
    stored(r#"a b="x",c=1,d="y z,w=" 5"#, r#"a b="x" c=1.0 d="y z,w=" @5"#);
    refused("a ", "invalid field format");
    refused("a,t=x ", "invalid field format");
    refused("a b 5", "invalid field format");
    refused("a b=1, 5", "invalid field format");
    refused("a\tb=1 5", "invalid field format");
    refused(r#"a "b c"=1 5"#, "invalid field format");
    refused(r"a b\=1", "invalid field format");
    refused(r"a b\\=1", r"invalid value: field-key=b\\=1");
    refused(r#"a b="x"=1,c=2 5"#, "invalid field format");
    refused("a =1 5", "missing field key");
    refused("a b=1,=2 5", "missing field key");
    refused("a b= 5", "missing field value");
    refused("a b=", "missing field value");
    refused("a b=\"unbal 5", "unbalanced quotes");
    refused(r#"a b="\"#, "unbalanced quotes");
}

#[test]
fn numbers_and_booleans() {
    for number in ["1u", "-i", ".", "NaN", "nan", "0x10", "1_000", "--1", "1-1", "1.5i", "1\\\n5"] {
        refused(&format!("a b={number}"), "invalid number");
    }
    for float in ["1e400", "1e", "-e5", "1ee5"] {
        refused(&format!("a b={float} 5"), "invalid float");
    }
    for boolean in ["+1", "inf", "tr", "tt", "yes", "t\r"] {
        refused(&format!("a b={boolean}"), "invalid boolean");
    }
    refused(
        "a b=9223372036854775808i 5",
        "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing \
         \"9223372036854775808\": value out of range",
    );
}

#[test]
fn timestamps() {
    stored("a  b=1  5  ", "a b=1.0 @5");
    stored("a b=1 -5", "a b=1.0 @-5");
    stored("a b=1 9223372036854775806", "a b=1.0 @9223372036854775806");
    stored("a b=1 -9223372036854775806", "a b=1.0 @-9223372036854775806");
    let range = "time outside range -9223372036854775806 - 9223372036854775806";
    refused("a b=1 9223372036854775807", range);
    refused("a b=1 -9223372036854775807", range);
    let parse = "strconv.ParseInt: parsing";
    refused("a b=1 -", &format!("{parse} \"-\": invalid syntax"));
    refused(
        "a b=1 9223372036854775808",
        &format!("{parse} \"9223372036854775808\": value out of range"),
    );
    refused("a b=1 5 6", "point is invalid");
    refused("a b=1 5x", "bad timestamp");
    refused("a b=1 5\\", "bad timestamp");
    refused("a b=1 1e5", "bad timestamp");
    refused("a b=1 5\0", "bad timestamp");
}

#[test]
fn lines() {
    assert_eq!(read(b"#c\n  # d\n\n \n"), Vec::<String>::new());
    assert_eq!(read(b""), Vec::<String>::new());
    assert_eq!(read(b" \ta b=1 5\n\0a b=2 6"), ["a b=1.0 @5", "a b=2.0 @6"]);
    // 1.6.7 knows no carriage return: it is part of the line.
    assert_eq!(read(b"a b=1 5\r\n"), ["unable to parse 'a b=1 5\r': bad timestamp"]);
    assert_eq!(read(b"a b=\"x\"\r\n"), ["a b=\"x\\\"\" @99"]);
    let two =
        ["unable to parse 'a': missing fields", "unable to parse 'b=1 5': invalid field format"];
    assert_eq!(read(b"a\n b=1 5"), two);
    let between = read(b"a b=1 1\nbad\na b=2 2\n\n#\na b=3 3");
    assert_eq!(between[0], "a b=1.0 @1");
    assert_eq!(between[2..], ["a b=2.0 @2", "a b=3.0 @3"]);
}

#[test]
fn a_line_that_is_not_utf_8_is_refused_alone() {
    let lines = read(b"a b=1 1\na,t=\xff b=1 5\na b=2 2");
    assert_eq!(
        lines,
        ["a b=1.0 @1", "unable to parse 'a,t=\u{fffd} b=1 5': not UTF-8", "a b=2.0 @2"]
    );
}

#[test]
fn same_names_are_told() {
    let mut parser = Parser::new(
        b"a x=1,y=2\na x=3,y=4\na x=5\na y=6,x=7\na y=8,x=\na y=9,x=9\n",
        Precision::Nanosecond,
        0,
    );
    let mut same = Vec::new();
    while let Some(line) = parser.next_line() {
        same.push(line.map(|line| line.same_names).unwrap_or_default());
    }
    assert_eq!(same, [false, true, false, false, false, false]);
}
