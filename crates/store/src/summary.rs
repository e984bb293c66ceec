//! What is known of a chunk's field without decoding it.

use std::sync::Arc;

/// One field's values in one chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many rows have a value.
    pub count: u64,
    /// When the first value was, nanoseconds since the epoch.
    pub first_time: i64,
    /// When the last value was.
    pub last_time: i64,
    /// What is known of the values.
    pub values: ValueSummary,
}

/// What is known of values, by their type.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSummary {
    /// Of 64-bit floats. `sum` is in the order of time.
    Float(NumberSummary<f64>),
    /// Of 64-bit integers. `sum` and `increase` wrap around, as InfluxDB's do.
    Integer(NumberSummary<i64>),
    /// Of booleans.
    Boolean {
        /// The first value.
        first: bool,
        /// The last value.
        last: bool,
    },
    /// Of strings.
    String {
        /// The first value.
        first: Arc<str>,
        /// The last value.
        last: Arc<str>,
    },
}

/// What is known of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberSummary<T> {
    /// The first value.
    pub first: T,
    /// The last value.
    pub last: T,
    /// The least value.
    pub min: T,
    /// When the least value first was.
    pub min_time: i64,
    /// The greatest value.
    pub max: T,
    /// When the greatest value first was.
    pub max_time: i64,
    /// The sum of all values.
    pub sum: T,
    /// How much a cumulative counter went up from the first value to the last: where a value is less
    /// than the one before, the counter began again at zero, and the whole value counts.
    pub increase: T,
}
