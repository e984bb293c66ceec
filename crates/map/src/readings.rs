//! All edges that a window shows, before anybody filters or groups them.

use std::sync::Arc;

use crate::catalogue::{Catalogue, NodeId};
use crate::follow::Observed;
use crate::intern::PerId;
use crate::window::Window;

/// What was read from the store for a window.
#[derive(Clone, Debug)]
pub struct Readings {
    /// Which window.
    pub window: Window,
    /// What its ids mean.
    pub catalogue: Arc<Catalogue>,
    /// The edges, in the order of their ids.
    pub edges: Vec<Observed>,
    /// The parts of the range that each node knows; see [`known_parts`](crate::follow::known_parts).
    pub known_parts: PerId<Arc<str>, u32>,
}

impl Readings {
    /// The parts of the range that a node knows.
    #[must_use]
    pub fn known(&self, node: NodeId) -> u32 {
        self.known_parts.get(node).copied().unwrap_or(0)
    }
}
