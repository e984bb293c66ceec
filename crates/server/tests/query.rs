//! `/query`, `/ping` and what all routes share, over a real connection, with an engine that plays by a script: what
//! statements answer is the query crate's matter.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use support::Bench;
use svcflow_influxql::{MeasurementName, Show, Source, Statement};
use svcflow_query::{
    Cancel, CancelReason, Column, QueryError, ResultSink, SeriesFrame, Session, Validity, Values,
};
use svcflow_server::Engine;
use svcflow_store::{PolicySpec, Store};

/// Answers by the name of the measurement: so many rows, an error, or no end.
#[derive(Clone)]
struct Script {
    store: Store,
    /// Why queries without an end were ended.
    ended: Arc<std::sync::Mutex<Vec<CancelReason>>>,
    running: Arc<AtomicUsize>,
}

impl Script {
    fn select(
        &self,
        name: &str,
        cancel: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        match name.split_once('_') {
            Some(("rows", rows)) => table(sink, "m", rows.parse().unwrap(), false),
            Some(("late", rows)) => {
                table(sink, "m", rows.parse().unwrap(), false)?;
                Err(QueryError::Invalid("too late".to_owned()))
            }
            _ if name == "wrong" => Err(QueryError::Invalid("it's <wrong>".to_owned())),
            _ if name == "bad" => Err(QueryError::Syntax("bad".to_owned())),
            Some(("panics", rows)) => {
                table(sink, "m", rows.parse().unwrap(), false)?;
                panic!("on purpose");
            }
            _ if name == "endless" => self.endless(cancel, sink),
            _ if name == "silent" => self.silent(cancel),
            _ => Ok(()),
        }
    }

    fn endless(&self, cancel: &Cancel, sink: &mut dyn ResultSink) -> Result<(), QueryError> {
        loop {
            if table(sink, "m", 1_000, true).is_err() || cancel.reason().is_some() {
                // The reason may come a moment after the closed sink.
                return self.silent(cancel);
            }
        }
    }

    fn silent(&self, cancel: &Cancel) -> Result<(), QueryError> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let reason = loop {
            match cancel.reason() {
                Some(reason) => break reason,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.ended.lock().unwrap().push(reason);
        Err(QueryError::Cancelled(reason))
    }

    fn ended(&self) -> Vec<CancelReason> {
        self.ended.lock().unwrap().clone()
    }
}

fn table(
    sink: &mut dyn ResultSink,
    name: &str,
    rows: usize,
    continues: bool,
) -> Result<(), QueryError> {
    let times = (0..rows as i64).map(|row| row * 1_000_000).collect();
    let values = [Values::Time(times), Values::Integer((0..rows as i64).collect())];
    let values = values.map(|values| Column { values, validity: Validity::All });
    let columns = ["time".into(), "v".into()];
    let frame = SeriesFrame {
        name,
        tags: &[],
        columns: &columns,
        values: &values,
        rows: 0..rows,
        continues,
        zone: None,
    };
    sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
}

impl Engine for Script {
    fn execute(
        &self,
        statement: &Statement,
        session: &Session,
        cancel: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        match statement {
            Statement::CreateDatabase(create) => {
                self.store.create_database(&create.name, PolicySpec::new("autogen", None)).unwrap();
                Ok(())
            }
            Statement::DropDatabase { name } => {
                self.store.drop_database(name).unwrap();
                Ok(())
            }
            Statement::Show(Show::Databases) => {
                let values = [Column {
                    values: Values::String(self.store.databases()),
                    validity: Validity::All,
                }];
                let columns = ["name".into()];
                let rows = values[0].values.len();
                let frame = SeriesFrame {
                    name: "databases",
                    tags: &[],
                    columns: &columns,
                    values: &values,
                    rows: 0..rows,
                    continues: false,
                    zone: None,
                };
                sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
            }
            Statement::Select(select) => match &select.from[0] {
                Source::Measurement(measurement) => {
                    if session.database.is_empty() && measurement.database.is_none() {
                        return Err(QueryError::DatabaseRequired);
                    }
                    let MeasurementName::Name(name) = &measurement.name else { return Ok(()) };
                    self.select(name, cancel, sink)
                }
                Source::Subquery(_) => Ok(()),
            },
            other => Err(QueryError::NotImplemented(format!("{other}"))),
        }
    }
}

struct Started {
    bench: Bench,
    script: Script,
}

fn start(change: impl FnOnce(&mut svcflow_server::Config, &tempfile::TempDir)) -> Started {
    let mut made = None;
    let bench = Bench::start_with(
        |store| {
            let script =
                Script { store: store.clone(), ended: Arc::default(), running: Arc::default() };
            made = Some(script.clone());
            Box::new(script)
        },
        change,
    );
    Started { bench, script: made.unwrap() }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const TWO_ROWS: &str = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\
                        \"values\":[[\"1970-01-01T00:00:00Z\",0],[\"1970-01-01T00:00:00.001Z\",1]]}]}]}\n";

fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn it_says_that_it_is_there() {
    let Started { bench, .. } = start(|_, _| {});
    for method in ["GET", "HEAD"] {
        let answer = bench.send(method, "/ping", &[], b"");
        answer.is(204, "");
        assert_eq!(answer.header("x-influxdb-version"), "1.6.7");
        assert_eq!(answer.header("x-influxdb-build"), "svcflow");
    }
    bench.get("/ping?verbose=true").is(200, "{\"version\":\"1.6.7\"}");
    bench.get("/ping?verbose=false").is(204, "");
    bench.get("/status").is(204, "");
    let health = bench.get("/health");
    assert_eq!(health.status, 200);
    assert!(
        health.text().contains("\"status\":\"pass\"")
            && health.text().contains("\"name\":\"influxdb\"")
    );
    let answer = bench.get("/nothing");
    answer.is(404, "404 page not found\n");
    assert_eq!(answer.header("x-influxdb-version"), "1.6.7");
    for (method, target) in
        [("PUT", "/query"), ("HEAD", "/query"), ("POST", "/ping"), ("OPTIONS", "/ping")]
    {
        let answer = bench.send(method, target, &[], b"");
        assert_eq!(answer.status, 405, "{method} {target}");
        let allowed = answer.header("allow");
        assert!(allowed.contains("GET") && !allowed.contains(method), "{allowed}");
    }
}

#[test]
fn queries_come_by_url_form_and_parts() {
    let Started { bench, .. } = start(|_, _| {});
    let target = "/query?db=d&q=SELECT+v+FROM+rows_2";
    let answer = bench.get(target);
    answer.is(200, TWO_ROWS);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("request-id").len(), 36);
    bench.send("POST", target, &[], b"").is(200, TWO_ROWS);
    bench.send("POST", target, &[("Content-Type", "application/json")], b"{}").is(200, TWO_ROWS);
    bench.send("POST", "/query", &[FORM], b"db=d&q=SELECT%20v%20FROM%20rows_2").is(200, TWO_ROWS);
    // The form wins over the URL.
    bench
        .send("POST", "/query?db=d&q=SELECT+v+FROM+rows_5", &[FORM], b"q=SELECT+v+FROM+rows_2")
        .is(200, TWO_ROWS);
    let part = |name: &str, file: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
    };
    let kind = ("Content-Type", "multipart/form-data; boundary=XX");
    for file in ["", "; filename=\"q.txt\""] {
        let body = part("db", "", "d") + &part("q", file, "SELECT v FROM rows_2") + "--XX--\r\n";
        bench.send("POST", "/query", &[kind], body.as_bytes()).is(200, TWO_ROWS);
    }
    let answer = bench.send("POST", "/query", &[kind], b"--XX\r\nnonsense");
    assert_eq!(answer.status, 400);
    let missing = "{\"error\":\"missing required parameter \\\"q\\\"\"}\n";
    bench.get("/query").is(400, missing);
    bench.get("/query?q=%20").is(400, missing);
    bench.send("POST", "/query?db=d", &[], b"SELECT v FROM rows_2").is(400, missing);
    bench.get("/query?q=%3B").is(200, "{}\n");
}

#[test]
fn errors_have_their_place() {
    let Started { bench, .. } = start(|_, _| {});
    let answer = bench.get("/query?q=slect");
    let told = "error parsing query: found slect, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, \
                ALTER, SET, KILL at line 1, char 1";
    answer.is(400, &format!("{{\"error\":\"{told}\"}}\n"));
    assert_eq!(answer.header("x-influxdb-error"), told);
    bench
        .get("/query?q=slect&pretty=true")
        .is(400, &format!("{{\n    \"error\": \"{told}\"\n}}\n"));
    let csv = bench.send("GET", "/query?q=slect", &[("Accept", "application/csv")], b"");
    csv.is(400, &format!("error\n\"{told}\"\n"));
    assert_eq!(csv.header("content-type"), "text/csv");
    bench
        .get("/query?q=SELECT+v+FROM+m")
        .is(200, "{\"results\":[{\"statement_id\":0,\"error\":\"database name required\"}]}\n");
    // InfluxDB's answer ends there, too; but the error it shows is "not executed".
    bench
        .get("/query?db=d&q=SELECT+v+FROM+wrong%3BSELECT+v+FROM+rows_2")
        .is(200, "{\"results\":[{\"statement_id\":0,\"error\":\"it's \\u003cwrong\\u003e\"}]}\n");
    bench
        .get("/query?db=d&q=SELECT+v+FROM+bad")
        .is(400, "{\"error\":\"error parsing query: bad\"}\n");
    bench
        .get("/query?db=d&q=SELECT+v+FROM+late_2")
        .is(200, "{\"results\":[{\"statement_id\":0,\"error\":\"too late\"}]}\n");
    let late = bench.get("/query?db=d&q=SELECT+v+FROM+late_9999");
    assert!(
        late.text().ends_with("9998]],\"error\":\"too late\"}]}\n")
            || late.text().ends_with("9998]]}],\"error\":\"too late\"}]}\n")
    );
    let csv =
        bench.send("GET", "/query?db=d&q=SELECT+v+FROM+late_99999", &[("Accept", "text/csv")], b"");
    assert!(csv.status == 200 && csv.broken, "a CSV that lacks its end must not look whole");
}

#[test]
fn a_panic_is_one_request_s_end() {
    let Started { bench, .. } = start(|_, _| {});
    let answer = bench.get("/query?db=d&q=SELECT+v+FROM+panics_2");
    answer.is(500, "{\"error\":\"the query was broken off: see the log\"}\n");
    let answer = bench.get("/query?db=d&q=SELECT+v+FROM+panics_50000");
    assert!(answer.status == 200 && answer.broken, "what lacks its end must not look whole");
    bench.get("/query?db=d&q=SELECT+v+FROM+rows_2").is(200, TWO_ROWS);
}

#[test]
fn answers_take_the_form_that_is_asked_for() {
    let Started { bench, .. } = start(|_, _| {});
    let select = "/query?db=d&q=SELECT+v+FROM+rows_3";
    let short = bench.get(&format!("{select}&epoch=ms"));
    assert!(short.text().contains("\"values\":[[0,0],[1,1],[2,2]]"), "{}", short.text());
    let pretty = bench.get("/query?db=d&q=SELECT+v+FROM+none&pretty=true");
    pretty.is(
        200,
        "{\n    \"results\": [\n        {\n            \"statement_id\": 0\n        }\n    ]\n}\n",
    );
    let chunks = bench.get(&format!("{select}&chunked=true&chunk_size=2&epoch=ms"));
    let begin = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[";
    let expected = format!(
        "{begin}[0,0],[1,1]],\"partial\":true}}],\"partial\":true}}]}}\n{begin}[2,2]]}}]}}]}}\n"
    );
    chunks.is(200, &expected);
    for (accept, body) in [
        ("application/csv", "name,tags,time,v\nm,,0,0\nm,,1000000,1\nm,,2000000,2\n"),
        ("text/csv", "name,tags,time,v\nm,,0,0\nm,,1000000,1\nm,,2000000,2\n"),
    ] {
        let answer = bench.send("GET", select, &[("Accept", accept)], b"");
        answer.is(200, body);
        assert_eq!(answer.header("content-type"), "text/csv");
    }
}

#[test]
fn answers_are_compressed_for_those_who_can_read_it() {
    let Started { bench, .. } = start(|_, _| {});
    let select = "/query?db=d&q=SELECT+v+FROM+rows_50000";
    let plain = bench.get(select);
    let answer = bench.send("GET", select, &[("Accept-Encoding", "deflate, gzip")], b"");
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = Vec::new();
    GzDecoder::new(&answer.bytes[..]).read_to_end(&mut text).unwrap();
    assert!(text == plain.bytes && answer.bytes.len() * 3 < text.len());
    let not = bench.send("GET", select, &[("Accept-Encoding", "gzip;q=0")], b"");
    assert_eq!(not.header("content-encoding"), "");
}

#[test]
fn a_change_by_get_is_made_and_remarked_on() {
    let Started { bench, script } = start(|_, _| {});
    bench.get("/query?q=CREATE+DATABASE+e").is(
        200,
        "{\"results\":[{\"statement_id\":0,\"messages\":[{\"level\":\"warning\",\"text\":\"deprecated use of 'CREATE \
         DATABASE e' in a read only context, please use a POST request instead\"}]}]}\n",
    );
    assert_eq!(script.store.databases().len(), 2);
    let post = bench.send("POST", "/query", &[FORM], b"q=DROP+DATABASE+e");
    post.is(200, "{\"results\":[{\"statement_id\":0}]}\n");
    assert_eq!(script.store.databases().len(), 1);
}

#[test]
fn a_database_that_is_made_anew_has_its_own_series() {
    let Started { bench, script } = start(|_, _| {});
    let ask = |q: &str| bench.send("POST", "/query", &[FORM], format!("q={q}").as_bytes()).status;
    for lines in
        ["m,h=a v=1i 1\nm,h=b v=1i 1\nm,h=c v=1i 1", "m,h=c v=1i 1\nm,h=b v=1i 1\nn,h=a v=1i 1"]
    {
        bench.write("db=d", lines).is(204, "");
        let snapshot = script.store.read("d").unwrap();
        let hosts = |name| {
            let measurement = snapshot.measurement(name).unwrap();
            let ids = measurement.series_all().iter().map(svcflow_store::SeriesId::new);
            ids.map(|id| measurement.tag(id, "h").unwrap().to_owned()).collect::<Vec<_>>()
        };
        match lines.contains('n') {
            false => assert_eq!(hosts("m"), ["a", "b", "c"]),
            true => assert_eq!(
                (hosts("m"), hosts("n")),
                (vec!["c".into(), "b".into()], vec!["a".into()])
            ),
        }
        assert_eq!((ask("DROP+DATABASE+d"), ask("CREATE+DATABASE+d")), (200, 200));
    }
}

#[test]
fn parameters_are_bound() {
    let Started { bench, .. } = start(|_, _| {});
    let select = "/query?db=d&q=SELECT+v+FROM+rows_2+WHERE+h%3D%24h";
    bench.get(&format!("{select}&params=%7B%22h%22%3A%22a%22%7D")).is(200, TWO_ROWS);
    let answer = bench.get(select);
    assert!(answer.status == 400 && answer.text().contains("missing parameter: h"), "{answer:?}");
    let answer = bench.get(&format!("{select}&params=%7B"));
    assert!(
        answer.status == 400 && answer.text().contains("error parsing query parameters: "),
        "{answer:?}"
    );
}

#[test]
fn a_query_ends_when_its_client_goes() {
    let Started { bench, script } = start(|_, _| {});
    for (measurement, read_some) in [("endless", true), ("silent", false)] {
        let mut stream = TcpStream::connect(bench.address).unwrap();
        let request =
            format!("GET /query?db=d&q=SELECT+v+FROM+{measurement} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        if read_some {
            let mut some = [0; 1_000];
            stream.read_exact(&mut some).unwrap();
        } else {
            until("it runs", || script.running.load(Ordering::SeqCst) > 0);
        }
        drop(stream);
        until("it ends", || script.ended().len() == 1);
        assert_eq!(script.ended.lock().unwrap().pop(), Some(CancelReason::Client));
    }
}

#[test]
fn a_slow_client_holds_its_query_up() {
    let Started { bench, script } = start(|_, _| {});
    let mut stream = TcpStream::connect(bench.address).unwrap();
    stream
        .write_all(b"GET /query?db=d&q=SELECT+v+FROM+endless HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap()
    };
    let before = resident();
    std::thread::sleep(Duration::from_millis(700));
    assert!(resident() < before + 8_000, "nothing piles up: {before} kB, then {} kB", resident());
    drop(stream);
    until("it ends", || script.ended().len() == 1);
}

#[test]
fn queries_wait_for_their_turn() {
    let Started { bench, script } = start(|config, _| {
        config.max_concurrent_queries = std::num::NonZeroUsize::MIN;
    });
    let mut first = TcpStream::connect(bench.address).unwrap();
    first.write_all(b"GET /query?db=d&q=SELECT+v+FROM+silent HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    until("it runs", || script.running.load(Ordering::SeqCst) == 1);
    std::thread::scope(|scope| {
        let second = scope
            .spawn(|| bench.get("/query?db=d&q=SELECT+v+FROM+rows_2").is(200, TWO_ROWS).status);
        std::thread::sleep(Duration::from_millis(100));
        assert!(!second.is_finished());
        bench.get("/ping").is(204, "");
        bench.write("db=d", "m v=1").is(204, "");
        drop(first);
        second.join().unwrap();
    });
}

#[test]
fn stopping_ends_queries_and_finishes_writes() {
    let Started { mut bench, script } = start(|_, _| {});
    let mut query = TcpStream::connect(bench.address).unwrap();
    query.write_all(b"GET /query?db=d&q=SELECT+v+FROM+silent HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    until("it runs", || script.running.load(Ordering::SeqCst) == 1);
    let mut write = TcpStream::connect(bench.address).unwrap();
    let head =
        "POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n";
    write.write_all(head.as_bytes()).unwrap();
    // The server asks for the lines: the write has begun.
    let told = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut begun = vec![0; told.len()];
    write.read_exact(&mut begun).unwrap();
    assert_eq!(begun, told);
    write.write_all(b"m v").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| bench.stop());
        until("it is told", || script.ended() == [CancelReason::Shutdown]);
        write.write_all(b"=1 1").unwrap();
        let mut answer = String::new();
        write.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        answer.clear();
        query.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"error\":\"server shutting down\""), "{answer}");
    });
    assert!(TcpStream::connect(bench.address).is_err());
    assert!(script.store.read("d").unwrap().measurement("m").is_some());
}

#[test]
fn pages_of_other_origins_are_kept_out() {
    let Started { bench, .. } =
        start(|config, _| config.allow_origins = vec!["http://ok.example".to_owned()]);
    let from =
        |origin: &str| bench.send("GET", "/query?q=SHOW+DATABASES", &[("Origin", origin)], b"");
    let answer = from("http://evil.example");
    assert!(answer.status == 403 && answer.text().contains("`allow_origins`"), "{answer:?}");
    let answer = from("http://ok.example");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "http://ok.example");
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    let own = format!("http://{}", bench.address);
    assert_eq!((from(&own).status, from(&own).header("access-control-allow-origin")), (200, ""));
    let preflight = bench.send("OPTIONS", "/write", &[("Origin", "http://ok.example")], b"");
    preflight.is(200, "");
    assert!(preflight.header("access-control-allow-headers").contains("Authorization"));
    bench.send("OPTIONS", "/query", &[], b"").is(200, "");
}

#[test]
fn metrics_tell_what_was_done() {
    let Started { bench, .. } = start(|_, _| {});
    bench.write("db=d", "m v=1 1\nm v=1i 2\nbad");
    bench.get("/query?db=d&q=SELECT+v+FROM+wrong");
    bench.get("/nothing/of/that/kind");
    let answer = bench.get("/metrics");
    assert!(
        answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0")
    );
    let text = answer.text();
    for line in [
        "svcflow_http_requests_total{route=\"/write\",status=\"400\"} 1\n",
        "svcflow_http_requests_total{route=\"/query\",status=\"200\"} 1\n",
        "svcflow_written_points_total 1\n",
        "svcflow_dropped_points_total 1\n",
        "svcflow_refused_lines_total 1\n",
        "svcflow_write_seconds_count 1\n",
        "svcflow_query_failures_total 1\n",
    ] {
        assert!(text.contains(line), "{line} not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("/nothing"));
}
