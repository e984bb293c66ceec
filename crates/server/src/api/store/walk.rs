//! Through the counters of many series, each in the order of time, as rows or as whole stretches.

use std::time::Instant;

use svcflow_map::{EdgeId, Millis, Span, Stretch, Summed};
use svcflow_model::Counters;
use svcflow_store::{
    Block, Chunk, Error, FieldId, Measurement, NumberSummary, Order, RoaringBitmap, Scan, SeriesId,
    Summary, ValueSummary,
};

use super::COUNTERS;
use super::index::Series;
use super::policies::{INCREASE, Policy, Stored};
use super::scan::{ReadError, count, range, whole};

/// Series between two looks at the clock.
const LOOK_EVERY: u32 = 64;

/// What is told of an edge's counters.
pub(super) trait Visitor {
    /// An edge's counters follow; `false`: they aren't wanted.
    fn begin(&mut self, edge: EdgeId) -> bool;
    /// Whether rows over this time may come as a stretch; `exact`: only where that makes no difference.
    fn takes_stretches(&self, over: Span, exact: bool) -> bool;
    /// The next row.
    fn row(&mut self, at: Millis, counters: Counters);
    /// Many rows at once; `false`: they must come one by one.
    fn stretch(&mut self, over: (Millis, Millis), stretch: Stretch) -> bool;
    /// What was added in buckets of time, or in one.
    fn summed(&mut self, over: (Millis, Millis), summed: Summed);
    /// That was all of this edge.
    fn end(&mut self);
}

/// A policy with the counters' fields that it has, and the place of each counter, and of its increase, among them.
pub(super) struct Lane<'s> {
    policy: Policy<'s>,
    pub(super) fields: Vec<FieldId>,
    columns: [Option<usize>; 4],
    increases: [Option<usize>; 4],
    /// Whether every row is decoded that must be for curves to be exact.
    exact: bool,
}

impl<'s> Lane<'s> {
    pub(super) fn new(
        policy: Policy<'s>,
        measurement: &Measurement,
        exact: bool,
    ) -> Result<Self, Error> {
        let counters = policy.fields(measurement, COUNTERS)?;
        let increases = match policy {
            Policy::Whole => [None; 4],
            Policy::Summed(..) => {
                let names = COUNTERS.map(|name| format!("{name}{INCREASE}"));
                policy.fields(measurement, names.each_ref().map(String::as_str))?
            }
        };
        let fields: Vec<FieldId> = counters.iter().chain(&increases).flatten().copied().collect();
        let place = |id: Option<FieldId>| fields.iter().position(|field| Some(*field) == id);
        let (columns, increases) = (counters.map(place), increases.map(place));
        Ok(Self { policy, fields, columns, increases, exact })
    }
}

/// What to go through.
pub(super) struct Walk<'w> {
    pub(super) stored: &'w Stored,
    pub(super) series: &'w Series,
    /// Those of older rows first.
    pub(super) lanes: &'w [Lane<'w>],
    /// From one instant to another, both included.
    pub(super) range: (Millis, Millis),
    /// From here on increases are wanted: a row up to here may be the first.
    pub(super) from: Millis,
    pub(super) deadline: Instant,
}

/// A lane's scan, and which series it is at.
struct Running<'w> {
    lane: &'w Lane<'w>,
    scan: Scan,
    at: Option<SeriesId>,
}

impl Walk<'_> {
    /// Goes through these series. What is damaged is passed over and given back.
    pub(super) fn run(
        &self,
        series: &RoaringBitmap,
        visitor: &mut impl Visitor,
    ) -> Result<Vec<Error>, ReadError> {
        let (mut faults, mut scans) = (Vec::new(), Vec::new());
        for lane in self.lanes {
            let scan = self.scan(lane, series, self.range, Order::Ascending)?;
            let Some(mut scan) = scan else { continue };
            let at = scan.next_series()?;
            scans.push(Running { lane, scan, at });
        }
        let (mut block, mut looked) = (Block::default(), 0_u32);
        while let Some(id) = scans.iter().filter_map(|running| running.at).min() {
            looked = looked.wrapping_add(1);
            if looked.is_multiple_of(LOOK_EVERY) && Instant::now() > self.deadline {
                return Err(ReadError::TooLong);
            }
            let edge = self.series.edge(id).filter(|edge| visitor.begin(*edge));
            let mut last = None;
            for Running { lane, scan, at } in scans.iter_mut().filter(|it| it.at == Some(id)) {
                while let Some(edge) = edge {
                    let told = match scan.next_chunk() {
                        Ok(None) => break,
                        Ok(Some(chunk)) => match lane.policy {
                            Policy::Whole => {
                                let of = (*lane, id, edge);
                                self.tell(of, &chunk, &mut last, &mut block, visitor)
                            }
                            Policy::Summed(..) => lane.tell(&chunk, &mut last, &mut block, visitor),
                        },
                        Err(error) => Err(error),
                    };
                    faults.extend(told.err());
                }
                *at = scan.next_series()?;
            }
            if edge.is_some() {
                visitor.end();
            }
        }
        Ok(faults)
    }

    /// Scans what a lane answers of a range, if anything.
    fn scan(
        &self,
        lane: &Lane<'_>,
        series: &RoaringBitmap,
        (from, until): (Millis, Millis),
        order: Order,
    ) -> Result<Option<Scan>, Error> {
        let part = self.stored.part(lane.policy, range(from, until));
        let part = part.filter(|_| !lane.fields.is_empty());
        part.map(|part| self.stored.scan(part, series, &lane.fields, order)).transpose()
    }

    fn tell<V: Visitor>(
        &self,
        (lane, series, edge): (&Lane<'_>, SeriesId, EdgeId),
        chunk: &Chunk,
        last: &mut Option<Counters>,
        block: &mut Block,
        visitor: &mut V,
    ) -> Result<(), Error> {
        let baseline = |first: Millis, last: &mut Option<Counters>, visitor: &mut V| {
            if last.is_none() && first > self.from {
                let row = self.before((series, edge), first)?;
                row.iter().for_each(|(at, counters)| visitor.row(*at, *counters));
                *last = row.map(|(_, counters)| counters);
            }
            Ok::<_, Error>(())
        };
        if visitor.takes_stretches(lane.over(chunk), lane.exact)
            && let Some((over, stretch)) = lane.stretch(chunk)
        {
            baseline(over.0, last, visitor)?;
            if visitor.stretch(over, stretch) {
                *last = Some(stretch.last);
                return Ok(());
            }
        }
        chunk.decode(block)?;
        if let Some(first) = block.times.first() {
            baseline(lane.policy.instant(*first), last, visitor)?;
        }
        for (row, at) in block.times.iter().enumerate() {
            let counters = lane.counters(block, row, last.as_ref());
            visitor.row(lane.policy.instant(*at), counters);
            *last = Some(counters);
        }
        Ok(())
    }

    /// The last row before an instant, where the edge is older than that: an edge that was idle has it far
    /// back, and without it the first increase would be none.
    fn before(
        &self,
        (series, edge): (SeriesId, EdgeId),
        at: Millis,
    ) -> Result<Option<(Millis, Counters)>, Error> {
        if self.series.first(edge).is_none_or(|first| first >= at) {
            return Ok(None);
        }
        let mut block = Block::default();
        let one = RoaringBitmap::from([series.get()]);
        for lane in self.lanes.iter().rev() {
            let until = at.saturating_sub(1);
            let scan = self.scan(lane, &one, (Millis::MIN, until), Order::Descending)?;
            let Some(mut scan) = scan else { continue };
            while scan.next_series()?.is_some() {
                while let Some(chunk) = scan.next_chunk()? {
                    if let Some((over, stretch)) = lane.stretch(&chunk) {
                        return Ok(Some((over.1, stretch.last)));
                    }
                    chunk.decode(&mut block)?;
                    if let Some((row, at)) = block.times.iter().enumerate().next_back() {
                        let counters = lane.counters(&block, row, None);
                        return Ok(Some((lane.policy.instant(*at), counters)));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Lane<'_> {
    /// The time that a chunk's rows tell of, but for a silence before the first.
    fn over(&self, chunk: &Chunk) -> Span {
        let [from, until] =
            [chunk.range().first, chunk.range().last].map(|at| self.policy.instant(at));
        match self.policy {
            Policy::Whole => Span { from, until },
            Policy::Summed(_, buckets) => Span { from: buckets.ending_at(from).from, until },
        }
    }

    /// Tells of buckets: their increases are kept, so that nothing is needed from before.
    fn tell(
        &self,
        chunk: &Chunk,
        last: &mut Option<Counters>,
        block: &mut Block,
        visitor: &mut impl Visitor,
    ) -> Result<(), Error> {
        if visitor.takes_stretches(self.over(chunk), self.exact)
            && let Some((over, summed)) = self.summed(chunk)
        {
            visitor.summed(over, summed);
            *last = Some(summed.last);
            return Ok(());
        }
        chunk.decode(block)?;
        for (row, at) in block.times.iter().enumerate() {
            let at = self.policy.instant(*at);
            let added = |place: Option<usize>| count(block.columns.get(place?), row);
            let first = counters_of(self.increases.map(|place| added(place).unwrap_or(0)));
            let counters = self.counters(block, row, last.as_ref());
            visitor.summed((at, at), Summed { first, rest: Counters::ZERO, last: counters });
            *last = Some(counters);
        }
        Ok(())
    }

    /// A row's counters; one that it lacks is what it was before.
    fn counters(&self, block: &Block, row: usize, before: Option<&Counters>) -> Counters {
        let value = |column: Option<usize>| count(block.columns.get(column?), row);
        let [bytes_in, bytes_out, packets_in, packets_out] = self.columns.map(value);
        let before = before.copied().unwrap_or_default();
        Counters {
            bytes_in: bytes_in.unwrap_or(before.bytes_in),
            bytes_out: bytes_out.unwrap_or(before.bytes_out),
            packets_in: packets_in.unwrap_or(before.packets_in),
            packets_out: packets_out.unwrap_or(before.packets_out),
        }
    }

    /// A chunk's first and last counters by its summaries, where every row has all counters and none of
    /// them began anew within.
    fn stretch(&self, chunk: &Chunk) -> Option<((Millis, Millis), Stretch)> {
        let mut over: Option<(i64, i64, u64)> = None;
        let (mut first, mut last) = ([0; 4], [0; 4]);
        for ((column, first), last) in self.columns.iter().zip(&mut first).zip(&mut last) {
            let summary = chunk.summary((*column)?)?;
            let times = (summary.first_time, summary.last_time, summary.count);
            if over.is_some_and(|over| over != times) {
                return None;
            }
            over = Some(times);
            (*first, *last) = rising(&summary.values)?;
        }
        let (from, until, _) = over?;
        let stretch = Stretch { first: counters_of(first), last: counters_of(last) };
        Some(((self.policy.instant(from), self.policy.instant(until)), stretch))
    }

    /// What a chunk's buckets hold together by its summaries, where each has all counters.
    fn summed(&self, chunk: &Chunk) -> Option<((Millis, Millis), Summed)> {
        let mut over: Option<(i64, i64, u64)> = None;
        let mut same = |summary: &Summary| {
            let times = (summary.first_time, summary.last_time, summary.count);
            *over.get_or_insert(times) == times
        };
        let (mut first, mut rest, mut last) = ([0; 4], [0; 4], [0; 4]);
        let places = self.columns.iter().zip(&self.increases);
        let sums = first.iter_mut().zip(&mut rest).zip(&mut last);
        for ((column, increase), ((first, rest), last)) in places.zip(sums) {
            let (value, increase) = (chunk.summary((*column)?)?, chunk.summary((*increase)?)?);
            if !(same(value) && same(increase)) {
                return None;
            }
            let (added, value) = (Numbers::of(&increase.values)?, Numbers::of(&value.values)?);
            (*first, *last) = (added.first, value.last);
            *rest = added.sum.checked_sub(added.first)?;
        }
        let (from, until, _) = over?;
        let [first, rest, last] = [first, rest, last].map(counters_of);
        let over = (self.policy.instant(from), self.policy.instant(until));
        Some((over, Summed { first, rest, last }))
    }
}

const fn counters_of([bytes_in, bytes_out, packets_in, packets_out]: [u64; 4]) -> Counters {
    Counters { bytes_in, bytes_out, packets_in, packets_out }
}

/// What counts of a field's values.
struct Numbers {
    first: u64,
    last: u64,
    sum: u64,
}

impl Numbers {
    fn of(values: &ValueSummary) -> Option<Self> {
        let [first, last, sum] = match values {
            ValueSummary::Integer(it) => [it.first, it.last, it.sum].map(|it| it.try_into().ok()),
            ValueSummary::Float(it) => [it.first, it.last, it.sum].map(whole),
            ValueSummary::Boolean { .. } | ValueSummary::String { .. } => return None,
        };
        Some(Self { first: first?, last: last?, sum: sum? })
    }
}

/// The first and the last of values that never fell.
fn rising(values: &ValueSummary) -> Option<(u64, u64)> {
    fn sound<T: Copy + PartialOrd + std::ops::Sub<Output = T> + PartialEq>(
        summary: &NumberSummary<T>,
    ) -> bool {
        summary.last >= summary.first && summary.increase == summary.last - summary.first
    }
    match values {
        ValueSummary::Integer(it) if sound(it) => {
            Some((u64::try_from(it.first).ok()?, u64::try_from(it.last).ok()?))
        }
        ValueSummary::Float(it) if sound(it) => Some((whole(it.first)?, whole(it.last)?)),
        _ => None,
    }
}
