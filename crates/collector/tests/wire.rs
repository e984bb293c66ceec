//! The whole of it over real sockets: real agents with TLS and tokens, and impostors.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use svcflow_agent::{
    AgentHandle, Config as AgentConfig, Options as AgentOptions, Protection, Switches, SystemClock,
    bind, router, serve,
};
use svcflow_collector::Collector;
use svcflow_collector::config::Config;
use svcflow_collector::status::{AgentState, NodeDocument};
use svcflow_model::{
    Baseline, Counters, Edge, EdgeReading, Observation, ObservationSink, Origin, Protocol, Service,
    Timestamp,
};
use svcflow_source::{Description, SourceError, TrafficSource};
use svcflow_store::{Options, PolicySpec, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A source whose one edge has what the test says.
struct Counting {
    description: Description,
    counters: Arc<Mutex<Counters>>,
    origin: u64,
    stated: bool,
}

fn web() -> Edge {
    Edge {
        endpoint: [11, 1, 1, 2].into(),
        service: Some(Service { address: [100, 1, 1, 3].into(), port: 8080 }),
        provider: [10, 1, 1, 5].into(),
        provider_port: 80,
        protocol: Protocol::TCP,
    }
}

impl TrafficSource for Counting {
    fn description(&self) -> &Description {
        &self.description
    }

    fn listen(&mut self, _: Duration, _: &mut dyn ObservationSink) -> Result<(), SourceError> {
        Ok(())
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        let at = Timestamp(0);
        if !std::mem::replace(&mut self.stated, true) {
            let origin = Origin { id: self.origin, handle: 1 };
            sink.observe(at, &Observation::Origin { origin, baseline: Baseline::Zero });
        }
        sink.observe(at, &Observation::LookBegan);
        let counters = *self.counters.lock().unwrap();
        let reading = EdgeReading { edge: web(), place: 0, counters };
        sink.observe(at, &Observation::Edge(reading));
        sink.observe(at, &Observation::LookEnded { complete: true });
        Ok(())
    }
}

/// HTTP of an agent, its connections included.
struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// Certificates, the token, and where the store is.
struct World {
    folder: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["agent.svcflow".to_owned()]).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("agent.pem", &made.cert.pem());
        write("agent.key", &made.signing_key.serialize_pem());
        write("token", TOKEN);
        write("wrong", "fedcba9876543210fedcba9876543210");
        let store = Store::open(&folder.path().join("data"), Options::default()).unwrap();
        store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn agent(&self, node: &str, counters: &Arc<Mutex<Counters>>) -> AgentHandle {
        let config = AgentConfig {
            node: node.to_owned(),
            interval: Duration::from_millis(500),
            local: vec!["11.1.1.0/24".parse().unwrap()],
            ..AgentConfig::default()
        };
        let source = Counting {
            description: Description {
                name: "nftables",
                reason: "a test asks for it".to_owned(),
                blind_spots: vec!["nothing real is seen".to_owned()],
                follows_connections: false,
            },
            counters: Arc::clone(counters),
            origin: 7,
            stated: false,
        };
        let nowhere = Path::new("/nonexistent");
        let options =
            AgentOptions { switches: Switches::under(nowhere), ..AgentOptions::new(config) };
        svcflow_agent::start(Box::new(source), options).unwrap()
    }

    /// Serves an agent by TLS with the token.
    async fn serve(&self, agent: &AgentHandle, at: SocketAddr) -> (SocketAddr, Serving) {
        let config = AgentConfig {
            token_file: Some(self.path("token")),
            tls_certificate: Some(self.path("agent.pem")),
            tls_key: Some(self.path("agent.key")),
            ..AgentConfig::default()
        };
        let protection = Protection::load(&config).unwrap();
        let listener = bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = router(agent.shared());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, routes, &protection, stopped).await;
        });
        (address, Serving { stop, task })
    }

    fn collect(&self, agents: &[String]) -> Collector {
        let folder = self.folder.path().display();
        let text = format!(
            "[collector]\nagents = {agents:?}\ninterval = \"500ms\"\ntimeout = \"300ms\"\n\
             answer_max = \"64KiB\"\ntoken_file = \"{folder}/token\"\ntls_ca = \"{folder}/agent.pem\"\n\
             tls_server_name = \"agent.svcflow\"\n\
             agent_token_files = {{ \"127.0.0.2:1\" = \"{folder}/wrong\" }}\n\
             [[collector.sinks]]\nname = \"lines\"\ntype = \"file\"\npath = \"{folder}/lines\"\n"
        );
        let config = Config::parse(&text, None).unwrap();
        let clock = Arc::new(SystemClock);
        let (names, _) = svcflow_collector::Gatherer::new(&[]);
        svcflow_collector::start(&config, Some(&self.store), self.folder.path(), clock, names)
            .unwrap()
    }
}

fn node(collector: &Collector, target: &str) -> NodeDocument {
    let nodes = collector.nodes().nodes;
    nodes.into_iter().find(|node| node.target == target).unwrap_or_default()
}

/// Waits for what comes within moments; how long that takes on a busy machine is not the question.
async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..400 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} did not come to be");
}

/// A server that answers every request with these bytes, or never.
async fn impostor(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    match &answer {
                        Some(answer) => drop(stream.write_all(answer).await),
                        None => std::future::pending().await,
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

fn http(status: &str, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes())
}

/// The last `BytesIn` that the file sink wrote of a node.
fn last_in_file(world: &World, node: &str) -> u64 {
    let text = std::fs::read_to_string(world.path("lines")).unwrap_or_default();
    let of = |line: &&str| line.starts_with("httpjson_svcstats") && line.contains(node);
    let line = text.lines().rfind(of).unwrap_or_default();
    let value = line.split_once("BytesIn=").and_then(|(_, rest)| rest.split_once('i'));
    value.map_or(0, |(value, _)| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_over_tls_are_collected_stopped_started_and_nothing_is_lost() {
    let world = World::new();
    let counters = Arc::new(Mutex::new(Counters::ZERO));
    let count = |bytes| counters.lock().unwrap().bytes_in += bytes;
    let agent = world.agent("node-1", &counters);
    let anywhere = "127.0.0.1:0".parse().unwrap();
    let (address, serving) = world.serve(&agent, anywhere).await;
    let target = address.to_string();
    let collector = world.collect(&[format!("https://{address}")]);
    until("the agent is ok", || node(&collector, &target).state == AgentState::Ok).await;
    count(1_000);
    until("1000 bytes are stored", || last_in_file(&world, "node-1") == 1_000).await;

    // The network is gone for a while; the agent counts on.
    serving.end().await;
    count(500);
    until("it is missed", || node(&collector, &target).state == AgentState::Unreachable).await;
    count(500);
    let (_, serving) = world.serve(&agent, address).await;
    until("2000 bytes are stored", || last_in_file(&world, "node-1") == 2_000).await;
    assert_eq!(node(&collector, &target).gaps, 0, "what was missed was kept");

    // It is stopped, and another begins anew.
    serving.end().await;
    agent.shutdown();
    *counters.lock().unwrap() = Counters::ZERO;
    let agent = world.agent("node-1", &counters);
    let (_, _serving) = world.serve(&agent, address).await;
    count(70);
    until("2070 bytes are stored", || last_in_file(&world, "node-1") == 2_070).await;
    let shown = node(&collector, &target);
    assert_eq!(shown.losses["collector-epoch-changed"].count, 1);
    assert_eq!(shown.source.unwrap().blind_spots, ["nothing real is seen"]);
    assert!(shown.clock_skew_seconds.unwrap().abs() < 1.0);

    // The collector is stopped, and goes on where it was.
    collector.shutdown().await;
    count(30);
    let collector = world.collect(&[format!("https://{address}")]);
    until("2100 bytes are stored", || last_in_file(&world, "node-1") == 2_100).await;
    collector.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impostors_are_found_out_and_disturb_nobody() {
    let world = World::new();
    let counters = Arc::new(Mutex::new(Counters { bytes_in: 5, ..Counters::ZERO }));
    let agent = world.agent("node-1", &counters);
    let (address, _serving) = world.serve(&agent, "127.0.0.1:0".parse().unwrap()).await;
    let huge = http("200 OK", &format!("[{}]", "0,".repeat(50_000)));
    let cases = [
        (impostor(http("200 OK", "hello")).await, AgentState::Faulty, "can't be read"),
        (impostor(http("200 OK", "{\"node\":\"x\"}")).await, AgentState::Faulty, "missing field"),
        (impostor(http("404 Not Found", "")).await, AgentState::Faulty, "is it an svcflow agent"),
        (impostor(http("401 Unauthorized", "")).await, AgentState::Faulty, "token"),
        (impostor(http("500 Oh", "a\u{7}b")).await, AgentState::Faulty, "500"),
        (impostor(huge).await, AgentState::Faulty, "more than 65536 bytes"),
        (
            impostor(Some(b"\x15\x03\x01\x00garbage\r\n\r\n".to_vec())).await,
            AgentState::Unreachable,
            "",
        ),
        (impostor(None).await, AgentState::Unreachable, "within 300ms"),
        ("http://127.0.0.1:9".to_owned(), AgentState::Unreachable, "does not answer"),
        // Beyond this host no token goes in the clear, whoever asks for it.
        ("http://192.0.2.1:4000".to_owned(), AgentState::Faulty, "in the clear"),
    ];
    let mut agents: Vec<_> = cases.iter().map(|(url, ..)| url.clone()).collect();
    agents.push(format!("https://{address}"));
    let collector = world.collect(&agents);
    for (url, state, reason) in &cases {
        let target = url.trim_start_matches("http://");
        until(&format!("{url} is {state:?}"), || node(&collector, target).state == *state).await;
        let said = node(&collector, target).reason.unwrap();
        assert!(said.contains(reason) && !said.contains('\u{7}'), "{url}: {said}");
    }
    let target = address.to_string();
    until("the real one is stored", || last_in_file(&world, "node-1") == 5).await;
    assert_eq!(node(&collector, &target).failures, 0);
    let metrics = collector.metrics();
    assert!(metrics.contains("svcflow_agents{state=\"faulty\"} 7\n"), "{metrics}");
    collector.shutdown().await;
}
