use serde::Serialize;
use utoipa::ToSchema;

use super::{Mark, Notice, Range, Rates, Totals};

/// Of a card or member: which edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Those that end there.
    Served,
    /// Those that begin there.
    Asked,
}

/// `GET /api/v1/series`
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Series {
    /// What it is of.
    pub id: String,
    /// To be shown; of an edge `11.1.1.2 → 100.1.1.3:8080 → 10.1.1.7:80`, of a map edge `FROM → TO`.
    pub name: String,
    /// Null where the id is no card and no member.
    pub side: Option<Side>,
    /// What was answered; its `step` is the series'.
    pub range: Range,
    /// Start of each step, rising by `step`, complete.
    pub times: Vec<i64>,
    /// Per second; null is a gap.
    pub bytes_in: Vec<Option<f64>>,
    /// Per second; null is a gap.
    pub bytes_out: Vec<Option<f64>>,
    /// Per second; null is a gap.
    pub packets_in: Vec<Option<f64>>,
    /// Per second; null is a gap.
    pub packets_out: Vec<Option<f64>>,
    /// Within the range.
    pub totals: Totals,
    /// Over the known part of the range.
    pub average: Option<Rates>,
    /// The greatest of each column.
    pub peak: Option<Rates>,
    /// Of the bytes of `all` within the range, 0 to 1; null where unknown.
    #[schema(minimum = 0, maximum = 1)]
    pub share: Option<f64>,
    /// What is wrong with them.
    pub marks: Vec<Mark>,
    /// What touches these numbers, in order of time.
    pub losses: Vec<Notice>,
    /// A query for `/query?db=…` that gives the same rates; null where it would be too long, or where a part of the range is kept as sums.
    pub influxql: Option<String>,
}
