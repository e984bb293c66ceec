//! What one call gathers, and what is made of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use svcflow_store::{Summary, TimeRange};

use super::budget::Held;
use super::calls::{aggregate_name, tags_with, unsupported};
use super::earliest::{OfSeries, two_at_the_end};
use super::lanes::Lanes;
use super::node::Query;
use super::raw::{limited_reading, most_of_series};
use super::scan::Leaf;
use super::source::{Stream, Wanted, merge_streams};
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

/// A call and what it has gathered.
pub(super) struct Gathered<'a> {
    pub(super) work: Work<'a>,
    /// The type of its input.
    pub(super) kind: Kind,
    pub(super) store: Store,
    /// What a series' part begins with; there is none where all rows are kept.
    empty: Option<Accumulator>,
}

/// What is kept of what was read.
pub(super) enum Store {
    /// Of parts: what was made of each series' rows.
    Parts(BTreeMap<u32, Accumulator>),
    /// Of parts of stored series that are only put together once all are there: see [`two_at_the_end`].
    Ends { parts: BTreeMap<u32, Accumulator>, of_leaves: BTreeMap<usize, Vec<OfSeries>> },
    /// Of rows: all of them, of each source.
    Rows { streams: Vec<Stream>, finer: Option<Lanes> },
}

/// Which place each series has.
pub(super) struct Order<'a> {
    /// By the series' number.
    pub(super) places: &'a [u32],
    /// Whether there is only one.
    pub(super) single: bool,
    /// The number of the series that each finer one is of, in the order of the finer ones.
    pub(super) coarse: Vec<u32>,
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

impl<'a> Gathered<'a> {
    pub(super) fn new(work: Work<'a>, level: &Level) -> Self {
        let kind_of = |at: usize| level.inputs.get(at).and_then(|input| input.kind);
        // The tags of a level within are texts.
        let kind = match kind_of(work.call.input).unwrap_or(Kind::Float) {
            Kind::Tag => Kind::String,
            kind => kind,
        };
        let beside: Vec<Kind> =
            work.beside.iter().map(|at| kind_of(*at).unwrap_or(Kind::Float)).collect();
        let aggregate = work.call.aggregate.as_ref();
        let empty = aggregate.and_then(|it| Accumulator::new(it, kind, &beside));
        let whole = level.group_by == level.dimensions && level.interval.is_none();
        let store = match aggregate {
            Some(Aggregate::First | Aggregate::Last) if whole => {
                Store::Ends { parts: BTreeMap::new(), of_leaves: BTreeMap::new() }
            }
            _ if empty.is_some() => Store::Parts(BTreeMap::new()),
            Some(Aggregate::Top { tags, .. }) if !tags.is_empty() => {
                let by = tags_with(&level.group_by, tags);
                let finer = Some(Lanes::new(&by, &Arc::from([])));
                Store::Rows { streams: Vec::new(), finer }
            }
            _ => Store::Rows { streams: Vec::new(), finer: None },
        };
        Self { work, kind, store, empty }
    }

    /// The inputs that it needs: what it works on, and what stands beside its values.
    pub(super) fn columns(&self) -> Vec<usize> {
        std::iter::once(self.work.call.input).chain(self.work.beside.iter().copied()).collect()
    }

    /// Whether it is made of parts.
    pub(super) const fn of_parts(&self) -> bool {
        self.empty.is_some()
    }

    /// What a series' part begins with.
    pub(super) fn begin(&self) -> Option<Accumulator> {
        self.empty.clone()
    }

    /// Ends a stored series' part; says how much memory that takes.
    pub(super) fn end(&mut self, leaf: usize, series: u32, lane: u32, made: Accumulator) -> usize {
        match &mut self.store {
            Store::Parts(lanes) => end_part(lanes, made, lane),
            Store::Ends { of_leaves, .. } => {
                let bytes = made.bytes();
                of_leaves.entry(leaf).or_default().push(OfSeries { series, made });
                bytes
            }
            Store::Rows { .. } => 0,
        }
    }

    /// Whether what is known of a chunk is enough. Where no row has the field, nothing is known, and that isn't.
    pub(super) fn knows(&self, summary: Option<&Summary>) -> bool {
        let empty = self.empty.as_ref();
        let takes = |summary: &Summary| empty.is_some_and(|empty| empty.takes(summary));
        self.work.beside.is_empty() && summary.is_some_and(takes)
    }

    /// Numbers for the finer series that the call tells apart.
    pub(super) const fn finer(&mut self) -> Option<&mut Lanes> {
        match &mut self.store {
            Store::Rows { finer, .. } => finer.as_mut(),
            _ => None,
        }
    }

    /// Whether it takes the rows of a bucket together. Rows without a value, of a level within, then still say
    /// where one bucket ends and the next begins.
    pub(super) const fn of_buckets(&self) -> bool {
        matches!(
            self.work.call.aggregate,
            Some(
                Aggregate::Median
                    | Aggregate::Mode
                    | Aggregate::Stddev
                    | Aggregate::Percentile(_)
                    | Aggregate::Distinct
                    | Aggregate::CountDistinct
            )
        )
    }

    /// Adds points of a level within, which are of one source; says how much memory that takes.
    pub(super) fn points(&mut self, points: Points) -> usize {
        let empty = self.empty.clone();
        let (lanes, empty) = match (&mut self.store, empty) {
            (Store::Parts(lanes) | Store::Ends { parts: lanes, .. }, Some(empty)) => (lanes, empty),
            (Store::Rows { streams, .. }, _) => {
                let bytes = points.bytes();
                streams.push(Stream::from_points(points));
                return bytes;
            }
            _ => return 0,
        };
        let mut runs: Vec<Run> = Vec::new();
        if points.times.is_empty() {
            return 0;
        }
        if points.lanes.iter().all(|lane| *lane == 0) {
            return end_part(lanes, part_of(empty, points, &self.work.buckets, &mut runs), 0);
        }
        let mut bytes = 0;
        for (lane, rows) in (0_u32..).zip(points.by_lane()).filter(|(_, rows)| !rows.is_empty()) {
            let those = points.pick(&rows);
            let made = part_of(empty.clone(), those, &self.work.buckets, &mut runs);
            bytes += end_part(lanes, made, lane);
        }
        bytes
    }

    /// Takes what the same call has gathered elsewhere.
    pub(super) fn absorb(&mut self, other: Self) {
        match (&mut self.store, other.store) {
            (Store::Parts(lanes), Store::Parts(more)) => {
                for (lane, made) in more {
                    end_part(lanes, made, lane);
                }
            }
            (Store::Ends { parts, of_leaves }, Store::Ends { parts: more, of_leaves: others }) => {
                for (lane, made) in more {
                    end_part(parts, made, lane);
                }
                for (leaf, those) in others {
                    of_leaves.entry(leaf).or_default().extend(those);
                }
            }
            (Store::Rows { streams, .. }, Store::Rows { streams: more, .. }) => {
                streams.extend(more)
            }
            // They are of the same call.
            _ => {}
        }
    }

    /// Reads rows of stored series, where the call needs all of them.
    #[expect(clippy::too_many_arguments, reason = "what `Gathering::leaf` was given")]
    pub(super) fn read(
        &mut self,
        query: &Query<'_>,
        level: &Level,
        leaf: &Leaf<'_>,
        series: &[u32],
        range: TimeRange,
        lanes: &mut Lanes,
        held: &mut Held<'_>,
    ) -> Result<(), QueryError> {
        let columns = self.columns();
        let Store::Rows { streams, finer } = &mut self.store else { return Ok(()) };
        // InfluxDB limits what `top` and `bottom` read, too, unless they tell rows apart by tags.
        let top = matches!(self.work.call.aggregate, Some(Aggregate::Top { .. }));
        let limited = top && finer.is_none();
        let lanes = finer.as_mut().unwrap_or(lanes);
        let wanted = Wanted {
            driver: Some(self.work.call.input),
            columns: &columns,
            beside: 1,
            enough: usize::MAX,
            most: most_of_series(level, lanes).filter(|_| limited),
        };
        let stream = query.leaf_rows(leaf, series, range, &wanted, lanes, held)?;
        streams.push(if limited {
            limited_reading(stream, level, lanes, leaf.table.shard)
        } else {
            stream
        });
        Ok(())
    }

    /// Whether its input is there.
    pub(super) fn finds(&self, map: &[Mapped]) -> bool {
        map.get(self.work.call.input) != Some(&Mapped::Nothing)
    }

    /// The numbers of the series that the finer ones are of, in the order of these.
    pub(super) fn coarse(&self, level: &Level, lanes: &mut Lanes) -> Vec<u32> {
        let Store::Rows { finer: Some(finer), .. } = &self.store else { return Vec::new() };
        let Some(Aggregate::Top { tags, .. }) = &self.work.call.aggregate else {
            return Vec::new();
        };
        let by = tags_with(&level.group_by, tags);
        let (keys, _) = finer.sorted();
        keys.iter().map(|key| lanes.of_key(key, &by)).collect()
    }

    /// Works the aggregate out.
    pub(super) fn finish(
        self,
        query: &Query<'_>,
        level: &Level,
        order: &Order<'_>,
        selector: bool,
    ) -> Result<Points, QueryError> {
        let keep_times = selector && level.interval.is_none();
        let (streams, finer) = match self.store {
            Store::Parts(lanes) => {
                let points = super::parts::points_of(lanes, order.places, order.single, keep_times);
                return Ok(super::parts::ordered(points, level.ascending));
            }
            Store::Ends { mut parts, of_leaves } => {
                for (leaf, those) in of_leaves {
                    let Some(leaf) = query.leaves.get(leaf) else { continue };
                    for one in two_at_the_end(leaf, those) {
                        end_part(&mut parts, one.made, 0);
                    }
                }
                let points = super::parts::points_of(parts, order.places, order.single, keep_times);
                return Ok(super::parts::ordered(points, level.ascending));
            }
            Store::Rows { streams, finer } => (streams, finer),
        };
        let mut points = merge_streams(streams, 1, level.ascending).into_points();
        if points.len() == 0 {
            // Where there are no rows, their type is still known: what is filled in becomes of it.
            points.column = Column::empty(self.kind);
        }
        let (aggregate, buckets) = (self.work.call.aggregate.as_ref(), &self.work.buckets);
        if let Some(finer) = finer {
            points = coarser(aggregate, points, buckets, &finer, &order.coarse, query.seed);
        }
        points.number(order.places, order.single);
        let Some(aggregate) = aggregate else { return Ok(points) };
        of_rows(aggregate, points, buckets, level, keep_times, query.seed)
            .ok_or_else(|| unsupported(aggregate_name(aggregate), Some(self.kind)))
    }
}

/// What is made of all points, which are of one series.
fn part_of(
    mut made: Accumulator,
    mut points: Points,
    buckets: &Buckets,
    runs: &mut Vec<Run>,
) -> Accumulator {
    runs.clear();
    buckets.runs(&points.times, |start, run| runs.push((start, run)));
    // Parts are put together by their buckets, which must be ascending; within one, rows stay in their order.
    if points.times.first() > points.times.last() {
        let mut rows: Vec<u32> = Vec::with_capacity(points.len());
        runs.reverse();
        for (_, run) in runs.iter_mut() {
            let from = rows.len();
            rows.extend(run.clone().filter_map(|row| u32::try_from(row).ok()));
            *run = from..rows.len();
        }
        points = points.pick(&rows);
    }
    let beside: Vec<&Column> = points.beside.iter().collect();
    made.block(&points.times, &points.column, runs, &beside);
    made
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
    pub(super) fn reverse(&mut self) {
        self.times.reverse();
        self.lanes.reverse();
        self.column.reverse();
        self.beside.iter_mut().for_each(Column::reverse);
    }

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
    pub(super) fn into_points(self) -> Points {
        let mut columns = self.columns.into_iter();
        let column = columns.next().unwrap_or_else(|| Column::nulls(Kind::Float, 0));
        Points { times: self.times, column, beside: columns.collect(), lanes: self.lanes }
    }

    fn from_points(points: Points) -> Self {
        let columns = std::iter::once(points.column).chain(points.beside).collect();
        Self { times: points.times, columns, lanes: points.lanes }
    }
}
