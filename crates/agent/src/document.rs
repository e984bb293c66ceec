//! The agent's own JSON documents; the CLI and the collector read them back with the same types.

use serde::{Deserialize, Serialize};
use svcflow_model::{EdgeRow, Epoch, Interval, Losses, Marks, Relation};

/// `GET /api/v1/edges`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgesDocument {
    /// The node's name.
    pub node: String,
    /// The run of counters.
    pub epoch: Epoch,
    /// The latest interval.
    pub sequence: u64,
    /// When it was closed, RFC 3339.
    pub at: String,
    /// The configured time between looks.
    pub interval_seconds: f64,
    /// Where the numbers come from.
    pub source: SourceDocument,
    /// The edges.
    pub edges: Vec<EdgeDocument>,
    /// What was lost since the epoch began.
    pub losses: Losses,
}

/// Where the numbers come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDocument {
    /// `nftables`, `conntrack`, `contiv` or `replay`.
    pub name: String,
    /// Why it was chosen.
    pub reason: String,
    /// What it can't see here, and what is off, each with its remedy.
    pub blind_spots: Vec<String>,
}

/// One edge: an [`EdgeRow`] and what the node knows besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeDocument {
    /// The edge and its cumulative counters.
    #[serde(flatten)]
    pub row: EdgeRow,
    /// How the node stands to it.
    pub relation: Relation,
    /// What is known to be wrong with its numbers.
    pub marks: Marks,
    /// Speed over the last interval; null before the second look.
    pub rate: Option<Rate>,
}

/// Traffic per second over the last interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Bytes per second towards the endpoint.
    pub bytes_in: f64,
    /// Bytes per second from the endpoint.
    pub bytes_out: f64,
    /// Packets per second towards the endpoint.
    pub packets_in: f64,
    /// Packets per second from the endpoint.
    pub packets_out: f64,
}

impl Rate {
    /// Bytes per second, both directions.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.bytes_in + self.bytes_out
    }
}

/// `GET /api/v1/samples?after=SEQ`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplesDocument {
    /// The node's name.
    pub node: String,
    /// The run of counters: where it differs from the last answer's, begin anew with `after=0`.
    pub epoch: Epoch,
    /// The latest interval that exists.
    pub sequence: u64,
    /// Intervals after SEQ, oldest first.
    pub intervals: Vec<Interval>,
    /// Intervals that are no longer kept one by one. The first of `intervals` then has the number
    /// `to` and carries every edge as it was at that time: resolution is lost, no byte is.
    pub gap: Option<Gap>,
    /// More intervals are there: ask again after the last one of these.
    pub more: bool,
    /// What was lost since the epoch began.
    pub losses: Losses,
}

/// A range of intervals, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First interval that is missing by itself.
    pub from: u64,
    /// Last one.
    pub to: u64,
}

/// `GET /healthz`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthDocument {
    /// `ok`, or `failing` (with HTTP 503).
    pub status: String,
    /// Why it is failing, with the remedy.
    pub reason: Option<String>,
    /// The node's name.
    pub node: String,
    /// The run of counters.
    pub epoch: Epoch,
    /// The latest interval.
    pub sequence: u64,
    /// How old the last look is.
    pub age_seconds: f64,
    /// What the agent did to the host, what it can't see, what is off.
    pub notes: Vec<String>,
}
