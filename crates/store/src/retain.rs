//! Retention: partitions whose last instant is older than their policy keeps are dropped as a whole, after
//! they were [summed up](crate::rollup) where that was asked for; and then series that have no rows in any.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use roaring::RoaringBitmap;

use crate::database::Database;
use crate::log::record::Change;
use crate::rollup::roll_up;
use crate::run::{Identity, Run, Writer};
use crate::schema::PolicyId;
use crate::shared::Shared;
use crate::tables::{Partition, PolicyData};
use crate::{Error, TimeRange, seal};

/// Whether a policy that keeps data for so long would drop this range as a whole.
pub(crate) fn expires(range: TimeRange, duration: Option<Duration>, now: SystemTime) -> bool {
    let Some(duration) = duration else { return false };
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    let now = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    };
    i128::from(range.last) < now.saturating_sub(nanos(duration))
}

/// Drops what has expired, and series of which nothing is left. Returns how many runs were dropped.
pub(crate) fn retain(shared: &Shared, now: SystemTime) -> Result<usize, Error> {
    // Merging would replace what is being summed up.
    let _merging = shared.merging.lock();
    let databases: Vec<Arc<Database>> = shared.databases.read().values().map(Arc::clone).collect();
    let (mut count, mut failed) = (0, Ok(()));
    let mut note = |done: Result<usize, Error>| match done {
        Ok(dropped) => count += dropped,
        // What can't be summed up keeps nothing else from going.
        Err(fault) if failed.is_ok() => failed = Err(fault),
        Err(fault) => tracing::error!(%fault, "can't drop what has expired either"),
    };
    for database in databases {
        let policies: Vec<(PolicyId, Arc<PolicyData>)> =
            database.all_data().iter().map(|(id, data)| (*id, Arc::clone(data))).collect();
        for (policy, data) in policies {
            note(drop_expired(shared, &database, policy, &data, now));
        }
        // Where something can't be read, no one knows whose rows it has.
        if !shared.damages.hide_series() {
            note(forget_series(shared, &database).map(|()| 0));
        }
    }
    failed.map(|()| count)
}

/// Drops a policy's expired partitions. Returns how many runs they had.
fn drop_expired(
    shared: &Shared,
    database: &Arc<Database>,
    policy: PolicyId,
    data: &PolicyData,
    now: SystemTime,
) -> Result<usize, Error> {
    let schema = database.schema();
    let Some(known) = schema.policy_by_id(policy) else { return Ok(0) };
    let expired = || -> Vec<Partition> {
        let tables = data.tables();
        let partitions = tables.partitions.values();
        partitions.filter(|it| expires(it.range, known.spec.duration, now)).cloned().collect()
    };
    let mut partitions = expired();
    if known.rollup.is_some() && !partitions.is_empty() {
        // Rows that are in no chunk yet belong to the sums too: what is summed up later takes their place.
        seal::seal(shared)?;
        partitions = expired();
    }
    let mut count = 0;
    for partition in partitions {
        if let Some(rollup) = &known.rollup {
            roll_up(shared, database, rollup, policy, &partition)?;
        }
        if shared.pressure.is_stopping() {
            break;
        }
        let mark = if known.rollup.is_some() { mark_of(shared, &partition)? } else { None };
        count += drop_partition(shared, data, &partition, mark.as_ref());
    }
    Ok(count)
}

/// What keeps some of the runs from being summed up again by themselves, when the process is killed before all
/// have gone. Where nothing is summed up, a disk that is full must not keep the partition from going.
fn mark_of(shared: &Shared, partition: &Partition) -> Result<Option<Arc<Run>>, Error> {
    let (Some(first), Some(last)) = (partition.runs.first(), partition.runs.last()) else {
        return Ok(None);
    };
    let id = shared.next_run.fetch_add(1, Ordering::Relaxed);
    let deletes = shared.order().next.deletes;
    let identity = Identity::instead_of(id, &first.identity, &last.identity, deletes);
    Writer::new(&shared.folder.data(), identity).finish().map(Some)
}

/// Drops a partition with the runs that it had. Returns how many.
fn drop_partition(
    shared: &Shared,
    data: &PolicyData,
    partition: &Partition,
    mark: Option<&Arc<Run>>,
) -> usize {
    // Sealing copies recent rows under it, those of the runs that go too.
    let _order = shared.order();
    let first = partition.range.first;
    let dropped = data.change(|tables| {
        // It may have copies of rows that go.
        tables.recent = None;
        let Some(there) = tables.partitions.get_mut(&first) else { return 0 };
        let before = there.runs.len();
        // One that was sealed meanwhile stays until the next time.
        there.runs.retain(|run| !partition.runs.iter().any(|it| Arc::ptr_eq(it, run)));
        let dropped = before - there.runs.len();
        if there.runs.is_empty() {
            tables.partitions.remove(&first);
        }
        dropped
    });
    partition.runs.iter().for_each(|run| match mark {
        Some(mark) => run.discard_by(mark),
        None => run.discard(),
    });
    dropped.unwrap_or(0)
}

/// Drops the series that have no rows. One that was made since the last time may still get its first.
fn forget_series(shared: &Shared, database: &Arc<Database>) -> Result<(), Error> {
    let mut order = shared.order();
    if !shared.is_current(database) {
        return Ok(());
    }
    let schema = database.schema();
    let settled = database.settled_series(&schema);
    let known = schema.index.series().map(|(series, _)| series.get());
    let mut series: RoaringBitmap = known.take_while(|id| *id < settled).collect();
    for data in database.all_data().values() {
        let tables = data.tables();
        tables.runs().for_each(|run| series -= &run.series);
        tables.heads().for_each(|table| series -= table.series());
    }
    if series.is_empty() {
        return Ok(());
    }
    let change = Change::DropSeries { database: database.id, series };
    shared.change(&mut order, database, change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_expires_with_its_last_instant() {
        let hour = Duration::from_secs(3_600);
        let now = UNIX_EPOCH + hour * 3;
        let last = |hours: i64| TimeRange { first: 0, last: hours * 3_600_000_000_000 };
        assert!(expires(last(1), Some(hour), now));
        assert!(!expires(last(2), Some(hour), now));
        assert!(!expires(last(-9), None, now));
        assert!(!expires(last(2), Some(Duration::MAX), now));
    }
}
