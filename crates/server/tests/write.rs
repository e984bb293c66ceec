//! `/write` and `/api/v2/write` over a real connection. Statuses and bodies are those of InfluxDB 1.6.7 unless a
//! comment says why not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::{Bench, NOW};
use svcflow_influxql::Statement;
use svcflow_query::{Cancel, QueryError, ResultSink, Session};
use svcflow_server::Engine;
use svcflow_store::{Block, Order, PolicySpec, ScanRequest, TimeRange, Values};

/// These tests ask the store itself.
struct NoEngine;

impl Engine for NoEngine {
    fn execute(
        &self,
        _: &Statement,
        _: &Session,
        _: &Cancel,
        _: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        Err(QueryError::NotImplemented("no engine here".to_owned()))
    }
}

fn bench() -> Bench {
    Bench::start(NoEngine, |_, _| {})
}

/// All points of a measurement in one policy: `tag=value… time field=value…`.
fn points(bench: &Bench, policy: Option<&str>, measurement: &str) -> Vec<String> {
    let snapshot = bench.store.read("d").unwrap();
    let Some(measurement) = snapshot.measurement(measurement) else { return Vec::new() };
    let fields = measurement.fields(policy).unwrap();
    let ids: Vec<_> = fields.iter().map(|field| field.id).collect();
    let request = ScanRequest {
        policy,
        series: measurement.series_all(),
        fields: &ids,
        range: TimeRange::ALL,
        order: Order::Ascending,
    };
    let mut scan = snapshot.scan(&request).unwrap();
    let (mut block, mut points) = (Block::default(), Vec::new());
    while let Some(series) = scan.next_series().unwrap() {
        while let Some(chunk) = scan.next_chunk().unwrap() {
            chunk.decode(&mut block).unwrap();
            for (row, time) in block.times.iter().enumerate() {
                let mut text = String::new();
                for key in measurement.tag_keys() {
                    if let Some(value) = measurement.tag(series, key) {
                        text += &format!("{key}={value} ");
                    }
                }
                text += &time.to_string();
                for (field, column) in fields.iter().zip(&block.columns) {
                    if !column.validity.is_valid(row) {
                        continue;
                    }
                    text += &match &column.values {
                        Values::Float(values) => format!(" {}={:?}", field.name, values[row]),
                        Values::Integer(values) => format!(" {}={}i", field.name, values[row]),
                        Values::Boolean(values) => format!(" {}={}", field.name, values[row]),
                        Values::String(values) => format!(" {}={:?}", field.name, values[row]),
                    };
                }
                points.push(text);
            }
        }
    }
    points
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn points_are_stored_with_their_types() {
    let bench = bench();
    let answer =
        bench.write("db=d", "m,b=2,a=1 i=5i,f=1.5,s=\"x\\\"y\",t=true 7\nm,a=1,b=2 i=6i 8");
    answer.is(204, "");
    assert_eq!(answer.header("x-influxdb-version"), "1.6.7");
    assert_eq!(answer.header("x-influxdb-error"), "");
    assert_eq!(answer.header("content-length"), "");
    assert_eq!(answer.header("request-id").len(), 36);
    assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
    let expected = ["a=1 b=2 7 f=1.5 i=5i s=\"x\\\"y\" t=true", "a=1 b=2 8 i=6i"];
    assert_eq!(points(&bench, None, "m"), expected);
}

#[test]
fn a_request_s_own_id_comes_back() {
    let bench = bench();
    let answer = bench.send("POST", "/write?db=d", &[("Request-Id", "mine")], b"m v=1");
    assert_eq!((answer.header("request-id"), answer.header("x-request-id")), ("mine", "mine"));
}

#[test]
fn times_have_a_precision() {
    let bench = bench();
    for (precision, unit) in [
        ("", 1),
        ("n", 1),
        ("ns", 1),
        ("u", 1_000),
        // 1.6.7 takes `us` for nanoseconds.
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ] {
        let name = format!("m{precision}");
        bench
            .write(&format!("db=d&precision={precision}"), &format!("{name} v=1i 5\n{name} v=2i"))
            .is(204, "");
        let now = NOW - NOW % unit;
        assert_eq!(
            points(&bench, None, &name),
            [format!("{} v=1i", 5 * unit), format!("{now} v=2i")]
        );
    }
    // 1.6.7 takes any other word for nanoseconds, and stores the points at wrong times.
    bench
        .write("db=d&precision=sec", "m v=1 5")
        .is(400, "{\"error\":\"invalid precision \\\"sec\\\": use ns, us, ms, s, m or h\"}\n");
}

#[test]
fn where_to_write_has_to_be_there() {
    let bench = bench();
    let answer = bench.write("", "m v=1");
    answer.is(400, "{\"error\":\"database is required\"}\n");
    assert_eq!(answer.header("x-influxdb-error"), "database is required");
    assert_eq!(answer.header("content-type"), "application/json");
    bench.write("db=nope", "m v=1").is(404, "{\"error\":\"database not found: \\\"nope\\\"\"}\n");
    let missing = "{\"error\":\"retention policy not found: nope\"}\n";
    bench.write("db=d&rp=nope", "m v=1").is(500, missing);
    bench
        .write("db=d&consistency=some", "m v=1")
        .is(400, "{\"error\":\"invalid consistency level\"}\n");
    bench.write("db=d&consistency=all", "m v=1 1").is(204, "");
    bench.send("GET", "/write?db=d", &[], b"").is(405, "Method Not Allowed\n");
}

#[test]
fn policies_are_named_or_the_default() {
    let bench = bench();
    bench.store.create_policy("d", PolicySpec::new("short", None), false).unwrap();
    bench.write("db=d&rp=short", "m v=1i 1").is(204, "");
    // 1.6.7 answers 500: its default policy is `autogen`. InfluxDB 0.13's was `default`, and Telegraf still says so.
    bench.write("db=d&rp=default", "m v=2i 2").is(204, "");
    assert_eq!(points(&bench, Some("short"), "m"), ["1 v=1i"]);
    assert_eq!(points(&bench, None, "m"), ["2 v=2i"]);
    bench.store.create_policy("d", PolicySpec::new("default", None), false).unwrap();
    bench.write("db=d&rp=default", "m v=3i 3").is(204, "");
    assert_eq!(points(&bench, Some("default"), "m"), ["3 v=3i"]);
}

#[test]
fn points_beyond_a_policy_s_duration_are_dropped() {
    let bench = bench();
    let hour = std::time::Duration::from_secs(3_600);
    bench.store.create_policy("d", PolicySpec::new("hour", Some(hour)), false).unwrap();
    bench
        .write("db=d&rp=hour", "m v=1 5\nm v=2")
        .is(400, "{\"error\":\"partial write: points beyond retention policy dropped=1\"}\n");
    assert_eq!(points(&bench, Some("hour"), "m"), [format!("{NOW} v=2.0")]);
}

#[test]
fn good_lines_of_a_batch_are_kept() {
    let bench = bench();
    bench.write("db=d", "m v=1 1\nbad\nm v=2 2\nworse ").is(
        400,
        "{\"error\":\"partial write: unable to parse 'bad': missing fields\\nunable to parse 'worse ': \
         invalid field format dropped=0\"}\n",
    );
    assert_eq!(points(&bench, None, "m"), ["1 v=1.0", "2 v=2.0"]);
    let answer = bench.write("db=d", "a\n\u{1}b=1 5<");
    answer.is(
        400,
        "{\"error\":\"unable to parse 'a': missing fields\\nunable to parse '\\u0001b=1 5\\u003c': invalid field format\"}\n",
    );
    let header =
        "unable to parse 'a': missing fields unable to parse ' b=1 5<': invalid field format";
    assert_eq!(answer.header("x-influxdb-error"), header);
    bench
        .write("db=d", "m,a=1,a=2 v=1")
        .is(400, "{\"error\":\"unable to parse 'm,a=1,a=2 v=1': duplicate tags\"}\n");
    bench.write("db=d", "").is(204, "");
    bench.write("db=d", "# nothing\n\n").is(204, "");
}

#[test]
fn a_field_keeps_its_type() {
    let bench = bench();
    bench.write("db=d", "m b=1i 5").is(204, "");
    let conflict = "partial write: field type conflict: input field \\\"b\\\" on measurement \\\"m\\\" is type float, \
                    already exists as type integer dropped=";
    bench
        .write("db=d", "m b=1,c=3 6\nm d=1 7\nm b=2 8")
        .is(400, &format!("{{\"error\":\"{conflict}2\"}}\n"));
    assert_eq!(points(&bench, None, "m"), ["5 b=1i", "7 d=1.0"]);
    // A line that isn't stored leaves no field behind.
    bench.write("db=d", "m e=1,b=1 9").is(400, &format!("{{\"error\":\"{conflict}1\"}}\n"));
    let snapshot = bench.store.read("d").unwrap();
    let fields = snapshot.measurement("m").unwrap().fields(None).unwrap();
    assert_eq!(fields.iter().map(|field| &*field.name).collect::<Vec<_>>(), ["b", "d"]);
    // 1.6.7 tells the conflict only.
    bench.write("db=d", "m b=1 9\nbad").is(
        400,
        &format!("{{\"error\":\"{conflict}1\\nunable to parse 'bad': missing fields\"}}\n"),
    );
    // Where the first use of a field is in the batch, 1.6.7 drops all of the batch, and doesn't say which field.
    bench.write("db=d", "n x=1 1\nn x=1i 2\nn x=\"s\" 3").is(
        400,
        "{\"error\":\"partial write: field type conflict: input field \\\"x\\\" on measurement \\\"n\\\" is type \
         integer, already exists as type float dropped=2\"}\n",
    );
    assert_eq!(points(&bench, None, "n"), ["1 x=1.0"]);
}

#[test]
fn time_is_no_name_for_a_field_or_tag() {
    let bench = bench();
    bench.write("db=d", "m b=1,time=2 5").is(204, "");
    assert_eq!(points(&bench, None, "m"), ["5 b=1.0"]);
    bench.write("db=d", "m time=2 5").is(
        400,
        "{\"error\":\"partial write: invalid field name: input field \\\"time\\\" on measurement \\\"m\\\" is invalid dropped=1\"}\n",
    );
    bench.write("db=d", "m,time=x b=1 6\nm b=2 7").is(
        400,
        "{\"error\":\"partial write: invalid tag key: input tag \\\"time\\\" on measurement \\\"m\\\" is invalid dropped=1\"}\n",
    );
    assert_eq!(points(&bench, None, "m"), ["5 b=1.0", "7 b=2.0"]);
}

#[test]
fn the_last_value_of_a_field_wins() {
    let bench = bench();
    bench.write("db=d", "m a=1i,a=2i 5\nm a=3i,b=1i 5").is(204, "");
    bench.write("db=d", "m b=4i 5").is(204, "");
    assert_eq!(points(&bench, None, "m"), ["5 a=3i b=4i"]);
}

#[test]
fn shapes_and_keys_change_within_a_batch() {
    let bench = bench();
    let lines = "m,h=a x=1i,y=2i 1\nm,h=b x=3i,y=4i 1\nn,h=a x=1.5,y=t 1\nm,h=a y=5i,x=6i 2\nbad\n\
                 m,h=a y=7i,x=8i 3\nm,time=x y=1i,x=1i 3\nm,h=a y=9i,x=10i 4\nm,h=b x=11i 2\nn,h=a x=2.5,y=f 2\n";
    assert_eq!(bench.write("db=d", lines).status, 400);
    assert_eq!(bench.write("db=d", lines).status, 400, "the same again, now from the cache");
    let m = [
        "h=a 1 x=1i y=2i",
        "h=a 2 x=6i y=5i",
        "h=a 3 x=8i y=7i",
        "h=a 4 x=10i y=9i",
        "h=b 1 x=3i y=4i",
        "h=b 2 x=11i",
    ];
    assert_eq!(points(&bench, None, "m"), m);
    assert_eq!(points(&bench, None, "n"), ["h=a 1 x=1.5 y=true", "h=a 2 x=2.5 y=false"]);
}

#[test]
fn series_that_were_dropped_are_made_again() {
    let bench = bench();
    let rounds: [&dyn Fn(); 2] = [&|| {}, &|| bench.store.drop_measurement("d", "m").unwrap()];
    for (round, change) in rounds.into_iter().enumerate() {
        change();
        bench.write("db=d", &format!("m,h=a v={round}i 1\nm,h=b v={round}i 1")).is(204, "");
        let expected = [format!("h=a 1 v={round}i"), format!("h=b 1 v={round}i")];
        assert_eq!(points(&bench, None, "m"), expected);
    }
}

#[test]
fn bodies_may_be_compressed() {
    let bench = Bench::start(NoEngine, |config, _| config.max_body_size = 100_000);
    let gzipped =
        |body: &[u8]| bench.send("POST", "/write?db=d", &[("Content-Encoding", "gzip")], body);
    gzipped(&gzip(b"m v=1i 1")).is(204, "");
    let two = [gzip(b"m v=2i 2\nm v"), gzip(b"=3i 3")].concat();
    gzipped(&two).is(204, "");
    assert_eq!(points(&bench, None, "m"), ["1 v=1i", "2 v=2i", "3 v=3i"]);
    let answer = gzipped(b"m v=4i 4");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let cut = gzip(b"m v=5i 5");
    assert_eq!(gzipped(&cut[..cut.len() - 9]).status, 400);
    let bomb = gzip(&vec![b'#'; 100_001]);
    assert_eq!(gzipped(&bomb).status, 413);
    gzipped(&gzip(&vec![b'#'; 100_000])).is(204, "");
    let answer = bench.send("POST", "/write?db=d", &[("Content-Encoding", "br")], b"x");
    assert_eq!(answer.status, 415);
}

#[test]
fn bodies_have_a_limit() {
    let bench = Bench::start(NoEngine, |config, _| config.max_body_size = 1_000);
    let told = "{\"error\":\"Request Entity Too Large: more than 1000 bytes; send smaller batches, or raise `max_body_size`\"}\n";
    bench.write("db=d", &"#".repeat(1_001)).is(413, told);
    bench.write("db=d", &"#".repeat(1_000)).is(204, "");
    let head =
        format!("POST /write?db=d HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", bench.address);
    let chunk = "#".repeat(600);
    let chunked = |chunks: usize| {
        let body = format!("258\r\n{chunk}\r\n").repeat(chunks);
        bench.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n").as_bytes())
    };
    chunked(1).is(204, "");
    chunked(2).is(413, told);
}

#[test]
fn refused_lines_are_told_up_to_a_point() {
    let bench = bench();
    let answer = bench.write("db=d", &"bad\n".repeat(5_000));
    assert!(answer.text().ends_with("\\nand 4900 more lines\"}\n"), "{}", answer.text());
    assert_eq!(answer.text().matches("unable to parse").count(), 100);
    assert_eq!(answer.header("x-influxdb-error").len(), 1024);
}

#[test]
fn the_second_interface_writes_buckets() {
    let bench = bench();
    bench.store.create_policy("d", PolicySpec::new("short", None), false).unwrap();
    let write = |parameters: &str, lines: &str| {
        let target = format!("/api/v2/write?{parameters}");
        bench.send("POST", &target, &[("Authorization", "Token any")], lines.as_bytes())
    };
    write("bucket=d&org=o&precision=s", "m v=1i 1").is(204, "");
    write("bucket=d/short&org=o", "m v=2i 2").is(204, "");
    write("bucket=d%2Fautogen&precision=us", "m v=3i 3").is(204, "");
    assert_eq!(points(&bench, None, "m"), ["3000 v=3i", "1000000000 v=1i"]);
    assert_eq!(points(&bench, Some("short"), "m"), ["2 v=2i"]);
    write("bucket=nope", "m v=1")
        .is(404, "{\"code\":\"not found\",\"message\":\"database not found: \\\"nope\\\"\"}");
    write("", "m v=1").is(
        400,
        "{\"code\":\"invalid\",\"message\":\"bucket is required: DATABASE or DATABASE/POLICY\"}",
    );
    write("bucket=d&precision=h", "m v=1").is(
        400,
        "{\"code\":\"invalid\",\"message\":\"invalid precision \\\"h\\\": use ns, us, ms or s\"}",
    );
    let answer = write("bucket=d", "bad");
    answer.is(400, "{\"code\":\"invalid\",\"message\":\"unable to parse 'bad': missing fields\"}");
}

/// A refusal that comes before the body must not cost a client its connection: the next request on it would find
/// nobody there.
#[test]
fn a_connection_outlives_a_refusal_that_comes_before_the_body() {
    use std::io::Read;

    let bench = bench();
    let mut stream = std::net::TcpStream::connect(bench.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let lines = "m v=1 1\n".repeat(10_000);
    let (begin, rest) = lines.split_at(100);
    let head = |length: usize| {
        format!("POST /write?db=none HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
    };
    write!(stream, "{}{begin}", head(lines.len())).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answered = |ending: &str| {
        let (mut text, mut byte) = (String::new(), [0]);
        while !text.ends_with(ending) && stream.read(&mut byte).unwrap() > 0 {
            text.push(char::from(byte[0]));
        }
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        text
    };
    let refused = answered("}\n");
    assert!(refused.starts_with("HTTP/1.1 404") && !refused.contains("close"), "{refused}");
    let pinged = answered("\r\n\r\n");
    assert!(pinged.starts_with("HTTP/1.1 204"), "{pinged}");

    // Too much to wait for: the connection ends, and that is said.
    let refused = bench.raw(format!("{}{begin}", head(10 << 20)).as_bytes());
    assert_eq!((refused.status, refused.header("connection")), (404, "close"));
}

/// Series may go at any moment while a write is read: it is read again, and is nobody's fault.
#[test]
fn a_write_beside_drops_is_taken_or_is_to_be_sent_again() {
    let bench = bench();
    let lines: String = (0..200).map(|at| format!("m,t={at} f=1i 1\n")).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    let mut taken = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                bench.store.drop_measurement("d", "m").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let answers: Vec<_> = (0..150).map(|_| bench.write("db=d", &lines).status).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let odd: Vec<_> = answers.iter().filter(|it| ![204, 503].contains(*it)).collect();
        assert!(odd.is_empty(), "{odd:?}");
        taken = answers.iter().filter(|it| **it == 204).count();
    });
    println!("{taken} of 150 were taken");
    bench.write("db=d", &lines).is(204, "");
    assert_eq!(points(&bench, None, "m").len(), 200);
}
