//! Small helpers over the store's scans.

use svcflow_map::Millis;
use svcflow_store::{Column, Error, FieldValue, TimeRange};

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
