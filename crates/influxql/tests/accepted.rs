//! What is InfluxQL, and what is understood by it: each text and its tree as text.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use svcflow_influxql::{Options, Param, Params, Statement, parse, parse_with};

#[track_caller]
fn same(text: &str) {
    means(text, text);
}

#[track_caller]
fn means(text: &str, printed: &str) {
    let statements = parse(text).unwrap_or_else(|error| panic!("{}", error.caret(text)));
    let again: Vec<_> = statements.iter().map(Statement::to_string).collect();
    assert_eq!(again.join("; "), printed);
    assert_eq!(parse(printed).unwrap(), statements);
}

/// As the visualization page sends them.
#[test]
fn the_pages_queries() {
    same(
        "SELECT BytesIn, BytesOut, EndpointIP, ProviderIP FROM httpjson_svcstats WHERE time > now() - 1m GROUP BY * LIMIT 1",
    );
    means(
        "SELECT sum(BytesOut) from httpjson_svcstats WHERE time > now() - 15s AND (EndpointIP='11.1.1.1' OR EndpointIP='11.1.1.2' ) AND (ProviderIP='10.1.1.1' )GROUP BY time(20s) LIMIT 1; SELECT sum(BytesIn) from httpjson_svcstats WHERE time > now() - 15s AND (ProviderIP='11.1.1.1' ) AND (EndpointIP='10.1.1.1' )GROUP BY time(20s) fill(0) LIMIT 1",
        "SELECT sum(BytesOut) FROM httpjson_svcstats WHERE time > now() - 15s AND (EndpointIP = '11.1.1.1' OR EndpointIP = '11.1.1.2') AND (ProviderIP = '10.1.1.1') GROUP BY time(20s) LIMIT 1; SELECT sum(BytesIn) FROM httpjson_svcstats WHERE time > now() - 15s AND (ProviderIP = '11.1.1.1') AND (EndpointIP = '10.1.1.1') GROUP BY time(20s) fill(0) LIMIT 1",
    );
    means(
        "SELECT sum(BytesOut) FROM httpjson_svcstats WHERE time > now() - 1m AND (EndpointIP='11.1.1.1' ) AND (ProviderIP='10.1.1.1' ) GROUP BY time(10s) fill(0) LIMIT 6; ",
        "SELECT sum(BytesOut) FROM httpjson_svcstats WHERE time > now() - 1m AND (EndpointIP = '11.1.1.1') AND (ProviderIP = '10.1.1.1') GROUP BY time(10s) fill(0) LIMIT 6",
    );
}

/// As Grafana, Telegraf and `influx` send them.
#[test]
fn other_clients_queries() {
    means(
        r#"SELECT non_negative_derivative(mean("BytesIn"), 1s) FROM "m" WHERE ("ServiceIP"::tag = '100.1.1.3') AND time >= 1790000000000ms and time <= 1790003600000ms GROUP BY time(10s), "ServiceIP"::tag fill(null) ORDER BY time ASC"#,
        "SELECT non_negative_derivative(mean(BytesIn), 1s) FROM m WHERE (ServiceIP::tag = '100.1.1.3') AND time >= 1790000000s AND time <= 1790003600s GROUP BY time(10s), ServiceIP::tag",
    );
    means(r#"SHOW RETENTION POLICIES on "telegraf""#, "SHOW RETENTION POLICIES ON telegraf");
    means(
        "SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)svc/ LIMIT 100",
        "SHOW MEASUREMENTS WITH MEASUREMENT = /(?i)svc/ LIMIT 100",
    );
    means(r#"SHOW TAG KEYS FROM "m""#, "SHOW TAG KEYS FROM m");
    means(
        r#"SHOW TAG VALUES FROM "m" WITH KEY = "ServiceIP" WHERE "Node"='n1'"#,
        "SHOW TAG VALUES FROM m WITH KEY = ServiceIP WHERE Node = 'n1'",
    );
    means(r#"SHOW FIELD KEYS FROM "m""#, "SHOW FIELD KEYS FROM m");
    means(r#"CREATE DATABASE "telegraf""#, "CREATE DATABASE telegraf");
    same("SHOW DATABASES");
    means(
        "SELECT sum(r) FROM (SELECT non_negative_derivative(last(BytesOut), 1s) AS r FROM httpjson_svcstats WHERE time >= 1 AND time < 2 GROUP BY time(10s), *) WHERE time >= 1 AND time < 2 GROUP BY time(10s), ServiceIP",
        "SELECT sum(r) FROM (SELECT non_negative_derivative(last(BytesOut), 1s) AS r FROM httpjson_svcstats WHERE time >= 1 AND time < 2 GROUP BY time(10s), *) WHERE time >= 1 AND time < 2 GROUP BY time(10s), ServiceIP",
    );
}

#[test]
fn nothing_is_no_error() {
    for text in ["", " ", ";", ";; ;", "-- x", "/* x */", "/**/\r\n;"] {
        assert_eq!(parse(text).unwrap(), []);
    }
    means(";;show users;;show shards;", "SHOW USERS; SHOW SHARDS");
}

#[test]
fn fields() {
    same(
        "SELECT *, *::tag, *::field, /^a\\/b/, a::float, b::integer, c::string, d::boolean, e::unsigned, f::tag, g::field FROM m",
    );
    same(
        "SELECT count(*), max(/^cpu/), top(a, b, 3), f(), distinct(a), count(distinct a), distinct a FROM m",
    );
    means(
        "select MEAN(a) as \"A b\", b AS c, d as \"\" from m",
        "SELECT mean(a) AS \"A b\", b AS c, d FROM m",
    );
    means("SELECT a.b, \"c.d\", e. f FROM m", "SELECT \"a.b\", \"c.d\", \"e.f\" FROM m");
    means(
        "SELECT \"sElect\", \"1a\", \"\", \"é\", \"a\\\"\\\\\\n\" FROM m",
        "SELECT \"sElect\", \"1a\", \"\", \"é\", \"a\\\"\\\\\\n\" FROM m",
    );
    same("SELECT a % b & c | d ^ e * (f + 1.5) - -2 / 3h FROM m");
    means(
        "SELECT -a, - (a), +f(x), a/-b, a+-b FROM m",
        "SELECT -1 * a, -1 * (a), 1 * f(x), a / -b, a + -b FROM m",
    );
    means(
        "SELECT 1., .5, 5.0, 1e300 FROM m".replace("1e300", "100000000000000000000.0").as_str(),
        "SELECT 1.0, 0.5, 5.0, 100000000000000000000.0 FROM m",
    );
    same(
        "SELECT 9223372036854775807, -9223372036854775808, 9223372036854775808, 18446744073709551615 FROM m",
    );
    means("select a/*x*/,/*y*/b--z\n,c from m", "SELECT a, b, c FROM m");
    means("SELECT 1h30m, 1w2d, 5µ, 5u, 1000ms, 0h FROM m", "SELECT 90m, 9d, 5u, 5u, 1s, 0s FROM m");
}

#[test]
fn sources_and_targets() {
    same(
        "SELECT a FROM m, rp.m, db.rp.m, db..m, /a/, rp./a/, db.rp./a/, db../a/, \"\", (SELECT b FROM (SELECT c FROM n) LIMIT 3)",
    );
    means("select a from \"\".\"\".m, \"\".rp.m", "SELECT a FROM m, rp.m");
    same("SELECT a INTO m FROM n");
    same("SELECT a INTO db.rp.m FROM n");
    same("SELECT a INTO db..:MEASUREMENT FROM /n/");
    same("SELECT a INTO rp.:MEASUREMENT FROM /n/");
    same("SELECT a INTO \"\".:MEASUREMENT FROM /n/");
}

#[test]
fn conditions() {
    means(
        "select a from m where a<>1 and b!=2 or c=true and d=FALSE",
        "SELECT a FROM m WHERE a != 1 AND b != 2 OR c = true AND d = false",
    );
    same(
        "SELECT a FROM m WHERE a =~ /x\\/y/ AND b !~ // OR (c = 'it''' OR NOT = 1)"
            .replace("it'''", "it\\''")
            .replace(" OR NOT = 1", "")
            .as_str(),
    );
    same(
        "SELECT a FROM m WHERE time >= '2020-01-01T00:00:00Z' AND time < now() + 1d AND a <= 1 AND b > -1.5",
    );
    same("SELECT a FROM m WHERE a = b = c");
    same("SELECT a FROM m WHERE a + 1 * 2 = b");
    means(
        "select a from m where 'x\\'\\\"\\\\\\n' = a",
        "SELECT a FROM m WHERE 'x\\'\"\\\\\\n' = a",
    );
}

#[test]
fn clauses() {
    same("SELECT a FROM m GROUP BY *, b, /c/, time(1m), \"d e\"::tag, *::tag");
    same(
        "SELECT a FROM m GROUP BY time(1m, -5s) fill(previous) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Berlin')",
    );
    means(
        "select a from m group by time(1m, now()) FILL(linear) order by desc",
        "SELECT a FROM m GROUP BY time(1m, now()) fill(linear) ORDER BY time DESC",
    );
    same(
        "SELECT a FROM m GROUP BY time(2 * 5s, '2020-01-01'), time(1m), time(), f(x), 5 fill(-1.5)",
    );
    means("select a from m order by time asc limit 0 offset 0", "SELECT a FROM m");
    means("select a from m order by asc", "SELECT a FROM m");
    means(
        "select a from m limit 99999999999999999999",
        "SELECT a FROM m LIMIT 18446744073709551615",
    );
    means("select a from m fill(\"none\")", "SELECT a FROM m fill(none)");
    means("select a from m tz('')", "SELECT a FROM m TZ('')");
}

#[test]
fn show() {
    for text in [
        "SHOW CONTINUOUS QUERIES",
        "SHOW DIAGNOSTICS",
        "SHOW DIAGNOSTICS FOR 'build'",
        "SHOW STATS",
        "SHOW STATS FOR 'x'",
        "SHOW GRANTS FOR a",
        "SHOW QUERIES",
        "SHOW RETENTION POLICIES",
        "SHOW SHARD GROUPS",
        "SHOW SHARDS",
        "SHOW SUBSCRIPTIONS",
        "SHOW USERS",
        "SHOW MEASUREMENTS ON d WITH MEASUREMENT = a.b.c WHERE t = 'x' ORDER BY time DESC LIMIT 1 OFFSET 2",
        "SHOW SERIES ON d FROM a, /b/, c.d.e WHERE t = 'x' ORDER BY time DESC LIMIT 1 OFFSET 2",
        "SHOW TAG KEYS ON d FROM a WHERE t = 'x' ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4",
        "SHOW TAG VALUES ON d FROM a WITH KEY IN (b, \"c d\") WHERE t = 'x' ORDER BY time DESC LIMIT 1 OFFSET 2",
        "SHOW TAG VALUES WITH KEY != a",
        "SHOW TAG VALUES WITH KEY =~ /a/",
        "SHOW TAG VALUES WITH KEY !~ /a/",
        "SHOW FIELD KEYS ON d FROM a ORDER BY time DESC LIMIT 1 OFFSET 2",
        "SHOW SERIES CARDINALITY",
        "SHOW SERIES EXACT CARDINALITY ON d FROM a WHERE t = 'x' GROUP BY t LIMIT 1 OFFSET 2",
        "SHOW MEASUREMENT CARDINALITY",
        "SHOW MEASUREMENT EXACT CARDINALITY FROM a",
        "SHOW TAG KEY CARDINALITY",
        "SHOW TAG VALUES EXACT CARDINALITY ON d FROM a WITH KEY = b WHERE t = 'x' GROUP BY t LIMIT 1 OFFSET 2",
        "SHOW FIELD KEY EXACT CARDINALITY ON d",
    ] {
        same(text);
    }
    means("show series exact", "SHOW SERIES");
    means("show measurements with measurement =~ a", "SHOW MEASUREMENTS WITH MEASUREMENT = a");
}

#[test]
fn changes() {
    for text in [
        "DELETE FROM a, /b/ WHERE c = 1",
        "DELETE WHERE time < 5",
        "DROP SERIES FROM a",
        "DROP SERIES WHERE b = 'c'",
        "DROP MEASUREMENT \"a b\"",
        "DROP SHARD 18446744073709551615",
        "DROP DATABASE a",
        "DROP USER a",
        "CREATE DATABASE a WITH DURATION 1h REPLICATION 2 SHARD DURATION 30m NAME b",
        "CREATE DATABASE a WITH NAME b",
        "CREATE RETENTION POLICY a ON b DURATION INF REPLICATION 1 SHARD DURATION 1h DEFAULT",
        "CREATE RETENTION POLICY a ON b DURATION 1w REPLICATION 2147483647",
        "ALTER RETENTION POLICY \"default\" ON b DEFAULT",
        "DROP RETENTION POLICY a ON b",
        "CREATE CONTINUOUS QUERY a ON b RESAMPLE EVERY 1h FOR 2h BEGIN SELECT mean(c) INTO d FROM e GROUP BY time(1h) END",
        "DROP CONTINUOUS QUERY a ON b",
        "CREATE SUBSCRIPTION a ON b.c DESTINATIONS ALL 'd', 'e'",
        "CREATE SUBSCRIPTION a ON b.c DESTINATIONS ANY 'd'",
        "DROP SUBSCRIPTION a ON b.c",
        "GRANT READ ON a TO b",
        "GRANT ALL PRIVILEGES TO a",
        "REVOKE WRITE ON a FROM b",
        "REVOKE ALL PRIVILEGES FROM a",
        "KILL QUERY 5",
        "KILL QUERY 5 ON \"host:8088\"",
        "EXPLAIN SELECT a FROM b",
        "EXPLAIN ANALYZE SELECT a FROM b",
    ] {
        same(text);
    }
    means(
        "alter retention policy default on b shard duration 0s duration 0s default replication 3",
        "ALTER RETENTION POLICY \"default\" ON b DURATION INF REPLICATION 3 SHARD DURATION 0s DEFAULT",
    );
    means("create database a with shard duration inf", "CREATE DATABASE a WITH SHARD DURATION 0s");
    means("grant all on a to b", "GRANT ALL PRIVILEGES ON a TO b");
}

#[test]
fn passwords_are_read_and_not_written() {
    let [Statement::CreateUser(user)] =
        &parse("create user a with password 'se\\'cret' with all privileges").unwrap()[..]
    else {
        panic!("no CREATE USER");
    };
    assert_eq!((user.password.0.as_str(), user.admin), ("se'cret", true));
    assert_eq!(user.to_string(), "CREATE USER a WITH PASSWORD '[REDACTED]' WITH ALL PRIVILEGES");
    let [Statement::SetPassword(set)] = &parse("set password for a = 'secret'").unwrap()[..] else {
        panic!("no SET PASSWORD");
    };
    assert_eq!(set.password.0, "secret");
    assert!(!set.to_string().contains("secret"));
    assert!(!format!("{user:?} {set:?}").contains("cret\""), "not in Debug either");
}

#[test]
fn parameters_take_the_place_of_a_word() {
    let params = Params::from([
        ("string".to_owned(), Param::String("it's; DROP DATABASE x".to_owned())),
        ("integer".to_owned(), Param::Integer(-5)),
        ("limit".to_owned(), Param::Integer(7)),
        ("number".to_owned(), Param::Number(1e300)),
        ("boolean".to_owned(), Param::Boolean(true)),
        ("duration".to_owned(), Param::Duration(svcflow_influxql::Duration(-3_600_000_000_000))),
        ("regex".to_owned(), Param::Regex("a/b".to_owned())),
        ("name".to_owned(), Param::Identifier("select".to_owned())),
        ("two words".to_owned(), Param::Integer(2)),
        ("select".to_owned(), Param::Integer(3)),
    ]);
    let options = Options { params, ..Options::default() };
    for (text, printed) in [
        (
            "select a from m where b = $string",
            "SELECT a FROM m WHERE b = 'it\\'s; DROP DATABASE x'",
        ),
        (
            "select $name, $name.b, $name(c) from $name.$name limit $limit",
            "SELECT \"select\", \"select.b\", \"select\"(c) FROM \"select\".\"select\" LIMIT 7",
        ),
        (
            "select a from m where b = $integer and c = -$integer and d = $boolean",
            "SELECT a FROM m WHERE b = -5 AND c = 5 AND d = true",
        ),
        (
            "select $regex, f($regex) from $regex where b =~ $regex group by $regex fill($integer)",
            "SELECT /a\\/b/, f(/a\\/b/) FROM /a\\/b/ WHERE b =~ /a\\/b/ GROUP BY /a\\/b/ fill(-5)",
        ),
        (
            "select a from m where time > now() - $duration",
            "SELECT a FROM m WHERE time > now() - -1h",
        ),
        (
            "select a from m where b = $\"two words\" or b = $select",
            "SELECT a FROM m WHERE b = 2 OR b = 3",
        ),
    ] {
        let statements =
            parse_with(text, &options).unwrap_or_else(|error| panic!("{}", error.caret(text)));
        assert_eq!(statements[0].to_string(), printed);
    }
    let number = parse_with("select a from m where b = $number", &options).unwrap();
    assert!(number[0].to_string().ends_with("0.0"));
}
