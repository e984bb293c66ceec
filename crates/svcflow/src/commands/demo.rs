//! `svcflow demo`: a small container network, an agent in its node, and a view of who talks to whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use svcflow_agent::{
    AgentHandle, BoxError, Config, Options, Protection, kernel_source, start_with,
};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{EdgeRow, Losses, Protocol};
use svcflow_source::TrafficSource;

use super::serving::{Listen, Serving};
use crate::args::{AgentArgs, DemoOptions, EdgesArgs, SortBy};
use crate::exit::CliError;
use crate::{output, top};

/// The demo looks often, so that a newcomer needn't wait.
const INTERVAL: Duration = Duration::from_secs(1);
/// A look aligned to the hour: `--once` takes its own two.
const NO_LOOKS: Duration = Duration::from_secs(3_600);

pub(crate) fn run(options: &DemoOptions) -> Result<(), CliError> {
    // First, while there is one thread: a process with several can't enter a user namespace.
    svcflow_lab::enter()?;
    let lab = Arc::new(Lab::build(Topology::demo())?);
    if options.once { once(&lab, options) } else { live(&lab, options) }
}

fn live(lab: &Arc<Lab>, options: &DemoOptions) -> Result<(), CliError> {
    let agent = agent(lab, options, INTERVAL)?;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    let listen = options.listen.map_or(Listen::From(usual), Listen::At);
    let serving = Serving::start(&agent, &listen, Protection::default())?;
    super::agent::say_what_is_seen(&agent.shared().snapshot());
    output::say(&format!("serving {} (try {0}/api/v1/edges, {0}/metrics)", serving.url()));
    let traffic = lab.background()?;
    let until = options.duration.map(|duration| Instant::now() + duration);
    let source = AgentArgs { agent: serving.url() };
    let seen = if output::is_terminal() && !options.json {
        top::run(&source, until)
    } else {
        watch(source, options, &serving, until)
    };
    drop(traffic);
    drop(serving);
    agent.shutdown();
    seen
}

/// A table (or a line of JSON) an interval, for those without a terminal.
fn watch(
    agent: AgentArgs,
    options: &DemoOptions,
    serving: &Serving,
    until: Option<Instant>,
) -> Result<(), CliError> {
    let edges = EdgesArgs {
        agent,
        service: None,
        endpoint: None,
        provider: None,
        sort: SortBy::Bytes,
        limit: None,
        json: options.json,
        watch: true,
    };
    std::thread::scope(|scope| {
        let printing = scope.spawn(|| super::edges::until(&edges, until));
        if until.is_none() {
            serving.wait(None)?;
            return Ok(());
        }
        printing.join().unwrap_or(Ok(()))
    })
}

/// Exactly known traffic, compared edge by edge with the independent packet count.
fn once(lab: &Arc<Lab>, options: &DemoOptions) -> Result<(), CliError> {
    let agent = agent(lab, options, NO_LOOKS)?;
    let outcome = lab.run(&known_traffic(lab.topology()))?;
    let snapshot = agent.look_now();
    let samples = snapshot.edges.iter().map(|view| &view.sample);
    let mut edges: Vec<EdgeRow> = samples
        .filter(|sample| !sample.counters.is_zero())
        .map(|sample| EdgeRow::of(&snapshot.node, sample))
        .collect();
    let mut expected = outcome.expected;
    edges.sort();
    expected.sort();
    agent.shutdown();
    let exact = edges == expected && !expected.is_empty();
    output::print(&if options.json {
        format!("{}\n", json!({ "edges": edges, "expected": expected, "losses": snapshot.losses }))
    } else {
        verdict(&edges, &expected, &snapshot.losses)
    })?;
    if exact { Ok(()) } else { Err(CliError::Inexact { wrong: wrong(&edges, &expected) }) }
}

fn verdict(edges: &[EdgeRow], expected: &[EdgeRow], losses: &Losses) -> String {
    let table = super::edges::plain(edges, losses, output::colour());
    let right = edges.iter().filter(|edge| expected.contains(edge)).count();
    format!(
        "{table}\n{right} of {} edges equal the independent packet count, to the byte and the packet.\n",
        expected.len()
    )
}

fn wrong(edges: &[EdgeRow], expected: &[EdgeRow]) -> usize {
    let missing = expected.iter().filter(|row| !edges.contains(row)).count();
    let extra = edges.iter().filter(|row| !expected.contains(row)).count();
    missing.max(extra)
}

/// Every client to its service, over each protocol and family, and one to a provider directly.
fn known_traffic(topology: &Topology) -> Plan {
    let mut transfers = Vec::new();
    for (index, client) in (1_u64..).zip(&topology.clients) {
        let [.., last] = client.address.octets();
        let v6 = IpAddr::from([0xfd11, 1, 1, 0, 0, 0, 0, u16::from(last)]);
        let service = || Target::Service(client.service.clone());
        for (address, protocol) in [
            (client.address.into(), Protocol::TCP),
            (client.address.into(), Protocol::UDP),
            (v6, Protocol::TCP),
        ] {
            transfers.push(known(address, service(), protocol, index));
        }
    }
    if let (Some(client), Some(service)) = (topology.clients.first(), topology.services.first())
        && let Some(provider) = service.providers.first()
    {
        let direct = Target::Direct(SocketAddr::from((*provider, service.provider_port)));
        transfers.push(known(client.address.into(), direct, Protocol::TCP, 1));
    }
    Plan { transfers }
}

fn known(client: IpAddr, target: Target, protocol: Protocol, index: u64) -> Transfer {
    Transfer {
        client,
        target,
        protocol,
        bytes_out: 10_000 * index,
        bytes_in: 250_000 * index,
        connections: 7,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    }
}

fn agent(
    lab: &Arc<Lab>,
    options: &DemoOptions,
    interval: Duration,
) -> Result<AgentHandle, CliError> {
    let node = lab.nodes().first().ok_or(CliError::EmptyLab)?;
    let config = Config {
        node: node.name.clone(),
        interval,
        source: options.source,
        // The node is ours, made a moment ago: there is nobody to ask.
        enable_conntrack_accounting: true,
        ..Config::default()
    };
    let (lab, mut open) = (Arc::clone(lab), kernel_source(options.source));
    let opener = move || -> Result<Box<dyn TrafficSource>, BoxError> {
        let node = lab.nodes().first().ok_or("the lab has no node")?;
        node.namespace().enter_current_thread()?;
        open()
    };
    Ok(start_with(opener, Options::new(config))?)
}
