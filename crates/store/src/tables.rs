//! Where a policy's rows are: in heads that are written to, in heads that are becoming chunks, and in
//! runs of chunks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use crate::memtable::{Memtable, Recent};
use crate::run::Run;
use crate::{FIRST_TIME, LAST_TIME, TimeRange};

/// A policy's rows.
#[derive(Default)]
pub(crate) struct PolicyData {
    tables: RwLock<Arc<Tables>>,
    /// The policy or its database was dropped: nothing may be added.
    dropped: AtomicBool,
}

/// Everything that a reader needs. Replaced as a whole, so that a reader sees each row somewhere.
#[derive(Clone, Default)]
pub(crate) struct Tables {
    /// What is written to.
    pub(crate) active: Arc<Memtable>,
    /// What is becoming chunks.
    pub(crate) frozen: Option<Arc<Memtable>>,
    /// Copies of rows that became chunks last.
    pub(crate) recent: Option<Arc<Recent>>,
    pub(crate) partitions: Partitions,
}

/// Partitions by their first instant. They don't overlap.
pub(crate) type Partitions = BTreeMap<i64, Partition>;

/// A range of time whose runs are dropped together.
#[derive(Clone)]
pub(crate) struct Partition {
    pub(crate) range: TimeRange,
    /// Those of later rounds last: they win.
    pub(crate) runs: Vec<Arc<Run>>,
}

impl PolicyData {
    pub(crate) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read())
    }

    /// Changes what readers that come from now on see; not if the policy was dropped.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> Option<T> {
        let mut tables = self.tables.write();
        if self.dropped.load(Ordering::Relaxed) {
            return None;
        }
        Some(change(Arc::make_mut(&mut tables)))
    }

    /// Forgets everything; runs' files go as soon as no one reads them.
    pub(crate) fn drop_all(&self) {
        let mut tables = self.tables.write();
        self.dropped.store(true, Ordering::Relaxed);
        tables.runs().for_each(|run| run.discard());
        *tables = Arc::default();
    }
}

impl Tables {
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.partitions.values().flat_map(|partition| &partition.runs)
    }

    /// Every table of heads that still matters, those that win last.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        self.frozen.iter().chain(std::iter::once(&self.active))
    }

    /// Adds a run to its partition.
    pub(crate) fn add_run(&mut self, run: Arc<Run>) {
        let range = run.identity.partition;
        let new = Partition { range, runs: Vec::new() };
        let partition = self.partitions.entry(range.first).or_insert(new);
        let at = partition.runs.partition_point(|it| it.identity.rounds <= run.identity.rounds);
        partition.runs.insert(at, run);
    }
}

/// The partition of this instant: the one that is there, or a new one of this width, less what its
/// neighbours take.
pub(crate) fn partition_of(
    time: i64,
    width: Duration,
    there: &BTreeMap<i64, TimeRange>,
) -> TimeRange {
    let before = there.range(..=time).next_back().map(|(_, range)| *range);
    if let Some(range) = before.filter(|range| range.contains(time)) {
        return range;
    }
    let width = i128::try_from(width.as_nanos()).unwrap_or(i128::MAX).max(1);
    let first = i128::from(time).div_euclid(width) * width;
    let clamp = |time: i128| {
        let time = time.clamp(i128::from(FIRST_TIME), i128::from(LAST_TIME));
        i64::try_from(time).unwrap_or(LAST_TIME)
    };
    let mut range = TimeRange { first: clamp(first), last: clamp(first + width - 1) };
    if let Some(before) = before {
        range.first = range.first.max(before.last.saturating_add(1));
    }
    if let Some((_, after)) = there.range(time..).next() {
        range.last = range.last.min(after.first.saturating_sub(1));
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> TimeRange {
        TimeRange { first, last }
    }

    #[test]
    fn partitions_are_aligned_and_never_overlap() {
        let width = Duration::from_nanos(100);
        let mut there = BTreeMap::new();
        assert_eq!(partition_of(250, width, &there), range(200, 299));
        assert_eq!(partition_of(-1, width, &there), range(-100, -1));
        there.insert(230, range(230, 260));
        assert_eq!(partition_of(240, width, &there), range(230, 260));
        assert_eq!(partition_of(220, width, &there), range(200, 229));
        assert_eq!(partition_of(261, width, &there), range(261, 299));
        let first = partition_of(FIRST_TIME, width, &there);
        let last = partition_of(LAST_TIME, width, &there);
        assert!(first.contains(FIRST_TIME) && last.contains(LAST_TIME));
        let all = Duration::from_secs(u64::MAX);
        assert_eq!(partition_of(5, all, &BTreeMap::new()), range(0, LAST_TIME));
    }
}
