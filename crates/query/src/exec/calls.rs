//! Calls: values of buckets, what is made of them, and the rows that several calls make together.

use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store::TimeRange;

use super::budget::Held;
use super::gathered::Work;
use super::gathering::Gathering;
use super::groups::Group;
use super::join::join;
use super::lanes::Lanes;
use super::node::{Node, NodeSource, Query};
use super::outputs::put_out;
use super::rows::{Rows, page};
use crate::kernel::buckets::Buckets;
use crate::kernel::fill::{FILL_BYTES, FillWith, fill};
use crate::kernel::points::Points;
use crate::kernel::transform::transform;
use crate::plan::{Aggregate, Body, CallPlan, Kind, Level, Mapped, Transform};
use crate::{QueryError, Scalar};

/// What a level's calls gather of a group, or of some of its series.
pub(super) struct CallsGathered<'a> {
    lanes: Lanes,
    /// By the range that they look at.
    all: Vec<(TimeRange, Gathering<'a>)>,
}

impl CallsGathered<'_> {
    /// Takes what the same calls have gathered of other series.
    pub(super) fn absorb(&mut self, other: Self) {
        for ((_, gathering), (_, other)) in self.all.iter_mut().zip(other.all) {
            gathering.absorb(other);
        }
    }

    /// Whether all are made of parts, so that series may be read in any order, and apart.
    pub(super) fn of_parts(&self) -> bool {
        self.all.iter().all(|(_, gathering)| gathering.of_parts())
    }
}

/// The series of a group to be read at each leaf.
pub(super) type SeriesAt<'s> = &'s dyn Fn(usize) -> &'s [u32];

impl Query<'_> {
    /// What a level's calls are to gather, and nothing gathered yet.
    pub(super) fn nothing_gathered<'n>(level: &'n Level, range: TimeRange) -> CallsGathered<'n> {
        let lanes = Lanes::new(&level.group_by, &level.dimensions);
        let Body::Calls { calls, beside, selector } = &level.body else {
            return CallsGathered { lanes, all: Vec::new() };
        };
        let gathering = |(shifted, those): (TimeRange, Vec<usize>)| {
            let calls = those.into_iter().filter_map(|at| Some((at, calls.get(at)?)));
            let work =
                calls.map(|(at, call)| Work { at, call, beside, buckets: buckets(level, shifted) });
            (shifted, Gathering::new(level, work.collect(), *selector))
        };
        let all = by_range(level, range, calls).into_iter().map(gathering).collect();
        CallsGathered { lanes, all }
    }

    /// Reads all sources of a level of calls.
    pub(super) fn gather<'n>(
        &self,
        node: &Node<'n>,
        group: &Group,
        series: SeriesAt<'_>,
        range: TimeRange,
        held: &mut Held<'_>,
    ) -> Result<CallsGathered<'n>, QueryError> {
        let mut gathered = Self::nothing_gathered(node.level, range);
        let lanes = &mut gathered.lanes;
        for (range, gathering) in &mut gathered.all {
            for source in &node.sources {
                match source {
                    NodeSource::Leaf(at) => {
                        let Some(leaf) = self.leaves.get(*at) else { continue };
                        gathering.leaf(self, leaf, series(*at), *range, lanes, held)?;
                    }
                    NodeSource::Inner { node: inner, map } if gathering.wants(map) => {
                        let one_by_one = self.lanewise(inner).filter(|_| gathering.of_parts());
                        if let Some(leaf) = one_by_one {
                            let tags = map.iter().any(|it| matches!(it, Mapped::Tag(_)));
                            let keys = tags || !lanes.is_single();
                            let series = series(leaf.index);
                            self.each_lane(inner, leaf, series, *range, keys, &mut |rows| {
                                gathering.rows(node, rows, inner, map, lanes, held)
                            })?;
                        } else {
                            let mut within = self.budget.hold();
                            let rows = self.rows(inner, group, *range, &mut within)?;
                            gathering.rows(node, &rows, inner, map, lanes, held)?;
                        }
                    }
                    NodeSource::Inner { .. } => {}
                }
            }
        }
        Ok(gathered)
    }

    /// The rows of a level of calls, of what these have gathered.
    pub(super) fn finish(
        &self,
        level: &Level,
        gathered: CallsGathered<'_>,
        held: &mut Held<'_>,
    ) -> Result<Rows, QueryError> {
        let Body::Calls { calls, .. } = &level.body else { return Ok(Rows::default()) };
        let CallsGathered { mut lanes, all } = gathered;
        let mut made: Vec<Option<Points>> = vec![None; calls.len()];
        for (range, gathering) in all {
            for (at, points) in gathering.finish(self, &mut lanes)? {
                let Some(call) = calls.get(at) else { continue };
                let points = self.finish_call(level, call, points, range, held)?;
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

    /// Fills buckets, goes through the functions around, and cuts out the page.
    pub(super) fn finish_call(
        &self,
        level: &Level,
        call: &CallPlan,
        points: Points,
        range: TimeRange,
        held: &mut Held<'_>,
    ) -> Result<Points, QueryError> {
        let mut points = points;
        self.budget.buckets(u64::try_from(points.len()).unwrap_or(u64::MAX))?;
        if let Some(with) = filling(level, call) {
            let buckets = buckets(level, range);
            let mut filling = self.budget.hold();
            let charge = &mut |count| {
                self.budget.buckets(count)?;
                filling.add(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(FILL_BYTES))
            };
            points = fill(&points, &buckets, &with, level.ascending, charge)?;
        }
        held.add(points.bytes())?;
        for function in &call.transforms {
            let kind = points.column.values.kind();
            let charge = &mut |count| {
                self.budget.go_on()?;
                self.budget.buckets(count)
            };
            points = transform(function, points, level.ascending, charge)?
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
pub(super) fn by_range(
    level: &Level,
    range: TimeRange,
    calls: &[CallPlan],
) -> Vec<(TimeRange, Vec<usize>)> {
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
pub(super) fn filling(level: &Level, call: &CallPlan) -> Option<FillWith> {
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
