//! The first (or last) row of a group, where several are of that instant.
//!
//! InfluxDB doesn't look at all of them: it reads two rows, in the order in which it would put them out, and
//! picks one of these.

use super::merge::{Part, merge};
use super::scan::Leaf;
use super::source::series_key;
use crate::Column;
use crate::kernel::accumulate::{Accumulator, Picking, States};

/// What was made of one series: no more than one bucket of it.
pub(super) struct OfSeries {
    pub(super) series: u32,
    pub(super) made: Accumulator,
}

impl Accumulator {
    /// Which end it picks, and when the row is that it picked.
    fn end(&self) -> Option<(Picking, i64)> {
        let (by, time) = match &self.states {
            States::PickFloat(by, runs) => (by, runs.states.first()?.time),
            States::PickInteger(by, runs) => (by, runs.states.first()?.time),
            States::PickBoolean(by, runs) => (by, runs.states.first()?.time),
            States::PickString(by, runs) => (by, runs.states.first()?.time),
            _ => return None,
        };
        Some((*by, time)).filter(|(by, _)| matches!(by, Picking::First | Picking::Last))
    }
}

/// Leaves, of rows of one instant that no other comes before, the two that InfluxDB reads.
pub(super) fn two_at_the_end(leaf: &Leaf<'_>, mut all: Vec<OfSeries>) -> Vec<OfSeries> {
    let ends: Vec<(Picking, i64)> = all.iter().filter_map(|one| one.made.end()).collect();
    let Some((by, _)) = ends.first().copied() else { return all };
    let times = ends.iter().map(|(_, time)| *time);
    let end = if by == Picking::First { times.min() } else { times.max() };
    let alike = ends.iter().filter(|(_, time)| Some(*time) == end).count();
    if alike <= 1 || ends.len() != all.len() {
        return all;
    }
    all.sort_by_cached_key(|one| series_key(leaf, one.series));
    if by == Picking::Last {
        all.reverse();
    }
    let times: Vec<Option<i64>> =
        all.iter().map(|one| one.made.end().map(|(_, time)| time)).collect();
    let columns: Vec<Vec<Column>> = all.iter().map(|one| one.made.picked_beside()).collect();
    let parts: Vec<Part<'_>> = times
        .iter()
        .zip(&columns)
        .map(|(time, columns)| Part { times: time.as_slice(), columns })
        .collect();
    let read = merge(&parts, by == Picking::First, Some(leaf.table.shard));
    let read: Vec<usize> = read.iter().take(2).map(|place| place.0 as usize).collect();
    let mut all: Vec<Option<OfSeries>> = all.into_iter().map(Some).collect();
    read.into_iter().filter_map(|at| all.get_mut(at)?.take()).collect()
}

impl Accumulator {
    /// The columns beside the row that it picked.
    fn picked_beside(&self) -> Vec<Column> {
        let row = match &self.states {
            States::PickFloat(_, runs) => runs.states.first().map(|pick| pick.row),
            States::PickInteger(_, runs) => runs.states.first().map(|pick| pick.row),
            States::PickBoolean(_, runs) => runs.states.first().map(|pick| pick.row),
            States::PickString(_, runs) => runs.states.first().map(|pick| pick.row),
            _ => None,
        };
        let rows: Vec<u32> = row.into_iter().collect();
        self.beside.iter().map(|column| column.pick(&rows)).collect()
    }
}
