//! Sources run by a hub, and waiting until their names are there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use svcflow_topology::sources::{Hub, Source, system_now};
use svcflow_topology::{Names, Snapshot};
use tokio::task::JoinHandle;

/// A hub under way; ends when dropped.
pub(crate) struct Watched {
    pub(crate) names: Names,
    task: JoinHandle<()>,
}

impl Watched {
    pub(crate) fn start(sources: Vec<Box<dyn Source>>) -> Self {
        let names = Names::default();
        let hub = Hub::new(sources, names.clone(), system_now());
        Self { names, task: tokio::spawn(hub.run(drop)) }
    }

    /// Waits until the snapshot is as wanted, or fails after `most`.
    pub(crate) async fn until(
        &self,
        what: &str,
        most: Duration,
        is: impl Fn(&Snapshot) -> bool,
    ) -> Arc<Snapshot> {
        let end = Instant::now() + most;
        loop {
            let snapshot = self.names.snapshot();
            if is(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < end, "not {what}: {snapshot:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}
