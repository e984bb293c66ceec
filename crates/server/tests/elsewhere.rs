//! A server whose data another engine keeps: what is asked of it is answered there. (Beside the real InfluxDB the
//! collector's and the comparison's tests do the same.)
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use support::Bench;
use svcflow_influxql::{Show, Statement};
use svcflow_query::{
    Cancel, CancelReason, Column, QueryError, ResultSink, SeriesFrame, Session, Validity, Values,
};
use svcflow_server::{Config, Elsewhere, Engine};
use svcflow_transport::{Client, ClientTls, Trust};

/// Answers `SHOW DATABASES`, and fails at everything else.
struct There;

impl Engine for There {
    fn execute(
        &self,
        statement: &Statement,
        session: &Session,
        _: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        let Statement::Show(Show::Databases) = statement else {
            return Err(QueryError::Invalid(format!("{statement} in {}", session.database)));
        };
        let names = Values::String(vec!["d".into()]);
        let values = [Column { values: names, validity: Validity::All }];
        let columns = ["name".into()];
        let frame = SeriesFrame {
            name: "databases",
            tags: &[],
            columns: &columns,
            values: &values,
            rows: 0..1,
            continues: false,
            zone: None,
        };
        sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
    }
}

/// Nobody may ask it.
struct Nowhere;

impl Engine for Nowhere {
    fn execute(
        &self,
        _: &Statement,
        _: &Session,
        _: &Cancel,
        _: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        panic!("the embedded store was asked");
    }
}

fn before(url: &str, change: impl FnOnce(&mut Config, &tempfile::TempDir)) -> Bench {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).unwrap();
    let client = Client::new(&tls, Duration::from_secs(2));
    let elsewhere = Elsewhere::new(client, url, None);
    Bench::start_server(
        |_| Box::new(Nowhere),
        change,
        |server| server.with_data_elsewhere(elsewhere),
    )
}

#[test]
fn queries_and_writes_are_handed_on() {
    let there = Bench::start(There, |_, _| {});
    let here = before(&format!("http://{}/", there.address), |_, _| {});
    for target in [
        "/query?q=SHOW+DATABASES",
        "/query?q=SHOW+DATABASES&pretty=true",
        "/query?q=SHOW+DATABASES&chunked=true&chunk_size=1",
        "/query?db=a%26b&q=SELECT+v+FROM+m",
        "/query?q=slect",
    ] {
        let (ours, theirs) = (here.get(target), there.get(target));
        ours.is(theirs.status, theirs.text());
        assert_eq!(ours.header("content-type"), theirs.header("content-type"));
    }
    let csv = [("Accept", "text/csv")];
    let answer = here.send("GET", "/query?q=SHOW+DATABASES", &csv, b"");
    answer.is(200, "name,tags,name\ndatabases,,d\n");
    assert_eq!(answer.header("content-type"), "text/csv");
    here.write("db=d&precision=s", "m v=1i 5").is(204, "");
    assert!(there.store.read("d").unwrap().measurement("m").is_some());
    assert!(here.store.read("d").unwrap().measurement("m").is_none());
    here.write("db=nope", "m v=1").is(404, "{\"error\":\"database not found: \\\"nope\\\"\"}\n");
    here.write("db=d", "bad").is(400, "{\"error\":\"unable to parse 'bad': missing fields\"}\n");
}

#[test]
fn an_engine_that_is_away_is_said_to_be() {
    let here = before("http://127.0.0.1:1", |_, _| {});
    for answer in [here.get("/query?q=SHOW+DATABASES"), here.write("db=d", "m v=1")] {
        assert_eq!(answer.status, 502);
        assert!(
            answer.text().contains("the engine that keeps the data is away: http://127.0.0.1:1")
        );
    }
}

#[test]
fn rights_are_checked_here() {
    let there = Bench::start(There, |_, _| {});
    let here = before(&format!("http://{}", there.address), |config, folder| {
        let path = folder.path().join("users.toml");
        let users = "[[user]]\nname = \"r\"\nsecret = \"0123456789abcdef\"\nread = [\"d\"]\n";
        std::fs::write(&path, users).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.users_file = Some(path);
    });
    assert_eq!(here.get("/query?q=SHOW+DATABASES").status, 401);
    let user = "u=r&p=0123456789abcdef";
    assert_eq!(here.get(&format!("/query?q=SHOW+DATABASES&{user}")).status, 403);
    assert_eq!(here.get(&format!("/query?db=d&q=SELECT+v+FROM+m&{user}")).status, 200);
    assert_eq!(here.write(&format!("db=d&{user}"), "m v=1").status, 403);
}
