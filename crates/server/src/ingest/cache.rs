//! From the bytes "measurement,tags" as they are sent to the series they mean.
//!
//! A sender sends the same series in the same order again and again. Keys are kept in the order they first came in,
//! so the key that follows the last one is guessed right nearly always, and then costs one comparison of bytes that
//! lie beside each other, no hash and no look into a table.
//!
//! Lookups share the cache; what a request found out is added at its end.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use svcflow_store::{MeasurementId, SeriesId};

/// Bytes of keys that one database's cache may hold: about 300,000 series of 7 tags. Past it the cache begins anew,
/// since senders that outgrow it cycle through their series and would evict each entry just before it is needed.
const BYTES_MAX: usize = 64 << 20;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) series: SeriesId,
    pub(super) measurement: MeasurementId,
}

#[derive(Debug)]
struct Entry {
    key: Range<usize>,
    known: Known,
}

/// The keys of one database.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// The store's when the entries were made: they are void under another.
    generation: u64,
    /// A key found no room: the next request's begin the cache anew.
    full: bool,
    keys: String,
    entries: Vec<Entry>,
    table: HashTable<usize>,
    /// Seeded at random: whoever writes can't choose keys that collide.
    hasher: RandomState,
}

/// Where in the cache a sender is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guess(usize);

impl Cache {
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// What `key` means, if it is known. `guess` moves along.
    pub(super) fn get(&self, key: &str, guess: &mut Guess) -> Option<Known> {
        let index = if self.is_at(guess.0, key) { guess.0 } else { self.find(key)? };
        *guess = Guess(index + 1);
        self.entries.get(index).map(|entry| entry.known)
    }

    /// Adds what a request found out under a generation; nothing, where the cache has moved on.
    pub(super) fn add<'k>(
        &mut self,
        generation: u64,
        found: impl IntoIterator<Item = (&'k str, Known)>,
    ) {
        if generation < self.generation {
            return;
        }
        if generation > self.generation || self.full {
            *self = Self { generation, ..Self::default() };
        }
        for (key, known) in found {
            self.insert(key, known);
        }
    }

    fn insert(&mut self, key: &str, known: Known) {
        self.full |= self.keys.len() + key.len() > BYTES_MAX;
        if self.full || self.find(key).is_some() {
            return;
        }
        let start = self.keys.len();
        self.keys.push_str(key);
        self.entries.push(Entry { key: start..self.keys.len(), known });
        let Self { keys, entries, table, hasher, .. } = self;
        let index = entries.len() - 1;
        let hash = |key: &str| hasher.hash_one(key);
        table.insert_unique(hash(key), index, |at| hash(key_of(keys, entries, *at)));
    }

    fn find(&self, key: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |at| key_of(&self.keys, &self.entries, *at) == key).copied()
    }

    fn is_at(&self, index: usize, key: &str) -> bool {
        index < self.entries.len() && key_of(&self.keys, &self.entries, index) == key
    }
}

fn key_of<'c>(keys: &'c str, entries: &[Entry], index: usize) -> &'c str {
    let entry = entries.get(index);
    entry.and_then(|entry| keys.get(entry.key.clone())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use svcflow_store::{Options, PolicySpec, Store};

    use super::*;

    fn known(store: &Store, host: &str) -> Known {
        let mut batch = store.batch("d", None).unwrap();
        let series = batch.series("m", &[("host", host)]).unwrap();
        Known { series, measurement: batch.measurement(series).unwrap() }
    }

    #[test]
    fn keys_are_found_in_any_order_and_only_under_their_generation() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("d", PolicySpec::new("autogen", None)).unwrap();
        let (a, b) = (known(&store, "a"), known(&store, "b"));
        let mut cache = Cache::default();
        cache.add(0, [("m,host=a", a), ("m,host=b", b), ("m,host=a", b)]);
        let mut guess = Guess::default();
        assert_eq!(cache.get("m,host=a", &mut guess), Some(a));
        assert_eq!((cache.get("m,host=b", &mut guess), guess.0), (Some(b), 2));
        assert_eq!((cache.get("m,host=a", &mut guess), guess.0), (Some(a), 1));
        assert_eq!((cache.get("m,host=", &mut guess), guess.0), (None, 1));
        cache.add(2, [("m,host=b", b)]);
        assert!(cache.is_of(2) && cache.get("m,host=a", &mut guess).is_none());
        cache.add(1, [("m,host=a", a)]);
        assert!(cache.is_of(2) && cache.get("m,host=a", &mut guess).is_none());
    }

    #[test]
    fn it_begins_anew_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("d", PolicySpec::new("autogen", None)).unwrap();
        let known = known(&store, "a");
        let mut cache = Cache::default();
        let keys: Vec<_> = (0..1100).map(|n| format!("{n:0>65000}")).collect();
        cache.add(0, keys.iter().map(|key| (key.as_str(), known)));
        assert!(cache.keys.len() <= BYTES_MAX && cache.entries.len() > 1000);
        assert!(cache.get(&keys[0], &mut Guess::default()).is_some());
        assert!(cache.get(&keys[1099], &mut Guess::default()).is_none());
        cache.add(0, [(keys[1099].as_str(), known)]);
        assert!(cache.get(&keys[1099], &mut Guess::default()).is_some());
        assert_eq!(cache.entries.len(), 1);
    }
}
