use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Now, Source, Teller, Watching};
use crate::{Limits, Names, Record, SourceId, Topology, Update};

/// Words that may wait for the hub; a source with more to say waits.
const UPDATES_MAX: usize = 1_024;
/// How many words are taken before readers get to see them.
const BATCH_MAX: usize = 256;

/// Runs sources beside each other and publishes what they say together.
pub struct Hub {
    topology: Topology,
    sources: Vec<(SourceId, Box<dyn Source>)>,
    names: Names,
    now: Now,
}

impl Hub {
    /// Merges `sources`, the first being the first in precedence (255 at most), into `names`.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Source>>, names: Names, now: Now) -> Self {
        let mut topology = Topology::new(Limits::default());
        let add = |source: Box<dyn Source>| {
            let id = if source.is_quiet() {
                topology.add_quiet_source(source.name())
            } else {
                topology.add_source(source.name())
            };
            Some((id?, source))
        };
        let sources = sources.into_iter().map_while(add).collect();
        names.publish(topology.snapshot());
        Self { topology, sources, names, now }
    }

    /// Takes up the stored history; see [`Topology::restore`].
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>) -> usize {
        let unknown = self.topology.restore(records, (self.now)());
        self.names.publish(self.topology.snapshot());
        unknown
    }

    /// Watches until it is dropped, and hands over what is to be stored.
    pub async fn run(mut self, mut keep: impl FnMut(Vec<Record>) + Send) {
        let (updates, mut inbox) = mpsc::channel(UPDATES_MAX);
        let mut watching = JoinSet::new();
        for (id, source) in std::mem::take(&mut self.sources) {
            let teller = Teller { source: id, updates: updates.clone(), now: self.now.clone() };
            let name = source.name().to_owned();
            let watch = source.watch(teller.clone());
            watching.spawn(alone(name, watch, teller));
        }
        // What ended with its source, since the last run.
        self.hand_over(&mut keep);
        let mut batch: Vec<(SourceId, Update)> = Vec::with_capacity(BATCH_MAX);
        while inbox.recv_many(&mut batch, BATCH_MAX).await > 0 {
            for (source, update) in batch.drain(..) {
                self.topology.apply(source, update);
            }
            self.names.publish(self.topology.snapshot());
            self.hand_over(&mut keep);
        }
    }

    fn hand_over(&mut self, keep: &mut impl FnMut(Vec<Record>)) {
        let records = self.topology.take_records();
        if !records.is_empty() {
            keep(records);
        }
    }
}

/// Runs one source in a task of its own, which ends when this is dropped: a fault in its code takes no
/// other source with it.
async fn alone(name: String, watch: Watching, teller: Teller) {
    let mut task = JoinSet::new();
    task.spawn(watch);
    let how = match task.join_next().await {
        Some(Err(error)) => error.to_string(),
        Some(Ok(())) | None => "it ended".to_owned(),
    };
    tracing::error!("the source of names `{name}` stopped ({how}): restart svcflow");
    teller.failed(format!("it stopped ({how}): restart svcflow")).await;
}
