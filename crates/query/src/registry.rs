//! The queries under way, for `SHOW QUERIES` and `KILL QUERY`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;

/// Numbers the queries and keeps those that run. A clone is another handle of the same.
#[derive(Clone, Debug)]
pub(crate) struct Queries(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    text: String,
    database: String,
    began: Instant,
    cancel: Cancel,
}

/// A query that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) database: String,
    pub(crate) duration: Duration,
    /// Whether it was told to end.
    pub(crate) killed: bool,
}

/// A query's place among those that run, until this goes.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    among: Queries,
}

impl Default for Queries {
    fn default() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            next: AtomicU64::new(1),
            running: Mutex::default(),
        }))
    }
}

impl Queries {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        // Whoever panicked has left the map whole.
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a query a place.
    pub(crate) fn add(&self, text: String, database: String, cancel: Cancel) -> Place {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Entry { text, database, began: Instant::now(), cancel });
        Place { id, among: self.clone() }
    }

    /// Those that run, by number.
    pub(crate) fn running(&self) -> Vec<Running> {
        let entry = |(id, entry): (&u64, &Entry)| Running {
            id: *id,
            text: entry.text.clone(),
            database: entry.database.clone(),
            duration: entry.began.elapsed(),
            killed: entry.cancel.reason().is_some(),
        };
        self.lock().iter().map(entry).collect()
    }

    /// Tells a query to end; says whether there is one of that number.
    pub(crate) fn kill(&self, id: u64) -> bool {
        let running = self.lock();
        let entry = running.get(&id);
        if let Some(entry) = entry {
            entry.cancel.cancel(crate::CancelReason::Killed);
        }
        entry.is_some()
    }

    /// How long queries have been numbered.
    pub(crate) fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.among.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_come_and_go() {
        let queries = Queries::default();
        let cancel = Cancel::default();
        let place = queries.add("SELECT 1".into(), "db".into(), cancel.clone());
        let id = queries.running()[0].id;
        assert!(queries.kill(id));
        assert!(cancel.reason().is_some());
        assert!(queries.running()[0].killed);
        drop(place);
        assert!(queries.running().is_empty());
        assert!(!queries.kill(id));
    }
}
