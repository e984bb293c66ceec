//! Rows of many series, one after the other in the same columns.

use std::ops::Range;

use svcflow_store::{Order, TimeRange};

use super::budget::Held;
use super::node::Query;
use super::outputs::put_out;
use super::rows::Rows;
use super::scan::{Flow, Leaf, SeriesRows};
use crate::plan::{Kind, Level};
use crate::{Column, QueryError, Validity, Values};

/// Rows of several groups.
pub(super) struct Batch {
    /// The time first.
    pub(super) columns: Vec<Column>,
    /// The groups' numbers and their rows.
    pub(super) groups: Vec<(usize, Range<usize>)>,
}

impl Batch {
    /// The rows of one group.
    pub(super) fn of(group: usize, rows: Rows) -> Self {
        let all = 0..rows.times.len();
        Self::new(rows, vec![(group, all)])
    }

    fn new(rows: Rows, groups: Vec<(usize, Range<usize>)>) -> Self {
        let time = Column::valid(Values::Time(rows.times));
        Self { columns: std::iter::once(time).chain(rows.columns).collect(), groups }
    }
}

/// A group that is one stored series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OneSeries {
    pub(super) series: u32,
    pub(super) group: usize,
}

impl Query<'_> {
    /// The rows of groups that are one series each, put out as they are.
    pub(super) fn batch(
        &self,
        leaf: &Leaf<'_>,
        columns: &[usize],
        mut groups: Vec<OneSeries>,
        range: TimeRange,
        held: &mut Held<'_>,
    ) -> Result<Batch, QueryError> {
        let level = leaf.level;
        groups.sort_unstable();
        let series: Vec<u32> = groups.iter().map(|one| one.series).collect();
        let mut rows = Rows { columns: empty(leaf, columns), ..Rows::default() };
        let mut spans: Vec<(u32, Range<usize>)> = Vec::new();
        let (most, order) = (most(level), order(level));
        let bytes = 8 + 9 * columns.len();
        leaf.scan(&series, self.clip(range), order, self.budget, &mut |block: &mut SeriesRows| {
            if spans.last().is_none_or(|(series, _)| *series != block.series) {
                spans.push((block.series, rows.times.len()..rows.times.len()));
            }
            let Some((_, span)) = spans.last_mut() else { return Ok(Flow::NextSeries) };
            let count = block.times.len().min(most - span.len());
            append(&mut rows, block, columns, count, level.ascending);
            span.end += count;
            held.add(count * bytes)?;
            Ok(if span.len() >= most { Flow::NextSeries } else { Flow::More })
        })?;
        let offset = usize::try_from(level.offset).unwrap_or(usize::MAX);
        let mut at = groups.iter().peekable();
        let mut kept = Vec::with_capacity(spans.len());
        for (series, span) in spans {
            while at.next_if(|one| one.series < series).is_some() {}
            if let Some(one) = at.peek()
                && span.len() > offset
            {
                kept.push((one.group, span.start + offset..span.end));
            }
        }
        kept.sort_unstable_by_key(|(group, _)| *group);
        if matches!(level.fill, svcflow_influxql::Fill::Previous) {
            rows.lanes = numbers(&kept, rows.times.len());
        }
        let known = vec![true; rows.columns.len()];
        Ok(Batch::new(put_out(level, rows, &known), kept))
    }
}

/// How many rows of each series are read at most.
fn most(level: &Level) -> usize {
    match level.limit {
        0 => usize::MAX,
        limit => usize::try_from(limit.saturating_add(level.offset)).unwrap_or(usize::MAX),
    }
}

const fn order(level: &Level) -> Order {
    if level.ascending { Order::Ascending } else { Order::Descending }
}

fn empty(leaf: &Leaf<'_>, columns: &[usize]) -> Vec<Column> {
    let kind = |at: &usize| leaf.level.inputs.get(*at).and_then(|input| input.kind);
    columns.iter().map(|at| Column::empty(kind(at).unwrap_or(Kind::String))).collect()
}

/// Adds the first rows of a block, or its last ones backwards.
fn append(rows: &mut Rows, block: &SeriesRows, columns: &[usize], count: usize, ascending: bool) {
    let all = block.times.len();
    let range = if ascending { 0..count } else { all - count..all };
    let times = block.times.get(range.clone()).unwrap_or_default();
    if ascending {
        rows.times.extend_from_slice(times);
    } else {
        rows.times.extend(times.iter().rev());
    }
    for (at, column) in columns.iter().zip(&mut rows.columns) {
        match block.columns.get(*at) {
            Some(from) if ascending => column.extend(from, range.clone()),
            Some(from) => {
                let mut from = from.slice(range.clone());
                from.reverse();
                column.append(from);
            }
            None => column.append(Column::nulls(Kind::Float, count)),
        }
    }
}

/// Which group each row is of.
fn numbers(groups: &[(usize, Range<usize>)], rows: usize) -> Vec<u32> {
    let mut numbers = vec![u32::MAX; rows];
    for (number, (_, range)) in (0..).zip(groups) {
        if let Some(those) = numbers.get_mut(range.clone()) {
            those.fill(number);
        }
    }
    numbers
}

impl Column {
    /// Adds some of the other's rows.
    fn extend(&mut self, other: &Self, range: Range<usize>) {
        if self.validity == Validity::All && other.validity == Validity::All {
            match (&mut self.values, &other.values) {
                (Values::Float(all), Values::Float(more)) => {
                    return all.extend_from_slice(more.get(range).unwrap_or_default());
                }
                (Values::Integer(all), Values::Integer(more)) => {
                    return all.extend_from_slice(more.get(range).unwrap_or_default());
                }
                (Values::String(all), Values::String(more)) => {
                    return all.extend_from_slice(more.get(range).unwrap_or_default());
                }
                (Values::String(all), Values::Same(text, _)) => {
                    return all.extend(std::iter::repeat_n(text, range.len()).cloned());
                }
                _ => {}
            }
        }
        self.append(other.slice(range));
    }
}
