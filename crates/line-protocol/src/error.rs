use std::borrow::Cow;
use std::fmt;

use crate::{TIME_MAX, TIME_MIN};

/// Why a line is refused, worded as InfluxDB 1.6.7 words it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The line begins with a comma.
    #[error("missing measurement")]
    MissingMeasurement,
    /// The line ends before its fields.
    #[error("missing fields")]
    MissingFields,
    /// Nothing before a tag's `=`.
    #[error("missing tag key")]
    MissingTagKey,
    /// A tag without `=`, or with nothing behind it.
    #[error("missing tag value")]
    MissingTagValue,
    /// A second `=` in a tag.
    #[error("invalid tag format")]
    InvalidTagFormat,
    /// One tag twice.
    #[error("duplicate tags")]
    DuplicateTags,
    /// Measurement and tags, or with a field's name, are too long.
    #[error("max key length exceeded: {0} > {max}", max = crate::KEY_MAX)]
    KeyTooLong(usize),
    /// Nothing before a field's `=`.
    #[error("missing field key")]
    MissingFieldKey,
    /// Nothing behind a field's `=`.
    #[error("missing field value")]
    MissingFieldValue,
    /// Fields that don't read `name=value,name=value`.
    #[error("invalid field format")]
    InvalidFieldFormat,
    /// Fields whose `=` counts as one for one pass and as escaped for the next; the name as sent.
    #[error("invalid value: field-key={0}")]
    InvalidValue(String),
    /// A string that isn't closed.
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    /// A value that begins like a number and isn't one.
    #[error("invalid number")]
    InvalidNumber,
    /// A float out of range or with a broken exponent.
    #[error("invalid float")]
    InvalidFloat,
    /// A value that is no number, no string and no boolean.
    #[error("invalid boolean")]
    InvalidBoolean,
    /// An integer beyond 64 bits; the digits as sent.
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerOutOfRange(String),
    /// A timestamp that is no whole number.
    #[error("bad timestamp")]
    BadTimestamp,
    /// A timestamp of a lone minus sign.
    #[error("strconv.ParseInt: parsing \"-\": invalid syntax")]
    LoneMinus,
    /// A timestamp beyond 64 bits; the digits as sent.
    #[error("strconv.ParseInt: parsing \"{0}\": value out of range")]
    TimestampOutOfRange(String),
    /// A time that nanoseconds in 64 bits don't reach.
    #[error("time outside range {TIME_MIN} - {TIME_MAX}")]
    TimeOutOfRange,
    /// Something behind the timestamp.
    #[error("point is invalid")]
    InvalidPoint,
    /// The line isn't UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

/// A refused line and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError<'b> {
    /// The line as sent, without white space before it.
    pub line: &'b [u8],
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for LineError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line: Cow<'_, str> = String::from_utf8_lossy(self.line);
        write!(f, "unable to parse '{line}': {}", self.reason)
    }
}

impl std::error::Error for LineError<'_> {}
