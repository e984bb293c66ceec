//! Measurements of the store, as planning and reading see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store as store;
use svcflow_store::{FieldId, FieldType, Measurement, SeriesId, Snapshot, Store, TagKeys};

use crate::plan::{Kind, Table, Tables};
use crate::{QueryError, Session};

/// A measurement that a query reads.
pub(crate) struct StoredTable {
    pub(crate) table: Arc<Table>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) policy: Arc<str>,
    pub(crate) measurement: Measurement,
    pub(crate) fields: BTreeMap<Arc<str>, FieldId>,
    /// The width of InfluxDB's shards of that policy: where two rows are of one instant, their order hangs on it.
    pub(crate) shard: i64,
}

impl StoredTable {
    /// The values of a series' tags of these keys; absent ones are empty.
    pub(crate) fn values<'a>(
        &'a self,
        series: u32,
        keys: &'a TagKeys,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        self.measurement.values(SeriesId::new(series), keys)
    }

    /// These keys, to be looked up in many series.
    pub(crate) fn keys(&self, keys: &[Arc<str>]) -> TagKeys {
        self.measurement.keys(keys.iter().map(|key| &**key))
    }
}

/// Finds measurements in the store.
pub(crate) struct StoreTables<'a> {
    store: &'a Store,
    session: &'a Session,
    snapshots: BTreeMap<String, Arc<Snapshot>>,
    /// By [`Table::id`].
    pub(crate) tables: Vec<StoredTable>,
}

/// What the store says, in the query's words.
pub(crate) fn store_error(error: store::Error) -> QueryError {
    match error {
        store::Error::DatabaseNotFound { name } => QueryError::DatabaseNotFound(name),
        store::Error::PolicyNotFound { name } => QueryError::PolicyNotFound(name),
        other => QueryError::Store(other),
    }
}

pub(crate) const fn kind_of_field(kind: FieldType) -> Kind {
    match kind {
        FieldType::Float => Kind::Float,
        FieldType::Integer => Kind::Integer,
        FieldType::String => Kind::String,
        FieldType::Boolean => Kind::Boolean,
    }
}

/// The policy of this name; of an empty one the default. `default` is the default one, too, where none is
/// called that: so InfluxDB's default policy was called before 1.0, and so its users still call it.
pub(crate) fn policy_named(snapshot: &Snapshot, name: &str) -> Result<store::Policy, QueryError> {
    let policies = snapshot.policies();
    let named = policies.iter().find(|policy| policy.spec.name == name);
    let wanted = named.or_else(|| {
        let default = name.is_empty() || name == "default";
        policies.iter().find(|policy| default && policy.default)
    });
    wanted.cloned().ok_or_else(|| QueryError::PolicyNotFound(name.to_owned()))
}

impl<'a> StoreTables<'a> {
    pub(crate) const fn new(store: &'a Store, session: &'a Session) -> Self {
        Self { store, session, snapshots: BTreeMap::new(), tables: Vec::new() }
    }

    fn snapshot(&mut self, database: &str) -> Result<Arc<Snapshot>, QueryError> {
        if let Some(snapshot) = self.snapshots.get(database) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.store.read(database).map_err(store_error)?);
        self.snapshots.insert(database.to_owned(), Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn add(
        &mut self,
        snapshot: &Arc<Snapshot>,
        policy: &store::Policy,
        measurement: Measurement,
    ) -> Result<Arc<Table>, QueryError> {
        let name: Arc<str> = measurement.name().into();
        let known = self.tables.iter().find(|known| {
            known.table.name == name
                && Arc::ptr_eq(&known.snapshot, snapshot)
                && *known.policy == policy.spec.name
        });
        if let Some(known) = known {
            return Ok(Arc::clone(&known.table));
        }
        let fields = measurement.fields(Some(&policy.spec.name)).map_err(store_error)?;
        let kinds = fields
            .iter()
            .map(|field| (Arc::clone(&field.name), kind_of_field(field.field_type())))
            .collect();
        let table = Arc::new(Table {
            name,
            fields: kinds,
            tags: measurement.tag_keys().map(Into::into).collect(),
            id: self.tables.len(),
        });
        self.tables.push(StoredTable {
            table: Arc::clone(&table),
            snapshot: Arc::clone(snapshot),
            policy: policy.spec.name.as_str().into(),
            measurement,
            fields: fields.into_iter().map(|field| (field.name, field.id)).collect(),
            shard: i64::try_from(policy.spec.shard_duration.as_nanos()).unwrap_or(i64::MAX),
        });
        Ok(table)
    }
}

impl Tables for StoreTables<'_> {
    fn find(&mut self, measurement: &ql::Measurement) -> Result<Vec<Arc<Table>>, QueryError> {
        if measurement.is_unnamed() {
            return Err(QueryError::Invalid("invalid measurement".into()));
        }
        let session = self.session;
        let database = measurement.database.as_deref().unwrap_or(&session.database);
        if database.is_empty() {
            return Err(QueryError::DatabaseRequired);
        }
        let snapshot = self.snapshot(database)?;
        let policy = measurement.retention_policy.as_deref().unwrap_or(&session.retention_policy);
        let policy = policy_named(&snapshot, policy)?;
        let found: Vec<Measurement> = match &measurement.name {
            ql::MeasurementName::Name(name) => snapshot.measurement(name).into_iter().collect(),
            ql::MeasurementName::Regex(regex) => snapshot
                .measurements()
                .filter(|name| regex.is_match(name))
                .filter_map(|name| snapshot.measurement(name))
                .collect(),
        };
        found.into_iter().map(|measurement| self.add(&snapshot, &policy, measurement)).collect()
    }
}
