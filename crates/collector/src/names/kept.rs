//! The history of names in the embedded store: points of `svcflow_topology` (see [`svcflow_topology::history`]).
//!
//! They have a retention policy of their own, which keeps for ever: a point's time is when its tenure began, and a
//! container may run for longer than samples are kept. What ended before the samples begin is deleted by
//! [`Kept::prune`].

use std::sync::Arc;

use svcflow_model::Timestamp;
use svcflow_store::{
    Block, Error, FieldId, FieldType, FieldValue, Order, PolicySpec, RoaringBitmap, ScanRequest,
    SeriesId, Store, TimeRange,
};
use svcflow_topology::Record;
use svcflow_topology::history::MEASUREMENT;

/// The retention policy of names.
pub const POLICY: &str = "names";

const UNTIL: &str = "until";
const BODY: &str = "body";

/// Names in a database of the embedded store.
#[derive(Clone)]
pub struct Kept {
    store: Store,
    database: Arc<str>,
}

/// One tenure as it is stored.
struct Row {
    series: SeriesId,
    record: Record,
}

impl Kept {
    /// In this database, which must exist. Makes the policy of names there, unless there is one.
    ///
    /// # Errors
    /// Where there is no such database, or the disk failed.
    pub fn open(store: &Store, database: &str) -> Result<Self, Error> {
        // Whoever wants names kept for less may have altered it.
        if !store.policies(database)?.iter().any(|policy| policy.spec.name == POLICY) {
            store.create_policy(database, PolicySpec::new(POLICY, None), false)?;
        }
        Ok(Self { store: store.clone(), database: database.into() })
    }

    /// All that is stored; one that can't be read is said in the log and left out.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        Ok(self.rows()?.into_iter().map(|row| row.record).collect())
    }

    /// Stores records, durably. One that can't be stored is said in the log and takes no other with it.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn write(&self, records: &[Record]) -> Result<(), Error> {
        let mut batch = self.store.batch(&self.database, Some(POLICY))?;
        for record in records {
            match push(&mut batch, record) {
                Err(error @ (Error::PointInvalid { .. } | Error::NameInvalid { .. })) => {
                    let (kind, identity) = (record.kind(), record.identity());
                    tracing::error!("can't store the name of {kind} `{identity}`: {error}");
                }
                pushed => pushed?,
            }
        }
        batch.commit()
    }

    /// Deletes what ended before `before`, as its samples are gone: an identity with all of its tenures. Gives how
    /// many identities that were.
    ///
    /// # Errors
    /// Where the store can't be read or written.
    pub fn prune(&self, before: Timestamp) -> Result<u64, Error> {
        let (mut over, mut needed) = (RoaringBitmap::new(), RoaringBitmap::new());
        for Row { series, record } in self.rows()? {
            let is_over = record.until.is_some_and(|until| until < before);
            let set = if is_over { &mut over } else { &mut needed };
            set.insert(series.get());
        }
        over -= needed;
        self.store.drop_series(&self.database, &over)?;
        Ok(over.len())
    }

    fn rows(&self) -> Result<Vec<Row>, Error> {
        let snapshot = self.store.read(&self.database)?;
        let Some(found) = snapshot.measurement(MEASUREMENT) else { return Ok(Vec::new()) };
        let fields = found.fields(Some(POLICY))?;
        let ids: Vec<FieldId> = fields.iter().map(|field| field.id).collect();
        let place = |name: &str| fields.iter().position(|field| &*field.name == name);
        let (until, Some(body)) = (place(UNTIL), place(BODY)) else { return Ok(Vec::new()) };
        let mut scan = snapshot.scan(&ScanRequest {
            policy: Some(POLICY),
            series: found.series_all(),
            fields: &ids,
            range: TimeRange::ALL,
            order: Order::Ascending,
        })?;
        let (mut rows, mut block) = (Vec::new(), Block::default());
        while let Some(series) = scan.next_series()? {
            let tag = |key| found.tag(series, key).unwrap_or_default();
            while let Some(chunk) = scan.next_chunk()? {
                chunk.decode(&mut block)?;
                let value = |field: usize, row| block.columns.get(field)?.get(row);
                for (row, time) in block.times.iter().enumerate() {
                    let until = until.and_then(|field| match value(field, row) {
                        Some(FieldValue::Integer(until)) => Some(Timestamp(until)),
                        _ => None,
                    });
                    let Some(FieldValue::String(body)) = value(body, row) else { continue };
                    let (source, kind) = (tag("source"), tag("kind"));
                    match Record::from_point(source, kind, Timestamp(*time), until, body) {
                        Ok(record) => rows.push(Row { series, record }),
                        Err(error) => tracing::warn!("a stored name can't be read: {error}"),
                    }
                }
            }
        }
        Ok(rows)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("database", &self.database).finish_non_exhaustive()
    }
}

fn push(batch: &mut svcflow_store::Batch, record: &Record) -> Result<(), Error> {
    let Ok(body) = record.body() else {
        return Err(Error::PointInvalid { what: "a name without a JSON form" });
    };
    let identity = Some(record.identity()).filter(|it| !it.is_empty()).unwrap_or(" ");
    let tags = [("identity", identity), ("kind", record.kind()), ("source", &*record.source)];
    let series = batch.series(MEASUREMENT, &tags)?;
    let mut values =
        vec![(batch.field(series, BODY, FieldType::String)?, FieldValue::String(&body))];
    if let Some(until) = record.until {
        let field = batch.field(series, UNTIL, FieldType::Integer)?;
        values.push((field, FieldValue::Integer(until.0)));
    }
    batch.push(series, record.from.0, &values)
}
