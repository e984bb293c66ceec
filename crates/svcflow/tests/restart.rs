//! The real agent, killed with SIGKILL under real traffic and started again: not a byte lost, none twice.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use svcflow_agent::EdgesDocument;
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{EdgeRow, Protocol};

const AGENT: &str = "127.0.0.1:4000";

/// An agent in the lab's first node.
struct Agent<'a> {
    lab: &'a Lab,
    child: Child,
}

impl<'a> Agent<'a> {
    fn start(lab: &'a Lab, state: &Path) -> Self {
        let spawn = || {
            Command::new(env!("CARGO_BIN_EXE_svcflow"))
                .args(["agent", "--source", "nftables", "--interval", "200ms", "--node", "node1"])
                .args(["--listen", AGENT, "--duration", "60s", "--state-dir"])
                .arg(state)
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let child = lab.nodes().first().unwrap().namespace().run(spawn).unwrap();
        let agent = Self { lab, child };
        assert!((0..100).any(|_| agent.edges().is_some()), "the agent answers");
        agent
    }

    /// The edges of a look taken now, those with traffic; our own questions over loopback left out.
    fn edges(&self) -> Option<Vec<EdgeRow>> {
        let ask = || {
            std::thread::sleep(Duration::from_millis(50));
            let mut answer =
                ureq::get(format!("http://{AGENT}/api/v1/edges?fresh=1")).call().ok()?;
            serde_json::from_str::<EdgesDocument>(&answer.body_mut().read_to_string().ok()?).ok()
        };
        let document = self.lab.nodes().first().unwrap().namespace().run(ask).unwrap()?;
        let rows = document.edges.into_iter().map(|edge| edge.row);
        let mut rows: Vec<EdgeRow> =
            rows.filter(|row| !row.counters().is_zero() && !row.endpoint.is_loopback()).collect();
        rows.sort();
        Some(rows)
    }

    /// Waits until the agent shows `expected`; what it shows at last otherwise.
    fn shows(&self, expected: &[EdgeRow]) -> Vec<EdgeRow> {
        let mut shown = Vec::new();
        for _ in 0..60 {
            shown = self.edges().unwrap_or_default();
            if shown == expected {
                break;
            }
        }
        shown
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, nothing is said.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn plan() -> Plan {
    let transfer = |client: &str, protocol| Transfer {
        client: client.parse().unwrap(),
        target: Target::Service("default:app-db".to_owned()),
        protocol,
        bytes_out: 20_000,
        bytes_in: 300_000,
        connections: 4,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    };
    let transfers =
        vec![transfer("11.1.1.4", Protocol::TCP), transfer("fd11:1:1::4", Protocol::UDP)];
    Plan { transfers }
}

/// Adds a run's count to what is expected so far.
fn add(expected: &mut Vec<EdgeRow>, more: Vec<EdgeRow>) {
    for row in more {
        match expected.iter_mut().find(|known| known.edge() == row.edge()) {
            Some(known) => {
                let mut sum = known.counters();
                sum.add(&row.counters());
                *known = EdgeRow::new(&known.node, &known.edge(), &sum);
            }
            None => expected.push(row),
        }
    }
    expected.sort();
}

#[test]
fn a_killed_agent_goes_on_where_the_kernel_is() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: this test needs root: run `sudo make test`");
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let up = || Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
    lab.nodes().first().unwrap().namespace().run(up).unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 1..=3 {
        let agent = Agent::start(&lab, state.path());
        assert_eq!(agent.shows(&expected), expected, "round {round}, at the start");
        add(&mut expected, lab.run(&plan()).unwrap().expected);
        assert_eq!(agent.shows(&expected), expected, "round {round}, under the agent");
        add(&mut expected, lab.run(&plan()).unwrap().expected);
        drop(agent);
        add(&mut expected, lab.run(&plan()).unwrap().expected);
    }
}
