use std::time::Duration;

/// How much accounting may remember. Memory is bounded by these whatever the churn (design rule 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Edges with counters of their own; those past it are folded into the remainder edges.
    ///
    /// Four times as many readings (an edge in a counting place) are followed, and twice as many
    /// totals of expired edges are kept.
    pub edges: usize,
    /// Connections followed at once, those that ended during the last look included.
    pub connections: usize,
    /// How long an edge must be out of sight to leave the table. Longer than the kernel's own expiry
    /// of elements, so 24 hours or more.
    pub edge_expiry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { edges: 200_000, connections: 2_000_000, edge_expiry: Duration::from_secs(36 * 3600) }
    }
}

impl Limits {
    pub(crate) fn readings(&self) -> usize {
        self.edges.saturating_mul(4)
    }

    pub(crate) fn retired(&self) -> usize {
        self.edges.saturating_mul(2)
    }
}
