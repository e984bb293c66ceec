//! The store: databases, and what is done to them.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::batch::Batch;
use crate::commit::{self, Waiting};
use crate::damage::Damage;
use crate::database::Database;
use crate::log::record::Change;
use crate::policy::MOST_NAME;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::worker::Workers;
use crate::{
    Error, Policy, PolicyChange, PolicySpec, Rollup, TimeRange, merge, open, retain, seal,
};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory of heads, in bytes, from which on they are sealed. While they are, as much again may be
    /// written; then writers wait.
    pub head_bytes: usize,
    /// Length of the log, in bytes, from which on heads are sealed. A start reads it all.
    pub log_bytes: u64,
    /// Whether threads seal, merge and retain on their own. If not, that is for whoever opened the store,
    /// and writers never wait.
    pub background: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { head_bytes: 24 << 20, log_bytes: 64 << 20, background: true }
    }
}

/// A time-series store in a folder. A clone is another handle of the same.
///
/// Whatever a method changes is durable when it returns without an error.
#[derive(Clone)]
pub struct Store(Arc<Open>);

struct Open {
    // Dropped first: the threads end while everything is still there.
    _workers: Option<Workers>,
    shared: Arc<Shared>,
}

/// A store in numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// What was found damaged since the store was opened; at most 1,000 entries.
    pub damage: Vec<Damage>,
    /// How many there were.
    pub damage_count: u64,
    /// Bytes of the log that hold what chunks don't yet.
    pub log_bytes: u64,
    /// Memory of the heads that are written to, in bytes.
    pub head_bytes: usize,
    /// Files of chunks.
    pub runs: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Rows in them; one that was written again later counts again until the two are merged.
    pub rows: u64,
    /// Their length, in bytes.
    pub run_bytes: u64,
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
        let background = options.background;
        let shared = Arc::new(open::open(folder, options)?);
        let workers = if background { Some(Workers::start(&shared)?) } else { None };
        Ok(Self(Arc::new(Open { _workers: workers, shared })))
    }

    /// The names of all databases, in the order in which they were made.
    #[must_use]
    pub fn databases(&self) -> Vec<Arc<str>> {
        let databases = self.0.shared.databases.read();
        let mut all: Vec<_> =
            databases.iter().map(|(name, database)| (database.id, name)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, name)| Arc::clone(name)).collect()
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
        let mut order = self.0.shared.order();
        if self.0.shared.database(name).is_ok() {
            return Ok(());
        }
        let (id, policy_id) = (order.next.database(), order.next.policy());
        let create = Change::CreateDatabase { database: id, name };
        let policy =
            Change::PutPolicy { database: id, policy: policy_id, spec: policy, default: true };
        let changes = [create, policy];
        self.0.shared.log(&mut order, None, &changes)?;
        let database = Database::new(id, name);
        changes.into_iter().for_each(|change| database.apply(change));
        self.0.shared.databases.write().insert(name.into(), Arc::new(database));
        Ok(())
    }

    /// Drops a database with everything in it. There need not be one.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        let mut order = self.0.shared.order();
        let Ok(database) = self.0.shared.database(name) else { return Ok(()) };
        let change = Change::DropDatabase { database: database.id };
        self.0.shared.log(&mut order, Some(&database), &[change])?;
        self.0.shared.databases.write().remove(name);
        database.drop_all();
        Ok(())
    }

    /// A database's policies, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn policies(&self, database: &str) -> Result<Vec<Policy>, Error> {
        Ok(self.0.shared.database(database)?.schema().list())
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
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let schema = database.schema();
        let id = match schema.policies.get(policy.name.as_str()) {
            Some(there) if there.spec != policy => {
                return Err(Error::PolicyExists { name: policy.name });
            }
            Some(there) => there.id,
            None => order.next.policy(),
        };
        let change = Change::PutPolicy { database: database.id, policy: id, spec: policy, default };
        self.0.shared.change(&mut order, &database, change)
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
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let schema = database.schema();
        let policy = schema.policy(Some(name))?;
        let mut spec = policy.spec.clone();
        spec.duration = change.duration.unwrap_or(spec.duration);
        spec.shard_duration = change.shard_duration.unwrap_or(spec.shard_duration);
        spec.replicas = change.replicas.unwrap_or(spec.replicas);
        spec.check()?;
        policy.rollup.as_ref().map_or(Ok(()), |rollup| rollup.check(&spec))?;
        let change = Change::PutPolicy {
            database: database.id,
            policy: policy.id,
            spec,
            default: change.default,
        };
        self.0.shared.change(&mut order, &database, change)
    }

    /// Says what becomes of a policy's rows when they expire: they are summed up into another policy
    /// before they go; or, with `None`, they just go. As long as the other policy isn't there, or the
    /// sums can't be written, nothing goes.
    ///
    /// # Errors
    ///
    /// There is no such database, or no such policy, neither this one nor the other; a bucket of less than
    /// a second, or one of which partitions don't hold whole numbers; the disk failed.
    pub fn set_rollup(
        &self,
        database: &str,
        policy: &str,
        rollup: Option<Rollup>,
    ) -> Result<(), Error> {
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let schema = database.schema();
        let id = schema.policy(Some(policy))?.id;
        if let Some(rollup) = &rollup {
            if schema.policy(Some(&rollup.into))?.id == id {
                let what = "a policy can't be rolled up into itself";
                return Err(Error::PolicyInvalid { what });
            }
            rollup.check(&schema.policy(Some(policy))?.spec)?;
        }
        let change = Change::PutRollup { database: database.id, policy: id, rollup };
        self.0.shared.change(&mut order, &database, change)
    }

    /// Drops a policy with its data. There need not be one.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_policy(&self, database: &str, name: &str) -> Result<(), Error> {
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let schema = database.schema();
        let Some(policy) = schema.policies.get(name) else { return Ok(()) };
        let change = Change::DropPolicy { database: database.id, policy: policy.id };
        self.0.shared.change(&mut order, &database, change)
    }

    /// Begins a batch of points for a policy; without a name, for the default one.
    ///
    /// # Errors
    ///
    /// There is no such database or policy.
    pub fn batch(&self, database: &str, policy: Option<&str>) -> Result<Batch, Error> {
        let database = self.0.shared.database(database)?;
        let schema = database.schema();
        let policy = schema.policy(policy)?.id;
        Ok(Batch::new(self.clone(), database, policy, schema.generation))
    }

    pub(crate) fn commit(&self, batch: Waiting) -> Result<(), Error> {
        commit::commit(&self.0.shared, batch)
    }

    /// What changes whenever a series of the database is dropped, and is another one for each database
    /// that ever had the name: a [`SeriesId`](crate::SeriesId) that was kept from another value must not be
    /// used any more.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn generation(&self, database: &str) -> Result<u64, Error> {
        Ok(self.0.shared.database(database)?.schema().generation)
    }

    /// The database as it is now, to be read.
    ///
    /// # Errors
    ///
    /// There is no such database.
    pub fn read(&self, database: &str) -> Result<Snapshot, Error> {
        Ok(Snapshot::new(&*self.0.shared.database(database)?, Arc::clone(&self.0.shared.damages)))
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
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let number = order.next.deletes + 1;
        let series = series.clone();
        let change = Change::Delete { database: database.id, number, range, series };
        self.0.shared.change(&mut order, &database, change)?;
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
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let change = Change::DropSeries { database: database.id, series: series.clone() };
        self.0.shared.change(&mut order, &database, change)
    }

    /// Drops series that have no rows in the snapshot, but for those that got some since, or may have.
    ///
    /// # Errors
    ///
    /// There is no such database; the disk failed.
    pub fn drop_empty_series(
        &self,
        database: &str,
        seen: &Snapshot,
        series: &RoaringBitmap,
    ) -> Result<(), Error> {
        let mut order = self.0.shared.order();
        let database = self.0.shared.database(database)?;
        let series = series - seen.written_since(&database);
        if series.is_empty() {
            return Ok(());
        }
        let change = Change::DropSeries { database: database.id, series };
        self.0.shared.change(&mut order, &database, change)
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

    /// Seals all rows that were written before, so that the log holds nothing.
    ///
    /// # Errors
    ///
    /// The disk failed. Nothing is lost: the log and the heads keep the rows.
    pub fn flush(&self) -> Result<(), Error> {
        seal::seal(&self.0.shared)
    }

    /// Merges the runs of one partition, if some are worth it. Returns whether it did.
    ///
    /// # Errors
    ///
    /// The disk failed, or a run is damaged; such a run is left alone from then on.
    pub fn merge(&self) -> Result<bool, Error> {
        merge::merge(&self.0.shared, true)
    }

    /// Drops partitions that are older than their policies keep, summed up where that was asked for, and series that have no rows now and had
    /// none at the last call. Returns how many files of chunks went.
    ///
    /// # Errors
    ///
    /// The disk failed, or a policy's rows can't be summed up: the first such error. What expired in other
    /// policies went nevertheless.
    pub fn retain(&self, now: SystemTime) -> Result<usize, Error> {
        retain::retain(&self.0.shared, now)
    }

    /// The store in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.0.shared;
        let (damage, damage_count) = shared.damages.list();
        let mut stats = Stats { damage, damage_count, ..Stats::default() };
        stats.log_bytes = shared.order().log.bytes();
        stats.head_bytes = shared.head_bytes();
        shared.each_tables(|tables| {
            for run in tables.runs() {
                stats.runs += 1;
                stats.chunks += run.chunks;
                stats.rows += run.rows;
                stats.run_bytes += run.bytes;
            }
        });
        stats
    }
}
