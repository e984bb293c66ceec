//! Line protocol into the store: the good lines of a batch are kept, the others are named.

mod cache;
mod lines;
mod outcome;
mod shapes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use svcflow_line_protocol::Precision;
use svcflow_store::{Error, Policy, Store};

use cache::Cache;
pub(crate) use outcome::{Outcome, WriteError};
use shapes::Schema;

/// How often a batch is read again because series were dropped under it. Once is enough unless somebody drops
/// series all the time.
const ATTEMPTS: usize = 4;

/// Where a batch of lines belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) database: &'a str,
    /// Empty is the default policy, as is `default` where no policy has that name: InfluxDB 0.13 called it so, and
    /// Telegraf's old example configuration still does.
    pub(crate) policy: &'a str,
    pub(crate) precision: Precision,
    /// The time of lines that give none, and what policies' ages are measured from; nanoseconds since the epoch.
    pub(crate) now: i64,
}

/// Writes batches; shared by all requests.
pub(crate) struct Ingest {
    store: Store,
    /// By database. Databases are few; the lock is held for the look-up only.
    caches: Mutex<HashMap<Box<str>, Arc<RwLock<Cache>>>>,
    /// Held by whoever drops a database, shared by whoever writes: another of the same name gives the same ids to
    /// other series, and what was remembered of the old one must be gone before anybody writes to the new one.
    dropping: RwLock<()>,
}

/// The policy that lines go to.
struct Destination {
    /// `None` is the default.
    name: Option<String>,
    /// Points before it are beyond the policy's duration.
    oldest: i64,
}

impl Ingest {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, caches: Mutex::default(), dropping: RwLock::default() }
    }

    /// Writes lines and returns once they are durable. Blocks: on the disk, and for as long as reading takes.
    pub(crate) fn write(&self, target: Target<'_>, body: &[u8]) -> Result<Outcome, WriteError> {
        let destination = self.destination(target)?;
        for _ in 0..ATTEMPTS {
            match self.attempt(target, &destination, body) {
                Err(WriteError::Store(Error::SeriesDropped | Error::SeriesNotFound { .. })) => {}
                done => return done,
            }
        }
        Err(WriteError::Store(Error::SeriesDropped))
    }

    /// Drops a database by `drop`; waits for writes under way, and others wait for it.
    pub(crate) fn dropping<T>(&self, database: &str, drop: impl FnOnce() -> T) -> T {
        let _alone = self.dropping.write();
        let dropped = drop();
        self.caches.lock().remove(database);
        dropped
    }

    fn attempt(
        &self,
        target: Target<'_>,
        destination: &Destination,
        body: &[u8],
    ) -> Result<Outcome, WriteError> {
        let _shared = self.dropping.read();
        let mut batch = self.store.batch(target.database, destination.name.as_deref())?;
        // After the batch has begun: an id that is good now is good for it, and if it is dropped from now on, the
        // commit finds that out.
        let generation = self.store.generation(target.database)?;
        let cache = self.cache(target.database);
        let read = {
            let known = cache.read();
            let known = Some(&*known).filter(|known| known.is_of(generation));
            let schema = Schema {
                store: &self.store,
                database: target.database,
                policy: destination.name.as_deref(),
            };
            lines::read(&mut batch, known, schema, destination.oldest, target, body)?
        };
        if !read.found.is_empty() {
            cache.write().add(generation, read.found);
        }
        let points = batch.len();
        if points > 0 {
            batch.commit()?;
        }
        Ok(read.outcome.with_points(points))
    }

    fn cache(&self, database: &str) -> Arc<RwLock<Cache>> {
        let mut caches = self.caches.lock();
        match caches.get(database) {
            Some(cache) => Arc::clone(cache),
            None => Arc::clone(caches.entry(database.into()).or_default()),
        }
    }

    fn destination(&self, target: Target<'_>) -> Result<Destination, WriteError> {
        let policies = self.store.policies(target.database)?;
        let named = |name: &str| policies.iter().find(|policy| policy.spec.name == name);
        let default = || policies.iter().find(|policy| policy.default);
        let (name, policy) = match (target.policy, named(target.policy)) {
            (name, Some(policy)) => (Some(name.to_owned()), Some(policy)),
            ("" | "default", None) => (None, default()),
            (name, None) => return Err(Error::PolicyNotFound { name: name.to_owned() }.into()),
        };
        let oldest =
            policy.and_then(duration).map_or(i64::MIN, |age| target.now.saturating_sub(age));
        Ok(Destination { name, oldest })
    }
}

/// A policy's duration in nanoseconds; `None` is for ever.
fn duration(policy: &Policy) -> Option<i64> {
    let nanoseconds = policy.spec.duration.as_ref().map(Duration::as_nanos)?;
    i64::try_from(nanoseconds).ok()
}
