//! What calls gather while a level's sources are read.

use svcflow_store as store;
use svcflow_store::{Chunk, TimeRange};

use super::budget::Held;
use super::gathered::{Gathered, Order, Work};
use super::lanes::Lanes;
use super::node::{Node, Query};
use super::parts::points_of_one;
use super::rows::Rows;
use super::scan::{Consumer, Flow, Leaf, SeriesRows};
use super::source::inner_stream;
use crate::QueryError;
use crate::kernel::accumulate::{Accumulator, Run};
use crate::kernel::points::Points;
use crate::plan::{Level, Mapped};

/// Calls that look at the same range, and what they have gathered.
pub(super) struct Gathering<'a> {
    level: &'a Level,
    /// Whether the only call picks rows, whose times are kept.
    selector: bool,
    gathered: Vec<Gathered<'a>>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(level: &'a Level, works: Vec<Work<'a>>, selector: bool) -> Self {
        let gathered = works.into_iter().map(|work| Gathered::new(work, level)).collect();
        Self { level, selector, gathered }
    }

    /// Whether all are made of parts, so that series may be read in any order, and apart.
    pub(super) fn of_parts(&self) -> bool {
        self.gathered.iter().all(Gathered::of_parts)
    }

    /// Reads stored series.
    pub(super) fn leaf(
        &mut self,
        query: &Query<'_>,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        lanes: &mut Lanes,
        held: &mut Held<'_>,
    ) -> Result<(), QueryError> {
        for gathered in &mut self.gathered {
            if leaf.has(gathered.work.call.input) {
                gathered.read(query, self.level, leaf, series, range, lanes, held)?;
            }
        }
        if !self.gathered.iter().any(Gathered::of_parts) {
            return Ok(());
        }
        let end = &mut |all: &mut [Gathered<'_>], series, made: Vec<Option<Accumulator>>| {
            let lane = lanes.of_series(leaf, series);
            for (gathered, made) in all.iter_mut().zip(made) {
                if let Some(made) = made {
                    held.add(gathered.end(leaf.index, series, lane, made))?;
                }
            }
            Ok(())
        };
        Parts::new(&mut self.gathered, end).read(query, leaf, series, range)
    }

    /// Reads stored series, each of which stands by itself: hands over what the only call makes of it.
    pub(super) fn each_series(
        &mut self,
        query: &Query<'_>,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        each: &mut dyn FnMut(u32, Points) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let (level, selector) = (self.level, self.selector);
        let end = &mut |_: &mut [Gathered<'_>], series, made: Vec<Option<Accumulator>>| match made
            .into_iter()
            .next()
        {
            Some(Some(made)) => each(series, points_of_one(made, level, selector)),
            _ => Ok(()),
        };
        Parts::new(&mut self.gathered, end).read(query, leaf, series, range)
    }

    /// Whether anything of a level within is wanted.
    pub(super) fn wants(&self, map: &[Mapped]) -> bool {
        self.gathered.iter().any(|gathered| gathered.finds(map))
    }

    /// Takes the rows of a level within.
    pub(super) fn rows(
        &mut self,
        node: &Node<'_>,
        rows: &Rows,
        inner: &Node<'_>,
        map: &[Mapped],
        lanes: &mut Lanes,
        held: &mut Held<'_>,
    ) -> Result<(), QueryError> {
        for gathered in self.gathered.iter_mut().filter(|gathered| gathered.finds(map)) {
            let lanes = gathered.finer().unwrap_or(lanes);
            let stream = inner_stream(node, rows, inner, map, lanes);
            let mut points = stream.select(&gathered.columns()).into_points();
            points.column = points.column.cast(gathered.kind);
            let points = if gathered.of_buckets() { points } else { points.valid() };
            held.add(gathered.points(points))?;
        }
        Ok(())
    }

    /// Takes what the same calls have gathered elsewhere.
    pub(super) fn absorb(&mut self, other: Self) {
        for (gathered, other) in self.gathered.iter_mut().zip(other.gathered) {
            gathered.absorb(other);
        }
    }

    /// Works the aggregates out: each call's number, and its points.
    pub(super) fn finish(
        self,
        query: &Query<'_>,
        lanes: &mut Lanes,
    ) -> Result<Vec<(usize, Points)>, QueryError> {
        let (level, selector) = (self.level, self.selector);
        let coarse: Vec<Vec<u32>> =
            self.gathered.iter().map(|gathered| gathered.coarse(level, lanes)).collect();
        let (_, places) = lanes.sorted();
        let single = lanes.is_single();
        let finished = self.gathered.into_iter().zip(coarse).map(|(gathered, coarse)| {
            let at = gathered.work.at;
            let order = Order { places: &places, single, coarse };
            Ok((at, gathered.finish(query, level, &order, selector)?))
        });
        finished.collect()
    }
}

/// Takes what was made of a stored series.
type EndSeries<'e, 'a> =
    &'e mut dyn FnMut(&mut [Gathered<'a>], u32, Vec<Option<Accumulator>>) -> Result<(), QueryError>;

/// Makes parts of stored series, one after the other.
struct Parts<'p, 'a> {
    gathered: &'p mut [Gathered<'a>],
    end: EndSeries<'p, 'a>,
    /// The series that is being read, and what is made of it.
    now: Option<(u32, Vec<Option<Accumulator>>)>,
    /// Of the block that is looked at; kept for its memory.
    runs: Vec<Run>,
}

impl<'p, 'a> Parts<'p, 'a> {
    const fn new(gathered: &'p mut [Gathered<'a>], end: EndSeries<'p, 'a>) -> Self {
        Self { gathered, end, now: None, runs: Vec::new() }
    }

    fn read(
        &mut self,
        query: &Query<'_>,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
    ) -> Result<(), QueryError> {
        leaf.scan(series, query.clip(range), store::Order::Ascending, query.budget, self)?;
        self.end_series()
    }

    fn begin_series(&mut self, series: u32) -> Result<(), QueryError> {
        if self.now.as_ref().is_some_and(|(now, _)| *now == series) {
            return Ok(());
        }
        self.end_series()?;
        self.now = Some((series, self.gathered.iter().map(Gathered::begin).collect()));
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), QueryError> {
        let Some((series, made)) = self.now.take() else { return Ok(()) };
        (self.end)(self.gathered, series, made)
    }
}

impl Consumer for Parts<'_, '_> {
    fn summary(&mut self, leaf: &Leaf<'_>, series: u32, chunk: &Chunk) -> Result<bool, QueryError> {
        if leaf.selection.condition(series).is_some() {
            return Ok(false);
        }
        let range = chunk.range();
        let known = |gathered: &Gathered<'_>| {
            let input = gathered.work.call.input;
            if !gathered.of_parts() || !leaf.has(input) {
                return true;
            }
            let bucket = gathered.work.buckets.start(range.first);
            bucket == gathered.work.buckets.start(range.last)
                && gathered.knows(leaf.field(input).and_then(|field| chunk.summary(field)))
        };
        if !self.gathered.iter().all(known) {
            return Ok(false);
        }
        self.begin_series(series)?;
        let Some((_, made)) = &mut self.now else { return Ok(false) };
        for (gathered, made) in self.gathered.iter().zip(made) {
            let field = leaf.field(gathered.work.call.input);
            let summary = field.and_then(|field| chunk.summary(field));
            if let (Some(made), Some(summary)) = (made, summary) {
                made.summary(gathered.work.buckets.start(range.first), summary);
            }
        }
        Ok(true)
    }

    fn rows(&mut self, rows: &mut SeriesRows) -> Result<Flow, QueryError> {
        self.begin_series(rows.series)?;
        let Some((_, made)) = &mut self.now else { return Ok(Flow::More) };
        self.runs.clear();
        for (gathered, made) in self.gathered.iter().zip(made) {
            let input = gathered.work.call.input;
            let (Some(made), Some(column)) = (made, rows.columns.get(input)) else { continue };
            if self.runs.is_empty() {
                let runs = &mut self.runs;
                gathered.work.buckets.runs(&rows.times, |start, run| runs.push((start, run)));
            }
            let beside = gathered.work.beside.iter().filter_map(|at| rows.columns.get(*at));
            made.block(&rows.times, column, &self.runs, &beside.collect::<Vec<_>>());
        }
        Ok(Flow::More)
    }
}
