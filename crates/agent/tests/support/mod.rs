//! A fake source that a test holds the strings of, and HTTP without a client library.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use svcflow_agent::{
    AgentHandle, Config, ManualClock, Options, Protection, Shared, Switches, bind, router, serve,
};
use svcflow_model::{
    Baseline, Connection, Counters, Edge, EdgeReading, LossKind, Observation, ObservationSink,
    Origin, Protocol, Service, Timestamp,
};
use svcflow_source::{Description, SourceError, TrafficSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// 2026-01-01T00:00:00Z, a whole number of every interval used here.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000_000_000);

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) readings: Vec<(Edge, Counters)>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) losses: Vec<(LossKind, u64)>,
    pub(crate) fail: bool,
    /// How long after `START` the source says it looks.
    pub(crate) later: Duration,
}

/// The strings.
#[derive(Clone, Default)]
pub(crate) struct Strings {
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) looks: Arc<AtomicUsize>,
    pub(crate) listens: Arc<AtomicUsize>,
}

pub(crate) struct FakeSource {
    strings: Strings,
    description: Description,
    stated: bool,
}

impl Strings {
    pub(crate) fn source(&self, name: &'static str) -> Box<dyn TrafficSource> {
        let description = Description {
            name,
            reason: "a test asks for it".to_owned(),
            blind_spots: vec!["nothing real is seen".to_owned()],
            follows_connections: name == "conntrack",
        };
        Box::new(FakeSource { strings: self.clone(), description, stated: false })
    }

    pub(crate) fn set(&self, edge: Edge, counters: Counters) {
        let readings = &mut self.script.lock().unwrap().readings;
        readings.retain(|(known, _)| *known != edge);
        readings.push((edge, counters));
    }
}

impl TrafficSource for FakeSource {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Comes back at once, as a source without events may: the agent must not spin on it.
    fn listen(&mut self, _: Duration, _: &mut dyn ObservationSink) -> Result<(), SourceError> {
        self.strings.listens.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        self.strings.looks.fetch_add(1, Ordering::SeqCst);
        let mut script = self.strings.script.lock().unwrap();
        let later = i64::try_from(script.later.as_nanos()).unwrap();
        let at = Timestamp(START.0 + later);
        if std::mem::take(&mut script.fail) {
            let source = "the kernel is out of sorts".into();
            return Err(SourceError::Failed { operation: "reading sets", source });
        }
        if self.description.name == "nftables" && !self.stated {
            let origin = Origin { id: 7, handle: 1 };
            sink.observe(at, &Observation::Origin { origin, baseline: Baseline::Zero });
            self.stated = true;
        }
        sink.observe(at, &Observation::LookBegan);
        for (edge, counters) in &script.readings {
            let reading = EdgeReading { edge: *edge, place: 0, counters: *counters };
            sink.observe(at, &Observation::Edge(reading));
        }
        for connection in &script.connections {
            sink.observe(at, &Observation::Connection(*connection));
        }
        for (kind, count) in script.losses.drain(..) {
            sink.observe(at, &Observation::Lost { kind, count, bytes: 0 });
        }
        sink.observe(at, &Observation::LookEnded { complete: true });
        Ok(())
    }
}

pub(crate) fn edge(endpoint: &str, service: Option<&str>, provider: &str) -> Edge {
    let service = service.map(|text| {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        Service { address: socket.ip(), port: socket.port() }
    });
    let provider: std::net::SocketAddr = provider.parse().unwrap();
    Edge {
        endpoint: endpoint.parse().unwrap(),
        service,
        provider: provider.ip(),
        provider_port: provider.port(),
        protocol: Protocol::TCP,
    }
}

pub(crate) fn counters(
    bytes_in: u64,
    bytes_out: u64,
    packets_in: u64,
    packets_out: u64,
) -> Counters {
    Counters { bytes_in, bytes_out, packets_in, packets_out }
}

pub(crate) fn config() -> Config {
    let local = vec!["11.1.1.0/24".parse().unwrap()];
    Config { node: "node-1".to_owned(), local, ..Config::default() }
}

/// An agent on a fake nftables source, a clock that stands still, and no switches to warn of.
pub(crate) struct Bench {
    pub(crate) strings: Strings,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) agent: AgentHandle,
}

pub(crate) fn options(config: Config, clock: &Arc<ManualClock>) -> Options {
    let clock: Arc<dyn svcflow_agent::Clock> = clock.clone();
    let nowhere = std::path::Path::new("/nonexistent");
    Options { clock, switches: Switches::under(nowhere), ..Options::new(config) }
}

pub(crate) fn start(strings: Strings, config: Config) -> Bench {
    let clock = Arc::new(ManualClock::at(START));
    let source = strings.source("nftables");
    let agent = svcflow_agent::start(source, options(config, &clock)).unwrap();
    Bench { strings, clock, agent }
}

/// Contiv's example (contracts.md 1) and a direct edge.
pub(crate) fn contiv_example() -> Strings {
    let strings = Strings::default();
    let web = edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.5:80");
    strings.set(web, counters(272, 408, 4, 6));
    strings.set(edge("11.1.1.2", None, "8.8.8.8:53"), counters(100, 50, 1, 1));
    strings
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

/// Asks a real server over a real connection.
pub(crate) async fn request(shared: &Arc<Shared>, method: &str, target: &str) -> Answer {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let routes = router(shared.clone());
    let server = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve(listener, routes, &Protection::default(), stopped).await;
    });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

pub(crate) async fn get(bench: &Bench, target: &str) -> Answer {
    request(&bench.agent.shared(), "GET", target).await
}
