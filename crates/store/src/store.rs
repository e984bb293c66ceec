//! The store: databases, and what is done to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::batch::{Batch, Rows};
use crate::database::Database;
use crate::policy::MOST_NAME;
use crate::schema::{PolicyId, Schema};
use crate::snapshot::Snapshot;
use crate::{Error, Policy, PolicyChange, PolicySpec, SeriesId, TimeRange};

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {}

/// A time-series store in a folder. A clone is another handle of the same.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    databases: RwLock<BTreeMap<Arc<str>, Arc<Database>>>,
    next_policy: AtomicU32,
    /// Held by whoever changes what is durable: changes have one order.
    order: Mutex<()>,
}

impl Store {
    /// Opens the store in this folder, which is made if it isn't there.
    ///
    /// # Errors
    ///
    /// None yet: nothing is on disk.
    pub fn open(_folder: &Path, _options: Options) -> Result<Self, Error> {
        let inner = Inner {
            databases: RwLock::default(),
            next_policy: AtomicU32::new(0),
            order: Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The names of all databases, sorted.
    #[must_use]
    pub fn databases(&self) -> Vec<Arc<str>> {
        self.0.databases.read().keys().map(Arc::clone).collect()
    }

    fn database(&self, name: &str) -> Result<Arc<Database>, Error> {
        let found = self.0.databases.read().get(name).map(Arc::clone);
        found.ok_or_else(|| Error::DatabaseNotFound { name: name.to_owned() })
    }

    /// Makes a database with this default policy. One that is there stays as it is.
    ///
    /// # Errors
    ///
    /// A name or a policy that can't be.
    pub fn create_database(&self, name: &str, policy: PolicySpec) -> Result<(), Error> {
        policy.check()?;
        if name.is_empty() || name.len() > MOST_NAME {
            return Err(Error::NameInvalid { what: "a database's name is 1 to 255 bytes long" });
        }
        let _order = self.0.order.lock();
        let mut databases = self.0.databases.write();
        if !databases.contains_key(name) {
            let database = Database::new();
            database.add_policy(self.next_policy(), policy, true);
            databases.insert(name.into(), Arc::new(database));
        }
        Ok(())
    }

    fn next_policy(&self) -> PolicyId {
        PolicyId(self.0.next_policy.fetch_add(1, Ordering::Relaxed))
    }

    /// Drops a database with everything in it. There need not be one.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        let _order = self.0.order.lock();
        self.0.databases.write().remove(name);
        Ok(())
    }

    /// A database's policies, sorted by name.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn policies(&self, database: &str) -> Result<Vec<Policy>, Error> {
        Ok(self.database(database)?.schema().list())
    }

    /// Makes a policy; the default one, if `default`. The same again changes nothing.
    ///
    /// # Errors
    ///
    /// There is no such database; there is another policy of that name; a policy that can't be.
    pub fn create_policy(
        &self,
        database: &str,
        policy: PolicySpec,
        default: bool,
    ) -> Result<(), Error> {
        policy.check()?;
        let _order = self.0.order.lock();
        let database = self.database(database)?;
        match database.schema().policies.get(policy.name.as_str()) {
            Some(there) if there.spec != policy => {
                return Err(Error::PolicyExists { name: policy.name });
            }
            Some(_) => {}
            None => database.add_policy(self.next_policy(), policy.clone(), false),
        }
        if default {
            let mut schema = database.schema.write();
            Arc::make_mut(&mut schema).default = Some(policy.name.as_str().into());
        }
        Ok(())
    }

    /// Changes a policy.
    ///
    /// # Errors
    ///
    /// There is no such database or policy; a policy that can't be.
    pub fn alter_policy(
        &self,
        database: &str,
        name: &str,
        change: &PolicyChange,
    ) -> Result<(), Error> {
        let _order = self.0.order.lock();
        let database = self.database(database)?;
        let mut schema = database.schema.write();
        let mut spec = schema.policy(Some(name))?.spec.clone();
        spec.duration = change.duration.unwrap_or(spec.duration);
        spec.shard_duration = change.shard_duration.unwrap_or(spec.shard_duration);
        spec.replicas = change.replicas.unwrap_or(spec.replicas);
        spec.check()?;
        let schema: &mut Schema = Arc::make_mut(&mut schema);
        if let Some(policy) = schema.policies.get_mut(name) {
            Arc::make_mut(policy).spec = spec;
        }
        if change.default {
            schema.default = Some(name.into());
        }
        Ok(())
    }

    /// Drops a policy with its data. There need not be one.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn drop_policy(&self, database: &str, name: &str) -> Result<(), Error> {
        let _order = self.0.order.lock();
        let database = self.database(database)?;
        let mut schema = database.schema.write();
        let schema = Arc::make_mut(&mut schema);
        if schema.default.as_deref() == Some(name) {
            schema.default = None;
        }
        if let Some(policy) = schema.policies.remove(name) {
            database.data.write().remove(&policy.id);
        }
        Ok(())
    }

    /// Begins a batch of points for a policy; without a name, for the default one.
    ///
    /// # Errors
    ///
    /// There is no such database or policy.
    pub fn batch(&self, database: &str, policy: Option<&str>) -> Result<Batch, Error> {
        let database = self.database(database)?;
        let schema = database.schema();
        let policy = schema.policy(policy)?.id;
        Ok(Batch::new(self.clone(), database, policy, schema.generation))
    }

    pub(crate) fn commit(
        &self,
        database: &Database,
        policy: PolicyId,
        generation: u64,
        rows: &Rows,
    ) -> Result<(), Error> {
        let _order = self.0.order.lock();
        let schema = database.schema();
        if schema.generation != generation {
            let gone = |id| schema.index.measurement_of(id).is_none();
            if rows.iter().any(|row| gone(row.series)) {
                return Err(Error::SeriesDropped);
            }
        }
        let data = database.data(policy);
        let data = data.ok_or_else(|| Error::PolicyNotFound { name: String::new() })?;
        data.heads.write().apply(rows);
        Ok(())
    }

    /// What changes whenever a series of the database is dropped: a [`SeriesId`] that was kept from an
    /// earlier value must not be used any more.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn generation(&self, database: &str) -> Result<u64, Error> {
        Ok(self.database(database)?.schema().generation)
    }

    /// The database as it is now, to be read.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn read(&self, database: &str) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(self.database(database)?))
    }

    /// Deletes the rows of these series within the range, in all policies.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn delete(
        &self,
        database: &str,
        series: &roaring::RoaringBitmap,
        range: TimeRange,
    ) -> Result<(), Error> {
        let _order = self.0.order.lock();
        let database = self.database(database)?;
        for data in database.data.read().values() {
            let mut heads = data.heads.write();
            for id in series {
                heads.delete(SeriesId::new(id), range);
            }
        }
        Ok(())
    }

    /// Drops series, with their data in all policies.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_series(
        &self,
        database: &str,
        series: &roaring::RoaringBitmap,
    ) -> Result<(), Error> {
        self.delete(database, series, TimeRange::ALL)?;
        let _order = self.0.order.lock();
        let database = self.database(database)?;
        let mut schema = database.schema.write();
        let schema = Arc::make_mut(&mut schema);
        schema.generation += 1;
        let index = Arc::make_mut(&mut schema.index);
        for id in series {
            index.remove(SeriesId::new(id));
        }
        Ok(())
    }

    /// Drops a measurement: its series, their data and their fields. There need not be one.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_measurement(&self, database: &str, measurement: &str) -> Result<(), Error> {
        let snapshot = self.read(database)?;
        let Some(measurement) = snapshot.measurement(measurement) else { return Ok(()) };
        self.drop_series(database, measurement.series_all())
    }
}
