//! Rows of many series, one after the other in the same columns.

use std::ops::Range;
use std::sync::Arc;

use svcflow_store::{Block, Order, TagKeys, TimeRange};

use super::budget::Held;
use super::node::Query;
use super::outputs::{numbers, put_out};
use super::rows::Rows;
use super::scan::{Consumer, Flow, Leaf, ReadAs, SeriesRows};
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
        let columns = rows.columns.into_iter().map(numbers);
        Self { columns: std::iter::once(time).chain(columns).collect(), groups }
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
        let mut appended = Appended::new(leaf, columns, held);
        let order = if level.ascending { Order::Ascending } else { Order::Descending };
        leaf.scan(&series, self.clip(range), order, self.budget, &mut appended)?;
        let Appended { mut rows, spans, .. } = appended;
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
            rows.lanes = numbered(&kept, rows.times.len());
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

/// Where a column comes from.
enum Source {
    /// This one of the fields that are read.
    Field(usize),
    /// A tag; its value in the series at hand.
    Tag(Arc<str>),
    Nothing(Kind),
}

/// Rows of series, one after the other.
struct Appended<'p, 'h> {
    leaf: &'p Leaf<'p>,
    columns: &'p [usize],
    sources: Vec<Source>,
    /// Which of them are tags, in the order of their names.
    tags: Vec<usize>,
    /// The same ones' names.
    keys: TagKeys,
    rows: Rows,
    /// The series and their rows.
    spans: Vec<(u32, Range<usize>)>,
    /// How many rows of each series are wanted.
    most: usize,
    held: &'p mut Held<'h>,
}

impl<'p, 'h> Appended<'p, 'h> {
    fn new(leaf: &'p Leaf<'p>, columns: &'p [usize], held: &'p mut Held<'h>) -> Self {
        let input = |at: &usize| leaf.level.inputs.get(*at);
        let source = |at: &usize| match (leaf.read_as(*at), input(at)) {
            (Some(ReadAs::Field(field, _)), _) => Source::Field(*field),
            (Some(ReadAs::Tag), _) => Source::Tag(Arc::default()),
            (Some(ReadAs::Nothing(kind)), _) => Source::Nothing(*kind),
            _ => Source::Nothing(Kind::Float),
        };
        let kind = |at: &usize| input(at).and_then(|input| input.kind).unwrap_or(Kind::String);
        let empty = columns.iter().map(|at| Column::empty(kind(at))).collect();
        let sources: Vec<Source> = columns.iter().map(source).collect();
        let mut tags: Vec<(&str, usize)> = Vec::new();
        for (at, (source, column)) in sources.iter().zip(columns).enumerate() {
            if let (Source::Tag(_), Some(input)) = (source, input(column)) {
                tags.push((&input.name, at));
            }
        }
        tags.sort_unstable();
        Self {
            leaf,
            columns,
            keys: leaf.table.measurement.keys(tags.iter().map(|(name, _)| *name)),
            tags: tags.into_iter().map(|(_, at)| at).collect(),
            sources,
            rows: Rows { columns: empty, ..Rows::default() },
            spans: Vec::new(),
            most: most(leaf.level),
            held,
        }
    }

    /// How many more rows of the series are wanted. Says whether it is a new one.
    fn room(&mut self, series: u32) -> (usize, bool) {
        let new = self.spans.last().is_none_or(|(known, _)| *known != series);
        if new {
            self.spans.push((series, self.rows.times.len()..self.rows.times.len()));
        }
        (self.most - self.spans.last().map_or(0, |(_, span)| span.len()), new)
    }

    /// Appends times of a block: which of its rows, and whether more are wanted.
    fn times(&mut self, times: &[i64], room: usize) -> Result<(Range<usize>, Flow), QueryError> {
        let count = times.len().min(room);
        let range = match self.leaf.level.ascending {
            true => 0..count,
            false => times.len() - count..times.len(),
        };
        let those = times.get(range.clone()).unwrap_or_default();
        match self.leaf.level.ascending {
            true => self.rows.times.extend_from_slice(those),
            false => self.rows.times.extend(those.iter().rev()),
        }
        if let Some((_, span)) = self.spans.last_mut() {
            span.end += count;
        }
        self.held.add(count * (8 + 9 * self.columns.len()))?;
        Ok((range, if count < room { Flow::More } else { Flow::NextSeries }))
    }

    fn read_tags(&mut self, series: u32) {
        let values = self.leaf.table.values(series, &self.keys);
        for (at, now) in self.tags.iter().zip(values) {
            if let Some(Source::Tag(value)) = self.sources.get_mut(*at) {
                *value = Arc::clone(now);
            }
        }
    }
}

impl Consumer for Appended<'_, '_> {
    fn block(&mut self, series: u32, block: &Block) -> Result<Option<Flow>, QueryError> {
        let (room, new) = self.room(series);
        if new {
            self.read_tags(series);
        }
        let (range, flow) = self.times(&block.times, room)?;
        let backwards = !self.leaf.level.ascending;
        for (source, column) in self.sources.iter().zip(&mut self.rows.columns) {
            match source {
                Source::Field(at) => {
                    if let Some(stored) = block.columns.get(*at) {
                        extend(column, stored, range.clone(), backwards);
                    }
                }
                Source::Tag(value) => column.extend_same(value, range.len()),
                Source::Nothing(kind) => column.append(Column::nulls(*kind, range.len())),
            }
        }
        Ok(Some(flow))
    }

    fn rows(&mut self, rows: &mut SeriesRows) -> Result<Flow, QueryError> {
        let (room, _) = self.room(rows.series);
        let (range, flow) = self.times(&rows.times, room)?;
        for (at, column) in self.columns.iter().zip(&mut self.rows.columns) {
            let Some(from) = rows.columns.get(*at) else { continue };
            let mut from = from.slice(range.clone());
            if !self.leaf.level.ascending {
                from.reverse();
            }
            column.append(from);
        }
        Ok(flow)
    }
}

/// Adds rows of a stored column.
fn extend(
    column: &mut Column,
    stored: &svcflow_store::Column,
    range: Range<usize>,
    backwards: bool,
) {
    use svcflow_store::Values as Stored;
    fn add<T: Clone>(all: &mut Vec<T>, more: &[T], range: Range<usize>) -> bool {
        all.extend_from_slice(more.get(range).unwrap_or_default());
        true
    }
    let simple = !backwards
        && column.validity == Validity::All
        && matches!(stored.validity, svcflow_store::Validity::All);
    let added = simple
        && match (&mut column.values, &stored.values) {
            (Values::Float(all), Stored::Float(more)) => add(all, more, range.clone()),
            (Values::Integer(all), Stored::Integer(more)) => add(all, more, range.clone()),
            (Values::Boolean(all), Stored::Boolean(more)) => add(all, more, range.clone()),
            (Values::String(all), Stored::String(more)) => add(all, more, range.clone()),
            _ => false,
        };
    if !added {
        let mut those = super::scan::convert(stored.clone()).slice(range);
        if backwards {
            those.reverse();
        }
        column.append(those);
    }
}

impl Column {
    /// Adds rows of one text; the empty one is none.
    fn extend_same(&mut self, text: &Arc<str>, rows: usize) {
        match &mut self.values {
            Values::String(all) if self.validity == Validity::All && !text.is_empty() => {
                all.extend(std::iter::repeat_n(text, rows).cloned());
            }
            _ => self.append(Self::same(text, rows)),
        }
    }
}

/// Which group each row is of.
fn numbered(groups: &[(usize, Range<usize>)], rows: usize) -> Vec<u32> {
    let mut numbers = vec![u32::MAX; rows];
    for (number, (_, range)) in (0..).zip(groups) {
        if let Some(those) = numbers.get_mut(range.clone()) {
            those.fill(number);
        }
    }
    numbers
}
