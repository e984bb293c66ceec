//! Through rows one by one, over the policies that answer.

use svcflow_map::Millis;
use svcflow_store::{
    Block, Chunk, Error, FieldId, FieldValue, Measurement, Order, RoaringBitmap, SeriesId,
    TimeRange,
};

use super::policies::{Policy, Stored};
use super::scan::{ReadError, count};

/// Series of a measurement, and the names of `N` of its fields.
pub(super) type Asked<'a, const N: usize> = (&'a RoaringBitmap, &'a [&'a str; N]);

/// A row: of which series, and when.
pub(super) struct Row<'r, const N: usize> {
    pub(super) series: SeriesId,
    pub(super) at: Millis,
    block: &'r Block,
    row: usize,
    places: [Option<usize>; N],
}

impl<const N: usize> Row<'_, N> {
    /// Whether one of the fields that were asked for is true.
    pub(super) fn flag(&self, field: usize) -> bool {
        let place = self.places.get(field).copied().flatten();
        let value = place.and_then(|place| self.block.columns.get(place)?.get(self.row));
        value == Some(FieldValue::Boolean(true))
    }

    /// What one of the fields that were asked for counts.
    pub(super) fn count(&self, field: usize) -> Option<u64> {
        let place = self.places.get(field).copied().flatten()?;
        count(self.block.columns.get(place), self.row)
    }
}

/// Calls `row` with each row of a range, each series' in the order of time.
pub(super) fn each_row<const N: usize>(
    stored: &Stored,
    measurement: &Measurement,
    (series, names): Asked<'_, N>,
    range: TimeRange,
    mut row: impl FnMut(&Row<'_, N>),
) -> Result<(), ReadError> {
    if series.is_empty() {
        return Ok(());
    }
    for part in stored.parts(range) {
        let there = part.policy.fields(measurement, *names)?;
        let (fields, places) = places(there);
        let mut scan = stored.scan(part, series, &fields, Order::Ascending)?;
        let mut block = Block::default();
        while let Some(series) = scan.next_series()? {
            while let Some(chunk) = scan.next_chunk()? {
                chunk.decode(&mut block)?;
                for (at, time) in block.times.iter().enumerate() {
                    let time = part.policy.instant(*time);
                    row(&Row { series, at: time, block: &block, row: at, places });
                }
            }
        }
    }
    Ok(())
}

/// The fields that there are, and the place of each among them.
fn places<const N: usize>(there: [Option<FieldId>; N]) -> (Vec<FieldId>, [Option<usize>; N]) {
    let fields: Vec<FieldId> = there.iter().flatten().copied().collect();
    let place = |id: Option<FieldId>| fields.iter().position(|field| Some(*field) == id);
    let places = there.map(place);
    (fields, places)
}

/// Each series' first or last instant within a range. A damaged chunk is passed over: whoever needs its rows says so.
pub(super) fn ends<const N: usize>(
    stored: &Stored,
    measurement: &Measurement,
    (series, names): Asked<'_, N>,
    range: TimeRange,
    order: Order,
) -> Result<Vec<(SeriesId, Millis)>, ReadError> {
    let (mut all, mut left) = (Vec::new(), series.clone());
    let mut parts: Vec<_> = stored.parts(range).collect();
    if order == Order::Descending {
        parts.reverse();
    }
    for part in parts {
        let (fields, _) = places(part.policy.fields(measurement, *names)?);
        if left.is_empty() || fields.is_empty() {
            continue;
        }
        let (mut scan, mut block) = (stored.scan(part, &left, &fields, order)?, Block::default());
        while let Some(id) = scan.next_series()? {
            let end = loop {
                match scan.next_chunk().and_then(|chunk| {
                    chunk.map(|it| end(&it, part.policy, order, &mut block)).transpose()
                }) {
                    Ok(Some(None)) | Err(Error::Damaged(_)) => {}
                    Ok(found) => break found.flatten(),
                    Err(error) => return Err(error.into()),
                }
            };
            if let Some(end) = end {
                all.push((id, end));
                left.remove(id.get());
            }
        }
    }
    Ok(all)
}

/// A chunk's first or last instant.
fn end(
    chunk: &Chunk,
    policy: Policy<'_>,
    order: Order,
    block: &mut Block,
) -> Result<Option<Millis>, Error> {
    let summary = chunk.summary(0).map(|summary| match order {
        Order::Ascending => summary.first_time,
        Order::Descending => summary.last_time,
    });
    if let Some(end) = summary {
        return Ok(Some(policy.instant(end)));
    }
    chunk.decode(block)?;
    let end = match order {
        Order::Ascending => block.times.first(),
        Order::Descending => block.times.last(),
    };
    Ok(end.map(|end| policy.instant(*end)))
}
