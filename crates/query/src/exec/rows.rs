//! Rows in the order in which a level puts them out.

use std::sync::Arc;

use crate::Column;

/// The values of the tags that rows are told apart by, in the order of the level's `group_by`.
pub(crate) type LaneKey = Arc<[Arc<str>]>;

/// Rows with their times and columns, and what tells them apart within the group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<Column>,
    /// Which of the keys each row has; empty where all have the first.
    pub(crate) lanes: Vec<u32>,
    /// Sorted.
    pub(crate) keys: Vec<LaneKey>,
}

impl Rows {
    pub(crate) const fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn lane(&self, row: usize) -> u32 {
        self.lanes.get(row).copied().unwrap_or(0)
    }
}

/// The rows that `LIMIT` and `OFFSET` leave. They count anew whenever the series changes from one row to
/// the next, as InfluxDB's limit does, even where it comes back to one.
pub(crate) fn page(count: usize, lane: impl Fn(usize) -> u32, limit: u64, offset: u64) -> Vec<u32> {
    let mut kept = Vec::new();
    let mut seen = 0;
    let mut before = None;
    for (row, number) in (0..count).zip(0_u32..) {
        let now = lane(row);
        if before != Some(now) {
            (before, seen) = (Some(now), 0);
        }
        seen += 1;
        if seen > offset && (limit == 0 || seen - offset <= limit) {
            kept.push(number);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        assert_eq!(page(5, |_| 0, 2, 1), [1, 2]);
        assert_eq!(page(5, |_| 0, 0, 3), [3, 4]);
        let lanes = [0, 0, 1, 0, 0];
        assert_eq!(page(5, |row| lanes[row], 1, 0), [0, 2, 3]);
    }
}
