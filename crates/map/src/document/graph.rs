use serde::Serialize;
use utoipa::ToSchema;

use super::{Range, State};

/// `GET /api/v1/graph`
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Graph {
    /// What was answered.
    pub range: Range,
    /// Services and addresses.
    pub vertices: Vertices,
    /// Between them.
    pub links: Links,
    /// Links left out.
    pub cut: u64,
}

/// Columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Vertices {
    /// A card's id (`service:…`, `endpoint:…`).
    pub id: Vec<String>,
    /// To be shown.
    pub name: Vec<String>,
    /// 0 service, 1 provider, 2 client, 3 outside, 4 folded.
    pub kind: Vec<u8>,
    /// Whether its numbers are known.
    pub state: Vec<State>,
    /// Bytes per second of all links; null where unknown.
    pub bytes_in: Vec<Option<f64>>,
    /// Bytes per second of all links; null where unknown.
    pub bytes_out: Vec<Option<f64>>,
}

/// Columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Links {
    /// A place in the vertices.
    pub from: Vec<u32>,
    /// A place in the vertices.
    pub to: Vec<u32>,
    /// Bytes per second; null where unknown.
    pub bytes_in: Vec<Option<f64>>,
    /// Bytes per second; null where unknown.
    pub bytes_out: Vec<Option<f64>>,
}
