//! What was lost, is unknown or stale: the banner's sentences, and the page of the nodes.

use svcflow_topology::Snapshot;

use crate::coverage::Coverage;
use crate::document::{Hello, Node, NodeState, Nodes, Notice, Severity};
use crate::loss::{Losses, node_losses};
use crate::naming::millis;
use crate::time::{Millis, Span, in_words};
use crate::window::Window;

/// An agent's clock that is further off is worth a word.
const SKEW_MAX: i64 = 2_000;

/// What the store remembers of a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeHistory<'h> {
    /// Its name.
    pub name: &'h str,
    /// When it reported.
    pub coverage: Option<&'h Coverage>,
    /// What it lost.
    pub losses: &'h Losses,
}

/// Everything that there is to say of a window.
#[must_use]
pub fn notices<'h>(
    window: &Window,
    histories: impl Iterator<Item = NodeHistory<'h>>,
    agents: &[Node],
    names: &Snapshot,
    started: Millis,
) -> Vec<Notice> {
    let now = window.clock.now;
    let current = window.span.until >= window.clock.latest.unwrap_or(now);
    let mut all: Vec<Notice> = Vec::new();
    for history in histories {
        for (severity, loss) in node_losses(history.name, history.losses, window.span) {
            all.push(Notice {
                kind: loss.kind.name().to_owned(),
                severity,
                node: Some(history.name.to_owned()),
                count: Some(loss.count),
                bytes: loss.bytes,
                first: loss.first,
                last: loss.last,
                ongoing: false,
                message: loss.message,
                remedy: loss.remedy,
            });
        }
        let agent = agents.iter().find(|agent| agent.name == history.name);
        let gaps = history.coverage.map(|coverage| coverage.gaps(window.span, now));
        for gap in gaps.into_iter().flatten() {
            all.push(silence(history.name, agent, gap, gap.until >= now));
        }
    }
    if current {
        for agent in agents {
            let told = all.iter().any(|it| it.ongoing && it.node.as_deref() == Some(&*agent.name));
            all.extend(fault(agent, now).filter(|_| !told));
            all.extend(skew(agent, now));
            all.extend(blind_spots(agent, now));
        }
        all.extend(silent_sources(names, started, now));
    }
    all.sort_by(|a, b| {
        let order = |it: &Notice| (it.severity, !it.ongoing, -it.last);
        order(a).cmp(&order(b)).then_with(|| (&a.node, &a.kind).cmp(&(&b.node, &b.kind)))
    });
    all
}

const fn state_name(state: NodeState) -> &'static str {
    match state {
        NodeState::Ok => "ok",
        NodeState::Late => "late",
        NodeState::Unreachable => "unreachable",
        NodeState::Faulty => "faulty",
        NodeState::Duplicate => "duplicate",
    }
}

/// A node that did not report, or doesn't.
fn silence(node: &str, agent: Option<&Node>, gap: Span, ongoing: bool) -> Notice {
    let agent = agent.filter(|agent| ongoing && agent.state != NodeState::Ok);
    let kind =
        agent.map_or("no-report".to_owned(), |agent| format!("node-{}", state_name(agent.state)));
    let message = if ongoing {
        format!("{node}: nothing from its agent, so what it counts is missing")
    } else {
        format!(
            "{node}: no report for {}; what it counted is in the totals, but not when",
            in_words(gap.length())
        )
    };
    let why = agent.and_then(|agent| agent.message.clone());
    Notice {
        kind,
        severity: if ongoing { Severity::Error } else { Severity::Warning },
        node: Some(node.to_owned()),
        count: None,
        bytes: None,
        first: gap.from,
        last: gap.until,
        ongoing,
        message: why.map_or(message.clone(), |why| format!("{message}: {why}")),
        remedy: agent.and_then(|agent| agent.remedy.clone()),
    }
}

/// An agent that is not well, though its node is not silent (yet).
fn fault(agent: &Node, now: Millis) -> Option<Notice> {
    let why = agent.message.clone().filter(|_| agent.state != NodeState::Ok)?;
    Some(Notice {
        kind: format!("node-{}", state_name(agent.state)),
        severity: Severity::Error,
        node: Some(agent.name.clone()),
        count: None,
        bytes: None,
        first: agent.state_since,
        last: now,
        ongoing: true,
        message: format!("{}: {why}", agent.name),
        remedy: agent.remedy.clone(),
    })
}

fn skew(agent: &Node, now: Millis) -> Option<Notice> {
    let skew = agent.skew.filter(|skew| skew.abs() > SKEW_MAX)?;
    let seconds = skew.abs() / 1_000;
    let way = if skew > 0 { "ahead" } else { "behind" };
    Some(Notice {
        kind: "clock-skew".to_owned(),
        severity: Severity::Warning,
        node: Some(agent.name.clone()),
        count: None,
        bytes: None,
        first: agent.state_since,
        last: now,
        ongoing: true,
        message: format!("{}: its clock is {seconds} s {way}; its times are corrected", agent.name),
        remedy: Some("Let the node keep time: chrony or systemd-timesyncd.".to_owned()),
    })
}

fn blind_spots(agent: &Node, now: Millis) -> impl Iterator<Item = Notice> {
    agent.blind_spots.iter().map(move |spot| Notice {
        kind: "blind-spot".to_owned(),
        severity: Severity::Info,
        node: Some(agent.name.clone()),
        count: None,
        bytes: None,
        first: agent.state_since,
        last: now,
        ongoing: true,
        message: format!("{}: {spot}", agent.name),
        remedy: None,
    })
}

fn silent_sources(names: &Snapshot, started: Millis, now: Millis) -> impl Iterator<Item = Notice> {
    let faulty = names.sources().iter().filter_map(move |status| {
        let (since, error) = match &status.state {
            svcflow_topology::SourceState::Stale { since, error } => (millis(*since), error),
            svcflow_topology::SourceState::Failed { error } => (started, error),
            svcflow_topology::SourceState::Ok { .. } | svcflow_topology::SourceState::Waiting => {
                return None;
            }
        };
        Some((status.name.clone(), since, error.clone()))
    });
    faulty.map(move |(name, since, error)| Notice {
        kind: "names-stale".to_owned(),
        severity: Severity::Warning,
        node: None,
        count: None,
        bytes: None,
        first: since,
        last: now,
        ongoing: true,
        message: format!("Names of {name} may be old: it does not answer"),
        remedy: Some(error),
    })
}

/// The page of the nodes: agents as they are now, each with what it lost within the window.
#[must_use]
pub fn nodes<'h>(
    window: &Window,
    histories: impl Iterator<Item = NodeHistory<'h>>,
    mut agents: Vec<Node>,
    server: Hello,
) -> Nodes {
    for history in histories {
        let losses = node_losses(history.name, history.losses, window.span);
        for agent in agents.iter_mut().filter(|agent| agent.name == history.name) {
            agent.losses = losses.iter().map(|(_, loss)| loss.clone()).collect();
        }
    }
    agents.sort_by(|a, b| (&a.name, &a.address).cmp(&(&b.name, &b.address)));
    Nodes { now: window.clock.now, latest: window.clock.latest, nodes: agents, server }
}
