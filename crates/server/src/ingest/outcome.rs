//! What became of a batch, in InfluxDB 1.6.7's words.

use svcflow_line_protocol::LineError;
use svcflow_store::Error;

/// Refused lines that are told in full; of the others only their number. A body of nothing else would come back
/// whole otherwise.
const LINES_TOLD: usize = 100;

/// A batch that could not be written at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The store's word.
    #[error(transparent)]
    Store(#[from] Error),
}

/// What became of a batch's lines. Those that were written are durable.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Points written.
    pub(crate) points: usize,
    /// Good lines whose points could not be stored.
    pub(crate) dropped: usize,
    /// Lines that are no points.
    pub(crate) refused: usize,
    /// Why the first of the dropped was.
    reason: Option<String>,
    told: Vec<String>,
}

impl Outcome {
    pub(super) fn with_points(self, points: usize) -> Self {
        Self { points, ..self }
    }

    pub(super) fn refuse(&mut self, error: &LineError<'_>) {
        self.refused += 1;
        if self.told.len() < LINES_TOLD {
            self.told.push(error.to_string());
        }
    }

    pub(super) fn drop_point(&mut self, reason: impl FnOnce() -> String) {
        self.dropped += 1;
        self.reason.get_or_insert_with(reason);
    }

    /// What to tell the sender; `None` where every line was written.
    pub(crate) fn message(&self) -> Option<String> {
        let mut refused = self.told.join("\n");
        if self.refused > self.told.len() {
            refused += &format!("\nand {} more lines", self.refused - self.told.len());
        }
        match (&self.reason, self.refused) {
            (None, 0) => None,
            (None, _) if self.points == 0 => Some(refused),
            (None, _) => Some(format!("partial write: {refused} dropped=0")),
            (Some(reason), 0) => Some(format!("partial write: {reason} dropped={}", self.dropped)),
            // 1.6.7 keeps the refused lines to itself then.
            (Some(reason), _) => {
                Some(format!("partial write: {reason} dropped={}\n{refused}", self.dropped))
            }
        }
    }
}
