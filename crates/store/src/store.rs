//! The store: databases, and what is done to them.

use std::path::Path;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::commit::{self, Waiting};
use crate::damage::Damage;
use crate::database::Database;
use crate::log::record::Change;
use crate::policy::MOST_NAME;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::{Error, Policy, PolicyChange, PolicySpec, TimeRange, open};

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {}

/// A time-series store in a folder. A clone is another handle of the same.
///
/// Whatever a method changes is durable when it returns without an error.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

/// A store in numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// What was found damaged since the store was opened; at most 1,000 entries.
    pub damage: Vec<Damage>,
    /// How many there were.
    pub damage_count: u64,
    /// Bytes of the log that hold what chunks don't yet.
    pub log_bytes: u64,
}

impl Store {
    /// Opens the store in this folder, which is made if it isn't there.
    ///
    /// What is damaged is passed over and noted in [`Stats::damage`].
    ///
    /// # Errors
    ///
    /// Another process has it open; another version wrote it; the disk failed.
    pub fn open(folder: &Path, options: Options) -> Result<Self, Error> {
        open::open(folder, options).map(|shared| Self(Arc::new(shared)))
    }

    /// The names of all databases, sorted.
    #[must_use]
    pub fn databases(&self) -> Vec<Arc<str>> {
        self.0.databases.read().keys().map(Arc::clone).collect()
    }

    /// Makes a database with this default policy. One that is there stays as it is.
    ///
    /// # Errors
    ///
    /// A name or a policy that can't be; the disk failed.
    pub fn create_database(&self, name: &str, policy: PolicySpec) -> Result<(), Error> {
        policy.check()?;
        if name.is_empty() || name.len() > MOST_NAME {
            return Err(Error::NameInvalid { what: "a database's name is 1 to 255 bytes long" });
        }
        let mut order = self.0.order();
        if self.0.database(name).is_ok() {
            return Ok(());
        }
        let (id, policy_id) = (order.next.database(), order.next.policy());
        let create = Change::CreateDatabase { database: id, name };
        let policy =
            Change::PutPolicy { database: id, policy: policy_id, spec: policy, default: true };
        let changes = [create, policy];
        self.0.log(&mut order, None, &changes)?;
        let database = Database::new(id, name);
        changes.into_iter().for_each(|change| database.apply(change));
        self.0.databases.write().insert(name.into(), Arc::new(database));
        Ok(())
    }

    /// Drops a database with everything in it. There need not be one.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        let mut order = self.0.order();
        let Ok(database) = self.0.database(name) else { return Ok(()) };
        let change = Change::DropDatabase { database: database.id };
        self.0.log(&mut order, Some(&database), &[change])?;
        self.0.databases.write().remove(name);
        Ok(())
    }

    /// A database's policies, sorted by name.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn policies(&self, database: &str) -> Result<Vec<Policy>, Error> {
        Ok(self.0.database(database)?.schema().list())
    }

    /// Makes a policy; the default one, if `default`. The same again changes nothing.
    ///
    /// # Errors
    ///
    /// There is no such database; there is another policy of that name; a policy that can't be; the
    /// disk failed.
    pub fn create_policy(
        &self,
        database: &str,
        policy: PolicySpec,
        default: bool,
    ) -> Result<(), Error> {
        policy.check()?;
        let mut order = self.0.order();
        let database = self.0.database(database)?;
        let schema = database.schema();
        let id = match schema.policies.get(policy.name.as_str()) {
            Some(there) if there.spec != policy => {
                return Err(Error::PolicyExists { name: policy.name });
            }
            Some(there) => there.id,
            None => order.next.policy(),
        };
        let change = Change::PutPolicy { database: database.id, policy: id, spec: policy, default };
        self.0.change(&mut order, &database, change)
    }

    /// Changes a policy.
    ///
    /// # Errors
    ///
    /// There is no such database or policy; a policy that can't be; the disk failed.
    pub fn alter_policy(
        &self,
        database: &str,
        name: &str,
        change: &PolicyChange,
    ) -> Result<(), Error> {
        let mut order = self.0.order();
        let database = self.0.database(database)?;
        let schema = database.schema();
        let policy = schema.policy(Some(name))?;
        let mut spec = policy.spec.clone();
        spec.duration = change.duration.unwrap_or(spec.duration);
        spec.shard_duration = change.shard_duration.unwrap_or(spec.shard_duration);
        spec.replicas = change.replicas.unwrap_or(spec.replicas);
        spec.check()?;
        let change = Change::PutPolicy {
            database: database.id,
            policy: policy.id,
            spec,
            default: change.default,
        };
        self.0.change(&mut order, &database, change)
    }

    /// Drops a policy with its data. There need not be one.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_policy(&self, database: &str, name: &str) -> Result<(), Error> {
        let mut order = self.0.order();
        let database = self.0.database(database)?;
        let schema = database.schema();
        let Some(policy) = schema.policies.get(name) else { return Ok(()) };
        let change = Change::DropPolicy { database: database.id, policy: policy.id };
        self.0.change(&mut order, &database, change)
    }

    /// Begins a batch of points for a policy; without a name, for the default one.
    ///
    /// # Errors
    ///
    /// There is no such database or policy.
    pub fn batch(&self, database: &str, policy: Option<&str>) -> Result<Batch, Error> {
        let database = self.0.database(database)?;
        let schema = database.schema();
        let policy = schema.policy(policy)?.id;
        Ok(Batch::new(self.clone(), database, policy, schema.generation))
    }

    pub(crate) fn commit(&self, batch: Waiting) -> Result<(), Error> {
        commit::commit(&self.0, batch)
    }

    /// What changes whenever a series of the database is dropped: a [`SeriesId`](crate::SeriesId) that
    /// was kept from an earlier value must not be used any more.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn generation(&self, database: &str) -> Result<u64, Error> {
        Ok(self.0.database(database)?.schema().generation)
    }

    /// The database as it is now, to be read.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn read(&self, database: &str) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(self.0.database(database)?))
    }

    /// Deletes the rows of these series within the range, in all policies.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn delete(
        &self,
        database: &str,
        series: &RoaringBitmap,
        range: TimeRange,
    ) -> Result<(), Error> {
        if series.is_empty() || range.is_empty() {
            return Ok(());
        }
        let mut order = self.0.order();
        let database = self.0.database(database)?;
        let number = order.next.deletes + 1;
        let series = series.clone();
        let change = Change::Delete { database: database.id, number, range, series };
        self.0.change(&mut order, &database, change)?;
        order.next.deletes = number;
        Ok(())
    }

    /// Drops series, with their data in all policies.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_series(&self, database: &str, series: &RoaringBitmap) -> Result<(), Error> {
        if series.is_empty() {
            return Ok(());
        }
        let mut order = self.0.order();
        let database = self.0.database(database)?;
        let change = Change::DropSeries { database: database.id, series: series.clone() };
        self.0.change(&mut order, &database, change)
    }

    /// Drops a measurement: its series, their data and its fields. There need not be one.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_measurement(&self, database: &str, measurement: &str) -> Result<(), Error> {
        let snapshot = self.read(database)?;
        let Some(measurement) = snapshot.measurement(measurement) else { return Ok(()) };
        self.drop_series(database, measurement.series_all())
    }

    /// The store in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (damage, damage_count) = self.0.damages.list();
        Stats { damage, damage_count, log_bytes: self.0.order().log.bytes() }
    }
}
