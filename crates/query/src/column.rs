//! Columns of an answer: values of one type, with the rows that have none marked.

use std::sync::Arc;

/// One value, of whichever type.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// 64-bit IEEE 754.
    Float(f64),
    /// 64-bit signed.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// UTF-8 text.
    String(Arc<str>),
}

/// The values of a column. Rows without a value hold something of the type that means nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Instants: nanoseconds since 1970-01-01 UTC.
    Time(Vec<i64>),
    /// Floats. May hold NaN, which is written as null, and infinities, which JSON can't hold.
    Float(Vec<f64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Booleans.
    Boolean(Vec<bool>),
    /// Texts; equal ones usually share their memory.
    String(Vec<Arc<str>>),
    /// One text in so many rows: a tag of the series.
    Same(Arc<str>, usize),
    /// Values of several types: InfluxDB's `fill(0)` puts integers into columns of texts.
    Mixed(Vec<Scalar>),
}

impl Values {
    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Time(values) | Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Same(_, rows) => *rows,
            Self::Mixed(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which rows of a column have a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Validity {
    /// All of them.
    #[default]
    All,
    /// None of them.
    None,
    /// Those that are true; one a row.
    Mask(Vec<bool>),
}

impl Validity {
    /// Whether this row has a value.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Mask(mask) => mask.get(row).copied().unwrap_or(false),
        }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its values, one a row.
    pub values: Values,
    /// Which rows have one; the others are null.
    pub validity: Validity,
}
