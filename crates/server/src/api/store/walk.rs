//! Through the counters of many series, each in the order of time, as rows or as whole stretches.

use std::time::Instant;

use svcflow_map::{EdgeId, Millis, Span, Stretch};
use svcflow_model::Counters;
use svcflow_store::{
    Block, Chunk, Error, FieldId, NumberSummary, Order, RoaringBitmap, ScanRequest, SeriesId,
    Snapshot, TimeRange, ValueSummary,
};

use super::index::Series;
use super::scan::{ReadError, count, millis, range, span, whole};

/// Series between two looks at the clock.
const LOOK_EVERY: u32 = 64;

/// What is told of an edge's counters.
pub(super) trait Visitor {
    /// An edge's counters follow; `false`: they aren't wanted.
    fn begin(&mut self, edge: EdgeId) -> bool;
    /// Whether rows over this time may come as a stretch.
    fn takes_stretches(&self, over: Span) -> bool;
    /// The next row.
    fn row(&mut self, at: Millis, counters: Counters);
    /// Many rows at once; `false`: they must come one by one.
    fn stretch(&mut self, over: (Millis, Millis), stretch: Stretch) -> bool;
    /// That was all of this edge.
    fn end(&mut self);
}

/// What to go through.
pub(super) struct Walk<'w> {
    pub(super) snapshot: &'w Snapshot,
    pub(super) series: &'w Series,
    /// The counters' fields that there are, and the place of each counter among them.
    pub(super) fields: &'w [FieldId],
    pub(super) columns: [Option<usize>; 4],
    pub(super) range: TimeRange,
    /// From here on increases are wanted: a row up to here may be the first.
    pub(super) from: Millis,
    pub(super) deadline: Instant,
}

impl Walk<'_> {
    /// Goes through these series. What is damaged is passed over and given back.
    pub(super) fn run(
        &self,
        series: &RoaringBitmap,
        visitor: &mut impl Visitor,
    ) -> Result<Vec<Error>, ReadError> {
        let mut faults = Vec::new();
        if self.fields.is_empty() || self.range.is_empty() {
            return Ok(faults);
        }
        let mut scan = self.snapshot.scan(&self.request(series, self.range, Order::Ascending))?;
        let (mut block, mut looked) = (Block::default(), 0_u32);
        while let Some(id) = scan.next_series()? {
            looked = looked.wrapping_add(1);
            if looked.is_multiple_of(LOOK_EVERY) && Instant::now() > self.deadline {
                return Err(ReadError::TooLong);
            }
            let Some(edge) = self.series.edge(id).filter(|edge| visitor.begin(*edge)) else {
                continue;
            };
            let mut last = None;
            loop {
                let told = match scan.next_chunk() {
                    Ok(None) => break,
                    Ok(Some(chunk)) => {
                        self.tell((id, edge), &chunk, &mut last, &mut block, visitor)
                    }
                    Err(error) => Err(error),
                };
                faults.extend(told.err());
            }
            visitor.end();
        }
        Ok(faults)
    }

    fn request<'r>(
        &'r self,
        series: &'r RoaringBitmap,
        range: TimeRange,
        order: Order,
    ) -> ScanRequest<'r> {
        ScanRequest { policy: None, series, fields: self.fields, range, order }
    }

    fn tell<V: Visitor>(
        &self,
        (series, edge): (SeriesId, EdgeId),
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
        if visitor.takes_stretches(span(chunk.range()))
            && let Some((over, stretch)) = self.stretch(chunk)
        {
            baseline(over.0, last, visitor)?;
            if visitor.stretch(over, stretch) {
                *last = Some(stretch.last);
                return Ok(());
            }
        }
        chunk.decode(block)?;
        if let Some(first) = block.times.first() {
            baseline(millis(*first), last, visitor)?;
        }
        for (row, at) in block.times.iter().enumerate() {
            let counters = self.counters(block, row, last.as_ref());
            visitor.row(millis(*at), counters);
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
        let range = range(Millis::MIN, at.saturating_sub(1));
        let mut scan = self.snapshot.scan(&self.request(&one, range, Order::Descending))?;
        while scan.next_series()?.is_some() {
            while let Some(chunk) = scan.next_chunk()? {
                if let Some((over, stretch)) = self.stretch(&chunk) {
                    return Ok(Some((over.1, stretch.last)));
                }
                chunk.decode(&mut block)?;
                if let Some((row, at)) = block.times.iter().enumerate().next_back() {
                    return Ok(Some((millis(*at), self.counters(&block, row, None))));
                }
            }
        }
        Ok(None)
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
        let counters = |[bytes_in, bytes_out, packets_in, packets_out]: [u64; 4]| Counters {
            bytes_in,
            bytes_out,
            packets_in,
            packets_out,
        };
        let stretch = Stretch { first: counters(first), last: counters(last) };
        Some(((millis(from), millis(until)), stretch))
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
