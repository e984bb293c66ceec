//! Rows put out as they are.

use svcflow_store::TimeRange;

use super::budget::Held;
use super::groups::Group;
use super::lanes::Lanes;
use super::merge::most_of_each_shard;
use super::node::{Node, NodeSource, Query};
use super::outputs::put_out;
use super::rows::{Rows, page};
use super::source::{Stream, Wanted, inner_stream, merge_streams};
use crate::QueryError;
use crate::plan::{Body, Level};

impl Query<'_> {
    /// The rows of a level for one group, in the order in which they are put out.
    pub(crate) fn rows(
        &self,
        node: &Node<'_>,
        group: &Group,
        around: TimeRange,
        held: &mut Held<'_>,
    ) -> Result<Rows, QueryError> {
        self.budget.go_on()?;
        let range = super::node::range_of(node.level, around);
        match &node.level.body {
            Body::Nothing => Ok(Rows::default()),
            Body::Raw { columns } => self.raw(node, group, range, columns, held),
            Body::Calls { .. } => {
                let series = |leaf: usize| self.series(group, leaf);
                let gathered = self.gather(node, group, &series, range, held)?;
                self.finish(node.level, gathered, held)
            }
        }
    }

    /// Rows put out as they are.
    pub(super) fn raw(
        &self,
        node: &Node<'_>,
        group: &Group,
        range: TimeRange,
        columns: &[usize],
        held: &mut Held<'_>,
    ) -> Result<Rows, QueryError> {
        let level = node.level;
        let mut lanes = Lanes::new(&level.group_by, &level.dimensions);
        let enough = enough(level, lanes.is_single());
        let mut streams = Vec::new();
        for source in &node.sources {
            streams.push(match source {
                NodeSource::Leaf(at) => {
                    let Some(leaf) = self.leaves.get(*at) else { continue };
                    let wanted = Wanted {
                        driver: None,
                        columns,
                        beside: 0,
                        enough,
                        most: most_of_series(level, &lanes),
                    };
                    let series = self.series(group, *at);
                    let stream = self.leaf_rows(leaf, series, range, &wanted, &mut lanes, held)?;
                    limited_reading(stream, level, &lanes, leaf.table.shard)
                }
                NodeSource::Inner { node: inner, map } => {
                    let rows = self.rows(inner, group, range, held)?;
                    inner_stream(node, &rows, inner, map, &mut lanes).select(columns)
                }
            });
        }
        let stream = merge_streams(streams, 0, level.ascending);
        let stream = paged(stream, level, &lanes);
        Ok(put_out(level, stream.into_rows(&lanes), &vec![true; columns.len()]))
    }
}

/// How many rows of each series are enough for a level's `LIMIT`.
fn enough(level: &Level, single: bool) -> usize {
    if level.limit == 0 || !single {
        return usize::MAX;
    }
    usize::try_from(level.limit.saturating_add(level.offset)).unwrap_or(usize::MAX)
}

/// What InfluxDB reads of stored series where there is a limit, before it limits what it puts out: of each
/// shard a row more than that. An offset without a limit is a limit of none to it there.
pub(super) fn limited_reading(stream: Stream, level: &Level, lanes: &Lanes, shard: i64) -> Stream {
    if level.limit == 0 && level.offset == 0 {
        return stream;
    }
    if !lanes.is_single() {
        return paged(stream, level, lanes);
    }
    stream.pick(&most_of_each_shard(&stream.times, most_read(level), shard))
}

/// How many rows InfluxDB reads of a shard at most, where there is a limit.
const fn most_read(level: &Level) -> u64 {
    level.limit.saturating_add(level.offset).saturating_add(1)
}

/// How many rows of each series InfluxDB reads of a shard, where series are told apart that aren't in the
/// answer.
pub(super) fn most_of_series(level: &Level, lanes: &Lanes) -> Option<u64> {
    let limited = level.limit > 0 || level.offset > 0;
    (limited && !lanes.is_single()).then(|| most_read(level))
}

fn paged(stream: Stream, level: &Level, lanes: &Lanes) -> Stream {
    if level.limit == 0 && level.offset == 0 {
        return stream;
    }
    let lane = |row: usize| match lanes.is_single() {
        true => 0,
        false => stream.lanes.get(row).copied().unwrap_or(0),
    };
    let kept = page(stream.times.len(), lane, level.limit, level.offset);
    stream.pick(&kept)
}

impl Stream {
    /// The rows, with the series numbered in their order.
    pub(crate) fn into_rows(self, lanes: &Lanes) -> Rows {
        let (keys, places) = lanes.sorted();
        let lanes = match lanes.is_single() {
            true => Vec::new(),
            false => {
                let place = |lane: &u32| places.get(*lane as usize).copied().unwrap_or(0);
                self.lanes.iter().map(place).collect()
            }
        };
        Rows { times: self.times, columns: self.columns, lanes, keys }
    }
}
