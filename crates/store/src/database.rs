//! One database: its schema, and the data of its policies.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use roaring::RoaringBitmap;

use crate::batch::{Row, Rows};
use crate::index::MeasurementId;
use crate::log::record::{Change, put_series};
use crate::schema::{DatabaseId, Delete, PolicyId, PolicySchema, Schema};
use crate::tables::PolicyData;
use crate::{Error, FieldId, FieldType, PolicySpec, Rollup, SeriesId, TimeRange};

pub(crate) struct Database {
    pub(crate) id: DatabaseId,
    pub(crate) name: Arc<str>,
    cell: RwLock<Cell>,
    /// Held by whoever makes series or fields, and by a change from when it takes what the log doesn't have
    /// yet until it is in memory too. Otherwise a series that is made while the change waits for the disk
    /// would come before it in memory and behind it in the log, and after a start be another series.
    making: Mutex<()>,
    data: RwLock<HashMap<PolicyId, Arc<PolicyData>>>,
    /// Series below were there when retention last looked.
    settled: AtomicU32,
}

#[derive(Default)]
struct Cell {
    schema: Arc<Schema>,
    /// Series and fields that the log doesn't have yet, as it will have them. Whatever is written to the
    /// log of this database goes behind them.
    unlogged: Vec<u8>,
}

impl Database {
    pub(crate) fn new(id: DatabaseId, name: &str) -> Self {
        // What was remembered of an earlier database of the name doesn't fit this one.
        let generation = u64::from(id.0) << 32;
        Self::with(id, name.into(), Arc::new(Schema { generation, ..Schema::default() }))
    }

    /// One of an earlier run, without rows.
    pub(crate) fn with(id: DatabaseId, name: Arc<str>, schema: Arc<Schema>) -> Self {
        let data = schema.policies.values().map(|policy| (policy.id, Arc::default())).collect();
        let cell = Cell { schema, unlogged: Vec::new() };
        Self {
            id,
            name,
            cell: RwLock::new(cell),
            making: Mutex::default(),
            data: RwLock::new(data),
            settled: AtomicU32::new(0),
        }
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.cell.read().schema)
    }

    /// The id below which all series were there at the last call.
    pub(crate) fn settled_series(&self, schema: &Schema) -> u32 {
        let next = schema.index.next_series().map_or(u32::MAX, SeriesId::get);
        self.settled.swap(next, Ordering::Relaxed)
    }

    /// Changes the schema. Snapshots that were taken before keep theirs.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Schema) -> T) -> T {
        change(Arc::make_mut(&mut self.cell.write().schema))
    }

    /// Keeps series and fields from being made until what is returned is dropped.
    pub(crate) fn stop_making(&self) -> MutexGuard<'_, ()> {
        self.making.lock()
    }

    /// Takes what must stand in the log before anything that comes next.
    pub(crate) fn take_unlogged(&self) -> Vec<u8> {
        if self.cell.read().unlogged.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.cell.write().unlogged)
    }

    /// Gives back what was taken, since it couldn't be written.
    pub(crate) fn give_back(&self, mut unlogged: Vec<u8>) {
        let mut cell = self.cell.write();
        unlogged.append(&mut cell.unlogged);
        cell.unlogged = unlogged;
    }

    pub(crate) fn data(&self, policy: PolicyId) -> Option<Arc<PolicyData>> {
        self.data.read().get(&policy).map(Arc::clone)
    }

    pub(crate) fn all_data(&self) -> RwLockReadGuard<'_, HashMap<PolicyId, Arc<PolicyData>>> {
        self.data.read()
    }

    /// Makes a policy or changes it.
    pub(crate) fn put_policy(&self, id: PolicyId, spec: PolicySpec, default: bool) {
        let name: Arc<str> = spec.name.as_str().into();
        let there = self.schema().policies.get(&name).map(|policy| policy.id);
        // Another one of the name was dropped before, though the log may have lost that.
        if let Some(gone) = there.filter(|it| *it != id) {
            self.drop_policy(gone);
        }
        self.change(|schema| {
            if default {
                schema.default = Some(Arc::clone(&name));
            }
            let (rollup, fields) = match schema.policies.get(&name) {
                Some(policy) => (policy.rollup.clone(), policy.fields.clone()),
                None => (None, HashMap::new()),
            };
            let policy = PolicySchema { id, spec, rollup, fields };
            schema.policies.insert(name, Arc::new(policy));
        });
        self.data.write().entry(id).or_default();
    }

    pub(crate) fn put_rollup(&self, id: PolicyId, rollup: &Option<Rollup>) {
        self.change(|schema| {
            for policy in schema.policies.values_mut().filter(|policy| policy.id == id) {
                Arc::make_mut(policy).rollup.clone_from(rollup);
            }
        });
    }

    pub(crate) fn drop_policy(&self, id: PolicyId) {
        self.change(|schema| {
            schema.policies.retain(|_, policy| policy.id != id);
            if schema.default.as_ref().is_some_and(|name| !schema.policies.contains_key(name)) {
                schema.default = None;
            }
        });
        if let Some(data) = self.data.write().remove(&id) {
            data.drop_all();
        }
    }

    /// Forgets all data.
    pub(crate) fn drop_all(&self) {
        self.data.write().drain().for_each(|(_, data)| data.drop_all());
    }

    /// The series of this measurement and these tags, made if it isn't there.
    pub(crate) fn series(
        &self,
        measurement: &str,
        tags: &[(&str, &str)],
    ) -> Result<SeriesId, Error> {
        if let Some(id) = self.cell.read().schema.index.find(measurement, tags) {
            return Ok(id);
        }
        check_names(measurement, tags)?;
        let _making = self.making.lock();
        let mut cell = self.cell.write();
        let cell = &mut *cell;
        if let Some(id) = cell.schema.index.find(measurement, tags) {
            return Ok(id);
        }
        let id = cell.schema.index.next_series()?;
        let measurement_id = cell.schema.index.measurement_id(measurement);
        let index = Arc::make_mut(&mut Arc::make_mut(&mut cell.schema).index);
        index.insert(id, measurement_id, measurement, tags);
        put_series(&mut cell.unlogged, self.id, id, measurement_id, measurement, tags);
        Ok(id)
    }

    /// Puts a series that was made in an earlier run.
    pub(crate) fn put_series(
        &self,
        id: SeriesId,
        measurement: MeasurementId,
        name: &str,
        tags: &[(&str, &str)],
    ) {
        let gone = self.cell.read().schema.index.replaced_by(id, measurement, name, tags);
        if !gone.is_empty() {
            self.drop_series(&gone);
        }
        self.change(|schema| {
            if schema.index.next_series().is_ok_and(|next| next <= id) {
                Arc::make_mut(&mut schema.index).insert(id, measurement, name, tags);
            }
        });
    }

    /// Puts rows of an earlier run. Those whose series or fields are unknown are left out; returns
    /// whether there were none.
    pub(crate) fn put_rows(&self, policy: PolicyId, rows: Rows) -> bool {
        let Some(data) = self.data(policy) else { return false };
        let schema = self.schema();
        let shapes: Vec<&[FieldId]> = rows.shapes().collect();
        let known = |row: &Row<'_>| {
            let measurement = schema.index.measurement_of(row.series)?;
            let fields = schema.policy_by_id(policy)?.fields.get(&measurement)?;
            shapes.get(row.shape)?.iter().all(|field| fields.has(*field)).then_some(())
        };
        if rows.iter().all(|row| known(&row).is_some()) {
            data.tables().active.apply(&rows);
            return true;
        }
        self.change(|schema| {
            for row in rows.iter() {
                // What was lost must not get its number again.
                let next = row.series.get().saturating_add(1);
                Arc::make_mut(&mut schema.index).reserve(next, 0);
            }
        });
        data.tables().active.apply(&rows.only(|row| known(row).is_some()));
        false
    }

    pub(crate) fn measurement_of(&self, series: SeriesId) -> Result<MeasurementId, Error> {
        let found = self.cell.read().schema.index.measurement_of(series);
        found.ok_or(Error::SeriesNotFound { series: series.get() })
    }

    /// The field of this name in the series' measurement, made if it isn't there.
    pub(crate) fn field(
        &self,
        policy: PolicyId,
        series: SeriesId,
        name: &str,
        kind: FieldType,
    ) -> Result<FieldId, Error> {
        let measurement = self.measurement_of(series)?;
        if let Some(id) = find_field(&self.cell.read().schema, policy, measurement, name, kind)? {
            return Ok(id);
        }
        if name.is_empty() {
            return Err(Error::NameInvalid { what: "a field without a name" });
        }
        let _making = self.making.lock();
        let mut cell = self.cell.write();
        let cell = &mut *cell;
        if let Some(id) = find_field(&cell.schema, policy, measurement, name, kind)? {
            return Ok(id);
        }
        let known = cell.schema.policy_by_id(policy);
        let known = known.ok_or_else(|| Error::PolicyNotFound { name: String::new() })?;
        let id = known
            .fields
            .get(&measurement)
            .map_or_else(|| FieldId::new(0, kind), |fields| fields.next(kind));
        let id = id.ok_or_else(|| Error::TooManyFields {
            measurement: cell.schema.index.measurement_name(measurement).to_owned(),
        })?;
        Arc::make_mut(&mut cell.schema).put_field(policy, measurement, id, name);
        let change = Change::Field { database: self.id, policy, measurement, field: id, name };
        change.put(&mut cell.unlogged);
        Ok(id)
    }

    /// Deletes rows of series in all policies.
    pub(crate) fn delete(&self, number: u64, range: TimeRange, series: &RoaringBitmap) {
        self.delete_heads(range, series);
        self.change(|schema| {
            let delete = Delete { number, range, series: series.clone() };
            Arc::make_mut(&mut schema.deletes).push(delete);
        });
    }

    /// Drops series with their data.
    pub(crate) fn drop_series(&self, series: &RoaringBitmap) {
        self.change(|schema| {
            schema.generation += 1;
            let index = Arc::make_mut(&mut schema.index);
            for id in series {
                index.remove(SeriesId::new(id));
            }
            schema.forget_measurements();
        });
        self.delete_heads(TimeRange::ALL, series);
    }

    /// Forgets deletions that no run needs to be told of any more.
    pub(crate) fn forget_deletes(&self) {
        if self.schema().deletes.is_empty() {
            return;
        }
        let tables: Vec<_> = self.data.read().values().map(|data| data.tables()).collect();
        let needed = |delete: &Delete| {
            tables.iter().flat_map(|tables| tables.runs()).any(|run| delete.concerns(run))
        };
        self.change(|schema| Arc::make_mut(&mut schema.deletes).retain(needed));
    }

    /// Rows in chunks stay, and are passed over when they are read.
    fn delete_heads(&self, range: TimeRange, series: &RoaringBitmap) {
        for data in self.data.read().values() {
            let tables = data.tables();
            let recent = tables.recent.iter().flat_map(|recent| recent.tables());
            for table in tables.heads().chain(recent) {
                for id in series {
                    table.delete(SeriesId::new(id), range);
                }
            }
        }
    }
}

fn find_field(
    schema: &Schema,
    policy: PolicyId,
    measurement: MeasurementId,
    name: &str,
    given: FieldType,
) -> Result<Option<FieldId>, Error> {
    let policy = schema.policy_by_id(policy);
    let Some(fields) = policy.and_then(|policy| policy.fields.get(&measurement)) else {
        return Ok(None);
    };
    fields.find(name, given).map_err(|there| Error::FieldTypeConflict {
        measurement: schema.index.measurement_name(measurement).to_owned(),
        field: name.to_owned(),
        there,
        given,
    })
}

fn check_names(measurement: &str, tags: &[(&str, &str)]) -> Result<(), Error> {
    let fault = if measurement.is_empty() {
        "a measurement without a name"
    } else if tags.iter().any(|(key, value)| key.is_empty() || value.is_empty()) {
        "a tag without a key or a value"
    } else if !tags.is_sorted_by(|one, next| one.0 < next.0) {
        "tags that aren't sorted by key, each once"
    } else {
        return Ok(());
    };
    Err(Error::NameInvalid { what: fault })
}
