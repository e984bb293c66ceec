use serde::{Deserialize, Serialize};

use crate::{Counters, Edge, Timestamp};

/// Identifies one run of never-falling counters. A batch with the same epoch and sequence is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// How a node stands to an edge (design rule 4). One relation owns a connection: who translated it,
/// else the client's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// This node translated the service's address.
    TranslatedHere,
    /// The endpoint lives on this node.
    ClientNode,
    /// The provider lives on this node, the endpoint does not.
    ProviderNode,
    /// Neither lives here: this node forwards.
    Transit,
}

/// What is known to be wrong with an edge's numbers. All false: exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// Some connections carry no counters (accounting was off when they began).
    pub uncounted: bool,
    /// Some packets bypassed the counters (offload).
    pub undercounted: bool,
    /// Some connections are older than connection tracking here: who opened them is not known.
    pub direction_unknown: bool,
    /// The source counts what the endpoint sends to all providers together: on an edge with a provider the
    /// outgoing counters lack what could not be told apart, which is on the edge of the same service whose
    /// provider is unknown (0.0.0.0 or ::).
    pub unsplit: bool,
    /// This is the remainder: edges past the cap, folded together.
    pub remainder: bool,
}

impl Marks {
    /// Adds the other's marks.
    pub fn merge(&mut self, other: Self) {
        self.uncounted |= other.uncounted;
        self.undercounted |= other.undercounted;
        self.direction_unknown |= other.direction_unknown;
        self.unsplit |= other.unsplit;
        self.remainder |= other.remainder;
    }
}

/// An edge's cumulative counters at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The edge.
    #[serde(flatten)]
    pub edge: Edge,
    /// Cumulative since the epoch; never go down within it.
    #[serde(flatten)]
    pub counters: Counters,
    /// What is known to be wrong with them.
    #[serde(default)]
    pub marks: Marks,
}

/// One interval of the agent: the samples that changed in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Counts intervals within the epoch, from 1.
    pub sequence: u64,
    /// When the look that closed the interval ended.
    pub at: Timestamp,
    /// Edges whose counters changed since the interval before.
    pub samples: Vec<Sample>,
}
