//! How long the API takes for 2,000 services, 5,000 endpoints, 20,000 edges, over HTTP on loopback.
//!
//! `HOURS=24 cargo bench -p svcflow-server --bench api` (2 by default: a day takes minutes to write).
//! With `SERVE=1` it stays up until its standard input ends, for a look with a browser:
//! `SVCFLOW_BIG_URL=http://… npm run browser -- big` in `ui/`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a bench may fail loudly"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use svcflow_influxql::Statement;
use svcflow_model::Timestamp;
use svcflow_query::{Cancel, QueryError, ResultSink, Session};
use svcflow_server::{Api, Config, Engine, NoAgents, Server, bind};
use svcflow_store::{FieldType, FieldValue, Options, PolicySpec, SeriesId, Store};
use svcflow_topology::{Facts, Limits, Names, Owner, OwnerKind, Service, Topology, Update};

const LATEST: i64 = 1_790_000_000_000;
const SERVICES: u64 = 2_000;
const ENDPOINTS: u64 = 5_000;
const EDGES: u64 = 20_000;
const NODES: u64 = 40;
const TIERS: [&str; 5] = ["edge", "web", "api", "cache", "db"];

struct NoEngine;

impl Engine for NoEngine {
    fn execute(
        &self,
        _: &Statement,
        _: &Session,
        _: &Cancel,
        _: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        Ok(())
    }
}

fn endpoint(place: u64) -> String {
    format!("10.{}.{}.{}", 64 + (place >> 12), place >> 4 & 255, (place & 15) + 1)
}

fn service(place: u64) -> String {
    format!("100.{}.{}.1", 100 + (place >> 8), place & 255)
}

fn names() -> Names {
    let labels = |place: u64| [("tier", TIERS[(place % 5) as usize])].into_iter().collect();
    let owners = (0..ENDPOINTS).map(|place| Owner {
        identity: format!("pod-{place}"),
        name: format!("pod-{place}"),
        kind: OwnerKind::Container,
        addresses: vec![endpoint(place).parse().unwrap()],
        labels: labels(place),
        node: Some(format!("node-{}", place % NODES)),
        since: None,
    });
    let services = (0..SERVICES).map(|place| Service {
        identity: format!("service-{place}"),
        name: format!("service-{place}"),
        addresses: vec![service(place).parse().unwrap()],
        ports: vec!["8080:80:TCP".parse().unwrap()],
        providers: Some(
            (0..2).map(|at| endpoint(1_000 + place * 2 + at).parse().unwrap()).collect(),
        ),
        ..Service::default()
    });
    let facts = Facts { owners: owners.collect(), services: services.collect(), faults: vec![] };
    let mut topology = Topology::new(Limits::default());
    let source = topology.add_source("bench").unwrap();
    topology.apply(source, Update::Listed { at: Timestamp(0), facts });
    let names = Names::default();
    names.publish(topology.snapshot());
    names
}

/// Everything up to the latest instant, a batch for each interval as the collector writes it.
fn fill(store: &Store, hours: i64) {
    let mut batch = store.batch("telegraf", None).unwrap();
    let series: Vec<SeriesId> = (0..EDGES)
        .map(|edge| {
            let (from, to) = (edge * 7_919 % ENDPOINTS, edge * 104_729 % SERVICES);
            let tags = [
                ("EndpointIP", endpoint(from)),
                ("Node", format!("node-{}", from % NODES)),
                ("Protocol", "TCP".to_owned()),
                ("ProviderIP", endpoint(1_000 + to * 2 + edge % 2)),
                ("ProviderPort", "80".to_owned()),
                ("ServiceIP", service(to)),
                ("ServicePort", "8080".to_owned()),
            ];
            let tags: Vec<_> = tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
            batch.series("httpjson_svcstats", &tags).unwrap()
        })
        .collect();
    let fields = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"]
        .map(|name| batch.field(series[0], name, FieldType::Integer).unwrap());
    let nodes: Vec<SeriesId> = (0..NODES)
        .map(|node| batch.series("svcflow_nodes", &[("Node", &format!("node-{node}"))]).unwrap())
        .collect();
    let [epoch, sequence] =
        ["Epoch", "Sequence"].map(|name| batch.field(nodes[0], name, FieldType::Integer).unwrap());
    batch.commit().unwrap();
    let mut counters = vec![[0_i64; 4]; series.len()];
    let mut random = 1_u64;
    for slot in LATEST / 10_000 - hours * 360..=LATEST / 10_000 {
        let mut batch = store.batch("telegraf", None).unwrap();
        for (edge, counters) in counters.iter_mut().enumerate() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let packets = (random >> 33) as i64 % (1 + edge as i64 % 200) + 1;
            for (counter, more) in
                counters.iter_mut().zip([packets * 900, packets * 120, packets, packets])
            {
                *counter += more;
            }
            let row =
                fields.iter().zip(counters).map(|(id, value)| (*id, FieldValue::Integer(*value)));
            batch.push(series[edge], slot * 10_000_000_000, &row.collect::<Vec<_>>()).unwrap();
        }
        for node in &nodes {
            let row = [(epoch, FieldValue::Integer(1)), (sequence, FieldValue::Integer(slot))];
            batch.push(*node, slot * 10_000_000_000, &row).unwrap();
        }
        batch.commit().unwrap();
    }
}

fn ask(address: SocketAddr, target: &str) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /api/v1/{target} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{target}: {}",
        String::from_utf8_lossy(&answer[..200])
    );
    answer.len()
}

fn main() {
    let hours: i64 = std::env::var("HOURS").ok().and_then(|it| it.parse().ok()).unwrap_or(2);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
    let began = Instant::now();
    fill(&store, hours);
    println!("{EDGES} edges, {hours} h, written in {:.0} s", began.elapsed().as_secs_f64());
    store.flush().unwrap();
    while store.merge().unwrap() {}

    let now = Arc::new(AtomicI64::new(LATEST + 3_000));
    let clock = Arc::clone(&now);
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let clock = Arc::new(move || clock.load(Ordering::SeqCst) * 1_000_000);
    let server = Server::new(&config, store, Box::new(NoEngine), clock).unwrap();
    let server = server.with_api(Api {
        database: "telegraf".to_owned(),
        interval: Duration::from_secs(10),
        names: names(),
        agents: Arc::new(NoAgents),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(bind("127.0.0.1:0".parse().unwrap())).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(server.serve(listener, std::future::pending()));

    let began = Instant::now();
    ask(address, "nodes");
    println!(
        "{:<44} {:>8.1} ms",
        "the first question (all tags are read)",
        began.elapsed().as_secs_f64() * 1e3
    );
    let mut tick = 0;
    for (what, target) in [
        ("map, 5 min", "map?"),
        ("map, 1 h", "map?from=-3600000&"),
        ("map, 24 h", "map?from=-86400000&"),
        ("map, 5 min, tier=db", "map?filter=tier%3Ddb&"),
        ("map, 5 min, an hour ago", "map?past&"),
        ("edges, 5 min, 200 rows", "edges?"),
        ("edges, 5 min, all as CSV", "edges?format=csv&"),
        ("graph, 5 min", "graph?"),
        ("series of a service, 1 h", "series?id=service:service-7&from=-3600000&"),
        ("series of a service, 24 h", "series?id=service:service-7&from=-86400000&"),
        ("series of everything, 5 min", "series?id=all&"),
        ("series of everything, 24 h", "series?id=all&from=-86400000&"),
        ("topology", "topology?"),
    ] {
        let mut best = f64::INFINITY;
        let mut bytes = 0;
        for _ in 0..3 {
            // Another second, another range: nothing is remembered.
            tick += 1;
            now.store(LATEST + 3_000 + tick * 1_000, Ordering::SeqCst);
            let until = LATEST - tick - if target.contains("past") { 3_600_000 } else { 0 };
            let target = format!("{target}until={until}&at={until}");
            let began = Instant::now();
            bytes = ask(address, &target);
            best = best.min(began.elapsed().as_secs_f64() * 1e3);
        }
        println!("{what:<44} {best:>8.1} ms {:>8} kB", bytes / 1_000);
    }
    if std::env::var_os("SERVE").is_some() {
        println!("serving http://{address}/");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}
