//! `GET /api/v1/edges`: a row for each edge.

use std::cmp::Ordering;
use std::str::FromStr;

use crate::document::{EdgeRow, Edges, RelationName, Side};
use crate::filter::{Filter, selected};
use crate::follow::Observed;
use crate::grouping::{Group, Grouping};
use crate::intern::PerId;
use crate::map::Context;
use crate::naming::Naming;
use crate::pick::pick;
use crate::place::{Place, edge_id};
use crate::readings::Readings;
use crate::time::Millis;

/// What is asked of the table.
#[derive(Clone, Debug)]
pub struct EdgesRequest {
    /// Which edges.
    pub filter: Filter,
    /// What a card is, for `of`.
    pub group: Group,
    /// Only what this is made of.
    pub of: Option<Place>,
    /// Which side of a card or member.
    pub side: Option<Side>,
    /// In which order.
    pub sort: Sort,
    /// Rows before the first.
    pub offset: usize,
    /// Rows at most; `None` is all.
    pub limit: Option<usize>,
}

macro_rules! columns {
    ($($column:ident $name:literal,)*) => {
        /// A column of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the field of `EdgeRow` of this name")]
        pub enum Column { $($column,)* }

        impl Column {
            /// Every column, in the order of a row.
            pub const ALL: &[Self] = &[$(Self::$column,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$column => $name,)* }
            }
        }
    };
}

columns! {
    Id "id",
    Node "node",
    Endpoint "endpoint",
    EndpointName "endpoint_name",
    Service "service",
    ServicePort "service_port",
    ServiceName "service_name",
    Provider "provider",
    ProviderPort "provider_port",
    ProviderName "provider_name",
    Protocol "protocol",
    Relation "relation",
    RateBytesIn "rate_bytes_in",
    RateBytesOut "rate_bytes_out",
    RatePacketsIn "rate_packets_in",
    RatePacketsOut "rate_packets_out",
    BytesIn "bytes_in",
    BytesOut "bytes_out",
    PacketsIn "packets_in",
    PacketsOut "packets_out",
    State "state",
    Marks "marks",
    First "first",
    Last "last",
}

/// Text that names no column, or one that can't be used so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no column `{0}` to take here")]
pub struct NoColumn(String);

impl FromStr for Column {
    type Err = NoColumn;

    fn from_str(text: &str) -> Result<Self, NoColumn> {
        let found = Self::ALL.iter().copied().find(|column| column.name() == text);
        found.ok_or_else(|| NoColumn(text.chars().take(100).collect()))
    }
}

/// An order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    column: Column,
    descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { column: Column::BytesIn, descending: true }
    }
}

impl FromStr for Sort {
    type Err = NoColumn;

    fn from_str(text: &str) -> Result<Self, NoColumn> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        match name.parse()? {
            Column::Id | Column::Marks => Err(NoColumn(text.to_owned())),
            column => Ok(Self { column, descending }),
        }
    }
}

/// A row with what it is sorted by.
struct Sorted<'r> {
    edge: &'r Observed,
    key: Option<Key>,
    id: String,
}

/// A value to sort by.
#[derive(PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Count(u64),
    Time(Millis),
    Address(std::net::IpAddr),
    Text(String),
    Relation(RelationName),
}

/// One page of the table. `first` is when each edge of the catalogue was first counted.
#[must_use]
pub fn edges(
    readings: &Readings,
    context: &Context<'_>,
    request: &EdgesRequest,
    first: &PerId<crate::catalogue::EdgeKey, Millis>,
) -> Edges {
    let naming = Naming::new(readings, context.names, context.homes);
    let mut chosen = selected(readings, &naming, &request.filter);
    if let Some(place) = &request.of {
        let grouping = Grouping::new(request.group.clone(), readings, &naming, context.provided);
        chosen = pick(readings, &naming, &grouping, &chosen, place, request.side);
    }
    let rows = Rows { naming: &naming, first };
    let sort = request.sort;
    let mut all: Vec<Sorted<'_>> = chosen
        .into_iter()
        .map(|edge| {
            let id = edge_id(naming.catalogue, &edge.key);
            Sorted { edge, key: rows.key(edge, sort.column), id }
        })
        .collect();
    all.sort_by(|a, b| order(a, b, sort.descending));
    let total = all.len();
    let page = all.into_iter().skip(request.offset).take(request.limit.unwrap_or(usize::MAX));
    Edges {
        range: readings.window.range(),
        total: total as u64,
        offset: request.offset as u64,
        rows: page.map(|sorted| rows.row(sorted.edge, sorted.id)).collect(),
    }
}

fn order(a: &Sorted<'_>, b: &Sorted<'_>, descending: bool) -> Ordering {
    let by_key = match (&a.key, &b.key) {
        (Some(a), Some(b)) => {
            let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        // Unknown comes last, whichever way.
        (a, b) => a.is_none().cmp(&b.is_none()),
    };
    by_key.then_with(|| a.id.cmp(&b.id))
}

struct Rows<'r, 's> {
    naming: &'r Naming<'s>,
    first: &'r PerId<crate::catalogue::EdgeKey, Millis>,
}

impl Rows<'_, '_> {
    fn key(&self, edge: &Observed, column: Column) -> Option<Key> {
        let catalogue = self.naming.catalogue;
        let service = edge.key.service.map(|service| catalogue.service(service));
        let owner = |id| Key::Text(self.naming.owner_name(id).to_owned());
        let rates = edge.rates;
        let count = |value| Some(Key::Count(value));
        match column {
            Column::Id | Column::Marks => None,
            Column::Node => Some(Key::Text(catalogue.node(edge.key.node).to_owned())),
            Column::Endpoint => Some(Key::Address(catalogue.address(edge.key.endpoint))),
            Column::EndpointName => Some(owner(edge.key.endpoint)),
            Column::Service => service.map(|service| Key::Address(service.address)),
            Column::ServicePort => service.map(|service| Key::Count(service.port.into())),
            Column::ServiceName => self.service_name(edge).map(Key::Text),
            Column::Provider => Some(Key::Address(catalogue.address(edge.key.provider))),
            Column::ProviderPort => count(edge.key.provider_port.into()),
            Column::ProviderName => Some(owner(edge.key.provider)),
            Column::Protocol => Some(Key::Text(edge.key.protocol.to_string())),
            Column::Relation => Some(Key::Relation(self.relation(edge))),
            Column::RateBytesIn => rates.map(|rates| Key::Number(rates.bytes_in)),
            Column::RateBytesOut => rates.map(|rates| Key::Number(rates.bytes_out)),
            Column::RatePacketsIn => rates.map(|rates| Key::Number(rates.packets_in)),
            Column::RatePacketsOut => rates.map(|rates| Key::Number(rates.packets_out)),
            Column::BytesIn => count(edge.totals.bytes_in),
            Column::BytesOut => count(edge.totals.bytes_out),
            Column::PacketsIn => count(edge.totals.packets_in),
            Column::PacketsOut => count(edge.totals.packets_out),
            Column::State => count(edge.state as u64),
            Column::First => Some(Key::Time(self.first(edge))),
            Column::Last => Some(Key::Time(edge.last)),
        }
    }

    fn row(&self, edge: &Observed, id: String) -> EdgeRow {
        let catalogue = self.naming.catalogue;
        let service = edge.key.service.map(|service| catalogue.service(service));
        let rate = |of: fn(&crate::document::Rates) -> f64| edge.rates.as_ref().map(of);
        EdgeRow {
            id,
            node: catalogue.node(edge.key.node).to_owned(),
            endpoint: catalogue.address(edge.key.endpoint).to_string(),
            endpoint_name: self.naming.owner_name(edge.key.endpoint).to_owned(),
            service: service.map(|service| service.address.to_string()),
            service_port: service.map(|service| service.port),
            service_name: self.service_name(edge),
            provider: catalogue.address(edge.key.provider).to_string(),
            provider_port: edge.key.provider_port,
            provider_name: self.naming.owner_name(edge.key.provider).to_owned(),
            protocol: edge.key.protocol.to_string(),
            relation: self.relation(edge),
            rate_bytes_in: rate(|rates| rates.bytes_in),
            rate_bytes_out: rate(|rates| rates.bytes_out),
            rate_packets_in: rate(|rates| rates.packets_in),
            rate_packets_out: rate(|rates| rates.packets_out),
            bytes_in: edge.totals.bytes_in,
            bytes_out: edge.totals.bytes_out,
            packets_in: edge.totals.packets_in,
            packets_out: edge.totals.packets_out,
            state: edge.state,
            marks: edge.marks.list(),
            first: self.first(edge),
            last: edge.last,
        }
    }

    fn service_name(&self, edge: &Observed) -> Option<String> {
        self.naming.service(edge.key.service?).map(|named| named.entity.full_name())
    }

    fn first(&self, edge: &Observed) -> Millis {
        self.first.get(edge.id).copied().unwrap_or(edge.last).min(edge.last)
    }

    /// The store doesn't keep it. A service is named only by the node that translated it; else it is where
    /// the ends live. An edge whose ends' homes nobody knows belongs to the client's node, which owns
    /// what nobody translated.
    fn relation(&self, edge: &Observed) -> RelationName {
        let node = self.naming.catalogue.node(edge.key.node);
        let home = |id| self.naming.node(id);
        let (endpoint, provider) = (home(edge.key.endpoint), home(edge.key.provider));
        if edge.key.service.is_some() {
            RelationName::TranslatedHere
        } else if endpoint == Some(node) {
            RelationName::ClientNode
        } else if provider == Some(node) {
            RelationName::ProviderNode
        } else if endpoint.is_some() && provider.is_some() {
            RelationName::Transit
        } else {
            RelationName::ClientNode
        }
    }
}
