use serde::{Deserialize, Serialize};
use svcflow_model::{Counters, Edge, Epoch, Losses, Marks, Origin, Timestamp};

/// What is needed to go on after a crash: totals, and the baselines of readings under their origin.
///
/// Connections are not part of it: a source's run of them ends with the process. Keep a state before
/// publishing what `take_changes` gave; otherwise begin a new epoch after restoring, because published
/// counters may lie above the restored ones. Holds the hash seed: keep it readable by the agent alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) epoch: Epoch,
    pub(crate) seed: u64,
    pub(crate) origin: Option<Origin>,
    /// Complete looks that still only lay the baseline of readings.
    pub(crate) baseline_looks: u8,
    pub(crate) had_connections: bool,
    pub(crate) looks: u32,
    pub(crate) edges: Vec<EdgeState>,
    pub(crate) retired: Vec<RetiredState>,
    pub(crate) readings: Vec<ReadingState>,
    pub(crate) losses: Losses,
}

impl State {
    /// The epoch that the totals belong to.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The origin that the baselines belong to.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EdgeState {
    pub(crate) edge: Edge,
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
    pub(crate) seen: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RetiredState {
    pub(crate) hash: u64,
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReadingState {
    pub(crate) hash: u64,
    /// Which of the state's edges it counts for.
    pub(crate) edge: u32,
    pub(crate) last: Counters,
    pub(crate) known_in: bool,
    pub(crate) known_out: bool,
    pub(crate) seen: Timestamp,
    pub(crate) seen_look: u32,
}
