//! Levels whose series can be worked out one after the other, without being put together in the order of time.

use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store::{Order, TagKeys, TimeRange};

use super::calls::{buckets, by_range, filling};
use super::gathered::{Gathered, Work};
use super::gathering::Gathering;
use super::join::join;
use super::node::{Node, NodeSource, Query, range_of};
use super::outputs::put_out;
use super::rows::{LaneKey, Rows};
use super::scan::{Flow, Leaf, SeriesRows};
use crate::QueryError;
use crate::plan::{Body, CallPlan, Kind};

/// Takes the rows of one series of a level.
pub(super) type EachLane<'e> = &'e mut dyn FnMut(&Rows) -> Result<(), QueryError>;

impl Query<'_> {
    /// The leaf of a level that can be worked out series by series. Its series must all be told apart, and
    /// nothing may be done to its rows that hangs on the order in which those of several series come.
    pub(super) fn lanewise<'q>(&'q self, node: &Node<'_>) -> Option<&'q Leaf<'q>> {
        let level = node.level;
        let [NodeSource::Leaf(leaf)] = node.sources.as_slice() else { return None };
        let leaf = self.leaves.get(*leaf)?;
        let told_apart = leaf.table.table.tags.iter().all(|tag| level.group_by.contains(tag));
        let plain =
            level.limit == 0 && level.offset == 0 && !matches!(level.fill, ql::Fill::Previous);
        let unfilled = match &level.body {
            Body::Nothing => false,
            Body::Raw { .. } => plain,
            Body::Calls { calls, beside, .. } => match calls.as_slice() {
                [call] => {
                    let of_parts = |call: &CallPlan| {
                        let range = TimeRange { first: 0, last: 0 };
                        let buckets = buckets(level, range);
                        Gathered::new(Work { at: 0, call, beside, buckets }, level).of_parts()
                    };
                    level.limit == 0
                        && level.offset == 0
                        && call.kind.is_some()
                        && filling(level, call).is_none()
                        && of_parts(call)
                }
                _ => false,
            },
        };
        (told_apart && unfilled).then_some(leaf)
    }

    /// Works out these series of such a level, each by itself. `keys` says whether their tags are wanted.
    pub(super) fn each_lane(
        &self,
        node: &Node<'_>,
        leaf: &Leaf<'_>,
        series: &[u32],
        around: TimeRange,
        keys: bool,
        each: EachLane<'_>,
    ) -> Result<(), QueryError> {
        let level = node.level;
        let range = range_of(level, around);
        match &level.body {
            Body::Nothing => Ok(()),
            Body::Raw { columns } => self.each_raw(node, leaf, series, range, columns, keys, each),
            Body::Calls { calls, beside, selector } => {
                let [call] = calls.as_slice() else { return Ok(()) };
                let Some((shifted, _)) = by_range(level, range, calls).pop() else { return Ok(()) };
                let work = Work { at: 0, call, beside, buckets: buckets(level, shifted) };
                let mut gathering = Gathering::new(level, vec![work], *selector);
                let kind = call.kind.unwrap_or(Kind::Float);
                let by = leaf.table.keys(&level.group_by);
                gathering.each_series(self, leaf, series, shifted, &mut |series, points| {
                    let mut held = self.budget.hold();
                    let points = self.finish_call(level, call, points, shifted, &mut held)?;
                    let keys = vec![key(leaf, series, &by, keys)];
                    let rows = join(vec![Some(points)], &[kind], level.ascending, keys);
                    let known = vec![true; rows.columns.len()];
                    each(&put_out(level, rows, &known))
                })
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of `each_lane`")]
    fn each_raw(
        &self,
        node: &Node<'_>,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        columns: &[usize],
        keys: bool,
        each: EachLane<'_>,
    ) -> Result<(), QueryError> {
        let level = node.level;
        let mut last: Option<(u32, LaneKey)> = None;
        let by = leaf.table.keys(&level.group_by);
        let range = self.clip(range);
        leaf.scan(series, range, Order::Ascending, self.budget, &mut |rows: &mut SeriesRows| {
            if last.as_ref().is_none_or(|(series, _)| *series != rows.series) {
                last = Some((rows.series, key(leaf, rows.series, &by, keys)));
            }
            let key = last.as_ref().map(|(_, key)| Arc::clone(key)).unwrap_or_default();
            let column = |at: &usize| rows.columns.get(*at).cloned();
            let rows = Rows {
                times: std::mem::take(&mut rows.times),
                columns: columns.iter().filter_map(column).collect(),
                lanes: Vec::new(),
                keys: vec![key],
            };
            let known = vec![true; rows.columns.len()];
            each(&put_out(level, rows, &known))?;
            Ok(Flow::More)
        })
    }
}

/// The values of a series' tags, if they are wanted.
fn key(leaf: &Leaf<'_>, series: u32, by: &TagKeys, wanted: bool) -> LaneKey {
    if !wanted {
        return LaneKey::default();
    }
    leaf.table.values(series, by).cloned().collect()
}
