//! An agent in this process whose edges are given, on loopback.

use std::sync::Arc;
use std::time::Duration;

use svcflow_agent::{AgentHandle, Config, Options, Protection, bind, router, serve, start};
use svcflow_model::{
    Baseline, Counters, Edge, EdgeReading, Observation, ObservationSink, Origin, Protocol, Service,
    Timestamp,
};
use svcflow_source::{Description, SourceError, TrafficSource};
use tokio::runtime::Runtime;

struct Given {
    edges: Vec<(Edge, Counters)>,
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
        for (edge, counters) in &self.edges {
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
    let description =
        Description { name: "replay", reason: "a test".to_owned(), blind_spots: Vec::new() };
    let config = Config { node: node.to_owned(), ..Config::default() };
    let source = Box::new(Given { edges, description });
    let handle = start(source, Options::new(config)).unwrap();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(bind("127.0.0.1:0".parse().unwrap())).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(Arc::clone(&handle.shared()));
    runtime.spawn(async {
        serve(listener, routes, &Protection::default(), std::future::pending()).await
    });
    Agent { url, _handle: handle, _runtime: runtime }
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
