//! Every query of `deploy/grafana/svcflow.json`, sent as Grafana's InfluxDB data source sends it, against a server
//! with the real engine over data such as the collector writes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::byte_serialize;
use serde_json::Value;
use support::{Answer, Bench};
use svcflow_server::{Api, NoAgents};
use svcflow_store::PolicySpec;

/// The range's end, milliseconds: a multiple of ten seconds.
const UNTIL: i64 = 1_790_000_000_000;
/// Its length.
const LENGTH: i64 = 600_000;

fn dashboard() -> Value {
    // At run time, since clones share a target folder.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let file = Path::new(&package).join("../../deploy/grafana/svcflow.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Two endpoints ask a service of two providers, and one asks directly: each edge gets 1,000 bytes every ten seconds
/// and gives 100. One of them begins in the middle.
fn filled() -> Bench {
    let bench = Bench::start_server(
        |store| {
            Box::new(svcflow_query::Engine::new(store.clone(), svcflow_query::Limits::default()))
        },
        |_, _| {},
        |server| {
            server.with_api(Api {
                database: "telegraf".to_owned(),
                interval: Duration::from_secs(10),
                names: svcflow_topology::Names::default(),
                agents: Arc::new(NoAgents),
            })
        },
    );
    bench.store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
    let edges = [
        "EndpointIP=11.1.1.2,Node=n1,Protocol=TCP,ProviderIP=10.1.1.1,ProviderPort=80,ServiceIP=100.1.1.3,ServicePort=8080",
        "EndpointIP=11.1.1.2,Node=n1,Protocol=TCP,ProviderIP=10.1.1.2,ProviderPort=80,ServiceIP=100.1.1.3,ServicePort=8080",
        "EndpointIP=11.1.1.3,Node=n2,Protocol=TCP,ProviderIP=10.1.1.1,ProviderPort=80,ServiceIP=100.1.1.3,ServicePort=8080",
        "EndpointIP=11.1.1.3,Node=n2,Protocol=UDP,ProviderIP=10.1.1.9,ProviderPort=53",
    ];
    let mut lines = String::new();
    for step in 0..=LENGTH / 10_000 {
        let at = UNTIL - LENGTH + step * 10_000;
        for (place, tags) in edges.iter().enumerate() {
            if place == 2 && step < 30 {
                continue;
            }
            let (bytes_in, bytes_out, packets) = (step * 1_000, step * 100, step * 10);
            writeln!(
                lines,
                "httpjson_svcstats,{tags} BytesIn={bytes_in}i,BytesOut={bytes_out}i,PacketsIn={packets}i,PacketsOut={packets}i {at}"
            )
            .unwrap();
        }
        for node in ["n1", "n2"] {
            writeln!(lines, "svcflow_nodes,Node={node} Epoch=7i,Sequence={step}i {at}").unwrap();
        }
    }
    let at = UNTIL - 100_000;
    writeln!(lines, "svcflow_losses,Kind=ended-unseen,Node=n2 Count=3i,Bytes=0i {at}").unwrap();
    writeln!(lines, "svcflow_epochs,Node=n2 Epoch=7i {at}").unwrap();
    bench.write("db=telegraf&precision=ms", &lines).is(204, "");
    bench
}

/// As Grafana fills in a query: what is chosen in the variables, the range, the step.
fn filled_in(query: &str, chosen: &[(&str, &str)]) -> String {
    let from = UNTIL - LENGTH;
    let mut text = query
        .replace("$timeFilter", &format!("time >= {from}ms and time <= {UNTIL}ms"))
        .replace("$__interval_ms", "10000")
        .replace("$__interval", "10s");
    for name in ["node", "service", "endpoint", "provider"] {
        let value = chosen.iter().find(|(there, _)| *there == name);
        text = text.replace(&format!("${name}"), value.map_or(".*", |(_, value)| value));
    }
    assert!(!text.replace("$/", "").contains('$'), "a variable that nobody fills in: {text}");
    text
}

/// As it proxies it: GET, or POST with a form, in milliseconds.
fn asked(bench: &Bench, query: &str, post: bool, more: &str) -> Answer {
    let q: String = byte_serialize(query.as_bytes()).collect();
    if post {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let target = format!("/query?db=telegraf&epoch=ms{more}");
        return bench.send("POST", &target, &kind, format!("q={q}").as_bytes());
    }
    bench.get(&format!("/query?db=telegraf&epoch=ms{more}&q={q}"))
}

/// The series of an answer; those that came in several chunks as one.
fn series(answer: &Answer, query: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let mut all: Vec<Value> = Vec::new();
    for document in serde_json::Deserializer::from_slice(&answer.bytes).into_iter::<Value>() {
        let result = document.unwrap()["results"][0].take();
        assert!(result["error"].is_null(), "{query}: {result}");
        for mut series in result["series"].as_array().cloned().unwrap_or_default() {
            series.as_object_mut().unwrap().remove("partial");
            let same =
                |it: &&mut Value| it["name"] == series["name"] && it["tags"] == series["tags"];
            match all.iter_mut().find(same) {
                Some(before) => {
                    let more = series["values"].as_array().unwrap().clone();
                    before["values"].as_array_mut().unwrap().extend(more);
                }
                None => all.push(series),
            }
        }
    }
    all
}

fn queries(of: &Value) -> Vec<(String, String)> {
    let panels = of["panels"].as_array().unwrap().iter().flat_map(|panel| {
        let title = panel["title"].as_str().unwrap();
        panel["targets"].as_array().unwrap().iter().map(move |target| (title, &target["query"]))
    });
    let variables = of["templating"]["list"].as_array().unwrap().iter();
    let variables = variables.filter(|it| it["type"] == "query");
    let variables = variables.map(|it| (it["name"].as_str().unwrap(), &it["query"]));
    let annotations = of["annotations"]["list"].as_array().unwrap().iter();
    let annotations = annotations.map(|it| (it["name"].as_str().unwrap(), &it["query"]));
    let all = panels.chain(variables).chain(annotations);
    all.map(|(name, query)| (name.to_owned(), query.as_str().unwrap().to_owned())).collect()
}

#[test]
fn every_query_is_answered_with_data_however_it_is_sent() {
    let (bench, dashboard) = (filled(), dashboard());
    let all = queries(&dashboard);
    assert_eq!(all.len(), 17, "panels, variables, annotations");
    for (name, query) in &all {
        let query = filled_in(query, &[]);
        let got = series(&asked(&bench, &query, false, ""), &query);
        let values = got.iter().flat_map(|series| series["values"].as_array().unwrap());
        let known = values.filter(|row| !row[1].is_null()).count();
        assert!(known > 0, "{name}: {query}");
        assert_eq!(series(&asked(&bench, &query, true, ""), &query), got, "{name}, as POST");
        let chunked = asked(&bench, &query, false, "&chunked=true&chunk_size=1000");
        assert_eq!(chunked.header("content-type"), "application/json");
        assert_eq!(series(&chunked, &query), got, "{name}, chunked");
        let pretty = asked(&bench, &query, true, "&pretty=true");
        assert_eq!(series(&pretty, &query), got, "{name}, pretty");
    }
}

/// The column of a panel's series with these tags.
fn column(
    bench: &Bench,
    dashboard: &Value,
    title: &str,
    chosen: &[(&str, &str)],
    tag: &str,
) -> Vec<Option<f64>> {
    let all = queries(dashboard);
    let (_, query) = all.iter().find(|(there, _)| there == title).unwrap();
    let query = filled_in(query, chosen);
    let got = series(&asked(bench, &query, false, ""), &query);
    let with = |series: &&Value| {
        tag.is_empty() || series["tags"].as_object().unwrap().values().any(|value| value == tag)
    };
    let found = got.iter().find(with).unwrap_or_else(|| panic!("{title}: no {tag} in {got:?}"));
    found["values"].as_array().unwrap().iter().map(|row| row[1].as_f64()).collect()
}

#[test]
fn rates_are_right_also_where_an_edge_begins() {
    let (bench, dashboard) = (filled(), dashboard());
    let column = |title: &str, chosen: &[(&str, &str)], tag: &str| {
        column(&bench, &dashboard, title, chosen, tag)
    };
    let known = |column: &[Option<f64>]| column.iter().flatten().copied().collect::<Vec<f64>>();
    let all = known(&column("In", &[], ""));
    assert_eq!((all[0], *all.last().unwrap()), (300.0, 400.0), "three edges, then four");
    let service = known(&column("Bytes in by service", &[], "100.1.1.3"));
    assert_eq!((service[0], *service.last().unwrap()), (200.0, 300.0));
    assert_eq!(known(&column("Bytes out by service", &[], ""))[0], 10.0, "past any service");
    let one =
        known(&column("Bytes in by provider", &[("endpoint", "(11\\.1\\.1\\.2)")], "10.1.1.1"));
    assert!(one.iter().all(|rate| *rate == 100.0), "{one:?}");
    let table = column("Edges: bytes within the range", &[("node", "(n1)")], "10.1.1.2");
    assert_eq!(table, [Some(60_000.0)]);
    assert_eq!(known(&column("Losses so far", &[], "ended-unseen"))[0], 3.0);
}

/// What the page gives for a panel of one's own is what the page shows.
#[test]
fn the_query_to_copy_gives_the_rates_of_the_series() {
    let bench = filled();
    let range = format!("from={}&until={UNTIL}", UNTIL - LENGTH);
    let id = "service:100.1.1.3:8080/TCP";
    let answer = bench.get(&format!("/api/v1/series?id={id}&{range}"));
    let shown: Value = serde_json::from_slice(&answer.bytes).unwrap();
    let query = shown["influxql"].as_str().unwrap();
    let got = series(&asked(&bench, query, true, ""), query);
    for (place, column) in ["bytes_in", "bytes_out", "packets_in", "packets_out"].iter().enumerate()
    {
        let asked = got[0]["values"].as_array().unwrap().iter().map(|row| row[place + 1].as_f64());
        let shown = shown[column].as_array().unwrap().iter().map(Value::as_f64);
        // The first only gives the values to start from.
        assert_eq!(asked.skip(1).collect::<Vec<_>>(), shown.collect::<Vec<_>>(), "{column}");
    }
}

/// What Grafana asks by itself: to test the data source, and for its query editor.
#[test]
fn the_data_source_and_the_editor_work() {
    let bench = filled();
    for (query, expected) in [
        ("SHOW RETENTION POLICIES on \"telegraf\"", "autogen"),
        ("SHOW MEASUREMENTS LIMIT 100", "httpjson_svcstats"),
        ("SHOW TAG KEYS FROM \"httpjson_svcstats\"", "ProviderIP"),
        ("SHOW FIELD KEYS FROM \"httpjson_svcstats\"", "PacketsOut"),
        (
            "SHOW TAG VALUES FROM \"httpjson_svcstats\" WITH KEY = \"ServiceIP\" WHERE \"Node\" = 'n1'",
            "100.1.1.3",
        ),
    ] {
        let answer = asked(&bench, query, false, "");
        assert!(!series(&answer, query).is_empty() && answer.text().contains(expected), "{query}");
    }
}
