use serde::Serialize;
use utoipa::ToSchema;

/// Something was lost, is unknown or stale. The sentences are complete and name the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// A kind of loss (`LossKind`), a faulty node (`node-late`, `node-unreachable`, `node-faulty`,
    /// `node-duplicate`, `clock-skew`), `names-stale` (a topology source is silent), `blind-spot`, `store` (e.g. disk
    /// full). Others may come.
    pub kind: String,
    /// How grave.
    pub severity: Severity,
    /// Where.
    pub node: Option<String>,
    /// How many; the unit is the kind's, the message says it.
    pub count: Option<u64>,
    /// Known to be missing.
    pub bytes: Option<u64>,
    /// Since when.
    pub first: i64,
    /// Until when.
    pub last: i64,
    /// Whether it goes on.
    pub ongoing: bool,
    /// A sentence that names the node.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// How grave a notice is. `error`: numbers are missing now; `warning`: some are missing or not exact; `info`: to be
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Numbers are missing now.
    Error,
    /// Some are missing or not exact.
    Warning,
    /// To be known.
    Info,
}

/// `GET /api/v1/nodes`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Nodes {
    /// Now.
    pub now: i64,
    /// End of the last accounted interval.
    pub latest: Option<i64>,
    /// The nodes, by name.
    pub nodes: Vec<Node>,
    /// This server.
    pub server: Hello,
}

/// How an agent does. `ok`; `late`: answers, but its last interval is older than three; `unreachable`: does not answer;
/// `faulty`: its answers can't be used, or it says itself that it fails; `duplicate`: another agent has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It answers, and what it says is fresh.
    Ok,
    /// It answers, but its last interval is older than three.
    Late,
    /// It does not answer.
    Unreachable,
    /// Its answers can't be used, or it says itself that it fails.
    Faulty,
    /// Another agent has the same name.
    Duplicate,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Where it is asked.
    pub address: String,
    /// How it does.
    pub state: NodeState,
    /// Since when.
    pub state_since: i64,
    /// What is wrong, a sentence; null where ok.
    pub message: Option<String>,
    /// What to do, a sentence.
    pub remedy: Option<String>,
    /// Its last good answer.
    pub last_seen: Option<i64>,
    /// Milliseconds.
    pub interval: Option<i64>,
    /// Milliseconds from the end of its last interval to now.
    pub lag: Option<i64>,
    /// Milliseconds that its clock is ahead.
    pub skew: Option<i64>,
    /// Edges that are remembered of it.
    pub edges: Option<u64>,
    /// Live ones; null where its source doesn't follow them one by one.
    pub connections: Option<u64>,
    /// Of its program.
    pub version: Option<String>,
    /// Where its numbers come from.
    pub source: Option<SourceName>,
    /// What it can't see, each with its remedy.
    pub blind_spots: Vec<String>,
    /// What was lost within the range.
    pub losses: Vec<NodeLoss>,
}

/// Where an agent's numbers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceName {
    /// Its name.
    pub name: String,
    /// Why it was chosen.
    pub reason: String,
}

/// What kind of traffic or knowledge went missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// The kernel dropped events.
    EventsDropped,
    /// Connections whose end was not seen.
    EndedUnseen,
    /// A full set turned packets away.
    SetFull,
    /// A table had to be made anew.
    TableLost,
    /// The counters began anew.
    EpochGap,
    /// Edges past the cap, folded together.
    EdgesFolded,
    /// Connections past the cap.
    ConnectionsUntracked,
    /// Readings past the cap.
    ReadingsUnfollowed,
    /// Connections without counters.
    Uncounted,
    /// Messages that could not be read.
    Unreadable,
    /// ICMP errors that belong to no edge.
    RelatedErrors,
    /// Packets that were not classified.
    Unclassified,
    /// Intervals that did not come one by one.
    MissedIntervals,
}

impl LossKind {
    /// As it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsDropped => "events-dropped",
            Self::EndedUnseen => "ended-unseen",
            Self::SetFull => "set-full",
            Self::TableLost => "table-lost",
            Self::EpochGap => "epoch-gap",
            Self::EdgesFolded => "edges-folded",
            Self::ConnectionsUntracked => "connections-untracked",
            Self::ReadingsUnfollowed => "readings-unfollowed",
            Self::Uncounted => "uncounted",
            Self::Unreadable => "unreadable",
            Self::RelatedErrors => "related-errors",
            Self::Unclassified => "unclassified",
            Self::MissedIntervals => "missed-intervals",
        }
    }
}

/// What a node lost of one kind within the range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeLoss {
    /// What kind.
    pub kind: LossKind,
    /// How many; the unit is the kind's.
    pub count: u64,
    /// Known to be missing; null where not known.
    pub bytes: Option<u64>,
    /// When it was first noticed.
    pub first: i64,
    /// When it was last noticed.
    pub last: i64,
    /// A sentence.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// `[time, count]` of each moment within the range at which it was noticed, at most 200 (neighbours joined).
    #[schema(value_type = Vec<Vec<i64>>)]
    pub times: Vec<(i64, i64)>,
}

/// The first event of `GET /api/v1/live`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hello {
    /// Of this program.
    pub version: String,
    /// When this server process began.
    pub started: i64,
    /// Now.
    pub now: i64,
    /// End of the last accounted interval; null where there is none yet.
    pub latest: Option<i64>,
    /// Milliseconds between two looks of the agents.
    #[schema(minimum = 1)]
    pub interval: i64,
    /// Changes with the page that is built in: another value means that the page should be loaded again.
    pub page: String,
}

/// Another interval is accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tick {
    /// End of the interval that was accounted now.
    pub latest: i64,
    /// Now.
    pub now: i64,
}

/// The server is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ping {
    /// Now.
    pub now: i64,
}
