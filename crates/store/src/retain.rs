//! Retention: partitions whose last instant is older than their policy keeps are dropped as a whole.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use roaring::RoaringBitmap;

use crate::database::Database;
use crate::log::record::Change;
use crate::shared::Shared;
use crate::{Error, TimeRange};

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
    let databases: Vec<Arc<Database>> = shared.databases.read().values().map(Arc::clone).collect();
    let mut count = 0;
    for database in databases {
        let (runs, series) = drop_expired(&database, now);
        count += runs;
        if !series.is_empty() {
            forget_series(shared, &database, series)?;
        }
    }
    Ok(count)
}

/// Drops a database's expired partitions. Returns how many runs they had, and which series.
fn drop_expired(database: &Database, now: SystemTime) -> (usize, RoaringBitmap) {
    let schema = database.schema();
    let (mut count, mut series) = (0, RoaringBitmap::new());
    for (id, data) in database.all_data().iter() {
        let Some(policy) = schema.policy_by_id(*id) else { continue };
        let duration = policy.spec.duration;
        let tables = data.tables();
        if !tables.partitions.values().any(|it| expires(it.range, duration, now)) {
            continue;
        }
        data.change(|tables| {
            tables.partitions.retain(|_, partition| {
                let expired = expires(partition.range, duration, now);
                for run in partition.runs.iter().filter(|_| expired) {
                    series |= &run.series;
                    count += 1;
                    run.discard();
                }
                !expired
            });
        });
    }
    (count, series)
}

/// Drops those of the series that have no rows any more.
fn forget_series(
    shared: &Shared,
    database: &Arc<Database>,
    mut series: RoaringBitmap,
) -> Result<(), Error> {
    let mut order = shared.order();
    if !shared.is_current(database) {
        return Ok(());
    }
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
