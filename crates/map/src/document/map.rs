use serde::Serialize;
use utoipa::ToSchema;

use super::{Labels, Mark, Notice, Range, Rates, State, Totals, Traffic};

/// `GET /api/v1/map`
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Map {
    /// What was answered.
    pub range: Range,
    /// The cards.
    pub nodes: Vec<Card>,
    /// Between them.
    pub edges: Vec<MapEdge>,
    /// Everything that the filter selects.
    pub all: Traffic,
    /// What the cut left out.
    pub rest: Rest,
    /// What was lost, unknown or stale in the range, the gravest first.
    pub losses: Vec<Notice>,
    /// Set where nothing was ever counted.
    pub waiting: Option<Waiting>,
}

/// What the cut left out. All 0 where nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rest {
    /// Cards in `rest`.
    pub cards: u64,
    /// Edges (rows of the table) that begin or end in them.
    pub edges: u64,
    /// What these counted.
    pub totals: Totals,
    /// Map edges that are left out although both cards are there.
    pub unlinked: Unlinked,
}

/// Map edges that are left out although both cards are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unlinked {
    /// How many.
    pub count: u64,
    /// What they counted.
    pub totals: Totals,
}

/// Nothing was ever counted: for what one waits, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Waiting {
    /// Agents that are configured or discovered.
    pub agents: u64,
    /// When the first interval will be there; null where no agent reports.
    pub first_at: Option<i64>,
    /// What is waited for.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// What a card stands for. `outside`: also `outside-providers`; `other`: `folded` and `rest`; `group`: an endpoint,
/// a node, a label's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CardKind {
    /// A service.
    Service,
    /// Addresses of ours that only ask.
    Clients,
    /// Addresses of ours that answer directly.
    Providers,
    /// Addresses that are nobody's.
    Outside,
    /// What was folded.
    Other,
    /// An endpoint, a node, a label's value.
    Group,
}

/// A card of the map.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Card {
    /// Its id.
    pub id: String,
    /// What it stands for.
    pub kind: CardKind,
    /// Text as it was given, to be shown as text.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Of a service, as `8080/TCP`.
    pub ports: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// What its providers bear.
    pub selectors: Labels,
    /// Who named it; `observed` is nobody.
    pub source: String,
    /// Since when its addresses are this owner's.
    pub since: Option<i64>,
    /// Members.
    pub size: u64,
    /// Names of the nodes that counted it, at most 20.
    pub nodes: Vec<String>,
    /// Edges that end here; null where none does.
    pub served: Option<Traffic>,
    /// Edges that begin here; null where none does.
    pub asked: Option<Traffic>,
    /// Bytes per second, both directions, of `served` (else `asked`) over the range in 30 equal parts; null is a gap.
    pub spark: Vec<Option<f64>>,
    /// Whether its numbers are known.
    pub state: State,
    /// Since when, where not.
    pub state_since: Option<i64>,
    /// What is wrong with them.
    pub marks: Vec<Mark>,
    /// Null unless expanded. At most 100, those with most bytes, in order of address.
    pub members: Option<Vec<Member>>,
    /// The members past these; null where none is.
    pub members_rest: Option<MembersRest>,
}

/// Who is on a card: an owner with all its addresses, or an address that nobody owns.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// The address that it is named by: its owner's first, or the only one.
    pub address: String,
    /// All of them: a container with one of IPv4 and one of IPv6 is one member.
    pub addresses: Vec<String>,
    /// Of the owner; empty where nobody named it.
    pub name: String,
    /// The owner's labels.
    pub labels: Labels,
    /// Where it lives, as far as known.
    pub node: Option<String>,
    /// Since when it is this owner's.
    pub since: Option<i64>,
    /// Of the card's bytes within the range (both directions, of what the card shows), 0 to 1; null where unknown.
    #[schema(minimum = 0, maximum = 1)]
    pub share: Option<f64>,
    /// Edges that end here; null where none does.
    pub served: Option<Traffic>,
    /// Edges that begin here; null where none does.
    pub asked: Option<Traffic>,
    /// Whether its numbers are known.
    pub state: State,
    /// Since when, where not.
    pub state_since: Option<i64>,
    /// What is wrong with them.
    pub marks: Vec<Mark>,
}

/// Members that are not given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct MembersRest {
    /// How many.
    #[schema(minimum = 1)]
    pub count: u64,
    /// Of the card's bytes.
    #[schema(minimum = 0, maximum = 1)]
    pub share: Option<f64>,
}

/// How edges reach their provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Through a service's address.
    Service,
    /// Past any.
    Direct,
    /// Both.
    Mixed,
}

/// Between what is visible: an end is a member where its card is expanded and the member is among those given, else
/// the card. Both ends may be one card (a hairpin) and two may run both ways (a cycle).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MapEdge {
    /// Its id.
    pub id: String,
    /// The card or member that asks.
    pub from: String,
    /// The card or member that answers.
    pub to: String,
    /// Through the service's address, past it, or both.
    pub path: Path,
    /// Their names.
    pub protocols: Vec<String>,
    /// Edges (rows of the table) in it.
    #[schema(minimum = 1)]
    pub count: u64,
    /// Per second; null where unknown.
    pub rates: Option<Rates>,
    /// Within the range.
    pub totals: Totals,
    /// Whether its numbers are known.
    pub state: State,
    /// Since when, where not.
    pub state_since: Option<i64>,
    /// What is wrong with them.
    pub marks: Vec<Mark>,
}
