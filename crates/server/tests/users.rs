//! Users and their rights, and HTTPS.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use http_body_util::Full;
use support::{Answer, Bench};
use svcflow_influxql::{Show, Statement};
use svcflow_query::{
    Cancel, CancelReason, Column, QueryError, ResultSink, SeriesFrame, Session, Validity, Values,
};
use svcflow_server::Engine;
use svcflow_transport::{Client, ClientTls, Fingerprint, Limits, Trust};

/// Answers `SHOW DATABASES`, and everything else with nothing.
struct Databases;

impl Engine for Databases {
    fn execute(
        &self,
        statement: &Statement,
        _: &Session,
        _: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        let Statement::Show(Show::Databases) = statement else { return Ok(()) };
        let names = Values::String(vec!["d".into(), "other".into(), "secret".into()]);
        let values = [Column { values: names, validity: Validity::All }];
        let columns = ["name".into()];
        let frame = SeriesFrame {
            name: "databases",
            tags: &[],
            columns: &columns,
            values: &values,
            rows: 0..3,
            continues: false,
            zone: None,
        };
        sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
    }
}

const USERS: &str = r#"
[[user]]
name = "root"
secret = "root-root-root-root"
admin = true

[[user]]
name = "grafana"
secret = "read-read-read-read"
read = ["d", "other"]

[[user]]
name = "telegraf"
secret = "write-write-write-write"
write = ["d"]
"#;

fn start() -> Bench {
    Bench::start(Databases, |config, folder| {
        let path = folder.path().join("users.toml");
        std::fs::write(&path, USERS).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.users_file = Some(path);
    })
}

/// A query as some user, by the URL's parameters.
fn query(bench: &Bench, user: &str, query: &str) -> Answer {
    let (secret, query) = (secret(user), query.replace(' ', "+").replace('"', "%22"));
    bench.get(&format!("/query?db=d&u={user}&p={secret}&q={query}"))
}

fn secret(user: &str) -> String {
    let word = match user {
        "root" => "root",
        "grafana" => "read",
        _ => "write",
    };
    [word; 4].join("-")
}

#[test]
fn nobody_is_let_in_without_a_name_and_its_secret() {
    let bench = start();
    let answer = bench.get("/query?q=SHOW+DATABASES");
    answer.is(401, "{\"error\":\"unable to parse authentication credentials\"}\n");
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"InfluxDB\"");
    assert_eq!(answer.header("x-influxdb-error"), "");
    for wrong in ["u=root&p=wrong", "u=nobody&p=root-root-root-root"] {
        bench
            .get(&format!("/query?q=SHOW+DATABASES&{wrong}"))
            .is(401, "{\"error\":\"authorization failed\"}\n");
    }
    bench
        .write("db=d", "m v=1")
        .is(401, "{\"error\":\"unable to parse authentication credentials\"}\n");
    let v2 = bench.send("POST", "/api/v2/write?bucket=d", &[], b"m v=1");
    v2.is(
        401,
        "{\"code\":\"unauthorized\",\"message\":\"unable to parse authentication credentials\"}",
    );
    bench.get("/ping").is(204, "");
    assert_eq!(bench.get("/health").status, 200);
    assert_eq!(bench.get("/metrics").status, 401);
    assert_eq!(bench.get("/metrics?u=root&p=root-root-root-root").status, 200);
    let metrics = bench.get("/metrics?u=root&p=root-root-root-root");
    assert!(metrics.text().contains("svcflow_http_unauthorized_total 6\n"), "{}", metrics.text());
}

#[test]
fn secrets_come_in_many_places() {
    let bench = start();
    for header in [
        "Basic dGVsZWdyYWY6d3JpdGUtd3JpdGUtd3JpdGUtd3JpdGU=",
        "Token telegraf:write-write-write-write",
        "Token write-write-write-write",
        "Bearer write-write-write-write",
    ] {
        let headers = [("Authorization", header)];
        bench.send("POST", "/write?db=d", &headers, b"m v=1").is(204, "");
        bench.send("POST", "/api/v2/write?bucket=d", &headers, b"m v=1").is(204, "");
    }
    bench.write("db=d&u=telegraf&p=write-write-write-write", "m v=1").is(204, "");
    // By the URL only, as in 1.6.7: a form's are the statement's.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"q=SHOW+DATABASES&u=root&p=root-root-root-root";
    assert_eq!(bench.send("POST", "/query", &form, body).status, 401);
}

#[test]
fn rights_are_by_database() {
    let bench = start();
    bench.store.create_database("other", svcflow_store::PolicySpec::new("autogen", None)).unwrap();
    bench.write("db=other&u=telegraf&p=write-write-write-write", "m v=1").is(
        403,
        "{\"error\":\"\\\"telegraf\\\" user is not authorized to write to database \\\"other\\\"\"}\n",
    );
    bench.write("db=d&u=grafana&p=read-read-read-read", "m v=1").is(
        403,
        "{\"error\":\"\\\"grafana\\\" user is not authorized to write to database \\\"d\\\"\"}\n",
    );
    let done = "{\"results\":[{\"statement_id\":0}]}\n";
    for statement in [
        "SELECT v FROM m",
        "SELECT v FROM other..m, m",
        "SELECT v FROM (SELECT v FROM other..m)",
        "SHOW TAG KEYS ON other",
        "SHOW MEASUREMENTS",
        "SHOW FIELD KEYS",
        "SHOW RETENTION POLICIES ON d",
    ] {
        query(&bench, "grafana", statement).is(200, done);
        assert_eq!(query(&bench, "telegraf", statement).status, 403, "{statement}");
        query(&bench, "root", statement).is(200, done);
    }
    query(&bench, "grafana", "SELECT v FROM (SELECT v FROM secret..m)").is(
        403,
        "{\"error\":\"error authorizing query: grafana not authorized to execute statement 'SELECT v FROM (SELECT v FROM \
         secret..m)', requires READ on secret\"}\n",
    );
    for statement in ["DELETE FROM m", "DROP SERIES FROM m"] {
        query(&bench, "telegraf", statement);
        assert_eq!(query(&bench, "grafana", statement).status, 403, "{statement}");
    }
    for statement in [
        "CREATE DATABASE x",
        "DROP DATABASE d",
        "DROP MEASUREMENT m",
        "SHOW USERS",
        "SHOW QUERIES",
        "SHOW DIAGNOSTICS",
        "KILL QUERY 1",
        "SELECT v INTO d..n FROM m",
        "SHOW TAG KEYS ON secret",
        "SELECT v FROM m; DROP DATABASE d",
    ] {
        assert_eq!(query(&bench, "grafana", statement).status, 403, "{statement}");
        assert_eq!(query(&bench, "telegraf", statement).status, 403, "{statement}");
    }
    let answer = query(&bench, "grafana", "DROP DATABASE d");
    assert!(
        answer.text().ends_with("'DROP DATABASE d', requires admin privilege\"}\n"),
        "{answer:?}"
    );
}

#[test]
fn one_sees_what_one_may_use() {
    let bench = start();
    let names = |user| {
        query(&bench, user, "SHOW DATABASES").text().split("\"values\":").nth(1).unwrap().to_owned()
    };
    assert_eq!(names("root"), "[[\"d\"],[\"other\"],[\"secret\"]]}]}]}\n");
    assert_eq!(names("grafana"), "[[\"d\"],[\"other\"]]}]}]}\n");
    assert_eq!(names("telegraf"), "[[\"d\"]]}]}]}\n");
}

#[test]
fn statements_show_users_and_do_not_change_them() {
    let bench = start();
    query(&bench, "root", "SHOW USERS").is(
        200,
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"user\",\"admin\"],\"values\":[[\"root\",true],\
         [\"grafana\",false],[\"telegraf\",false]]}]}]}\n",
    );
    query(&bench, "root", "SHOW GRANTS FOR grafana").is(
        200,
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"database\",\"privilege\"],\"values\":[[\"d\",\
         \"READ\"],[\"other\",\"READ\"]]}]}]}\n",
    );
    query(&bench, "root", "SHOW GRANTS FOR nobody")
        .is(200, "{\"results\":[{\"statement_id\":0,\"error\":\"user not found\"}]}\n");
    let refused = query(&bench, "root", "GRANT READ ON d TO telegraf");
    assert!(refused.text().contains("`users_file`"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_where_there_is_a_certificate() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let fingerprint = Fingerprint::of(made.cert.der());
    let bench = Bench::start(Databases, |config, folder| {
        let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        config.tls_certificate = Some(certificate);
        config.tls_key = Some(key);
    });
    let tls = ClientTls::read(&Trust::Pinned(vec![fingerprint]), None, None).unwrap();
    let client = Client::new(&tls, Duration::from_secs(60));
    let url = format!("https://{}/query?q=SHOW+DATABASES", bench.address);
    let request = http::Request::get(url).body(Full::default()).unwrap();
    let limits = Limits { time: Duration::from_secs(60), bytes: 10_000 };
    let answer = client.fetch(request, limits).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(b"{\"results\":[{\"statement_id\":0,\"series\":"));
}
