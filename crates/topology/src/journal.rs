//! What a svcflow tells another of its names: records in the order of their telling, asked for by number.
//!
//! An agent keeps one; a server asks it for what came after the last answer. So names that began and ended
//! between two questions are told, too, with their exact instants.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use svcflow_model::Timestamp;

use crate::{Record, SourceStatus};

/// Records in one answer: some 2 MB.
const ANSWER_MAX: usize = 5_000;
/// Ended tenures that are kept. Past it the first told are forgotten: a server that was away for longer
/// doesn't learn of them.
const ENDED_MAX: usize = 20_000;

/// `GET /api/v1/names?run=R&after=N`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamesDocument {
    /// The node's name.
    pub node: String,
    /// Tells one run of the agent from the next: where it differs from the last answer's, these records are
    /// the first of all that there are.
    pub run: u64,
    /// The number of the last record of this answer; ask for what is after it.
    pub sequence: u64,
    /// What began or ended after N, in the order of its telling. Of one tenure the last word only.
    pub records: Vec<Record>,
    /// More records are there: ask again.
    pub more: bool,
    /// The agent's clock when it answered.
    pub now: Timestamp,
    /// How the agent's sources are: one that was not heard yet may still have more to name.
    pub sources: Vec<SourceStatus>,
}

/// Some of the records of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The number of the last of them.
    pub sequence: u64,
    /// The records.
    pub records: Vec<Record>,
    /// Whether there are more.
    pub more: bool,
}

type Key = (String, &'static str, String, Timestamp);

#[derive(Debug, Default)]
struct Told {
    last: u64,
    records: BTreeMap<u64, Record>,
    places: HashMap<Key, u64>,
    ended: VecDeque<u64>,
}

/// The records of one run. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Told>>);

impl Journal {
    /// Notes records; one with the key of an earlier one takes its place.
    pub fn note(&self, records: Vec<Record>) {
        let mut told = self.told();
        for record in records {
            told.note(record);
        }
    }

    /// What was told after a number.
    #[must_use]
    pub fn after(&self, sequence: u64) -> Page {
        let told = self.told();
        let mut rest = told.records.range(sequence.saturating_add(1)..);
        let some: Vec<(&u64, &Record)> = rest.by_ref().take(ANSWER_MAX).collect();
        let more = rest.next().is_some();
        let last = some.last().map(|(number, _)| **number);
        Page {
            sequence: last.filter(|_| more).unwrap_or(told.last),
            records: some.into_iter().map(|(_, record)| record.clone()).collect(),
            more,
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn note(&mut self, record: Record) {
        self.last += 1;
        let key = key_of(&record);
        if let Some(place) = self.places.insert(key, self.last) {
            self.records.remove(&place);
        }
        if record.until.is_some() {
            self.ended.push_back(self.last);
        }
        self.records.insert(self.last, record);
        while self.ended.len() > ENDED_MAX {
            let Some(first) = self.ended.pop_front() else { return };
            if let Some(record) = self.records.remove(&first) {
                self.places.remove(&key_of(&record));
            }
        }
    }
}

fn key_of(record: &Record) -> Key {
    (record.source.clone(), record.kind(), record.identity().to_owned(), record.from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Service, What};

    fn record(identity: &str, from: i64, until: Option<i64>) -> Record {
        let service = Service { identity: identity.to_owned(), ..Service::default() };
        Record {
            source: "docker".to_owned(),
            from: Timestamp(from),
            until: until.map(Timestamp),
            what: What::Service(Arc::new(service)),
        }
    }

    #[test]
    fn the_end_of_a_tenure_takes_the_place_of_its_beginning() {
        let journal = Journal::default();
        assert_eq!(journal.after(0), Page::default());
        journal.note(vec![record("a", 1, None), record("b", 2, None)]);
        let first = journal.after(0);
        assert_eq!((first.sequence, first.records.len(), first.more), (2, 2, false));
        journal.note(vec![record("a", 1, Some(3)), record("a", 3, None)]);
        assert_eq!(journal.after(2).records, [record("a", 1, Some(3)), record("a", 3, None)]);
        assert_eq!(journal.after(0).records.len(), 3, "one word a tenure");
        assert_eq!(journal.after(4), Page { sequence: 4, ..Page::default() });
    }

    #[test]
    fn long_histories_come_in_pages_and_are_bounded() {
        let journal = Journal::default();
        let all = i64::try_from(ENDED_MAX).unwrap() + 5;
        journal.note(vec![record("open", 0, None)]);
        journal.note((0..all).map(|n| record("gone", n, Some(n + 1))).collect());
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = journal.after(after);
            seen.extend(page.records);
            after = page.sequence;
            if !page.more {
                break;
            }
        }
        assert_eq!(seen.len(), ENDED_MAX + 1, "the open one stays, the first ended are gone");
        assert_eq!(seen[0], record("open", 0, None));
        assert_eq!(seen[1], record("gone", 5, Some(6)));
    }
}
