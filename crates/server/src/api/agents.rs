//! How the agents are, as far as this server asks them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use svcflow_collector::Collector;
use svcflow_collector::status::{AgentState, NodeDocument};
use svcflow_map::document::{Node, NodeState, SourceName};
use svcflow_map::{Millis, in_words};
use svcflow_model::Cidr;

/// An agent, and which addresses live on its node.
#[derive(Clone, Debug)]
pub struct Agent {
    /// As it is shown; its losses are found in the store.
    pub node: Node,
    /// Networks of its node's own.
    pub lives: Vec<Cidr>,
}

/// Knows how the agents are.
pub trait Agents: Send + Sync + 'static {
    /// Every agent that was asked already, at `now` (milliseconds since 1970).
    fn agents(&self, now: Millis) -> Vec<Agent>;

    /// How many there are, also those that were not asked yet.
    fn count(&self) -> usize;
}

/// A server that asks no agents.
#[derive(Clone, Copy, Debug)]
pub struct NoAgents;

impl Agents for NoAgents {
    fn agents(&self, _: Millis) -> Vec<Agent> {
        Vec::new()
    }

    fn count(&self) -> usize {
        0
    }
}

/// What asks a running collector; `None` once it was stopped.
type Ask = dyn Fn() -> Option<svcflow_collector::status::NodesDocument> + Send + Sync;

/// The agents of a collector.
pub struct Collected {
    ask: Box<Ask>,
    /// Since when each target is in its state.
    since: Mutex<HashMap<String, (NodeState, Millis)>>,
}

impl Collected {
    /// Of a collector that is reached in this way.
    pub fn new(
        ask: impl Fn() -> Option<svcflow_collector::status::NodesDocument> + Send + Sync + 'static,
    ) -> Self {
        Self { ask: Box::new(ask), since: Mutex::default() }
    }

    /// Of this collector.
    #[must_use]
    pub fn of(collector: Arc<Collector>) -> Self {
        Self::new(move || Some(collector.nodes()))
    }
}

impl Agents for Collected {
    fn agents(&self, now: Millis) -> Vec<Agent> {
        let Some(document) = (self.ask)() else { return Vec::new() };
        let interval = milliseconds(document.interval_seconds);
        let mut since = self.since.lock();
        let known: Vec<Agent> = document
            .nodes
            .into_iter()
            .filter_map(|agent| {
                let state = state(agent.state)?;
                let seen = agent.last_seen.as_deref().and_then(millis);
                let entry = since.entry(agent.target.clone()).or_insert((state, now));
                if entry.0 != state {
                    *entry = (state, now);
                }
                let since = match state {
                    NodeState::Ok => entry.1,
                    _ => seen.map_or(entry.1, |seen| seen.min(entry.1)),
                };
                let lives = agent.lives.iter().filter_map(|network| network.parse().ok()).collect();
                Some(Agent { node: node(agent, state, since, seen, interval, now), lives })
            })
            .collect();
        since.retain(|target, _| known.iter().any(|agent| agent.node.address == *target));
        known
    }

    fn count(&self) -> usize {
        (self.ask)().map_or(0, |document| document.nodes.len())
    }
}

/// `None` before the first answer or failure: there is nothing to say yet.
const fn state(state: AgentState) -> Option<NodeState> {
    match state {
        AgentState::Pending => None,
        AgentState::Ok => Some(NodeState::Ok),
        AgentState::Late => Some(NodeState::Late),
        AgentState::Unreachable => Some(NodeState::Unreachable),
        AgentState::Faulty => Some(NodeState::Faulty),
        AgentState::Duplicate => Some(NodeState::Duplicate),
    }
}

fn node(
    agent: NodeDocument,
    state: NodeState,
    since: Millis,
    seen: Option<Millis>,
    interval: i64,
    now: Millis,
) -> Node {
    let well = state == NodeState::Ok;
    let source = agent.source.unwrap_or_default();
    let behind = seen.is_some().then_some(agent.lag_seconds).flatten().map(milliseconds);
    let message = agent.reason.filter(|_| !well).map(|reason| match (state, seen) {
        (NodeState::Unreachable, Some(seen)) => {
            format!("It has not answered for {}: {reason}.", in_words(now.saturating_sub(seen)))
        }
        (NodeState::Unreachable, None) => format!("It has never answered: {reason}."),
        _ => sentence(&reason),
    });
    Node {
        name: agent.node.unwrap_or_else(|| agent.target.clone()),
        state,
        state_since: since,
        message: message.or_else(|| (!well).then(|| "It is not well.".to_owned())),
        remedy: remedy(state, &agent.target),
        last_seen: seen,
        interval: Some(interval),
        lag: behind,
        skew: agent.clock_skew_seconds.map(milliseconds),
        edges: seen.is_some().then_some(agent.edges),
        connections: source.connections,
        version: (!source.version.is_empty()).then_some(source.version),
        source: (!source.name.is_empty())
            .then_some(SourceName { name: source.name, reason: source.reason }),
        blind_spots: source.blind_spots,
        losses: Vec::new(),
        address: agent.target,
    }
}

fn remedy(state: NodeState, target: &str) -> Option<String> {
    Some(match state {
        NodeState::Ok => return None,
        NodeState::Late => {
            "See what slows the agent down: its /healthz, the load of its host, the network.".to_owned()
        }
        NodeState::Unreachable => format!(
            "See that the agent runs (systemctl status svcflow-agent) and that this server reaches {target}."
        ),
        NodeState::Faulty => {
            "Look into the agent's log; see that agent and server are of the same version and that its token is right."
                .to_owned()
        }
        NodeState::Duplicate => {
            "Give each agent a name of its own: `node` in its configuration.".to_owned()
        }
    })
}

fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; times of agents are small")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}

fn millis(rfc3339: &str) -> Option<Millis> {
    let at = humantime::parse_rfc3339(rfc3339).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use svcflow_agent::SourceDocument;
    use svcflow_collector::status::NodesDocument;

    use super::*;

    fn document(state: AgentState, reason: Option<&str>) -> NodesDocument {
        let node = NodeDocument {
            target: "10.0.0.12:4000".to_owned(),
            node: Some("n2".to_owned()),
            state,
            reason: reason.map(str::to_owned),
            last_seen: Some("2026-09-21T14:00:00Z".to_owned()),
            lag_seconds: Some(723.5),
            clock_skew_seconds: Some(-0.25),
            ..NodeDocument::default()
        };
        NodesDocument {
            at: String::new(),
            interval_seconds: 10.0,
            shard: "1/1".to_owned(),
            nodes: vec![node],
            sinks: vec![],
            discovery_faults: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn connections_are_known_where_the_source_follows_them() {
        let of = |connections| {
            let mut document = document(AgentState::Ok, None);
            document.nodes[0].source =
                Some(SourceDocument { connections, ..SourceDocument::default() });
            Collected::new(move || Some(document.clone())).agents(0).remove(0).node.connections
        };
        assert_eq!((of(Some(0)), of(Some(42)), of(None)), (Some(0), Some(42), None));
    }

    #[test]
    fn what_lives_on_a_node_is_known() {
        let mut document = document(AgentState::Ok, None);
        document.nodes[0].lives = vec!["10.1.1.0/24".to_owned(), "192.0.2.7".to_owned()];
        let lives = Collected::new(move || Some(document.clone())).agents(0).remove(0).lives;
        let expected: Vec<Cidr> =
            ["10.1.1.0/24", "192.0.2.7/32"].map(|it| it.parse().unwrap()).into();
        assert_eq!(lives, expected);
    }

    #[test]
    fn a_fault_is_said_in_sentences_with_what_to_do() {
        let seen = millis("2026-09-21T14:00:00Z").unwrap();
        let now = seen + 12 * 60_000 + 5;
        let state = Arc::new(Mutex::new((AgentState::Ok, None)));
        let shared = Arc::clone(&state);
        let agents = Collected::new(move || {
            let (state, reason) = *shared.lock();
            Some(document(state, reason))
        });
        let ok = agents.agents(seen).remove(0).node;
        assert_eq!(
            (ok.state, ok.state_since, ok.message, ok.remedy),
            (NodeState::Ok, seen, None, None)
        );
        assert_eq!((ok.lag, ok.skew, ok.interval), (Some(723_500), Some(-250), Some(10_000)));
        *state.lock() = (AgentState::Unreachable, Some("connection refused"));
        let gone = agents.agents(now).remove(0).node;
        assert_eq!(gone.state_since, seen);
        assert_eq!(
            gone.message.as_deref(),
            Some("It has not answered for 12 minutes: connection refused.")
        );
        assert!(gone.remedy.unwrap().contains("10.0.0.12:4000"));
        *state.lock() = (AgentState::Faulty, Some("its answer is not JSON"));
        assert_eq!(
            agents.agents(now).remove(0).node.message.as_deref(),
            Some("Its answer is not JSON.")
        );
        *state.lock() = (AgentState::Pending, None);
        assert!(agents.agents(now).is_empty());
    }
}
