use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::Snapshot;

/// Where the newest snapshot is found: one writer publishes, any number of readers read without locks.
/// Cheap to clone; clones share the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<ArcSwap<Snapshot>>);

impl Names {
    /// The newest snapshot. Hold it for as long as one answer takes, so that all of it is of one moment.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Publishes a snapshot.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
