//! Sinks that are full, away, choosy: what they miss is counted and made up for.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::any;
use support::{Cluster, counters, edge, web};
use svcflow_collector::history::Later;
use svcflow_collector::point::{Batch, Point, What};
use svcflow_collector::sink::{
    Influx, InfluxTarget, NotSent, Prometheus, Sent, Sink, Target, Version,
};
use svcflow_model::{Counters, Edge, Marks, Relation, Timestamp};
use svcflow_transport::{Client, ClientTls, Trust};

const HERE: Relation = Relation::TranslatedHere;

/// A target in memory: what it took, and what it answers next.
#[derive(Clone, Default)]
struct Memory {
    last: Arc<Mutex<BTreeMap<(String, Edge), Counters>>>,
    answers: Arc<Mutex<VecDeque<Result<Sent, NotSent>>>>,
    away: Arc<Mutex<bool>>,
}

impl Target for Memory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn send<'a>(&'a mut self, batches: &'a [Batch]) -> Later<'a, Result<Sent, NotSent>> {
        Box::pin(async move {
            if *self.away.lock().unwrap() {
                return Err(NotSent::Later("away".to_owned()));
            }
            if let Some(answer) = self.answers.lock().unwrap().pop_front() {
                answer?;
            }
            let mut last = self.last.lock().unwrap();
            for batch in batches {
                for point in &batch.points {
                    if let What::Traffic(edge, counters) = &point.what {
                        last.insert((batch.node.to_string(), *edge), *counters);
                    }
                }
            }
            Ok(Sent::default())
        })
    }
}

fn batch(node: &str, edges: u8, counters: Counters) -> Arc<Batch> {
    let point = |host| Point { time: Timestamp(1_000), what: What::Traffic(web(host), counters) };
    Arc::new(Batch { node: node.into(), points: (0..edges).map(point).collect() })
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_was_full_misses_no_byte_in_the_end() {
    let mut cluster = Cluster::new(2);
    let (folder, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    *memory.away.lock().unwrap() = true;
    // The smallest spool there is: two segments of 64 KiB.
    let sink = Sink::start("small", memory.clone(), folder.path(), 1).unwrap();
    cluster.sinks.push(Arc::clone(&sink));
    cluster.start();
    let early = edge("11.1.1.99", None, "9.9.9.9:443");
    cluster.agent(1).lock().unwrap().count(early, Relation::ClientNode, counters(777, 7));
    let mut seed = 1_u64;
    for _ in 0..30 {
        for n in 1..=2 {
            for host in 0..200 {
                // Numbers that don't compress.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let more = counters(seed >> 40, seed >> 44);
                cluster.agent(n).lock().unwrap().count(web(host), HERE, more);
            }
        }
        cluster.tick().await;
    }
    let document = sink.document();
    assert!(document.dropped_points > 1_000 && !document.healthy, "{document:?}");
    assert_eq!(cluster.state(1), svcflow_collector::status::AgentState::Ok, "nobody waits for it");
    *memory.away.lock().unwrap() = false;
    for _ in 0..20 {
        cluster.agent(1).lock().unwrap().count(web(0), HERE, counters(100, 10));
        cluster.agent(2).lock().unwrap().count(web(0), HERE, counters(100, 10));
        cluster.tick().await;
    }
    // The last batch is on its way to the spool when it is in the store.
    cluster.tick().await;
    sink.drained().await;
    let last = memory.last.lock().unwrap().clone();
    assert_eq!(last[&("node-1".to_owned(), early)].bytes_in, 777, "idle ever since the drop");
    for n in ["node-1", "node-2"] {
        for host in 0..200 {
            let stored = cluster.total(n, &web(host));
            assert_eq!(
                last[&(n.to_owned(), web(host))].bytes_in,
                stored.unsigned_abs(),
                "{n} {host}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_comes_in_parts_and_what_is_refused_is_counted() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    let too_much = || Err(NotSent::TooMuch);
    let refused = Err(NotSent::Refused("never".to_owned()));
    *memory.away.lock().unwrap() = true;
    let sink = Sink::start("s", memory.clone(), folder.path(), 1 << 30).unwrap();
    for node in ["a", "b", "c", "d"] {
        assert!(sink.keep(batch(node, 10, counters(1, 1))).await);
    }
    memory.answers.lock().unwrap().extend([too_much(), too_much(), Ok(Sent::default()), refused]);
    *memory.away.lock().unwrap() = false;
    sink.drained().await;
    let document = sink.document();
    assert_eq!((document.sent_points, document.refused_points), (20, 20), "{document:?}");
    assert!(document.reason.is_none(), "the next one was taken");
    assert_eq!(memory.last.lock().unwrap().len(), 20);
}

/// Path and query, authorization, body.
type Asked = (String, String, Vec<u8>);

/// What a server was asked, and what it answers: its own answer each time, the last one for ever.
#[derive(Clone, Default)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
}

impl Server {
    async fn start(answers: &[(u16, &'static str)]) -> (Self, String) {
        let server = Self::default();
        server.answers.lock().unwrap().extend(answers);
        let routes = Router::new().fallback(any(Self::answer)).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        (server, url)
    }

    async fn answer(
        State(server): State<Self>,
        uri: Uri,
        headers: HeaderMap,
        body: axum::body::Bytes,
    ) -> (StatusCode, &'static str) {
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap());
        let asked = (uri.to_string(), authorization.unwrap_or_default().to_owned(), body.to_vec());
        server.asked.lock().unwrap().push(asked);
        let mut answers = server.answers.lock().unwrap();
        let (status, text) =
            if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() }.unwrap();
        (StatusCode::from_u16(status).unwrap(), text)
    }
}

fn client() -> Client {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).unwrap();
    Client::new(&tls, Duration::from_secs(3))
}

async fn drained(sink: &Sink) {
    tokio::time::timeout(Duration::from_secs(20), sink.drained()).await.unwrap();
}

#[tokio::test]
async fn influxdb_2_gets_lines_with_its_token_and_is_tried_again() {
    let conflict = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \"BytesIn\" on measurement \"httpjson_svcstats\" is type integer, already exists as type float dropped=1"}"#;
    let answers = [(400, "no mapping"), (503, "starting"), (422, conflict), (204, ""), (204, "")];
    let (server, url) = Server::start(&answers).await;
    let version = Version::Two { bucket: "tele graf".to_owned(), org: "o".to_owned() };
    let authorization = Some("Token secret".parse().unwrap());
    let target = InfluxTarget { client: client(), url, version, authorization };
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start("two", Influx::new(Arc::new(target), false), folder.path(), 1 << 30);
    let sink = sink.unwrap();
    sink.keep(batch("n", 1, counters(100, 10))).await;
    drained(&sink).await;
    let asked = server.asked.lock().unwrap().clone();
    assert!(asked[0].0.starts_with("/query?"), "types are looked at first: {}", asked[0].0);
    assert!(asked.iter().all(|(_, authorization, _)| authorization == "Token secret"));
    let writes: Vec<_> =
        asked.iter().filter(|(uri, ..)| uri.starts_with("/api/v2/write")).collect();
    assert_eq!(writes[0].0, "/api/v2/write?precision=ns&bucket=tele%20graf&org=o");
    let body = |at: usize| String::from_utf8_lossy(&writes[at].2).into_owned();
    assert!(body(0).contains("BytesIn=100i,BytesOut=10i"), "{}", body(0));
    assert!(writes.len() == 3 && body(2).contains("BytesIn=100,BytesOut=10i"), "{}", body(2));
    let document = sink.document();
    assert_eq!((document.sent_points, document.failures, document.healthy), (1, 1, true));
    sink.close().await;
}

#[tokio::test]
async fn remote_write_is_snappy_protobuf_and_a_refusal_is_for_good() {
    let answers = [(429, "slow down"), (400, "out of order"), (204, "")];
    let (server, url) = Server::start(&answers).await;
    let target = Prometheus { client: client(), url: format!("{url}/w"), authorization: None };
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start("p", target, folder.path(), 1 << 30).unwrap();
    let missed = sink.missed();
    sink.keep(batch("n", 2, counters(100, 10))).await;
    drained(&sink).await;
    assert_eq!(sink.document().refused_points, 2);
    sink.keep(batch("n", 2, counters(200, 20))).await;
    drained(&sink).await;
    assert_eq!(sink.document().sent_points, 2);
    assert_ne!(sink.missed(), missed, "everything is to be sent once more");
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].2, asked[1].2, "the same was tried again");
    let message = snap::raw::Decoder::new().decompress_vec(&asked[2].2).unwrap();
    let text = String::from_utf8_lossy(&message);
    for part in ["__name__", "svcflow_edge_packets_total", "direction", "100.1.1.3", "node"] {
        assert!(text.contains(part), "{part}");
    }
    sink.close().await;
}

/// Case 8: what was not counted is unknown, not zero; and no mark vanishes.
#[tokio::test(start_paused = true)]
async fn marks_are_stored_when_they_change_and_unknown_is_not_zero() {
    let mut cluster = Cluster::new(1);
    cluster.start();
    let agent = cluster.agent(1);
    let mark = |edge: Edge, marks: Marks| {
        agent.lock().unwrap().count(edge, HERE, Counters::ZERO);
        agent.lock().unwrap().totals.get_mut(&edge).unwrap().2 = marks;
    };
    mark(web(1), Marks { uncounted: true, ..Marks::default() });
    mark(web(2), Marks::default());
    cluster.tick().await;
    agent.lock().unwrap().count(web(2), HERE, counters(5, 5));
    mark(web(2), Marks { undercounted: true, ..Marks::default() });
    cluster.tick().await;
    cluster.crash().await;
    cluster.start();
    mark(web(2), Marks { undercounted: true, ..Marks::default() });
    cluster.tick().await;
    mark(web(2), Marks::default());
    cluster.tick().await;
    assert!(cluster.rows("httpjson_svcstats", "node-1", &web(1)).is_empty());
    let marks = |host| cluster.marks("node-1", &web(host));
    assert_eq!(marks(1), [(10, "Uncounted".to_owned())]);
    assert_eq!(marks(2), [(20, "Undercounted".to_owned()), (40, String::new())]);
}
