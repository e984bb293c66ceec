//! What all handles of a store share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::codec::{Malformed, Reader};
use crate::commit::Queue;
use crate::damage::Damages;
use crate::database::Database;
use crate::folder::Folder;
use crate::log::Log;
use crate::log::record::Change;
use crate::pressure::Pressure;
use crate::schema::{DatabaseId, PolicyId};
use crate::seal::Round;
use crate::tables::Tables;
use crate::{Error, Options};

pub(crate) struct Shared {
    pub(crate) folder: Folder,
    pub(crate) options: Options,
    pub(crate) databases: RwLock<BTreeMap<Arc<str>, Arc<Database>>>,
    pub(crate) damages: Arc<Damages>,
    /// Batches that wait to be written.
    pub(crate) queue: Mutex<Queue>,
    pub(crate) pressure: Pressure,
    /// The number of the next run.
    pub(crate) next_run: AtomicU64,
    /// A round of sealing that failed. Locked before the order.
    pub(crate) sealing: Mutex<Option<Round>>,
    /// Held while runs are merged.
    pub(crate) merging: Mutex<()>,
    order: Mutex<Order>,
}

/// Held by whoever changes what is durable, so that changes have one order: the log's.
pub(crate) struct Order {
    pub(crate) log: Log,
    /// Results of batches that were written by another thread than the one that waits for them.
    pub(crate) results: HashMap<u64, Result<(), Error>>,
    pub(crate) next: NextIds,
}

/// Numbers that were not given out yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NextIds {
    pub(crate) database: u32,
    pub(crate) policy: u32,
    /// The number of the last deletion.
    pub(crate) deletes: u64,
    /// The round of the next sealing.
    pub(crate) round: u64,
}

impl Shared {
    pub(crate) fn new(
        folder: Folder,
        options: Options,
        databases: Databases,
        damages: Arc<Damages>,
        log: Log,
        next_run: u64,
    ) -> Self {
        let order = Order { log, results: HashMap::new(), next: databases.next };
        Self {
            folder,
            options,
            databases: RwLock::new(databases.by_name),
            damages,
            queue: Mutex::default(),
            pressure: Pressure::new(),
            next_run: AtomicU64::new(next_run),
            sealing: Mutex::default(),
            merging: Mutex::default(),
            order: Mutex::new(order),
        }
    }

    pub(crate) fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock()
    }

    pub(crate) fn database(&self, name: &str) -> Result<Arc<Database>, Error> {
        let found = self.databases.read().get(name).map(Arc::clone);
        found.ok_or_else(|| Error::DatabaseNotFound { name: name.to_owned() })
    }

    /// Whether the database wasn't dropped.
    pub(crate) fn is_current(&self, database: &Arc<Database>) -> bool {
        self.databases.read().get(&database.name).is_some_and(|it| Arc::ptr_eq(it, database))
    }

    /// Calls it for the tables of every policy.
    pub(crate) fn each_tables(&self, mut each: impl FnMut(&Tables)) {
        for database in self.databases.read().values() {
            database.all_data().values().for_each(|data| each(&data.tables()));
        }
    }

    /// Memory of all heads that are written to, in bytes.
    pub(crate) fn head_bytes(&self) -> usize {
        let mut bytes = 0;
        self.each_tables(|tables| bytes += tables.active.bytes());
        bytes
    }

    /// How many rows a head has on average.
    pub(crate) fn density(&self) -> usize {
        let (mut rows, mut heads) = (0, 0);
        self.each_tables(|tables| {
            rows += tables.active.rows();
            heads += tables.active.len();
        });
        rows / heads.max(1)
    }

    /// Makes a change to a database, durably.
    pub(crate) fn change(
        &self,
        order: &mut Order,
        database: &Database,
        change: Change<'_>,
    ) -> Result<(), Error> {
        let changes = [change];
        let _order_of_making = database.stop_making();
        self.log(order, Some(database), &changes)?;
        changes.into_iter().for_each(|change| database.apply(change));
        Ok(())
    }

    /// Writes changes to the log, behind what the database has for it.
    pub(crate) fn log(
        &self,
        order: &mut Order,
        database: Option<&Database>,
        changes: &[Change<'_>],
    ) -> Result<(), Error> {
        let unlogged = database.map(Database::take_unlogged).unwrap_or_default();
        let mut content = unlogged.clone();
        changes.iter().for_each(|change| change.put(&mut content));
        let written = order.log.append(std::iter::once(content.as_slice()));
        if let (Err(_), Some(database)) = (&written, database) {
            database.give_back(unlogged);
        }
        written
    }
}

/// Databases, as they are read from disk.
#[derive(Default)]
pub(crate) struct Databases {
    pub(crate) by_name: BTreeMap<Arc<str>, Arc<Database>>,
    pub(crate) next: NextIds,
}

impl Databases {
    /// Makes the changes of a log record once more. Returns whether all could be made: where the log is
    /// damaged, rows may be of series that no one knows.
    pub(crate) fn replay(&mut self, content: &[u8]) -> Result<bool, Malformed> {
        let mut reader = Reader::new(content);
        let mut fits = true;
        while !reader.is_empty() {
            fits &= self.apply(Change::read(&mut reader)?);
        }
        Ok(fits)
    }

    fn apply(&mut self, change: Change<'_>) -> bool {
        let next = &mut self.next;
        match &change {
            Change::CreateDatabase { database: id, name } => {
                next.database = next.database.max(id.0 + 1);
                self.by_name.insert((*name).into(), Arc::new(Database::new(*id, name)));
            }
            Change::DropDatabase { database: id } => {
                self.by_name.retain(|_, it| it.id != *id);
                return true;
            }
            Change::PutPolicy { policy, .. } => next.policy = next.policy.max(policy.0 + 1),
            Change::Delete { number, .. } => next.deletes = next.deletes.max(*number),
            _ => {}
        }
        let database = self.by_name.values().find(|it| it.id == change.database());
        let Some(database) = database else { return false };
        match change {
            Change::Rows { policy, rows, .. } => database.put_rows(policy, rows),
            change => {
                database.apply(change);
                true
            }
        }
    }
}

impl Database {
    /// Makes a change that the log has.
    pub(crate) fn apply(&self, change: Change<'_>) {
        match change {
            Change::CreateDatabase { .. } | Change::DropDatabase { .. } => {}
            Change::PutPolicy { policy, spec, default, .. } => {
                self.put_policy(policy, spec, default);
            }
            Change::DropPolicy { policy, .. } => self.drop_policy(policy),
            Change::PutRollup { policy, rollup, .. } => self.put_rollup(policy, &rollup),
            Change::Series { series, measurement, name, tags, .. } => {
                self.put_series(series, measurement, name, &tags);
            }
            Change::Field { policy, measurement, field, name, .. } => {
                self.change(|schema| schema.put_field(policy, measurement, field, name));
            }
            Change::Rows { policy, rows, .. } => drop(self.put_rows(policy, rows)),
            Change::Delete { number, range, series, .. } => self.delete(number, range, &series),
            Change::DropSeries { series, .. } => self.drop_series(&series),
        }
    }
}

impl NextIds {
    pub(crate) const fn database(&mut self) -> DatabaseId {
        self.database += 1;
        DatabaseId(self.database - 1)
    }

    pub(crate) const fn policy(&mut self) -> PolicyId {
        self.policy += 1;
        PolicyId(self.policy - 1)
    }
}
