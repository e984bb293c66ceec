use serde::Serialize;
use utoipa::ToSchema;

use super::{Mark, Range, State};

/// `GET /api/v1/edges`
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Edges {
    /// What was answered.
    pub range: Range,
    /// Rows without paging.
    pub total: u64,
    /// The first row's place.
    pub offset: u64,
    /// One page.
    pub rows: Vec<EdgeRow>,
}

/// How the node stands to an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelationName {
    /// It translated it.
    TranslatedHere,
    /// The endpoint lives there.
    ClientNode,
    /// The provider lives there.
    ProviderNode,
    /// Neither does.
    Transit,
}

impl RelationName {
    /// As it is serialised.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TranslatedHere => "translated-here",
            Self::ClientNode => "client-node",
            Self::ProviderNode => "provider-node",
            Self::Transit => "transit",
        }
    }
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EdgeRow {
    /// Its id.
    pub id: String,
    /// Who counted it.
    pub node: String,
    /// Who asked.
    pub endpoint: String,
    /// The owner's name; empty where nobody named it.
    pub endpoint_name: String,
    /// Null on a direct edge.
    pub service: Option<String>,
    /// Null on a direct edge.
    pub service_port: Option<u16>,
    /// Null where nobody named it.
    pub service_name: Option<String>,
    /// Who answered.
    pub provider: String,
    /// The port that answered.
    pub provider_port: u16,
    /// The owner's name; empty where nobody named it.
    pub provider_name: String,
    /// The protocol's name.
    pub protocol: String,
    /// How the node stands to it.
    pub relation: RelationName,
    /// Per second.
    pub rate_bytes_in: Option<f64>,
    /// Per second.
    pub rate_bytes_out: Option<f64>,
    /// Per second.
    pub rate_packets_in: Option<f64>,
    /// Per second.
    pub rate_packets_out: Option<f64>,
    /// Within the range.
    pub bytes_in: u64,
    /// Within the range.
    pub bytes_out: u64,
    /// Within the range.
    pub packets_in: u64,
    /// Within the range.
    pub packets_out: u64,
    /// Whether its numbers are known.
    pub state: State,
    /// What is wrong with them.
    pub marks: Vec<Mark>,
    /// First counted, as far as history goes back.
    pub first: i64,
    /// Last counted.
    pub last: i64,
}
