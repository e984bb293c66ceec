//! An agent in this process whose edges are given, and the built binary, on loopback.
#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod program;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use svcflow_agent::{AgentHandle, Config, Options, Protection, bind, router, serve, start};
use svcflow_model::{
    Baseline, Counters, Edge, EdgeReading, Observation, ObservationSink, Origin, Protocol, Service,
    Timestamp,
};
use svcflow_source::{Description, SourceError, TrafficSource};
use tokio::runtime::Runtime;

/// What an agent counts: changed while it runs.
pub(crate) type Edges = Arc<Mutex<Vec<(Edge, Counters)>>>;

struct Given {
    edges: Edges,
    description: Description,
}

impl TrafficSource for Given {
    fn description(&self) -> &Description {
        &self.description
    }

    fn listen(&mut self, _: Duration, _: &mut dyn ObservationSink) -> Result<(), SourceError> {
        Ok(())
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        let origin = Origin { id: 7, handle: 1 };
        let mut say = |it| sink.observe(Timestamp(1), &it);
        say(Observation::Origin { origin, baseline: Baseline::Zero });
        say(Observation::LookBegan);
        for (edge, counters) in self.edges.lock().unwrap().iter() {
            say(Observation::Edge(EdgeReading { edge: *edge, place: 0, counters: *counters }));
        }
        say(Observation::LookEnded { complete: true });
        Ok(())
    }
}

/// A running agent; ends when dropped.
pub(crate) struct Agent {
    pub(crate) url: String,
    _handle: AgentHandle,
    _runtime: Runtime,
}

pub(crate) fn agent(node: &str, edges: Vec<(Edge, Counters)>) -> Agent {
    let config = Config { node: node.to_owned(), ..Config::default() };
    agent_with(Arc::new(Mutex::new(edges)), Options::new(config))
}

/// The same, with options of its own.
pub(crate) fn agent_with(edges: Edges, options: Options) -> Agent {
    let description = Description {
        name: "replay",
        reason: "a test".to_owned(),
        blind_spots: Vec::new(),
        follows_connections: false,
    };
    let source = Box::new(Given { edges, description });
    serving(start(source, options).unwrap())
}

/// Serves an agent.
pub(crate) fn serving(handle: AgentHandle) -> Agent {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(bind("127.0.0.1:0".parse().unwrap())).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(Arc::clone(&handle.shared()));
    runtime.spawn(async {
        serve(listener, routes, &Protection::default(), std::future::pending()).await
    });
    Agent { url, _handle: handle, _runtime: runtime }
}

impl Agent {
    pub(crate) fn get(&self, route: &str) -> Value {
        let mut answer = ureq::get(format!("{}{route}", self.url)).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }
}

/// `11.1.1.2`, `100.1.1.3:8080` or nothing, `10.1.1.5:80`.
pub(crate) fn edge(endpoint: &str, service: Option<&str>, provider: &str) -> Edge {
    let service = service.map(|text| text.parse::<std::net::SocketAddr>().unwrap());
    let provider: std::net::SocketAddr = provider.parse().unwrap();
    Edge {
        endpoint: endpoint.parse().unwrap(),
        service: service.map(|it| Service { address: it.ip(), port: it.port() }),
        provider: provider.ip(),
        provider_port: provider.port(),
        protocol: Protocol::TCP,
    }
}

/// Distinct amounts by a number.
pub(crate) fn amount(n: u64) -> Counters {
    Counters { bytes_in: 1_000 * n, bytes_out: 100 * n, packets_in: 10 * n, packets_out: n }
}
