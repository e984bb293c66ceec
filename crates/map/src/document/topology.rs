use serde::Serialize;
use utoipa::ToSchema;

use super::Labels;

/// `GET /api/v1/topology`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Topology {
    /// As it was then.
    pub at: i64,
    /// The services, by name.
    pub services: Vec<TopologyService>,
    /// The owners, by address.
    pub owners: Vec<Owner>,
    /// Who knows names, in the order of precedence.
    pub sources: Vec<TopologySource>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopologyService {
    /// Its card's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who named it; `observed` is nobody.
    pub source: String,
    /// Its virtual addresses.
    pub addresses: Vec<String>,
    /// Its ports.
    pub ports: Vec<TopologyPort>,
    /// What its providers bear.
    pub selectors: Labels,
    /// Its own labels.
    pub labels: Labels,
    /// Addresses.
    pub providers: Vec<String>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopologyPort {
    /// Before translation.
    pub service: u16,
    /// Behind it; null where that is not known.
    pub provider: Option<u16>,
    /// The protocol's name.
    pub protocol: String,
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owner {
    /// An address or a network.
    pub address: String,
    /// The owner's name.
    pub name: String,
    /// The owner's labels.
    pub labels: Labels,
    /// Where the owner lives.
    pub node: Option<String>,
    /// Who says so.
    pub source: String,
    /// Since when.
    pub since: i64,
    /// Until when; null while it lasts.
    pub until: Option<i64>,
}

/// A source of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopologySource {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: SourceHealth,
    /// Since when its word is what it is.
    pub since: i64,
    /// Why, with the remedy; null where ok.
    pub message: Option<String>,
}

/// How a source of names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceHealth {
    /// It answers.
    Ok,
    /// It answered once, and doesn't now.
    Stale,
    /// It never answered.
    Failed,
}
