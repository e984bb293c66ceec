//! Small helpers over the store's scans.

use svcflow_map::{Millis, Span};
use svcflow_store::{
    Block, Column, Error, FieldId, FieldValue, Measurement, Order, RoaringBitmap, ScanRequest,
    SeriesId, Snapshot, TimeRange,
};

/// Nanoseconds of a millisecond.
const NANOS: i64 = 1_000_000;

/// Why a window could not be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::api) enum ReadError {
    /// The store failed.
    #[error("the store can't be read")]
    Store(#[from] Error),
    /// It took longer than anybody waits.
    #[error("reading this range takes too long")]
    TooLong,
}

/// The milliseconds that an instant of the store lies in.
pub(super) const fn millis(nanos: i64) -> Millis {
    nanos.div_euclid(NANOS)
}

/// All instants of the store from the one millisecond to the other, both included.
pub(super) const fn range(from: Millis, until: Millis) -> TimeRange {
    let first = from.saturating_mul(NANOS);
    TimeRange { first, last: until.saturating_mul(NANOS).saturating_add(NANOS - 1) }
}

/// From the first to the last instant of a range.
pub(super) const fn span(range: TimeRange) -> Span {
    Span { from: millis(range.first), until: millis(range.last) }
}

/// The ids of fields, each `None` where the measurement lacks it.
pub(super) fn fields<const N: usize>(
    measurement: &Measurement,
    names: [&str; N],
) -> Result<[Option<FieldId>; N], Error> {
    let there = measurement.fields(None)?;
    Ok(names.map(|name| there.iter().find(|field| *field.name == *name).map(|field| field.id)))
}

/// A value that counts; negative ones are none.
pub(super) fn count(column: Option<&Column>, row: usize) -> Option<u64> {
    match column?.get(row)? {
        FieldValue::Integer(value) => u64::try_from(value).ok(),
        FieldValue::Float(value) => whole(value),
        FieldValue::String(_) | FieldValue::Boolean(_) => None,
    }
}

/// Telegraf stores counters as floats.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
pub(super) fn whole(value: f64) -> Option<u64> {
    (0.0..1.8e19).contains(&value).then_some(value as u64)
}

/// Calls `row` with each row of these series: the series, the time and where in the block it stands.
pub(super) fn each_row(
    snapshot: &Snapshot,
    series: &RoaringBitmap,
    fields: &[FieldId],
    range: TimeRange,
    mut row: impl FnMut(SeriesId, i64, &Block, usize),
) -> Result<(), Error> {
    if series.is_empty() || fields.is_empty() || range.is_empty() {
        return Ok(());
    }
    let request = ScanRequest { policy: None, series, fields, range, order: Order::Ascending };
    let (mut scan, mut block) = (snapshot.scan(&request)?, Block::default());
    while let Some(series) = scan.next_series()? {
        while let Some(chunk) = scan.next_chunk()? {
            chunk.decode(&mut block)?;
            for (at, time) in block.times.iter().enumerate() {
                row(series, *time, &block, at);
            }
        }
    }
    Ok(())
}
