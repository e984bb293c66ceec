//! Calls: values of buckets, what is made of them, and the rows that several calls make together.

use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store::TimeRange;

use super::gathering::{Gathering, Work};
use super::groups::Group;
use super::join::join;
use super::lanes::Lanes;
use super::node::{Node, NodeSource, Query};
use super::outputs::put_out;
use super::rows::{Rows, page};
use crate::kernel::buckets::Buckets;
use crate::kernel::fill::{FillWith, fill};
use crate::kernel::points::Points;
use crate::kernel::transform::transform;
use crate::plan::{Aggregate, CallPlan, Kind, Level, Transform};
use crate::{QueryError, Scalar};

impl Query<'_> {
    pub(super) fn calls(
        &self,
        node: &Node<'_>,
        group: &Group,
        range: TimeRange,
        calls: &[CallPlan],
        beside: &[usize],
        selector: bool,
    ) -> Result<Rows, QueryError> {
        let level = node.level;
        let mut lanes = Lanes::new(&level.group_by, &level.dimensions);
        let mut made: Vec<Option<Points>> = vec![None; calls.len()];
        for (shifted, those) in by_range(level, range, calls) {
            let work: Vec<Work<'_>> = those
                .iter()
                .filter_map(|at| Some((*at, calls.get(*at)?)))
                .map(|(at, call)| Work { at, call, beside, buckets: buckets(level, shifted) })
                .collect();
            let mut gathering = Gathering::new(self, level, work, selector);
            self.gather(node, group, shifted, &mut gathering, &mut lanes)?;
            for (at, points) in gathering.finish(&mut lanes, self.seed)? {
                let Some(call) = calls.get(at) else { continue };
                let points = self.finish_call(level, call, points, shifted)?;
                if let Some(made) = made.get_mut(at) {
                    *made = Some(points);
                }
            }
        }
        let known: Vec<bool> = made.iter().map(Option::is_some).collect();
        let kinds: Vec<Kind> = calls.iter().map(|call| call.kind.unwrap_or(Kind::Float)).collect();
        let (keys, _) = lanes.sorted();
        let rows = join(made, &kinds, level.ascending, keys);
        let known: Vec<bool> =
            known.into_iter().chain(std::iter::repeat(true)).take(rows.columns.len()).collect();
        Ok(put_out(level, rows, &known))
    }

    /// Reads all sources.
    fn gather(
        &self,
        node: &Node<'_>,
        group: &Group,
        range: TimeRange,
        gathering: &mut Gathering<'_, '_>,
        lanes: &mut Lanes,
    ) -> Result<(), QueryError> {
        for source in &node.sources {
            match source {
                NodeSource::Leaf(at) => {
                    let Some(leaf) = self.leaves.get(*at) else { continue };
                    gathering.leaf(leaf, self.series(group, *at), range, lanes)?;
                }
                NodeSource::Inner { node: inner, map } => {
                    if gathering.wants(map) {
                        let rows = self.rows(inner, group, range)?;
                        gathering.rows(node, &rows, inner, map, lanes);
                    }
                }
            }
        }
        Ok(())
    }

    /// Fills buckets, goes through the functions around, and cuts out the page.
    fn finish_call(
        &self,
        level: &Level,
        call: &CallPlan,
        points: Points,
        range: TimeRange,
    ) -> Result<Points, QueryError> {
        let mut points = points;
        self.budget.buckets(u64::try_from(points.len()).unwrap_or(u64::MAX))?;
        if let Some(with) = filling(level, call) {
            let buckets = buckets(level, range);
            let charge = &mut |count| self.budget.buckets(count);
            points = fill(&points, &buckets, &with, level.ascending, charge)?;
        }
        for function in &call.transforms {
            let kind = points.column.values.kind();
            points = transform(function, points, level.ascending)
                .ok_or_else(|| unsupported(transform_name(function), kind))?;
        }
        if level.limit > 0 || level.offset > 0 {
            let lane = |row: usize| points.lane(row);
            let kept = page(points.len(), lane, level.limit, level.offset);
            points = points.pick(&kept);
        }
        Ok(points)
    }
}

/// Calls by the range that they look at: those that look back at earlier buckets begin before.
fn by_range(level: &Level, range: TimeRange, calls: &[CallPlan]) -> Vec<(TimeRange, Vec<usize>)> {
    let mut ranges: Vec<(TimeRange, Vec<usize>)> = Vec::new();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.kind.is_some()) {
        let back = call.transforms.iter().filter(|function| function.looks_back()).count();
        let every = level.interval.map_or(0, |interval| interval.every);
        let back = every.wrapping_mul(i64::try_from(back).unwrap_or(0));
        // InfluxDB lets this wrap around: without a bound there, nothing is found.
        let shifted = match level.ascending {
            true => TimeRange { first: range.first.wrapping_sub(back), last: range.last },
            false => TimeRange { first: range.first, last: range.last.wrapping_add(back) },
        };
        match ranges.iter_mut().find(|(known, _)| *known == shifted) {
            Some((_, those)) => those.push(at),
            None => ranges.push((shifted, vec![at])),
        }
    }
    ranges
}

pub(super) fn buckets(level: &Level, range: TimeRange) -> Buckets {
    Buckets {
        interval: level.interval,
        zone: level.zone.clone(),
        first: range.first,
        last: range.last,
    }
}

/// How the buckets of a call are filled.
fn filling(level: &Level, call: &CallPlan) -> Option<FillWith> {
    level.interval?;
    let counts = match call.aggregate.as_ref()? {
        Aggregate::Count | Aggregate::CountDistinct => true,
        Aggregate::Distinct
        | Aggregate::Sample(_)
        | Aggregate::Top { .. }
        | Aggregate::Integral { .. } => return None,
        _ => false,
    };
    Some(match level.fill {
        ql::Fill::None => return None,
        ql::Fill::Null if counts => FillWith::Number(Scalar::Integer(0)),
        ql::Fill::Null => FillWith::Null,
        ql::Fill::Previous => FillWith::Previous,
        ql::Fill::Linear => FillWith::Linear,
        ql::Fill::Integer(value) => FillWith::Number(Scalar::Integer(value)),
        ql::Fill::Number(value) => FillWith::Number(Scalar::Float(value)),
    })
}

/// InfluxDB's words for a function that doesn't go with a type.
pub(super) fn unsupported(function: &str, kind: Option<Kind>) -> QueryError {
    let kind = kind.unwrap_or(Kind::String);
    let text = format!("unsupported {function} iterator type: *query.{kind}InterruptIterator");
    QueryError::Invalid(text)
}

pub(super) const fn transform_name(function: &Transform) -> &'static str {
    match function {
        Transform::Derivative { .. } => "derivative",
        Transform::Difference { .. } => "difference",
        Transform::Elapsed { .. } => "elapsed",
        Transform::CumulativeSum => "cumulative sum",
        Transform::MovingAverage { .. } => "moving average",
        Transform::HoltWinters { .. } => "holt winters",
    }
}

pub(super) fn aggregate_name(aggregate: &Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count | Aggregate::CountDistinct => "count",
        Aggregate::Sum => "sum",
        Aggregate::Mean => "mean",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::First => "first",
        Aggregate::Last => "last",
        Aggregate::Spread => "spread",
        Aggregate::Median | Aggregate::Mode => "median",
        Aggregate::Stddev => "stddev",
        Aggregate::Percentile(_) => "percentile",
        Aggregate::Sample(_) => "sample",
        Aggregate::Distinct => "distinct",
        Aggregate::Top { least: false, .. } => "top",
        Aggregate::Top { least: true, .. } => "bottom",
        Aggregate::Integral { .. } => "integral",
    }
}

/// The tags that `top` and `bottom` tell rows apart by, beside those that the level does.
pub(super) fn tags_with(group_by: &[Arc<str>], tags: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let all: std::collections::BTreeSet<Arc<str>> =
        group_by.iter().chain(tags).map(Arc::clone).collect();
    all.into_iter().collect()
}
