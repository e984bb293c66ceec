//! Names through the whole of a cluster: agents that know them, a server that gathers and stores them, and what is
//! asked of it afterwards. Past samples keep past owners.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[path = "../../topology/tests/support/etcd.rs"]
mod etcd;
mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::program::Program;
use support::{Agent, Edges, agent_with, amount, edge};
use svcflow_agent::{Config, Options};
use svcflow_model::Timestamp;
use svcflow_topology::{
    Facts, Journal, Limits, Names, Owner, OwnerKind, Port, Service, SourceId, Topology, Update,
};

const INTERVAL: Duration = Duration::from_millis(200);

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp(time.0 + i64::try_from(by.as_nanos()).unwrap())
}

/// An agent whose names a test tells, as its sources would.
struct Node {
    agent: Agent,
    edges: Edges,
    topology: Topology,
    source: SourceId,
    names: Names,
    journal: Journal,
}

impl Node {
    fn start(node: &str, source: &str) -> Self {
        let edges: Edges = Arc::default();
        let config = Config { node: node.to_owned(), interval: INTERVAL, ..Config::default() };
        let journal = Journal::default();
        let options = Options { journal: Some(journal.clone()), ..Options::new(config) };
        let names = options.names.clone();
        let agent = agent_with(Arc::clone(&edges), options);
        let mut topology = Topology::new(Limits::default());
        let source = topology.add_source(source).unwrap();
        Self { agent, edges, topology, source, names, journal }
    }

    fn tell(&mut self, update: Update) {
        self.topology.apply(self.source, update);
        self.names.publish(self.topology.snapshot());
        self.journal.note(self.topology.take_records());
    }

    /// Moves bytes until it is dropped.
    fn busy(&self) -> Busy {
        let edges = Arc::clone(&self.edges);
        let run = Arc::new(Mutex::new(true));
        let running = Arc::clone(&run);
        let thread = std::thread::spawn(move || {
            for n in 1.. {
                if !*running.lock().unwrap() {
                    return;
                }
                let edge = edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.1:80");
                *edges.lock().unwrap() = vec![(edge, amount(n))];
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Busy { run, thread: Some(thread) }
    }
}

struct Busy {
    run: Arc<Mutex<bool>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.run.lock().unwrap() = false;
        self.thread.take().unwrap().join().unwrap();
    }
}

fn container(identity: &str, name: &str, address: &str, since: Option<Timestamp>) -> Owner {
    Owner {
        identity: identity.to_owned(),
        name: name.to_owned(),
        kind: OwnerKind::Container,
        addresses: vec![address.parse().unwrap()],
        labels: [("version", name)].into_iter().collect(),
        node: None,
        since,
    }
}

fn service(name: &str) -> Service {
    Service {
        identity: "svc".to_owned(),
        tenant: "default".to_owned(),
        name: name.to_owned(),
        addresses: vec!["100.1.1.3".parse().unwrap()],
        ports: vec!["8080:80:TCP".parse::<Port>().unwrap()],
        ..Service::default()
    }
}

/// The names of the busy edge in the half second before `until`.
fn shown(server: &Program, until: Timestamp) -> Option<(String, String)> {
    let until = until.0 / 1_000_000;
    let table = server.get(&format!("/api/v1/edges?from={}&until={until}", until - 500));
    let row = table["rows"].as_array()?.first()?;
    let text = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
    Some((text("service_name"), text("provider_name")))
}

/// Who had an address at a time, by InfluxDB's interface alone: the record that lasts then.
fn stored(server: &Program, address: &str, at: Timestamp) -> Vec<String> {
    let query = format!(
        "SELECT body, \"until\" FROM names.svcflow_topology WHERE kind = 'owner' AND time <= {} GROUP BY identity",
        at.0
    );
    let mut names = Vec::new();
    for series in server.query(&query) {
        for row in series["values"].as_array().unwrap() {
            let lasts = row[2].as_i64().is_none_or(|until| at.0 < until);
            let owner: Value = serde_json::from_str(row[1].as_str().unwrap()).unwrap();
            if lasts && owner["addresses"][0] == address {
                names.push(owner["name"].as_str().unwrap().to_owned());
            }
        }
    }
    names
}

/// One container after another at an address, all within a second; a container and a service renamed; each
/// past sample has the names of its time, in the JSON API and in InfluxDB's interface, also after a restart.
#[test]
fn past_samples_keep_past_owners() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start("n1", "docker");
    let busy = node.busy();
    let server = Program::server(folder.path(), &Program::collecting(&[&node.agent.url]));
    let begin = now();
    let facts = Facts {
        owners: vec![container("id-a", "a", "10.1.1.1", Some(begin))],
        services: vec![service("app")],
        faults: Vec::new(),
    };
    node.tell(Update::Listed { at: now(), facts });
    server.until("counted", |it| shown(it, now()).filter(|it| it.1 == "a"));

    let printed = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_svcflow"));
        let output = command.args(args).args(["--agent", &node.agent.url]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = printed(&["edges"]);
    assert!(table.contains("11.1.1.2  default:app (100.1.1.3:8080)  a (10.1.1.1:80)"), "{table}");
    let edges: Value = serde_json::from_str(&printed(&["edges", "--json"])).unwrap();
    let edge = &edges["edges"][0];
    assert_eq!(
        (&edge["service"], &edge["service_name"]),
        (&json!("100.1.1.3"), &json!("default:app"))
    );
    assert_eq!((&edge["provider"], &edge["provider_name"]), (&json!("10.1.1.1"), &json!("a")));
    // The filter of the page, by names and labels too.
    for (filter, selected) in [
        ("version=a name:app", 1),
        ("version in (a, \"b c\")", 1),
        ("!version", 0),
        ("node:other", 0),
    ] {
        let printed = printed(&["edges", "--json", "--filter", filter]);
        let edges: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(edges["edges"].as_array().unwrap().len(), selected, "{filter}: {printed}");
    }

    // The address is used again twice within one second, and the middle one is never seen by a question.
    let first_end = now();
    let second = later(first_end, Duration::from_millis(100));
    let third = later(first_end, Duration::from_millis(400));
    std::thread::sleep(Duration::from_millis(500));
    node.tell(Update::OwnerEnded { at: first_end, identity: "id-a".to_owned() });
    let owner = container("id-b", "b", "10.1.1.1", Some(second));
    node.tell(Update::Owner { at: second, owner });
    node.tell(Update::OwnerEnded { at: third, identity: "id-b".to_owned() });
    let owner = container("id-c", "c", "10.1.1.1", Some(third));
    node.tell(Update::Owner { at: third, owner });
    // A late word about the first must not touch its successors.
    node.tell(Update::OwnerEnded { at: now(), identity: "id-a".to_owned() });
    server.until("c", |it| shown(it, now()).filter(|it| it.1 == "c"));

    // Renamed, container and service.
    let renamed = now();
    let owner = container("id-c", "c-new", "10.1.1.1", Some(third));
    node.tell(Update::Owner { at: renamed, owner });
    node.tell(Update::Service { at: renamed, service: service("shop") });
    server.until("renamed", |it| shown(it, now()).filter(|it| it.1 == "c-new"));

    let name = |service: &str, provider: &str| Some((service.to_owned(), provider.to_owned()));
    let is_right = |server: &Program| {
        assert_eq!(shown(server, first_end), name("default:app", "a"));
        assert_eq!(
            shown(server, later(third, Duration::from_millis(100))),
            name("default:app", "c")
        );
        assert_eq!(
            shown(server, later(renamed, Duration::from_millis(500))),
            name("default:shop", "c-new")
        );
        assert_eq!(stored(server, "10.1.1.1", later(begin, Duration::from_nanos(1))), ["a"]);
        assert_eq!(
            stored(server, "10.1.1.1", later(first_end, Duration::from_millis(50))),
            [""; 0]
        );
        assert_eq!(stored(server, "10.1.1.1", second), ["b"]);
        assert_eq!(stored(server, "10.1.1.1", later(third, Duration::from_millis(1))), ["c"]);
        assert_eq!(stored(server, "10.1.1.1", now()), ["c-new"]);
        let topology = server.get(&format!("/api/v1/topology?at={}", first_end.0 / 1_000_000 - 1));
        let owner =
            topology["owners"].as_array().unwrap().iter().find(|it| it["address"] == "10.1.1.1");
        assert_eq!(owner.unwrap()["name"], "a");
        assert_eq!(owner.unwrap()["labels"]["version"], "a");
        assert_eq!(owner.unwrap()["source"], "agents-docker");
    };
    is_right(&server);

    // Killed, so that only what was stored is known; the agent's node is gone meanwhile.
    drop(server);
    drop(busy);
    drop(node);
    let server = Program::server(folder.path(), &Program::collecting(&["127.0.0.1:9"]));
    is_right(&server);
    server.terminate();
}

/// A server's own sources, and what becomes of the names of one that is configured no longer.
#[test]
fn a_source_that_is_gone_keeps_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("names.toml");
    let write = |name: &str| {
        std::fs::write(
            &file,
            format!("[[owner]]\nname = \"{name}\"\naddresses = [\"10.1.1.1\"]\n"),
        )
        .unwrap();
    };
    write("first");
    let settings = format!("[names]\nfile = {file:?}\n[collector]\n");
    let server = Program::server(folder.path(), &settings);
    let named = |server: &Program, at: Timestamp| {
        let topology = server.get(&format!("/api/v1/topology?at={}", at.0 / 1_000_000));
        topology["owners"]
            .as_array()
            .unwrap()
            .first()
            .map(|it| it["name"].as_str().unwrap().to_owned())
    };
    server.until("named", |it| named(it, now()).filter(|it| it == "first"));
    let first = now();
    std::thread::sleep(Duration::from_millis(5));
    write("second");
    server.until("renamed", |it| named(it, now()).filter(|it| it == "second"));
    let second = now();
    server.terminate();

    let server = Program::server(folder.path(), "[collector]\n");
    assert_eq!(named(&server, first).as_deref(), Some("first"));
    assert_eq!(named(&server, second).as_deref(), Some("second"));
    assert_eq!(named(&server, now()), None, "nobody says so any more");
    let sources = server.get("/api/v1/topology")["sources"].clone();
    assert!(!sources.to_string().contains("static"), "{sources}");
    server.terminate();

    // Back again, and what was said meanwhile still isn't.
    let server = Program::server(folder.path(), &settings);
    server.until("named again", |it| named(it, now()).filter(|it| it == "second"));
    assert_eq!(named(&server, second).as_deref(), Some("second"));
    server.terminate();
}

fn services_of(server: &Program) -> Value {
    server.get("/services")
}

/// Two agents, one of which is started again with fewer names, and then leaves.
#[test]
fn names_of_agents_come_and_go_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("agents");
    let mut nodes = ["n1", "n2"].map(|name| Node::start(name, "docker"));
    let list = |urls: &[&str]| std::fs::write(&agents, urls.join("\n")).unwrap();
    list(&[&nodes[0].agent.url, &nodes[1].agent.url]);
    let settings = format!(
        "[collector]\ninterval = \"200ms\"\ntimeout = \"200ms\"\nagents_files = [{agents:?}]\n"
    );
    let server = Program::server(folder.path(), &settings);
    let owners = |server: &Program| {
        let topology = server.get("/api/v1/topology");
        let owners = topology["owners"].as_array().unwrap().clone();
        owners
            .iter()
            .map(|it| format!("{} {}", it["node"], it["name"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    for (n, node) in nodes.iter_mut().enumerate() {
        let owners = vec![container("id", &format!("c{n}"), &format!("10.1.1.{n}"), None)];
        let services = if n == 0 { vec![service("app")] } else { Vec::new() };
        node.tell(Update::Listed {
            at: now(),
            facts: Facts { owners, services, faults: Vec::new() },
        });
    }
    server.until("both", |it| (owners(it) == ["n1 c0", "n2 c1"]).then_some(()));
    assert_eq!(services_of(&server)["children_struct"]["topLevel"], json!(["default:app"]));
    // The first is asked no longer.
    list(&[&nodes[1].agent.url]);
    server.until("one", |it| (owners(it) == ["n2 c1"]).then_some(()));
    // And again: it goes on as it was.
    list(&[&nodes[0].agent.url, &nodes[1].agent.url]);
    server.until("both again", |it| (owners(it) == ["n1 c0", "n2 c1"]).then_some(()));
    nodes[0].tell(Update::OwnerEnded { at: now(), identity: "id".to_owned() });
    server.until("ended", |it| (owners(it) == ["n2 c1"]).then_some(()));
}

/// Nodes that register in a real etcd, as Contiv's Netplugin does, in Consul's KV, and listed.
#[test]
fn agents_are_found_where_contivs_nodes_register() {
    let folder = tempfile::tempdir().unwrap();
    let url = etcd::free();
    let Some(registry) = etcd::etcd(&folder.path().join("etcd"), &url, true) else { return };
    let node = Node::start("n1", "docker");
    let (_, port) = node.agent.url.rsplit_once(':').unwrap();
    let settings = format!(
        "[collector]\ninterval = \"200ms\"\ntimeout = \"200ms\"\nagents = [\"127.0.0.1:9\"]\n\
         agents_etcd = [{url:?}]\nagents_consul = [\"http://127.0.0.1:9\"]\nagents_port = {port}\n"
    );
    let server = Program::server(folder.path(), &settings);
    let states = |server: &Program| {
        let nodes = server.get("/api/v1/nodes")["nodes"].as_array().unwrap().clone();
        nodes
            .iter()
            .map(|it| format!("{} {}", it["name"], it["state"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    server.until("the listed one", |it| (states(it) == ["127.0.0.1:9 unreachable"]).then_some(()));
    etcd::put(&url, "127.0.0.1:9002");
    let both = ["127.0.0.1:9 unreachable", "n1 ok"];
    server.until("registered", |it| (states(it) == both).then_some(()));
    // A registry that is away takes no node with it.
    drop(registry);
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(100));
        // Late for once is no fault on a busy machine; gone would be.
        assert_eq!(states(&server).len(), 2);
    }
    server.until("both still there", |it| (states(it) == both).then_some(()));
}
