//! `svcflow demo`: a small container network, an agent in its node, and a view of who talks to whom.

mod docker;
mod names;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use svcflow_agent::{
    AgentHandle, BoxError, Config, Options, Protection, kernel_source, start_with,
};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer, v6_of};
use svcflow_model::{EdgeRow, Losses, Protocol, Relation};
use svcflow_server::default_data;
use svcflow_source::TrafficSource;
use svcflow_topology::Names;
use tokio::sync::oneshot;

use docker::Containers;

use super::history::{History, Named};
use super::serving::{Listen, Serving};
use crate::args::{
    AccessArgs, AgentArgs, DemoOptions, EdgesArgs, FilterArgs, LabHostOptions, Runtime, SortBy,
    TopArgs,
};
use crate::exit::CliError;
use crate::settings::ServerFile;
use crate::until::Until;
use crate::{output, top};

/// The demo looks often, so that a newcomer needn't wait.
const INTERVAL: Duration = Duration::from_secs(1);
/// A look aligned to the hour: `--once` takes its own two.
const NO_LOOKS: Duration = Duration::from_secs(3_600);

pub(crate) fn run(options: &DemoOptions) -> Result<(), CliError> {
    // Asked before the namespace, where everybody is root.
    let data = options.data.clone().unwrap_or_else(|| default_data().join("demo"));
    // Early, while there is one thread: a process with several can't enter a user namespace.
    svcflow_lab::enter()?;
    let topology = Topology::demo();
    let topology = if options.clients { topology.with_second_node() } else { topology };
    let containers = match options.runtime {
        Runtime::Namespaces => Containers::default(),
        Runtime::Docker => Containers::start(&topology, &options.docker)?,
    };
    let lab = Arc::new(Lab::build_around(topology, &containers.namespaces())?);
    if options.once { once(&lab, options) } else { live(&lab, options, &containers, data) }
}

/// A container of the demo: serves its ports until its standard input ends, as it does with the demo.
pub(crate) fn host(options: &LabHostOptions) -> Result<(), CliError> {
    svcflow_lab::serve_here(options.address, &options.ports)?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).map_err(CliError::Output)?;
    Ok(())
}

fn live(
    lab: &Arc<Lab>,
    options: &DemoOptions,
    containers: &Containers,
    data: PathBuf,
) -> Result<(), CliError> {
    let sources = vec![names::source(lab.topology(), containers)];
    let named = Named { names: Names::default(), sources };
    let agents = agents(lab, options, INTERVAL, &named.names)?;
    let agent = agents.first().ok_or(CliError::EmptyLab)?;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    let listen = options.listen.map_or(Listen::From(usual), Listen::At);
    let any = Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    // Tables and the live view are of this agent; at the history's address the map has its routes' names.
    let own = Serving::start(agent, &any, Protection::default())?;
    // The other nodes' agents first: the history asks them, too.
    let mut others = Vec::new();
    for other in agents.iter().skip(1) {
        let serving = Serving::start(other, &any, Protection::default())?;
        output::say(&format!("serving {} at {}", other.shared().snapshot().node, serving.url()));
        others.push(serving);
    }
    let asked = others.iter().map(Serving::url).collect();
    let mut history = History::start(kept_in(data, asked), &listen, Some(agent.shared()), named)?;
    super::agent::say_what_is_seen(&agent.shared().snapshot());
    output::say(&format!(
        "the map: {}/ (also {0}/api/v1/edges?format=csv, {0}/services)",
        history.url()
    ));
    output::say(&format!(
        "history: svcflow query --url {} --db telegraf \"SELECT last(BytesIn) FROM httpjson_svcstats GROUP BY ServiceIP\"",
        history.url()
    ));
    let traffic = lab.background()?;
    let source = AgentArgs { agent: own.url(), access: AccessArgs::default() };
    let seen = watch(source, options, &mut history);
    drop(traffic);
    let finished = history.finish();
    drop((own, others));
    agents.into_iter().for_each(AgentHandle::shutdown);
    seen.and(finished)
}

/// What the demo's server is: it asks the demo's agents as often as those look.
fn kept_in(data: PathBuf, agents: Vec<String>) -> ServerFile {
    ServerFile {
        server: svcflow_server::Config { data, ..Default::default() },
        collector: Some(svcflow_collector::config::Config {
            interval: INTERVAL,
            timeout: INTERVAL,
            agents,
            ..Default::default()
        }),
        ..ServerFile::default()
    }
}

/// Shows the agent's edges until the user quits, the demo's time is over, a signal comes, or something fails.
fn watch(agent: AgentArgs, options: &DemoOptions, history: &mut History) -> Result<(), CliError> {
    let until = Until::after(options.duration);
    let (ended, end) = oneshot::channel();
    std::thread::scope(|scope| {
        let view = scope.spawn(|| {
            let seen = show(agent, options, &until);
            let _ = ended.send(());
            seen
        });
        let waited = history.wait(async { _ = end.await });
        until.tell();
        waited.and(view.join().unwrap_or(Ok(())))
    })
}

/// The live view; without a terminal a table (or a line of JSON) an interval.
fn show(agent: AgentArgs, options: &DemoOptions, until: &Until) -> Result<(), CliError> {
    let filter = FilterArgs::default();
    if output::is_terminal() && !options.json {
        return top::run(&TopArgs { agent, filter }, until);
    }
    let edges = EdgesArgs {
        agent,
        filter,
        service: None,
        endpoint: None,
        provider: None,
        sort: SortBy::Bytes,
        limit: None,
        json: options.json,
        watch: true,
    };
    super::edges::watch(&edges, until)
}

/// Exactly known traffic, compared edge by edge with the independent packet count.
fn once(lab: &Arc<Lab>, options: &DemoOptions) -> Result<(), CliError> {
    let agents = agents(lab, options, NO_LOOKS, &Names::default())?;
    let outcome = lab.run(&known_traffic(lab.topology()))?;
    let (mut edges, mut losses) = (Vec::new(), Losses::default());
    for agent in agents {
        let snapshot = agent.look_now();
        // The other node's clients are counted there; here it is the providers' side of the same.
        let own = snapshot.edges.iter().filter(|view| view.relation != Relation::ProviderNode);
        let moved = own.map(|view| &view.sample).filter(|sample| !sample.counters.is_zero());
        edges.extend(moved.map(|sample| EdgeRow::of(&snapshot.node, sample)));
        for (kind, loss) in snapshot.losses.iter() {
            losses.record(kind, loss.count, loss.bytes, loss.last);
        }
        agent.shutdown();
    }
    let mut expected = outcome.expected;
    edges.sort();
    expected.sort();
    let exact = edges == expected && !expected.is_empty();
    output::print(&if options.json {
        format!("{}\n", json!({ "edges": edges, "expected": expected, "losses": losses }))
    } else {
        verdict(&edges, &expected, &losses)
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
        let v6 = IpAddr::from(v6_of(client.address));
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

/// An agent in each node.
fn agents(
    lab: &Arc<Lab>,
    options: &DemoOptions,
    interval: Duration,
    names: &Names,
) -> Result<Vec<AgentHandle>, CliError> {
    (0..lab.nodes().len()).map(|index| agent(lab, index, options, interval, names)).collect()
}

fn agent(
    lab: &Arc<Lab>,
    index: usize,
    options: &DemoOptions,
    interval: Duration,
    names: &Names,
) -> Result<AgentHandle, CliError> {
    let node = lab.nodes().get(index).ok_or(CliError::EmptyLab)?;
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
        let node = lab.nodes().get(index).ok_or("the lab has no such node")?;
        node.namespace().enter_current_thread()?;
        open()
    };
    Ok(start_with(opener, Options { names: names.clone(), ..Options::new(config) })?)
}
