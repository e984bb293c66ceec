//! What calls gather while a level's sources are read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use svcflow_store as store;
use svcflow_store::TimeRange;

use super::calls::{aggregate_name, tags_with, unsupported};
use super::earliest::{OfSeries, two_at_the_end};
use super::lanes::Lanes;
use super::node::{Node, Query};
use super::raw::{limited_reading, most_of_series};
use super::rows::Rows;
use super::scan::{Flow, Leaf, SeriesRows};
use super::source::{Stream, Wanted, inner_stream, merge_streams};
use crate::kernel::accumulate::{Accumulator, Run};
use crate::kernel::buckets::Buckets;
use crate::kernel::integral::integral;
use crate::kernel::points::Points;
use crate::kernel::windows;
use crate::plan::{Aggregate, CallPlan, Kind, Level, MIN_TIME, Mapped};
use crate::{Column, QueryError};

/// A call that is to be worked out.
pub(super) struct Work<'a> {
    /// Its number among the level's.
    pub(super) at: usize,
    pub(super) call: &'a CallPlan,
    /// Inputs that stand beside its values.
    pub(super) beside: &'a [usize],
    pub(super) buckets: Buckets,
}

/// Calls that look at the same range, and what they have gathered.
pub(super) struct Gathering<'a, 'q> {
    query: &'q Query<'q>,
    level: &'a Level,
    selector: bool,
    gathered: Vec<Gathered<'a>>,
}

struct Gathered<'a> {
    work: Work<'a>,
    kind: Kind,
    store: Store,
}

enum Store {
    /// Of parts: what was made of each series' rows.
    Parts(BTreeMap<u32, Accumulator>),
    /// Of parts that are only put together once all are there: see [`two_at_the_end`].
    Ends(Vec<OfSeries>, BTreeMap<u32, Accumulator>),
    /// Of rows: all of them, of each source.
    Rows { streams: Vec<Stream>, finer: Option<Lanes> },
}

impl<'a, 'q> Gathering<'a, 'q> {
    pub(super) fn new(
        query: &'q Query<'q>,
        level: &'a Level,
        works: Vec<Work<'a>>,
        selector: bool,
    ) -> Self {
        let gathered = works.into_iter().map(|work| {
            let kind = level.inputs.get(work.call.input).and_then(|input| input.kind);
            // The tags of a level within are texts.
            let kind = match kind.unwrap_or(Kind::Float) {
                Kind::Tag => Kind::String,
                kind => kind,
            };
            let parts = work
                .call
                .aggregate
                .as_ref()
                .is_some_and(|aggregate| Accumulator::new(aggregate, kind, &[]).is_some());
            let single = level.group_by == level.dimensions && level.interval.is_none();
            let store = match &work.call.aggregate {
                Some(Aggregate::First | Aggregate::Last) if single => {
                    Store::Ends(Vec::new(), BTreeMap::new())
                }
                _ if parts => Store::Parts(BTreeMap::new()),
                Some(Aggregate::Top { tags, .. }) if !tags.is_empty() => {
                    let by = tags_with(&level.group_by, tags);
                    let finer = Some(Lanes::new(&by, &Arc::from([])));
                    Store::Rows { streams: Vec::new(), finer }
                }
                _ => Store::Rows { streams: Vec::new(), finer: None },
            };
            Gathered { work, kind, store }
        });
        Self { query, level, selector, gathered: gathered.collect() }
    }

    fn beside_kinds(level: &Level, beside: &[usize]) -> Vec<Kind> {
        let kind = |at: &usize| level.inputs.get(*at).and_then(|input| input.kind);
        beside.iter().map(|at| kind(at).unwrap_or(Kind::Float)).collect()
    }

    /// Reads stored series.
    pub(super) fn leaf(
        &mut self,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        lanes: &mut Lanes,
    ) -> Result<(), QueryError> {
        for gathered in &mut self.gathered {
            if leaf.has(gathered.work.call.input) {
                gathered.read(self.query, self.level, leaf, series, range, lanes)?;
            }
        }
        if self.gathered.iter().any(|it| !matches!(it.store, Store::Rows { .. })) {
            self.parts(leaf, series, range, lanes)?;
        }
        for gathered in &mut self.gathered {
            if let Store::Ends(those, parts) = &mut gathered.store {
                for one in two_at_the_end(leaf, std::mem::take(those)) {
                    end_part(parts, one.made, lanes.of_series(leaf.table, one.series));
                }
            }
        }
        Ok(())
    }

    /// Makes parts of stored series, one after the other.
    fn parts(
        &mut self,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        lanes: &mut Lanes,
    ) -> Result<(), QueryError> {
        let (level, range) = (self.level, self.query.clip(range));
        let mut current: Option<(u32, Vec<Option<Accumulator>>)> = None;
        let mut held = self.query.budget.hold();
        leaf.scan(series, range, store::Order::Ascending, self.query.budget, &mut |rows| {
            if current.as_ref().is_none_or(|(series, _)| *series != rows.series) {
                if let Some((series, made)) = current.take() {
                    let lane = lanes.of_series(leaf.table, series);
                    held.add(end_series(&mut self.gathered, made, series, lane))?;
                }
                let start = |it: &Gathered<'_>| it.accumulator(level);
                current = Some((rows.series, self.gathered.iter().map(start).collect()));
            }
            if let Some((_, made)) = &mut current {
                add_block(&self.gathered, made, rows);
            }
            Ok(Flow::More)
        })?;
        if let Some((series, made)) = current {
            let lane = lanes.of_series(leaf.table, series);
            held.add(end_series(&mut self.gathered, made, series, lane))?;
        }
        Ok(())
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
    ) {
        for gathered in self.gathered.iter_mut().filter(|gathered| gathered.finds(map)) {
            let kind = gathered.kind;
            let stream = match &mut gathered.store {
                Store::Rows { finer: Some(finer), .. } => {
                    inner_stream(node, rows, inner, map, finer)
                }
                _ => inner_stream(node, rows, inner, map, lanes),
            };
            let mut points = stream.select(&columns(&gathered.work)).into_points();
            points.column = points.column.cast(kind);
            let points = points.valid();
            match &mut gathered.store {
                Store::Parts(lanes) | Store::Ends(_, lanes) => {
                    let kinds = Self::beside_kinds(self.level, gathered.work.beside);
                    let aggregate = gathered.work.call.aggregate.as_ref();
                    let made =
                        aggregate.and_then(|aggregate| Accumulator::new(aggregate, kind, &kinds));
                    let Some(empty) = made else { continue };
                    add_points(lanes, &points, &gathered.work.buckets, &empty);
                }
                Store::Rows { streams, .. } => streams.push(Stream::from_points(points)),
            }
        }
    }

    /// Works the aggregates out.
    pub(super) fn finish(
        self,
        lanes: &mut Lanes,
        seed: u64,
    ) -> Result<Vec<(usize, Points)>, QueryError> {
        let (level, selector) = (self.level, self.selector);
        let coarse: Vec<Vec<u32>> =
            self.gathered.iter().map(|gathered| gathered.coarse(level, lanes)).collect();
        let (_, places) = lanes.sorted();
        let single = lanes.is_single();
        let finished = self.gathered.into_iter().zip(coarse).map(|(gathered, coarse)| {
            let at = gathered.work.at;
            let order = Order { places: &places, single, coarse };
            Ok((at, gathered.finish(level, &order, selector, seed)?))
        });
        finished.collect()
    }
}

/// Which place each series has.
struct Order<'a> {
    /// By the series' number.
    places: &'a [u32],
    /// Whether there is only one.
    single: bool,
    /// The number of the series that each finer one is of, in the order of the finer ones.
    coarse: Vec<u32>,
}

/// The inputs that a call needs: what it works on, and what stands beside its values.
fn columns(work: &Work<'_>) -> Vec<usize> {
    std::iter::once(work.call.input).chain(work.beside.iter().copied()).collect()
}

fn add_block(gathered: &[Gathered<'_>], made: &mut [Option<Accumulator>], rows: &mut SeriesRows) {
    let mut runs: Vec<Run> = Vec::new();
    for (gathered, made) in gathered.iter().zip(made) {
        let Some(made) = made else { continue };
        let Some(column) = rows.columns.get(gathered.work.call.input) else { continue };
        if runs.is_empty() {
            let buckets = &gathered.work.buckets;
            buckets.runs(&rows.times, |start, run| runs.push((start, run)));
        }
        let beside = gathered.work.beside.iter().filter_map(|at| rows.columns.get(*at));
        made.block(&rows.times, column, &runs, &beside.collect::<Vec<_>>());
    }
}

fn end_series(
    gathered: &mut [Gathered<'_>],
    made: Vec<Option<Accumulator>>,
    series: u32,
    lane: u32,
) -> usize {
    let mut bytes = 0;
    for (gathered, made) in gathered.iter_mut().zip(made) {
        let Some(made) = made else { continue };
        bytes += match &mut gathered.store {
            Store::Parts(lanes) => end_part(lanes, made, lane),
            Store::Ends(those, _) => {
                let bytes = made.bytes();
                those.push(OfSeries { series, made });
                bytes
            }
            Store::Rows { .. } => 0,
        };
    }
    bytes
}

/// Adds what was made of one series or of one source; says how much memory that takes.
fn end_part(lanes: &mut BTreeMap<u32, Accumulator>, mut made: Accumulator, lane: u32) -> usize {
    match lanes.entry(lane) {
        Entry::Vacant(entry) => entry.insert(made).bytes(),
        Entry::Occupied(mut entry) => {
            let known = entry.get_mut();
            let before = known.bytes();
            known.end_series();
            made.end_series();
            known.merge(made);
            known.bytes().saturating_sub(before)
        }
    }
}

/// Adds points of a level within, which are of one source.
fn add_points(
    lanes: &mut BTreeMap<u32, Accumulator>,
    points: &Points,
    buckets: &Buckets,
    empty: &Accumulator,
) {
    for (lane, rows) in (0_u32..).zip(points.by_lane()) {
        if rows.is_empty() {
            continue;
        }
        let picked;
        let those = if rows.len() == points.len() {
            points
        } else {
            picked = points.pick(&rows);
            &picked
        };
        let mut runs: Vec<Run> = Vec::new();
        buckets.runs(&those.times, |start, run| runs.push((start, run)));
        let mut made = empty.clone();
        made.block(&those.times, &those.column, &runs, &those.beside.iter().collect::<Vec<_>>());
        end_part(lanes, made, lane);
    }
}

impl Gathered<'_> {
    /// Reads rows of stored series, where the call needs all of them.
    fn read(
        &mut self,
        query: &Query<'_>,
        level: &Level,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        lanes: &mut Lanes,
    ) -> Result<(), QueryError> {
        let Store::Rows { streams, finer } = &mut self.store else { return Ok(()) };
        // InfluxDB limits what `top` and `bottom` read, too, unless they tell rows apart by tags.
        let top = matches!(self.work.call.aggregate, Some(Aggregate::Top { .. }));
        let limited = top && finer.is_none();
        let lanes = finer.as_mut().unwrap_or(lanes);
        let wanted = Wanted {
            driver: Some(self.work.call.input),
            columns: &columns(&self.work),
            beside: 1,
            enough: usize::MAX,
            most: most_of_series(level, lanes).filter(|_| limited),
        };
        let stream = query.leaf_rows(leaf, series, range, &wanted, lanes)?;
        streams.push(if limited {
            limited_reading(stream, level, lanes, leaf.table.shard)
        } else {
            stream
        });
        Ok(())
    }

    /// Whether its input is there.
    fn finds(&self, map: &[Mapped]) -> bool {
        map.get(self.work.call.input) != Some(&Mapped::Nothing)
    }

    /// The numbers of the series that the finer ones are of, in the order of these.
    fn coarse(&self, level: &Level, lanes: &mut Lanes) -> Vec<u32> {
        let Store::Rows { finer: Some(finer), .. } = &self.store else { return Vec::new() };
        let Some(Aggregate::Top { tags, .. }) = &self.work.call.aggregate else {
            return Vec::new();
        };
        let by = tags_with(&level.group_by, tags);
        let (keys, _) = finer.sorted();
        keys.iter().map(|key| lanes.of_key(key, &by)).collect()
    }

    fn accumulator(&self, level: &Level) -> Option<Accumulator> {
        if matches!(self.store, Store::Rows { .. }) {
            return None;
        }
        let kinds = Gathering::beside_kinds(level, self.work.beside);
        Accumulator::new(self.work.call.aggregate.as_ref()?, self.kind, &kinds)
    }

    fn finish(
        self,
        level: &Level,
        order: &Order<'_>,
        selector: bool,
        seed: u64,
    ) -> Result<Points, QueryError> {
        let keep_times = selector && level.interval.is_none();
        match self.store {
            Store::Parts(lanes) | Store::Ends(_, lanes) => {
                let points = super::parts::points_of(lanes, order.places, order.single, keep_times);
                Ok(super::parts::ordered(points, level.ascending))
            }
            Store::Rows { streams, finer } => {
                let stream = merge_streams(streams, 1, level.ascending);
                let mut points = stream.into_points();
                let (aggregate, buckets) = (self.work.call.aggregate.as_ref(), &self.work.buckets);
                if let Some(finer) = finer {
                    points = coarser(aggregate, points, buckets, &finer, &order.coarse, seed);
                }
                points.number(order.places, order.single);
                let Some(aggregate) = aggregate else { return Ok(points) };
                of_rows(aggregate, points, buckets, level, keep_times, seed)
                    .ok_or_else(|| unsupported(aggregate_name(aggregate), Some(self.kind)))
            }
        }
    }
}

/// The greatest (or the least) value of each finer series, those of which `top` (or `bottom`) picks.
fn coarser(
    aggregate: Option<&Aggregate>,
    mut points: Points,
    buckets: &Buckets,
    finer: &Lanes,
    coarse: &[u32],
    seed: u64,
) -> Points {
    points.number(&finer.sorted().1, false);
    let Some(Aggregate::Top { least, .. }) = aggregate else { return points };
    let one = Aggregate::Top { count: 1, tags: Vec::new(), least: *least };
    let Some(mut best) = windows::aggregate(&one, &points, buckets, true, seed) else {
        return points;
    };
    best.number(coarse, false);
    best
}

fn of_rows(
    aggregate: &Aggregate,
    points: Points,
    buckets: &Buckets,
    level: &Level,
    keep_times: bool,
    seed: u64,
) -> Option<Points> {
    if let Aggregate::Integral { unit } = aggregate {
        return integral(&points, buckets, *unit, level.ascending);
    }
    let own_times = matches!(aggregate, Aggregate::Sample(_) | Aggregate::Top { .. });
    let keep = own_times || (keep_times && matches!(aggregate, Aggregate::Percentile(_)));
    let mut made = windows::aggregate(aggregate, &points, buckets, keep, seed)?;
    if !keep {
        super::parts::from_zero(&mut made.times, MIN_TIME);
    }
    Some(made)
}

impl Points {
    /// Gives series the numbers that say their order.
    fn number(&mut self, places: &[u32], single: bool) {
        if single {
            self.lanes = Vec::new();
            return;
        }
        for lane in &mut self.lanes {
            *lane = places.get(*lane as usize).copied().unwrap_or(0);
        }
    }
}

impl Stream {
    /// The first column, with the others beside it.
    fn into_points(self) -> Points {
        let mut columns = self.columns.into_iter();
        let column = columns.next().unwrap_or_else(|| Column::nulls(Kind::Float, 0));
        Points { times: self.times, column, beside: columns.collect(), lanes: self.lanes }
    }

    fn from_points(points: Points) -> Self {
        let columns = std::iter::once(points.column).chain(points.beside).collect();
        Self { times: points.times, columns, lanes: points.lanes }
    }
}
