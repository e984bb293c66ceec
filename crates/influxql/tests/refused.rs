//! What isn't InfluxQL. Where InfluxDB 1.6.7 names a place, line and character are those it answered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use svcflow_influxql::{Fault, Options, Param, Params, parse, parse_with};

const STATEMENTS: &str =
    "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL";
const OPERANDS: &str = "identifier, string, number, bool";

/// Query, line, character, and what is wrong.
#[rustfmt::skip]
fn table() -> Vec<(&'static str, usize, usize, String)> {
    let expected = |found: &str, expected: &str| format!("found {found}, expected {expected}");
    vec![
        // Which statement
        ("foo", 1, 1, expected("foo", STATEMENTS)),
        ("show databases; 5", 1, 17, expected("5", STATEMENTS)),
        ("show databases foo", 1, 16, expected("foo", ";")),
        ("show databases show", 1, 16, expected("SHOW", ";")),
        ("show foo", 1, 6, expected("foo", "CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENT, MEASUREMENTS, QUERIES, RETENTION, SERIES, SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS")),
        ("create x", 1, 8, expected("x", "CONTINUOUS, DATABASE, USER, RETENTION, SUBSCRIPTION")),
        ("drop", 1, 6, expected("EOF", "CONTINUOUS, DATABASE, MEASUREMENT, RETENTION, SERIES, SHARD, SUBSCRIPTION, USER")),
        ("alter", 1, 7, expected("EOF", "RETENTION")),
        ("set password", 1, 14, expected("EOF", "FOR")),
        ("kill query", 1, 12, expected("EOF", "integer")),
        ("explain verbose select a from b", 1, 9, expected("verbose", "SELECT")),
        // SELECT
        ("select", 1, 8, expected("EOF", OPERANDS)),
        ("select a b from c", 1, 10, expected("b", "FROM")),
        ("select a as 'b' from d", 1, 12, expected("b", "identifier")),
        ("select a, from d", 1, 11, expected("FROM", OPERANDS)),
        ("select mean (a) from b", 1, 13, expected("(", "FROM")),
        ("select mean(a from b", 1, 15, expected("FROM", ")")),
        ("select distinct from b", 1, 17, expected("FROM", "identifier")),
        ("select distinct a.b from c", 1, 18, expected(".", "FROM")),
        ("select a::foo from b", 1, 11, expected("foo", "float, integer, unsigned, string, boolean, field, tag")),
        ("select a::select from b", 1, 11, expected("SELECT", "float, integer, string, boolean, field, tag")),
        ("select *::float from b", 1, 11, expected("float", "field, tag")),
        ("select a ::float from b", 1, 10, expected("::", "FROM")),
        ("select - -1 from b", 1, 10, expected("-", "identifier, number, duration, (")),
        ("select -'a' from b", 1, 8, expected("a", "identifier, number, duration, (")),
        ("select -true from b", 1, 9, expected("TRUE", "identifier, number, duration, (")),
        ("select a into :MEASUREMENT from c", 1, 15, expected(":", "identifier")),
        ("select a from b into c", 1, 17, expected("INTO", ";")),
        ("select a from (show databases)", 1, 16, expected("SHOW", "SELECT")),
        ("select a from (select b from c", 1, 32, expected("EOF", ")")),
        ("select a from delete", 1, 15, expected("DELETE", "identifier")),
        ("select a from b as c", 1, 17, expected("AS", ";")),
        ("select a from b where x = 1 in 5", 1, 29, expected("IN", ";")),
        ("select a from b where", 1, 23, expected("EOF", OPERANDS)),
        ("select a from b where x =~ 'a'", 1, 27, expected("a", "regex")),
        ("select a from b where /a/", 1, 23, expected("/", OPERANDS)),
        ("select a from b where (select c from d)", 1, 24, expected("SELECT", OPERANDS)),
        ("select a from b where a ! b", 1, 25, expected("!", ";")),
        ("select π from a", 1, 8, expected("π", OPERANDS)),
        ("select a from b group", 1, 23, expected("EOF", "BY")),
        ("select a from b group by", 1, 26, expected("EOF", OPERANDS)),
        ("select a from b order by", 1, 26, expected("EOF", "identifier, ASC, DESC")),
        ("select a from b limit -1", 1, 23, expected("-", "integer")),
        ("select a from b limit 1.5", 1, 23, expected("1.5", "integer")),
        ("select a from b offset 1 limit 1", 1, 26, expected("LIMIT", ";")),
        ("select 99999999999999999999 from b", 1, 8, "unable to parse integer".into()),
        // Lines and quotes
        ("select a\nfrom b\r\nwhere c = \rd e", 4, 3, expected("e", ";")),
        ("select a /* é */ b from c", 1, 18, expected("b", "FROM")),
        ("select a from b where x = 'abc", 1, 26, expected("abc", OPERANDS)),
        ("select \"a\nb\" from c", 1, 7, expected("a", OPERANDS)),
        ("select a from b where x = 'a\\qc'", 1, 30, expected("\\q", OPERANDS)),
        ("select a from b where x = '''x", 1, 28, expected("x", ";")),
        ("drop user ''", 1, 10, expected("STRING", "identifier")),
        // The other statements
        ("show tag keys with key = a", 1, 15, expected("WITH", ";")),
        ("show tag key", 1, 14, expected("EOF", "EXACT, CARDINALITY")),
        ("show tag values exact", 1, 23, expected("EOF", "CARDINALITY")),
        ("show tag values", 1, 17, expected("EOF", "WITH")),
        ("show tag values with key", 1, 26, expected("EOF", "IN, =, =~")),
        ("show tag values with key in a", 1, 29, expected("a", "(")),
        ("show tag values with key = 'a'", 1, 27, expected("a", "identifier")),
        ("show field keys where a = 1", 1, 17, expected("WHERE", ";")),
        ("show measurements with measurement a", 1, 36, expected("a", "=, =~")),
        ("show measurements on a.b", 1, 23, expected(".", ";")),
        ("show grants", 1, 13, expected("EOF", "FOR")),
        ("delete x", 1, 8, expected("x", "FROM, WHERE")),
        ("drop series", 1, 13, expected("EOF", "FROM, WHERE")),
        ("drop shard x", 1, 12, expected("x", "integer")),
        ("drop database select", 1, 15, expected("SELECT", "identifier")),
        ("create database x with", 1, 24, expected("EOF", "DURATION, NAME, REPLICATION, SHARD")),
        ("create database x with shard", 1, 30, expected("EOF", "DURATION")),
        ("create database x with name y duration 1h", 1, 31, expected("DURATION", ";")),
        ("create retention policy a on b duration 1h replication 0", 1, 56, "invalid value 0: must be 1 <= n <= 2147483647".into()),
        ("create retention policy a on b duration 1h replication 2147483648", 1, 56, "invalid value 2147483648: must be 1 <= n <= 2147483647".into()),
        ("create retention policy a on b duration 1h replication 1 shard duration inf", 1, 73, "invalid duration INF for shard duration".into()),
        ("alter retention policy a on b", 1, 31, expected("EOF", "DURATION, REPLICATION, SHARD, DEFAULT")),
        ("alter retention policy a on b default default", 1, 39, "found duplicate DEFAULT option".into()),
        ("create subscription a on b.c destinations some 'a'", 1, 43, expected("some", "ALL, ANY")),
        ("create continuous query a on b begin select c from d end", 1, 47, expected("FROM", "INTO")),
        ("create continuous query a on b resample begin select c into d from e end", 1, 41, expected("BEGIN", "EVERY, FOR")),
        ("grant", 1, 7, expected("EOF", "READ, WRITE, ALL [PRIVILEGES]")),
        ("grant read to a", 1, 12, expected("TO", "ON")),
        ("grant all privileges x", 1, 22, expected("x", "ON, TO")),
        ("revoke all", 1, 12, expected("EOF", "ON, FROM")),
        ("create user a with password b", 1, 29, expected("b", "string")),
        // Regular expressions
        ("select a from b where x =~ /a[/", 1, 27, "error parsing regexp: missing closing ]: `[`".into()),
        ("select a from b where x =~ /a{2000}/", 1, 27, "error parsing regexp: invalid repeat count: `{2000}`".into()),
        ("select a from b where x =~ /a", 1, 27, "bad regex: no closing slash on its line".into()),
        // InfluxDB names no place of these, or the first character
        ("select -9223372036854775809 from b", 1, 8, "constant -9223372036854775809 underflows int64".into()),
        ("select 1x from b", 1, 8, "invalid duration".into()),
        ("select a from b where time > now() - 5us", 1, 38, "invalid duration".into()),
        ("select 999999999999999999s from b", 1, 8, "overflowed duration 999999999999999999s: choose a smaller duration or INF".into()),
        ("select a = 1 from b", 1, 8, "invalid operator = in SELECT clause; operator is intended for WHERE clause".into()),
        ("select a, f((b and c)) from b", 1, 11, "invalid operator AND in SELECT clause; operator is intended for WHERE clause".into()),
        ("select a from a.b.c.d.e", 1, 15, "too many segments in a.b.c.d".into()),
        ("select a from b order by z", 1, 26, "only ORDER BY time supported at this time".into()),
        ("select a from b order by time, z", 1, 30, "only ORDER BY time supported at this time".into()),
        ("select a from b fill", 1, 17, "fill must be a function call".into()),
        ("select a from b fill (0)", 1, 17, "fill must be a function call".into()),
        ("select a from b fill()", 1, 17, "fill requires an argument, e.g.: 0, null, none, previous, linear".into()),
        ("select a from b fill(NULL)", 1, 22, "expected number argument in fill()".into()),
        ("select a from b fill('null')", 1, 22, "expected number argument in fill()".into()),
        ("select a from b tz", 1, 17, "tz must be a function call".into()),
        ("select a from b tz()", 1, 17, "tz requires exactly one argument".into()),
        ("select a from b tz(1)", 1, 20, "expected string argument in tz()".into()),
        ("delete from a..b", 1, 13, "database not supported".into()),
        ("drop series from a.b", 1, 18, "retention policy not supported".into()),
        ("select a from b where x = $y", 1, 27, "missing parameter: y".into()),
        ("select a from b where x = $ y", 1, 27, "empty bound parameter".into()),
        // The server panics of this one
        ("select a from b where x =~ /a/ + 1", 1, 32, expected("+", ";")),
        // InfluxDB takes a zero byte for the end of the text, and runs what is before it
        ("show databases\0", 1, 15, expected("\0", ";")),
        (&LONG_NUMBER, 1, 8, "unable to parse number".into()),
    ]
}

static LONG_NUMBER: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("select {}.0 from b", "9".repeat(400)));

#[test]
fn each_says_what_and_where() {
    for (query, line, character, fault) in table() {
        let error = parse(query).expect_err(query);
        assert_eq!(error.fault.to_string(), fault, "{query}");
        assert_eq!((error.line, error.character), (line, character), "{query}");
        let text = format!("error parsing query: {fault} at line {line}, char {character}");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_caret_stands_below_the_place() {
    let query = "select a\n\tfrom b where c = 'x' d\ngroup by e";
    let error = parse(query).unwrap_err();
    assert_eq!(
        error.caret(query).to_string(),
        "error parsing query: found d, expected ; at line 2, char 23\n  \tfrom b where c = 'x' d\n  \t                     ^"
    );
    let query = "select a from b where \"é\" = 'x";
    assert_eq!(
        parse(query).unwrap_err().caret(query).to_string().lines().last(),
        Some("                              ^")
    );
    assert_eq!(
        parse("select ").unwrap_err().caret("select ").to_string().lines().last(),
        Some("         ^")
    );
}

#[test]
fn one_bad_statement_spoils_the_text() {
    parse("show databases; show").expect_err("the second statement");
}

#[test]
fn parameters_without_a_fitting_place() {
    let params = |value| Params::from([("y".to_owned(), value)]);
    for (query, value, fault) in [
        ("select a from $y", Param::String("a".into()), "found a, expected identifier"),
        ("select a from b where c =~ $y", Param::String("a".into()), "found a, expected regex"),
        ("select a from b where c = 1 $y", Param::Integer(-5), "found -5, expected ;"),
        ("select a from b limit $y", Param::Integer(-5), "LIMIT must be >= 0"),
        ("select a from b soffset $y", Param::Integer(-5), "SOFFSET must be >= 0"),
        ("select -$y from b", Param::Integer(i64::MIN), "unable to parse integer"),
        ("select $y from b", Param::Number(f64::INFINITY), "unable to parse number"),
        (
            "select a from b where c = $y",
            Param::Regex("[".into()),
            "error parsing regexp: missing closing ]: `[`",
        ),
        ("drop user $y", Param::Boolean(true), "found TRUE, expected identifier"),
    ] {
        let options = Options { params: params(value), ..Options::default() };
        let error = parse_with(query, &options).expect_err(query);
        assert_eq!(error.fault.to_string(), fault, "{query}");
        // At the parameter, whatever it is; but for the sign, to which InfluxDB gives no place.
        let place = query.find(if query.contains('-') { '-' } else { '$' }).unwrap();
        assert_eq!((error.offset, error.character), (place, place + 1), "{query}");
    }
}

#[test]
fn time_zones_are_what_the_caller_knows() {
    let options = Options { knows_zone: |name| name == "Europe/Berlin", ..Options::default() };
    parse_with("select a from b tz('Europe/Berlin')", &options).unwrap();
    let error = parse_with("select a from b tz('Nowhere')", &options).unwrap_err();
    assert_eq!(error.fault, Fault::UnknownZone { name: "Nowhere".into() });
    assert_eq!(error.offset, 19);
}
