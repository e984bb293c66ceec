//! The embedded store as history.
//!
//! One thread writes: it takes every batch that waits and commits them as one, so that a thousand nodes
//! whose answers are accounted at the same moment share one wait for the disk.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use svcflow_model::Edge;
use svcflow_store::{
    Block, Error, FieldId, FieldType, FieldValue, Measurement, Order, RoaringBitmap, ScanRequest,
    Scope, SeriesId, Snapshot, Store, TimeRange,
};
use tokio::sync::oneshot;

use super::{History, HistoryError, Later, Owned, Recall, Row};
use crate::node::Remembered;
use crate::point::{
    APART, Batch, EPOCHS, LOSSES, MARKS, NODES, OFFSETS, Point, TRAFFIC, Value, What, edge_tags,
};
use crate::timing::nanoseconds;

/// Batches that wait for the writer. A full queue makes nodes wait, and their agents keep what comes.
const QUEUE_MAX: usize = 1_024;
/// Points that are committed at once: some 10 MB.
const COMMIT_MAX: usize = 100_000;
/// Series ids that are remembered. Past it all are looked up anew.
const SERIES_MAX: usize = 2_000_000;
/// Edges out of sight this long are looked up where they come back.
const IDLE: Duration = Duration::from_secs(24 * 3_600);
/// A series that is dropped while it is written to is looked up again this often.
const TRIES: usize = 3;

type Answer = oneshot::Sender<Result<(), Error>>;

/// A database of an embedded store.
#[derive(Clone)]
pub struct Embedded {
    store: Store,
    database: Arc<str>,
    batches: SyncSender<(Arc<Batch>, Answer)>,
}

impl Embedded {
    /// Writes to a database that exists, with the default policy.
    ///
    /// # Errors
    /// Where the writer's thread can't be made.
    pub fn new(store: Store, database: &str) -> Result<Self, HistoryError> {
        let (batches, inbox) = sync_channel(QUEUE_MAX);
        let database: Arc<str> = database.into();
        let writer = Writer {
            store: store.clone(),
            database: Arc::clone(&database),
            scope: None,
            series: HashMap::new(),
            fields: HashMap::new(),
        };
        Builder::new()
            .name("svcflow-history".to_owned())
            .spawn(move || writer.run(&inbox))
            .map_err(|error| HistoryError::new("can't start the writer's thread").because(error))?;
        Ok(Self { store, database, batches })
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("database", &self.database).finish_non_exhaustive()
    }
}

impl History for Embedded {
    fn load<'a>(&'a self, node: &'a str) -> Later<'a, Result<Remembered, HistoryError>> {
        let (store, database, node) =
            (self.store.clone(), Arc::clone(&self.database), node.to_owned());
        Box::pin(blocking(move || recall(&store, &database, &node)))
    }

    fn idle_after(&self) -> Option<Duration> {
        Some(IDLE)
    }

    fn look_up<'a>(
        &'a self,
        node: &'a str,
        edges: Vec<Edge>,
    ) -> Later<'a, Result<Remembered, HistoryError>> {
        let (store, database, node) =
            (self.store.clone(), Arc::clone(&self.database), node.to_owned());
        Box::pin(blocking(move || {
            let mut recall = Recall::default();
            look_up(&store.read(&database)?, &node, edges.iter(), &mut recall)?;
            Ok(recall.finish())
        }))
    }

    fn commit(&self, batch: Arc<Batch>) -> Later<'_, Result<(), HistoryError>> {
        Box::pin(async move {
            let gone =
                || HistoryError::new("the store's writer has ended: see the log before this");
            let (answer, answered) = oneshot::channel();
            let batches = self.batches.clone();
            // The queue may be full: waiting for it must not hold up the runtime's thread.
            if let Err(full) = batches.try_send((batch, answer)) {
                let item = match full {
                    std::sync::mpsc::TrySendError::Full(item) => item,
                    std::sync::mpsc::TrySendError::Disconnected(_) => return Err(gone()),
                };
                let sent = tokio::task::spawn_blocking(move || batches.send(item)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Err(gone());
                }
            }
            let failed = |error| HistoryError::new("can't write to the store").because(error);
            answered.await.map_err(|_| gone())?.map_err(failed)
        })
    }
}

async fn blocking(
    read: impl FnOnce() -> Result<Remembered, Error> + Send + 'static,
) -> Result<Remembered, HistoryError> {
    let early = |error| HistoryError::new("reading the store ended early").because(error);
    let what = "can't read what the store remembers of a node";
    let read = tokio::task::spawn_blocking(read).await.map_err(early)?;
    read.map_err(|error| HistoryError::new(what).because(error))
}

/// The node itself, and the edges that were in memory; others are looked up where they come back.
fn recall(store: &Store, database: &str, node: &str) -> Result<Remembered, Error> {
    let snapshot = store.read(database)?;
    let mut recall = Recall::default();
    let mut last = None;
    for (measurement, all) in [(NODES, false), (EPOCHS, true), (LOSSES, false)] {
        let Some(found) = snapshot.measurement(measurement) else { continue };
        let series = found.series_with("Node", node);
        let rows = rows(&snapshot, &found, &series, TimeRange::ALL, all)?;
        if measurement == NODES {
            last = rows.iter().map(|row| row.time).max();
        }
        recall.take(measurement, rows);
    }
    if let Some(last) = last {
        let first = last.saturating_sub(nanoseconds(IDLE)).max(TimeRange::ALL.first);
        let late = TimeRange { first, ..TimeRange::ALL };
        let mut edges = BTreeSet::new();
        for measurement in [TRAFFIC, APART] {
            let Some(found) = snapshot.measurement(measurement) else { continue };
            let series = found.series_with("Node", node);
            edges.extend(
                rows(&snapshot, &found, &series, late, false)?.iter().filter_map(Row::edge),
            );
        }
        look_up(&snapshot, node, edges.iter(), &mut recall)?;
    }
    Ok(recall.finish())
}

/// All that is stored of edges, however long ago: one part without the other would be wrong.
fn look_up<'e>(
    snapshot: &Snapshot,
    node: &str,
    edges: impl Iterator<Item = &'e Edge> + Clone,
    recall: &mut Recall,
) -> Result<(), Error> {
    for measurement in [TRAFFIC, APART, OFFSETS, MARKS] {
        let Some(found) = snapshot.measurement(measurement) else { continue };
        let of_node = found.series_with("Node", node);
        let mut series = RoaringBitmap::new();
        for edge in edges.clone() {
            let mut candidates = found.series_with("EndpointIP", &edge.endpoint.to_string());
            candidates &= &of_node;
            edge_tags(node, edge, |tags| {
                let is_edge = |id: &u32| found.tags(SeriesId::new(*id)).eq(tags.iter().copied());
                series.extend(candidates.iter().filter(is_edge));
            });
        }
        recall.take(measurement, rows(snapshot, &found, &series, TimeRange::ALL, false)?);
    }
    Ok(())
}

/// Rows of series: all, or each one's last.
fn rows(
    snapshot: &Snapshot,
    found: &Measurement,
    series: &RoaringBitmap,
    range: TimeRange,
    all: bool,
) -> Result<Vec<Row>, Error> {
    let fields = found.fields(None)?;
    let ids: Vec<FieldId> = fields.iter().map(|field| field.id).collect();
    let mut scan = snapshot.scan(&ScanRequest {
        policy: None,
        series,
        fields: &ids,
        range,
        order: Order::Descending,
    })?;
    let (mut rows, mut block) = (Vec::new(), Block::default());
    while let Some(series) = scan.next_series()? {
        let tags: Vec<_> =
            found.tags(series).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        while let Some(chunk) = scan.next_chunk()? {
            chunk.decode(&mut block)?;
            let wanted = if all { block.rows() } else { block.rows().min(1) };
            for (at, time) in block.times.iter().enumerate().rev().take(wanted) {
                let value = |column: &svcflow_store::Column| column.get(at).map(owned);
                let names = fields.iter().map(|field| field.name.to_string());
                let values = names.zip(&block.columns).filter_map(|(n, c)| Some((n, value(c)?)));
                rows.push(Row { time: *time, tags: tags.clone(), fields: values.collect() });
            }
            if !all && wanted > 0 {
                break;
            }
        }
    }
    Ok(rows)
}

fn owned(value: FieldValue<'_>) -> Owned {
    match value {
        FieldValue::Float(value) => Owned::Float(value),
        FieldValue::Integer(value) => Owned::Integer(value),
        FieldValue::Boolean(value) => Owned::Boolean(value),
        FieldValue::String(value) => Owned::Text(value.to_owned()),
    }
}

struct Writer {
    store: Store,
    database: Arc<str>,
    /// What the remembered ids belong to.
    scope: Option<Scope>,
    series: HashMap<Arc<str>, HashMap<(&'static str, Edge), SeriesId>>,
    fields: HashMap<(&'static str, &'static str), FieldId>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<(Arc<Batch>, Answer)>) {
        while let Ok(first) = inbox.recv() {
            let mut points = first.0.points.len();
            let mut waiting = vec![first];
            while points < COMMIT_MAX
                && let Ok(next) = inbox.try_recv()
            {
                points += next.0.points.len();
                waiting.push(next);
            }
            // One that can't be stored must not take the others with it.
            let together = waiting.len() > 1 && self.write(&waiting).is_ok();
            for one in waiting {
                let alone = if together { Ok(()) } else { self.write(std::slice::from_ref(&one)) };
                // Where nobody waits any more, the node was removed meanwhile.
                let _ = one.1.send(alone);
            }
        }
    }

    fn write(&mut self, waiting: &[(Arc<Batch>, Answer)]) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_write(waiting) {
                Err(Error::SeriesDropped | Error::SeriesNotFound { .. }) if tries < TRIES => {
                    self.scope = None;
                }
                written => return written,
            }
        }
    }

    fn try_write(&mut self, waiting: &[(Arc<Batch>, Answer)]) -> Result<(), Error> {
        let mut batch = self.store.batch(&self.database, None)?;
        let scope = batch.scope();
        let remembered: usize = self.series.values().map(HashMap::len).sum();
        if self.scope != Some(scope) || remembered > SERIES_MAX {
            self.series.clear();
            self.fields.clear();
            self.scope = Some(scope);
        }
        for (points, _) in waiting {
            for point in &points.points {
                self.push(&mut batch, &points.node, point)?;
            }
        }
        batch.commit()
    }

    fn push(
        &mut self,
        batch: &mut svcflow_store::Batch,
        node: &Arc<str>,
        point: &Point,
    ) -> Result<(), Error> {
        let series = self.series(batch, node, &point.what)?;
        let measurement = point.what.measurement();
        let fields = &mut self.fields;
        point.what.fields(|values| {
            let mut pairs = Vec::with_capacity(values.len());
            for (name, value) in values {
                let id = match fields.entry((measurement, *name)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => *new.insert(field(batch, series, name, value)?),
                };
                pairs.push((id, stored(value, id.field_type())));
            }
            batch.push(series, point.time.0, &pairs)
        })
    }

    fn series(
        &mut self,
        batch: &mut svcflow_store::Batch,
        node: &Arc<str>,
        what: &What,
    ) -> Result<SeriesId, Error> {
        let measurement = what.measurement();
        let Some(edge) = what.edge() else {
            return what.describe(node, |it| batch.series(measurement, it.tags));
        };
        let known = self.series.entry(Arc::clone(node)).or_default();
        if let Some(series) = known.get(&(measurement, *edge)) {
            return Ok(*series);
        }
        let series = edge_tags(node, edge, |tags| batch.series(measurement, tags))?;
        known.insert((measurement, *edge), series);
        Ok(series)
    }
}

/// An integer's field that the database has as a float (Telegraf writes it so) stays a float.
fn field(
    batch: &mut svcflow_store::Batch,
    series: SeriesId,
    name: &str,
    value: &Value<'_>,
) -> Result<FieldId, Error> {
    let kind = match value {
        Value::Integer(_) => FieldType::Integer,
        Value::Float(_) => FieldType::Float,
        Value::Boolean(_) => FieldType::Boolean,
        Value::Text(_) => FieldType::String,
    };
    match batch.field(series, name, kind) {
        Err(Error::FieldTypeConflict { there: FieldType::Float, .. })
            if kind == FieldType::Integer =>
        {
            batch.field(series, name, FieldType::Float)
        }
        found => found,
    }
}

#[allow(clippy::cast_precision_loss, reason = "the database has the field as a float")]
fn stored<'a>(value: &Value<'a>, kind: FieldType) -> FieldValue<'a> {
    match value {
        Value::Integer(value) if kind == FieldType::Float => FieldValue::Float(*value as f64),
        Value::Integer(value) => FieldValue::Integer(*value),
        Value::Float(value) => FieldValue::Float(*value),
        Value::Boolean(value) => FieldValue::Boolean(*value),
        Value::Text(value) => FieldValue::String(value),
    }
}
