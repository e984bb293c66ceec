//! What is shown of agents and sinks: `/api/v1/nodes`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use svcflow_agent::{SourceDocument, rfc3339};
use svcflow_model::{Epoch, Timestamp};

use crate::node::Node;
use crate::point::LossPoint;
use crate::target::Target;

/// How an agent does.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AgentState {
    /// Not asked yet.
    #[default]
    Pending,
    /// It answers, and what it says is fresh.
    Ok,
    /// Its last answers came too late, or it has closed no interval for three.
    Late,
    /// It does not answer.
    Unreachable,
    /// It answers something that can't be taken; the reason says what.
    Faulty,
    /// Another target speaks for the node that it says it is.
    Duplicate,
}

impl AgentState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Ok, Self::Late, Self::Unreachable, Self::Faulty, Self::Duplicate];

    /// As it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Late => "late",
            Self::Unreachable => "unreachable",
            Self::Faulty => "faulty",
            Self::Duplicate => "duplicate",
        }
    }
}

/// `GET /api/v1/nodes`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodesDocument {
    /// When this was put together, RFC 3339.
    pub at: String,
    /// Time between two questions.
    pub interval_seconds: f64,
    /// This server's share of the agents, such as `1/3`.
    pub shard: String,
    /// The agents, by target.
    pub nodes: Vec<NodeDocument>,
    /// Where else samples go.
    pub sinks: Vec<SinkDocument>,
    /// What is wrong with files and names that agents are looked for in.
    pub discovery_faults: BTreeMap<String, String>,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeDocument {
    /// Where it is asked.
    pub target: String,
    /// The node's name; null before its first answer.
    pub node: Option<String>,
    /// How it does.
    pub state: AgentState,
    /// Why it doesn't do well.
    pub reason: Option<String>,
    /// When it last gave an answer that was taken, RFC 3339.
    pub last_seen: Option<String>,
    /// Age of the latest interval that is stored.
    pub lag_seconds: Option<f64>,
    /// How far its clock is ahead of ours.
    pub clock_skew_seconds: Option<f64>,
    /// By how much its times are corrected for that.
    pub clock_correction_seconds: f64,
    /// The run of its counters.
    pub epoch: Option<Epoch>,
    /// The last interval that is stored.
    pub sequence: Option<u64>,
    /// Edges that are remembered.
    pub edges: u64,
    /// Intervals stored since this server's start.
    pub intervals: u64,
    /// Samples stored since this server's start.
    pub samples: u64,
    /// Increases that belong to another node and were kept apart.
    pub samples_apart: u64,
    /// Times that something was missing: merged intervals, a new epoch.
    pub gaps: u64,
    /// When the last gap was found, RFC 3339.
    pub last_gap: Option<String>,
    /// Intervals stored at another time than their own, because a clock was set back.
    pub retimed: u64,
    /// Everything that was lost, by kind.
    pub losses: BTreeMap<String, LossDocument>,
    /// Where its numbers come from, and what it can't see.
    pub source: Option<SourceDocument>,
    /// Networks whose addresses live on the node, and addresses outside of them: its own, its containers'.
    #[serde(default)]
    pub lives: Vec<String>,
    /// Questions asked.
    pub scrapes: u64,
    /// Questions that brought nothing.
    pub failures: u64,
    /// Bytes of its answers.
    pub answer_bytes: u64,
}

/// A kind of loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossDocument {
    /// How many; the unit is the kind's.
    pub count: u64,
    /// Bytes known to be missing.
    pub bytes: u64,
}

/// One sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SinkDocument {
    /// Its name.
    pub name: String,
    /// Its kind: `influxdb`, `influxdb2`, `prometheus`, `file`, `stdout`.
    pub kind: String,
    /// Whether its last attempt was acknowledged.
    pub healthy: bool,
    /// Why it wasn't.
    pub reason: Option<String>,
    /// Bytes that wait on disk.
    pub spool_bytes: u64,
    /// Points that wait on disk.
    pub spool_points: u64,
    /// Points that were acknowledged.
    pub sent_points: u64,
    /// Points dropped because the spool was full.
    pub dropped_points: u64,
    /// Points that the target refused.
    pub refused_points: u64,
    /// Damaged places in the spool's files; what stood behind each in its file is lost.
    pub damaged_records: u64,
    /// Attempts that failed.
    pub failures: u64,
}

/// What the tasks write and the document is made of.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<Arc<str>, Entry>>);

/// One agent's line on the board.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) document: NodeDocument,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) stored: Option<Timestamp>,
    /// Questions in a row that brought nothing.
    pub(crate) missed: u32,
}

impl Board {
    pub(crate) fn add(&self, target: &Target) {
        let document = NodeDocument { target: target.to_string(), ..NodeDocument::default() };
        let entry = Entry { document, ..Entry::default() };
        self.entries().entry(Arc::clone(target.key())).or_insert(entry);
    }

    pub(crate) fn remove(&self, target: &str) {
        self.entries().remove(target);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether this target is known, and there is hope that it answers soon.
    pub(crate) fn may_answer(&self, target: &str) -> bool {
        let entries = self.entries();
        entries.get(target).is_some_and(|entry| entry.missed == 0)
    }

    pub(crate) fn change(&self, target: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries().get_mut(target) {
            change(entry);
        }
    }

    pub(crate) fn nodes(&self, now: Timestamp, interval: Duration) -> Vec<NodeDocument> {
        self.entries().values().map(|entry| entry.shown(now, interval)).collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn failed(&mut self, state: AgentState, reason: String) {
        if self.document.state != state || self.document.reason.as_ref() != Some(&reason) {
            tracing::warn!("agent {} is {}: {reason}", self.document.target, state.name());
        }
        self.missed = self.missed.saturating_add(1);
        self.document.failures += 1;
        self.document.state = state;
        self.document.reason = Some(reason);
    }

    pub(crate) fn took(&mut self, node: &Node, now: Timestamp) {
        if !matches!(self.document.state, AgentState::Ok | AgentState::Pending) {
            tracing::info!("agent {} is ok again", self.document.target);
        }
        self.missed = 0;
        self.last_seen = Some(now);
        self.stored = node.last();
        let figures = node.figures();
        let document = &mut self.document;
        document.state = AgentState::Ok;
        document.reason = None;
        document.node = Some(node.name().to_string());
        document.epoch = node.position().map(|at| at.epoch);
        document.sequence = node.position().map(|at| at.sequence);
        document.edges = node.edges() as u64;
        document.clock_correction_seconds = seconds(node.correction());
        document.intervals = figures.intervals;
        document.samples = figures.samples;
        document.samples_apart = figures.apart;
        document.gaps = figures.gaps;
        document.last_gap = figures.last_gap.map(rfc3339);
        document.retimed = figures.retimed;
        let shown = |loss: &LossPoint| LossDocument { count: loss.count, bytes: loss.bytes };
        let losses = node.losses().iter();
        document.losses = losses.map(|(kind, loss)| (kind.to_string(), shown(loss))).collect();
    }

    fn shown(&self, now: Timestamp, interval: Duration) -> NodeDocument {
        let mut document = self.document.clone();
        document.last_seen = self.last_seen.map(rfc3339);
        let lag = self.stored.map(|stored| now.since(stored));
        document.lag_seconds = lag.map(|lag| lag.as_secs_f64());
        let late = lag.is_some_and(|lag| lag > interval.saturating_mul(3));
        if document.state == AgentState::Ok && late {
            document.state = AgentState::Late;
            document.reason =
                Some("it answers, but has closed no interval for three: see its /healthz".into());
        }
        document
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown to people, in seconds")]
pub(crate) fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
