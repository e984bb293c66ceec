//! Where samples go first, and where the collector's own memory is read from after a start.
//!
//! A batch and the node's position in it become durable together, so that a crash at any moment leaves
//! both or neither; what an agent counted meanwhile comes again from its kept intervals. No file of
//! the collector's own can contradict the store.

mod embedded;
mod influx;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use svcflow_model::{Counters, Edge, Epoch, Marks, Service, Timestamp};

pub use embedded::Embedded;
pub use influx::Influx;

use crate::counters::{EdgeMemory, Position};
use crate::node::Remembered;
use crate::point::{
    APART, Batch, COUNTERS, EPOCHS, LOSSES, LossPoint, MARKS, NODES, OFFSETS, TRAFFIC,
};
use crate::status::SinkDocument;

/// A future that a trait object gives.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a store can't be written to or read from.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct HistoryError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HistoryError {
    /// What was tried.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// And what came of it.
    #[must_use]
    pub fn because(self, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(why.into()), ..self }
    }
}

/// The store that samples go to first.
pub trait History: Send + Sync + 'static {
    /// What is remembered of a node.
    fn load<'a>(&'a self, node: &'a str) -> Later<'a, Result<Remembered, HistoryError>>;

    /// How long edges out of sight need not be in memory, because [`Self::look_up`] finds them; `None`
    /// where it doesn't, and `load` gives all.
    fn idle_after(&self) -> Option<Duration> {
        None
    }

    /// What is remembered of these edges: their counters and marks. Those never stored are left out.
    fn look_up<'a>(
        &'a self,
        _node: &'a str,
        _edges: Vec<Edge>,
    ) -> Later<'a, Result<Remembered, HistoryError>> {
        Box::pin(async { Ok(Remembered::default()) })
    }

    /// Stores a batch, whole or not at all; durable when it returns. The same batch twice is as good
    /// as once.
    fn commit(&self, batch: Arc<Batch>) -> Later<'_, Result<(), HistoryError>>;

    /// Changes whenever something that was committed got lost after all: whoever sees a change
    /// commits everything once more.
    fn missed(&self) -> u64 {
        0
    }

    /// What there is to show, where something can wait or fail between here and the store.
    fn document(&self) -> Option<SinkDocument> {
        None
    }

    /// Lets go of what it holds; what waits stays on disk.
    fn close(&self) -> Later<'_, ()> {
        Box::pin(async {})
    }
}

/// A row as it was read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) fields: Vec<(String, Owned)>,
}

/// A value as it was read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Owned {
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
}

impl Row {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn field(&self, key: &str) -> Option<&Owned> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn count(&self, key: &str) -> Option<u64> {
        match self.field(key)? {
            Owned::Integer(value) => u64::try_from(*value).ok(),
            // Written as a float where the database had it so: exact to 53 bits.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be a whole number that fits"
            )]
            Owned::Float(value) if (0.0..1.8e19).contains(value) => Some(*value as u64),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> bool {
        self.field(key) == Some(&Owned::Boolean(true))
    }

    fn epoch(&self) -> Option<Epoch> {
        match self.field("Epoch")? {
            Owned::Integer(value) => Some(Epoch(value.cast_unsigned())),
            _ => None,
        }
    }

    fn edge(&self) -> Option<Edge> {
        let address = |key| self.tag(key)?.parse::<IpAddr>().ok();
        let port = |key| self.tag(key)?.parse::<u16>().ok();
        let service = match self.tag("ServiceIP").filter(|text| !text.is_empty()) {
            None => None,
            Some(_) => Some(Service { address: address("ServiceIP")?, port: port("ServicePort")? }),
        };
        Some(Edge {
            endpoint: address("EndpointIP")?,
            service,
            provider: address("ProviderIP")?,
            provider_port: port("ProviderPort")?,
            protocol: self.tag("Protocol")?.parse().ok()?,
        })
    }

    fn counters(&self) -> Option<Counters> {
        let [a, b, c, d] = COUNTERS;
        Some(Counters {
            bytes_in: self.count(a)?,
            bytes_out: self.count(b)?,
            packets_in: self.count(c)?,
            packets_out: self.count(d)?,
        })
    }
}

/// Puts a node's memory together from rows. Those that svcflow can't have written are passed over.
#[derive(Default)]
pub(crate) struct Recall {
    edges: HashMap<Edge, (EdgeMemory, i64)>,
    epochs: Vec<Row>,
    remembered: Remembered,
}

impl Recall {
    pub(crate) fn take(&mut self, measurement: &str, rows: Vec<Row>) {
        match measurement {
            TRAFFIC => self.counters(&rows, true, |memory, it| memory.owned = Some(it)),
            APART => self.counters(&rows, true, |memory, it| memory.apart = Some(it)),
            OFFSETS => self.counters(&rows, false, |memory, it| memory.offset = it),
            MARKS => {
                let marks = rows.iter().filter_map(|row| Some((row.edge()?, marks(row))));
                self.remembered.marks = marks.collect();
            }
            LOSSES => self.remembered.losses = rows.iter().filter_map(loss).collect(),
            NODES => {
                let latest = rows.iter().max_by_key(|row| row.time);
                let at =
                    latest.and_then(|row| Some((row.time, row.epoch()?, row.count("Sequence")?)));
                if let Some((time, epoch, sequence)) = at {
                    self.remembered.last = Some(Timestamp(time));
                    self.remembered.position = Some(Position { epoch, sequence, left: Vec::new() });
                }
            }
            EPOCHS => self.epochs = rows,
            _ => {}
        }
    }

    /// `stored`: whether these rows are what an edge's accounts hold.
    fn counters(&mut self, rows: &[Row], stored: bool, set: impl Fn(&mut EdgeMemory, Counters)) {
        for row in rows {
            if let (Some(edge), Some(counters)) = (row.edge(), row.counters()) {
                let (memory, last) =
                    self.edges.entry(edge).or_insert((EdgeMemory::default(), i64::MIN));
                set(memory, counters);
                *last = if stored { row.time.max(*last) } else { *last };
            }
        }
    }

    pub(crate) fn finish(mut self) -> Remembered {
        self.epochs.sort_by_key(|row| row.time);
        let mut remembered = self.remembered;
        if let Some(position) = &mut remembered.position {
            for epoch in self.epochs.iter().filter_map(Row::epoch) {
                if epoch != position.epoch && !position.left.contains(&epoch) {
                    position.left.push(epoch);
                }
            }
            let running = |row: &&Row| row.epoch() == Some(position.epoch);
            if let Some(row) = self.epochs.iter().rev().find(running) {
                remembered.epoch_began = match row.field("Began") {
                    Some(Owned::Integer(began)) => Some(Timestamp(*began)),
                    _ => None,
                };
                remembered.target = match row.field("Target") {
                    Some(Owned::Text(target)) => Some(target.as_str().into()),
                    _ => None,
                };
            }
        }
        let edges = self.edges.into_iter();
        remembered.edges =
            edges.map(|(edge, (memory, last))| (edge, memory, Timestamp(last))).collect();
        remembered
    }
}

fn marks(row: &Row) -> Marks {
    Marks {
        uncounted: row.flag("Uncounted"),
        undercounted: row.flag("Undercounted"),
        direction_unknown: row.flag("DirectionUnknown"),
        unsplit: row.flag("Unsplit"),
        remainder: row.flag("Remainder"),
    }
}

fn loss(row: &Row) -> Option<(Arc<str>, LossPoint)> {
    let point = LossPoint {
        count: row.count("Count")?,
        bytes: row.count("Bytes")?,
        agent_count: row.count("AgentCount")?,
        agent_bytes: row.count("AgentBytes")?,
    };
    Some((row.tag("Kind")?.into(), point))
}
