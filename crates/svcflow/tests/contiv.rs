//! The whole old flow, over live traffic: lab -> Netplugin and Netmaster stand-ins -> the real agent -> what the
//! page, Telegraf and scripts ask it for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svcflow_agent::EdgesDocument;
use svcflow_lab::standin::contiv::{Shape, netmaster, svcstats};
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{Counters, EdgeRow, Protocol};

/// The real agent, asked over HTTP.
struct Agent {
    child: Child,
    url: String,
}

impl Agent {
    fn start(netplugin: &str, netmaster: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_svcflow"))
            .args([
                "agent",
                "--source",
                "contiv",
                "--netplugin",
                netplugin,
                "--netmaster",
                netmaster,
            ])
            .args(["--interval", "200ms", "--listen", "127.0.0.1:0", "--duration", "120s"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = said.find(|line| line.starts_with("listening on ")).unwrap();
        std::thread::spawn(move || said.for_each(drop));
        Self { child, url: line.trim_start_matches("listening on ").to_owned() }
    }

    fn get(&self, route: &str) -> Value {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let answer = ureq::Agent::from(config).get(format!("{}{route}", self.url)).call();
        serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap()
    }

    fn edges(&self) -> EdgesDocument {
        serde_json::from_value(self.get("/api/v1/edges?fresh=1")).unwrap()
    }

    /// Asks until the answer is as wanted.
    fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            if let Some(found) = ask(self) {
                return found;
            }
            assert!(Instant::now() < end, "not {what}: {:#?}", self.edges());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn transfer(client: &str, target: Target, connections: u32) -> Transfer {
    Transfer {
        client: client.parse().unwrap(),
        target,
        protocol: Protocol::TCP,
        bytes_out: 10_000,
        bytes_in: 1_000_000,
        connections,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    }
}

/// One client to both services, over many providers; another to one.
fn plan() -> Plan {
    let service = |name: &str| Target::Service(name.to_owned());
    Plan {
        transfers: vec![
            transfer("11.1.1.1", service("default:app-svc"), 20),
            transfer("11.1.1.1", service("default:app-db"), 6),
            transfer("11.1.1.4", service("default:app-db"), 1),
        ],
    }
}

type ServiceKey = (IpAddr, Option<IpAddr>);

fn sums(rows: &[EdgeRow]) -> BTreeMap<ServiceKey, Counters> {
    let mut sums = BTreeMap::<ServiceKey, Counters>::new();
    for row in rows.iter().filter(|row| !row.counters().is_zero()) {
        sums.entry((row.endpoint, row.service)).or_default().add(&row.counters());
    }
    sums
}

/// The agent's edges once their sums are those of the truth.
fn settled(agent: &Agent, truth: &[EdgeRow]) -> EdgesDocument {
    agent.until("settled", |agent| {
        let document = agent.edges();
        let rows: Vec<EdgeRow> = document.edges.iter().map(|edge| edge.row.clone()).collect();
        (sums(&rows) == sums(truth)).then_some(document)
    })
}

#[test]
fn the_old_backends_whole_flow_over_live_traffic() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: this test needs root: run `sudo make test`");
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let truth: Arc<Mutex<Vec<EdgeRow>>> = Arc::default();
    let told = Arc::clone(&truth);
    let answer = move |shape| {
        let told = Arc::clone(&told);
        move |target: &str| match target {
            "/svcstats" => Reply::ok(svcstats(&told.lock().unwrap(), shape)),
            _ => Reply::status(404, "404 page not found"),
        }
    };
    let plugin = StandIn::start(answer(Shape::Object)).unwrap();
    let master = StandIn::start(|target| netmaster(&Topology::demo(), target)).unwrap();
    let agent = Agent::start(&plugin.url(), &master.url());
    agent.until("the first look", |agent| (agent.edges().sequence > 0).then_some(()));

    let mut all = lab.run(&plan()).unwrap().expected;
    truth.lock().unwrap().clone_from(&all);
    let document = settled(&agent, &all);
    // Incoming is exact an edge; one provider alone is exact both ways, and unmarked.
    for row in &all {
        let found = document.edges.iter().find(|edge| edge.row.edge() == row.edge()).unwrap();
        assert_eq!((found.row.bytes_in, found.row.packets_in), (row.bytes_in, row.packets_in));
        let alone = row.endpoint.to_string() == "11.1.1.4";
        assert_eq!(found.marks.unsplit, !alone, "{row:?}");
        assert_eq!(found.row.counters() == row.counters(), alone, "{row:?}");
    }
    let nobody = document.edges.iter().filter(|edge| edge.row.provider.is_unspecified());
    assert_eq!(nobody.count(), 2, "app-svc's and app-db's of the first client");

    // Netplugin is started again and answers in the older shape; its counters begin anew.
    truth.lock().unwrap().clear();
    plugin.answer(answer(Shape::Array));
    agent.until("a look at nothing", |agent| {
        (agent.edges().sequence > document.sequence + 1).then_some(())
    });
    let more = lab.run(&plan()).unwrap().expected;
    truth.lock().unwrap().clone_from(&more);
    all.extend(more);
    settled(&agent, &all);

    the_page_and_scripts(&agent, &all);

    // Netplugin is gone: what was counted stays, and the agent says what is wrong.
    let address = plugin.address();
    drop(plugin);
    let health = agent.until("failing", |agent| {
        let health = agent.get("/healthz");
        (health["status"] == "failing").then_some(health)
    });
    assert!(health["reason"].as_str().unwrap().contains(&address.to_string()), "{health}");
    assert_eq!(
        sums(&agent.edges().edges.into_iter().map(|it| it.row).collect::<Vec<_>>()),
        sums(&all)
    );
}

#[test]
fn accounting_never_waits_for_names() {
    let plugin = StandIn::start(|_| Reply::ok("{}")).unwrap();
    let master = StandIn::start(|_| Reply::ok("[]").after(Duration::from_secs(60))).unwrap();
    let agent = Agent::start(&plugin.url(), &master.url());
    let first =
        agent.until("the first look", |agent| Some(agent.edges().sequence).filter(|it| *it > 0));
    // Well before the names' source answers, which takes it a minute.
    let began = Instant::now();
    agent.until("looks", |agent| (agent.edges().sequence >= first + 5).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    assert_eq!(agent.get("/services")["children_struct"], json!({"topLevel": []}));
    let notes = agent.until("named as ill", |agent| {
        let notes = agent.get("/healthz")["notes"].to_string();
        notes.contains("no names from `contiv`").then_some(notes)
    });
    assert!(notes.contains("did not answer within"), "{notes}");
}

fn the_page_and_scripts(agent: &Agent, all: &[EdgeRow]) {
    let services = agent.until("named", |agent| {
        let services = agent.get("/visualization/services");
        (services["children_struct"]["topLevel"].as_array()?.len() == 2
            && services["labels"]["10.1.1.1"]["version"] == "1.0")
            .then_some(services)
    });
    let children = &services["children_struct"];
    assert_eq!(children["topLevel"], json!(["default:app-db", "default:app-svc"]));
    assert_eq!(children["default:app-svc"].as_array().unwrap().len(), 14);
    assert_eq!(children["default:app-db"].as_array().unwrap().len(), 3);
    assert_eq!(services["serviceSelectors"]["default:app-db"]["tier"], "db");
    // What Netplugin said is said again, quirk and all: nothing multiplied.
    let again = agent.get("/svcstats");
    let truth = sums(all);
    for ((endpoint, service), counters) in truth {
        let stats = &again[endpoint.to_string()]["SvcStats"][service.unwrap().to_string()];
        let expected = json!({"BytesIn": counters.bytes_in, "BytesOut": counters.bytes_out,
            "PacketsIn": counters.packets_in, "PacketsOut": counters.packets_out});
        assert_eq!(stats["SvcStats"], expected);
        assert_eq!(stats["ProvStats"][endpoint.to_string()]["BytesOut"], counters.bytes_out);
    }
    let one = agent.get("/11.1.1.4");
    assert!(one.is_array() || one["ServiceIP"] == "100.1.1.4", "{one}");
}
