//! Sinks and `store = "influxdb"` against real servers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use serde_json::Value;
use support::{START, Script, counters, nanoseconds, settings, web};
use svcflow_collector::counters::Account;
use svcflow_collector::history::{History, Influx as InfluxHistory};
use svcflow_collector::node::{Node, Remembered, Terms};
use svcflow_collector::point::Batch;
use svcflow_collector::sink::{Influx, InfluxTarget, Prometheus, Sink};
use svcflow_model::{LossKind, Relation, Timestamp};

const HERE: Relation = Relation::TranslatedHere;

fn terms() -> Terms {
    let it = settings();
    Terms {
        interval: it.interval,
        tolerance: it.clock_tolerance,
        forget_after: it.forget_after,
        idle_after: it.forget_after,
    }
}

fn fresh() -> Node {
    Node::restore("node '1\" ü".into(), terms(), Remembered::default(), START)
}

/// One interval of the agent, taken by the node.
fn tick(node: &mut Node, script: &mut Script, n: i64) -> Batch {
    let at = Timestamp(START.0 + n * nanoseconds(support::TEN));
    script.look(at);
    let document = script.document(at, node.position());
    let opened = node.open(&document, at, at).unwrap();
    node.close(&opened, &"agent:4000".into(), |_, _, _| (Account::Owned, None))
}

async fn settled(sink: &Sink) {
    tokio::time::timeout(Duration::from_secs(20), sink.drained()).await.unwrap();
}

fn sink(target: &Arc<InfluxTarget>, folder: &Path, memory: bool) -> Arc<Sink> {
    Sink::start("s", Influx::new(Arc::clone(target), memory), folder, 64 << 20).unwrap()
}

async fn values(target: &InfluxTarget, query: &str) -> Vec<Value> {
    let series = target.query(query, Some("telegraf")).await.unwrap();
    let rows = series.iter().flat_map(|one| one["values"].as_array().unwrap().clone());
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn influxd_gets_everything_once_over_its_own_absence_and_our_restarts() {
    let Some(mut influxd) = Engine::find("influxd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let target = influxd.influx(None);
    let (mut node, mut script) = (fresh(), Script::new("node '1\" ü", 1));
    let sink_1 = sink(&target, folder.path(), false);
    for n in 1..=3 {
        script.count(web(2), HERE, counters(1_000_000, 10_000));
        assert!(sink_1.keep(Arc::new(tick(&mut node, &mut script, n))).await);
    }
    let mut document = sink_1.document();
    for _ in 0..600 {
        if document.failures > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        document = sink_1.document();
    }
    assert!(!document.healthy && document.spool_points > 0 && document.failures > 0);
    assert!(document.reason.unwrap().contains("does not answer"));
    sink_1.close().await;

    influxd.start("/ping").await;
    let sink_2 = sink(&target, folder.path(), false);
    settled(&sink_2).await;
    let rows = values(&target, "SELECT BytesIn, BytesOut FROM httpjson_svcstats").await;
    let numbers: Vec<_> = rows.iter().map(|row| (row[1].as_i64(), row[2].as_i64())).collect();
    let expected = [1, 2, 3].map(|n| (Some(n * 1_000_000), Some(n * 10_000)));
    assert_eq!(numbers, expected);
    let keys = values(&target, "SHOW FIELD KEYS FROM httpjson_svcstats").await;
    assert!(keys.iter().all(|key| key[1] == "integer"), "{keys:?}");
    let document = sink_2.document();
    assert!(document.healthy && document.spool_points == 0, "{document:?}");
    assert!(values(&target, "SELECT * FROM svcflow_offsets").await.is_empty());
    assert_eq!(values(&target, "SELECT * FROM svcflow_nodes").await.len(), 3);
    sink_2.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn influxd_that_has_floats_gets_floats() {
    let Some(mut influxd) = Engine::find("influxd") else { return };
    influxd.start("/ping").await;
    let (folder, target) = (tempfile::tempdir().unwrap(), influxd.influx(None));
    target.query("CREATE DATABASE telegraf", None).await.unwrap();
    let telegraf =
        format!("httpjson_svcstats,EndpointIP=1.1.1.1 BytesIn=1,PacketsIn=1 {}", START.0);
    let url = format!("{}/write?db=telegraf", influxd.url());
    let post = async |lines: String| {
        let body = http_body_util::Full::from(lines);
        let request = http::Request::post(&url).body(body).unwrap();
        engine::client().send(request).await.unwrap().status()
    };
    assert_eq!(post(telegraf).await, 204);
    let (mut node, mut script) = (fresh(), Script::new("node '1\" ü", 1));
    let sink = sink(&target, folder.path(), false);
    script.count(web(2), HERE, counters(500, 700));
    sink.keep(Arc::new(tick(&mut node, &mut script, 1))).await;
    settled(&sink).await;
    let keys = values(&target, "SHOW FIELD KEYS FROM httpjson_svcstats").await;
    let kinds: Vec<_> = keys.iter().map(|key| (key[0].as_str(), key[1].as_str())).collect();
    let (float, integer) = (Some("float"), Some("integer"));
    let expected = [
        (Some("BytesIn"), float),
        (Some("BytesOut"), integer),
        (Some("PacketsIn"), float),
        (Some("PacketsOut"), integer),
    ];
    assert_eq!(kinds, expected);
    // Someone makes another field a float in the meantime: in a shard of its own, a week later.
    let later = START.0 + 30 * 24 * 3_600 * 1_000_000_000;
    assert_eq!(post(format!("httpjson_svcstats,EndpointIP=1.1.1.1 BytesOut=1 {later}")).await, 204);
    script.count(web(2), HERE, counters(500, 700));
    sink.keep(Arc::new(tick(&mut node, &mut script, 30 * 24 * 360 + 1))).await;
    settled(&sink).await;
    let rows = values(
        &target,
        "SELECT BytesIn, BytesOut FROM httpjson_svcstats WHERE EndpointIP='11.1.1.2'",
    );
    assert_eq!(rows.await.last().unwrap()[2].as_f64(), Some(1_400.0));
    assert_eq!(sink.document().refused_points, 0);
    sink.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_influxd_as_the_store_remembers_a_node() {
    let Some(mut influxd) = Engine::find("influxd") else { return };
    influxd.start("/ping").await;
    let (folder, target) = (tempfile::tempdir().unwrap(), influxd.influx(Some("long \"ish")));
    target.query("CREATE DATABASE telegraf", None).await.unwrap();
    let create = "CREATE RETENTION POLICY \"long \\\"ish\" ON telegraf DURATION INF REPLICATION 1";
    target.query(create, None).await.unwrap();
    let name = "node '1\" ü";
    let mut script = Script::new(name, 1);
    script.losses.record(LossKind::SetFull, 3, 9, START);
    let mut last = fresh();
    let mut n = 0;
    // Each life of the collector goes on from what the engine remembers; once, the agent is new.
    for life in 0..4 {
        let history = InfluxHistory::new(
            Arc::clone(&target),
            sink(&target, &folder.path().join("store"), true),
        );
        let remembered = history.load(name).await.unwrap();
        let mut node = Node::restore(name.into(), terms(), remembered, START);
        assert_eq!(node.position(), last.position(), "life {life}");
        assert_eq!(node.last(), last.last());
        assert_eq!(sorted(&node), sorted(&last));
        assert_eq!(
            node.losses().iter().collect::<Vec<_>>(),
            last.losses().iter().collect::<Vec<_>>()
        );
        for _ in 0..2 {
            n += 1;
            script.count(web(2), HERE, counters(100, 10));
            script.count(
                support::edge("11.1.1.2", None, "8.8.8.8:53"),
                Relation::ClientNode,
                counters(1, 1),
            );
            history.commit(Arc::new(tick(&mut node, &mut script, n))).await.unwrap();
        }
        if life == 1 {
            script.restart(2);
            script.losses = Default::default();
        }
        // As a crash would leave it: what waits is sent by the next life.
        history.close().await;
        last = node;
    }
    let sink_3 = sink(&target, &folder.path().join("store"), true);
    settled(&sink_3).await;
    let query = "SELECT last(BytesIn) FROM telegraf.\"long \\\"ish\".httpjson_svcstats \
                 WHERE EndpointIP='11.1.1.2' GROUP BY *";
    let rows = values(&target, query).await;
    let totals: Vec<_> = rows.iter().map(|row| row[1].as_i64()).collect();
    assert_eq!(totals, [Some(800), Some(8)]);
    sink_3.close().await;
}

fn sorted(node: &Node) -> Vec<String> {
    let whole = node.whole().map(|batch| batch.points).unwrap_or_default();
    let mut all: Vec<_> = whole.iter().map(|point| format!("{:?}", point.what)).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_takes_remote_write() {
    let Some(mut metrics) = Engine::find("victoria-metrics") else { return };
    metrics.start("/health").await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}/api/v1/write", metrics.url());
    let target = Prometheus { client: engine::client(), url, authorization: None };
    let sink = Sink::start("p", target, folder.path(), 64 << 20).unwrap();
    let (mut node, mut script) = (fresh(), Script::new("node '1\" ü", 1));
    script.losses.record(LossKind::SetFull, 3, 9, START);
    for n in 1..=3 {
        script.count(web(2), HERE, counters(1_000_000, 10_000));
        sink.keep(Arc::new(tick(&mut node, &mut script, n))).await;
    }
    settled(&sink).await;
    let document = sink.document();
    assert!(document.healthy && document.refused_points == 0, "{document:?}");
    engine::get(&format!("{}/internal/force_flush", metrics.url())).await;
    let (from, to) = (START.0 / 1_000_000_000, START.0 / 1_000_000_000 + 60);
    let export = format!(
        "{}/api/v1/export?match[]=svcflow_edge_bytes_total&match[]=svcflow_losses_total&start={from}&end={to}",
        metrics.url()
    );
    let answer = engine::get(&export.replace('[', "%5B").replace(']', "%5D")).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str, direction: &str| {
        let found = lines.iter().find(|line| {
            line["metric"]["__name__"] == name
                && (direction.is_empty() || line["metric"]["direction"] == direction)
        });
        found.unwrap_or_else(|| panic!("{name} is not in {text}")).clone()
    };
    let bytes = of("svcflow_edge_bytes_total", "in");
    assert_eq!(bytes["values"], serde_json::json!([1_000_000, 2_000_000, 3_000_000]));
    assert_eq!(bytes["metric"]["service"], "100.1.1.3");
    assert_eq!(bytes["metric"]["node"], "node '1\" ü");
    assert_eq!(of("svcflow_losses_total", "")["values"], serde_json::json!([3]));
    sink.close().await;
}
