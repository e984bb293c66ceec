//! The JSON documents of the API. What stands here about a field is what `ui/openapi.json`, made from these
//! types, says of it to those who read the API.

mod edges;
mod graph;
mod map;
mod nodes;
mod series;
mod topology;

use std::collections::BTreeMap;

use serde::Serialize;
use svcflow_model::Counters;
use utoipa::ToSchema;

pub use edges::{EdgeRow, Edges, RelationName};
pub use graph::{Graph, Links, Vertices};
pub use map::{Card, CardKind, Map, MapEdge, Member, MembersRest, Path, Rest, Unlinked, Waiting};
pub use nodes::{
    Hello, LossKind, Node, NodeLoss, NodeState, Nodes, Notice, Ping, Severity, SourceName, Tick,
};
pub use series::{Series, Side};
pub use topology::{Owner, SourceHealth, Topology, TopologyPort, TopologyService, TopologySource};

/// Labels in the order of their keys.
pub type Labels = BTreeMap<String, String>;

/// An error, as every route gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Error {
    /// What is wrong.
    pub error: Fault,
}

/// What is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[schema(required = false)]
    pub remedy: Option<String>,
    /// Of a fault in `filter`, in characters from its start.
    #[schema(required = false)]
    pub position: Option<u64>,
}

/// Per second. Null as a whole where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Rates {
    /// Bytes towards the endpoint.
    #[schema(minimum = 0)]
    pub bytes_in: f64,
    /// Bytes from the endpoint.
    #[schema(minimum = 0)]
    pub bytes_out: f64,
    /// Packets towards the endpoint.
    #[schema(minimum = 0)]
    pub packets_in: f64,
    /// Packets from the endpoint.
    #[schema(minimum = 0)]
    pub packets_out: f64,
}

impl From<[f64; 4]> for Rates {
    fn from([bytes_in, bytes_out, packets_in, packets_out]: [f64; 4]) -> Self {
        Self { bytes_in, bytes_out, packets_in, packets_out }
    }
}

impl Rates {
    /// Adds another's.
    pub fn add(&mut self, more: &Self) {
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.packets_in += more.packets_in;
        self.packets_out += more.packets_out;
    }
}

/// Counted within the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// Bytes towards the endpoint.
    pub bytes_in: u64,
    /// Bytes from the endpoint.
    pub bytes_out: u64,
    /// Packets towards the endpoint.
    pub packets_in: u64,
    /// Packets from the endpoint.
    pub packets_out: u64,
}

impl From<Counters> for Totals {
    fn from(counters: Counters) -> Self {
        let Counters { bytes_in, bytes_out, packets_in, packets_out } = counters;
        Self { bytes_in, bytes_out, packets_in, packets_out }
    }
}

/// Rates and totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Traffic {
    /// Per second; null where unknown.
    pub rates: Option<Rates>,
    /// Within the range.
    pub totals: Totals,
}

/// Whether numbers are known. `ok`; `stale`: its node did not report for three intervals before `at`; `unknown`:
/// there is traffic but its counters are not known. Of several edges the state is the gravest (stale, unknown, ok),
/// the rates are the sum of those known, null where none is: so `stale` with rates means that a part is missing.
/// `state_since` is when it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They are.
    #[default]
    Ok,
    /// There is traffic, but its counters are not known.
    Unknown,
    /// The node did not report for three intervals.
    Stale,
}

/// What is known to be wrong with numbers; none: exact. `uncounted`: some connections carry no counters.
/// `undercounted`: some packets bypassed the counters. `direction-unknown`: who opened some connections is not
/// known, ends may be swapped. `remainder`: edges past an agent's cap, folded together. `unsplit`: a service's
/// outgoing total that its source cannot split by provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Mark {
    /// Who opened some connections is not known.
    DirectionUnknown,
    /// Edges past an agent's cap, folded together.
    Remainder,
    /// Some connections carry no counters.
    Uncounted,
    /// Some packets bypassed the counters.
    Undercounted,
    /// An outgoing total that its source cannot split by provider.
    Unsplit,
}

impl Mark {
    /// Every mark, in order.
    pub const ALL: [Self; 5] = [
        Self::DirectionUnknown,
        Self::Remainder,
        Self::Uncounted,
        Self::Undercounted,
        Self::Unsplit,
    ];

    /// As it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirectionUnknown => "direction-unknown",
            Self::Remainder => "remainder",
            Self::Uncounted => "uncounted",
            Self::Undercounted => "undercounted",
            Self::Unsplit => "unsplit",
        }
    }
}

/// What was answered, after clipping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Range {
    /// The start.
    pub from: i64,
    /// The end.
    pub until: i64,
    /// As asked, clipped to the range.
    pub at: i64,
    /// Milliseconds that rates are taken over.
    #[schema(minimum = 1)]
    pub step: i64,
    /// Milliseconds between two looks of the agents.
    #[schema(minimum = 1)]
    pub interval: i64,
    /// Milliseconds between the readings that this was made of, where they are furthest apart: `interval`, or, where
    /// the range begins before each look is kept, the width of the buckets that looks were summed up to. Of such a
    /// part whole buckets are answered, and rates are taken over one.
    #[schema(minimum = 1)]
    pub resolution: i64,
    /// Start of the oldest data that is kept; null where there is none yet.
    pub earliest: Option<i64>,
    /// End of the last accounted interval; null where there is none yet.
    pub latest: Option<i64>,
}
