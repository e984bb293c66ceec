//! Decoded rows, column by column.

use std::ops::Range;
use std::sync::Arc;

use crate::{FieldType, FieldValue, TimeRange};

/// Rows of one series: ascending times, and one column for each field that was asked for.
///
/// Handed to [`Chunk::decode`](crate::Chunk::decode) again and again, so that its memory is reused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The rows' instants, ascending, each once. Nanoseconds since the epoch.
    pub times: Vec<i64>,
    /// As many as fields were asked for, in their order, each as long as `times`.
    pub columns: Vec<Column>,
}

impl Block {
    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Adds rows of a block that has the same columns.
    pub(crate) fn append(&mut self, from: &Self, rows: Range<usize>) {
        self.times.extend_from_slice(from.times.get(rows.clone()).unwrap_or_default());
        for (column, from) in self.columns.iter_mut().zip(&from.columns) {
            column.append(from, rows.clone());
        }
    }

    /// Keeps only these rows.
    pub(crate) fn keep(&mut self, rows: Range<usize>) {
        if rows == (0..self.times.len()) {
            return;
        }
        self.times.truncate(rows.end);
        self.times.drain(..rows.start);
        self.columns.iter_mut().for_each(|column| column.keep(rows.clone()));
    }

    /// Takes out the rows of the range.
    pub(crate) fn delete(&mut self, range: TimeRange) {
        let first = self.times.partition_point(|time| *time < range.first);
        let last = self.times.partition_point(|time| *time <= range.last);
        if first >= last {
            return;
        }
        let mut rest = self.clone();
        rest.keep(last..self.rows());
        self.keep(0..first);
        self.append(&rest, 0..rest.rows());
    }

    /// Takes out the rows that have no value at all.
    pub(crate) fn drop_empty(&mut self) {
        let has = |row| self.columns.iter().any(|column| column.validity.is_valid(row));
        let rows: Vec<usize> = (0..self.times.len()).filter(|row| has(*row)).collect();
        if rows.len() == self.times.len() {
            return;
        }
        self.times = rows.iter().filter_map(|row| self.times.get(*row)).copied().collect();
        for column in &mut self.columns {
            let mut kept = Column::new(column.values.field_type());
            let value = |row: &usize| column.validity.is_valid(*row).then_some((&*column, *row));
            rows.iter().for_each(|row| kept.push_from(value(row)));
            *column = kept;
        }
    }

    /// Empties it and makes its columns these types.
    pub(crate) fn reset(&mut self, types: impl ExactSizeIterator<Item = FieldType>) {
        self.times.clear();
        self.columns.truncate(types.len());
        for (at, kind) in types.enumerate() {
            match self.columns.get_mut(at) {
                Some(column) => column.reset(kind),
                None => self.columns.push(Column::new(kind)),
            }
        }
    }
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// One a row. Where the row has none, something of the type that means nothing.
    pub values: Values,
    /// Which rows have a value.
    pub validity: Validity,
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(kind: FieldType) -> Self {
        Self { values: Values::new(kind), validity: Validity::All }
    }

    /// The value in this row, where there is one.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<FieldValue<'_>> {
        if self.validity.is_valid(row) { self.values.get(row) } else { None }
    }

    /// Adds this row of a column of the same type, or a row without a value. Texts stay shared.
    pub(crate) fn push_from(&mut self, from: Option<(&Self, usize)>) {
        if let (Values::String(values), Some((Self { values: Values::String(texts), .. }, row))) =
            (&mut self.values, from)
        {
            values.push(texts.get(row).map(Arc::clone).unwrap_or_default());
            self.validity.push(values.len() - 1, true);
        } else {
            self.push(from.and_then(|(column, row)| column.get(row)));
        }
    }

    fn reset(&mut self, kind: FieldType) {
        self.validity = Validity::All;
        self.values.reset(kind);
    }

    fn append(&mut self, from: &Self, rows: Range<usize>) {
        let before = self.values.len();
        self.values.append(&from.values, rows.clone());
        if matches!((&self.validity, &from.validity), (Validity::All, Validity::All)) {
            return;
        }
        for (at, row) in rows.enumerate() {
            self.validity.push(before + at, from.validity.is_valid(row));
        }
    }

    /// Adds so many rows without a value.
    pub(crate) fn push_empty(&mut self, rows: usize) {
        (0..rows).for_each(|_| self.push(None));
    }

    fn keep(&mut self, rows: Range<usize>) {
        if let Validity::Some(bitmap) = &self.validity {
            let bits: Vec<bool> = rows.clone().map(|row| bitmap.get(row)).collect();
            let all = bits.iter().all(|bit| *bit);
            self.validity = if all { Validity::All } else { Validity::Some(Bitmap::from(&*bits)) };
        }
        self.values.keep(rows);
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, value: Option<FieldValue<'_>>) {
        let rows = self.values.len();
        self.values.push(value);
        self.validity.push(rows, value.is_some());
    }
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 64-bit IEEE 754.
    Float(Vec<f64>),
    /// 64-bit signed.
    Integer(Vec<i64>),
    /// UTF-8 texts; equal ones usually share their memory.
    String(Vec<Arc<str>>),
    /// True or false.
    Boolean(Vec<bool>),
}

impl Values {
    /// None, of this type.
    #[must_use]
    pub const fn new(kind: FieldType) -> Self {
        match kind {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Integer => Self::Integer(Vec::new()),
            FieldType::String => Self::String(Vec::new()),
            FieldType::Boolean => Self::Boolean(Vec::new()),
        }
    }

    /// Their type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::String(_) => FieldType::String,
            Self::Boolean(_) => FieldType::Boolean,
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in this row, which means something only where the row is valid.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<FieldValue<'_>> {
        match self {
            Self::Float(values) => values.get(row).map(|value| FieldValue::Float(*value)),
            Self::Integer(values) => values.get(row).map(|value| FieldValue::Integer(*value)),
            Self::String(values) => values.get(row).map(|value| FieldValue::String(value)),
            Self::Boolean(values) => values.get(row).map(|value| FieldValue::Boolean(*value)),
        }
    }

    fn append(&mut self, from: &Self, rows: Range<usize>) {
        fn each<T: Clone>(to: &mut Vec<T>, from: &[T], rows: Range<usize>) {
            to.extend_from_slice(from.get(rows).unwrap_or_default());
        }
        match (self, from) {
            (Self::Float(to), Self::Float(from)) => each(to, from, rows),
            (Self::Integer(to), Self::Integer(from)) => each(to, from, rows),
            (Self::String(to), Self::String(from)) => each(to, from, rows),
            (Self::Boolean(to), Self::Boolean(from)) => each(to, from, rows),
            (to, _) => rows.for_each(|_| to.push(None)),
        }
    }

    fn keep(&mut self, rows: Range<usize>) {
        fn each<T>(values: &mut Vec<T>, rows: Range<usize>) {
            values.truncate(rows.end);
            values.drain(..rows.start.min(values.len()));
        }
        match self {
            Self::Float(values) => each(values, rows),
            Self::Integer(values) => each(values, rows),
            Self::String(values) => each(values, rows),
            Self::Boolean(values) => each(values, rows),
        }
    }

    fn reset(&mut self, kind: FieldType) {
        match self {
            Self::Float(values) if kind == FieldType::Float => values.clear(),
            Self::Integer(values) if kind == FieldType::Integer => values.clear(),
            Self::String(values) if kind == FieldType::String => values.clear(),
            Self::Boolean(values) if kind == FieldType::Boolean => values.clear(),
            other => *other = Self::new(kind),
        }
    }

    /// Adds one; of another type than theirs, or none, it is that type's zero.
    fn push(&mut self, value: Option<FieldValue<'_>>) {
        match (self, value) {
            (Self::Float(values), Some(FieldValue::Float(value))) => values.push(value),
            (Self::Integer(values), Some(FieldValue::Integer(value))) => values.push(value),
            (Self::Boolean(values), Some(FieldValue::Boolean(value))) => values.push(value),
            (Self::String(values), Some(FieldValue::String(value))) => match values.last() {
                Some(last) if **last == *value => values.push(Arc::clone(last)),
                _ => values.push(value.into()),
            },
            (Self::Float(values), _) => values.push(0.0),
            (Self::Integer(values), _) => values.push(0),
            (Self::Boolean(values), _) => values.push(false),
            (Self::String(values), _) => values.push(Arc::default()),
        }
    }
}

/// Which rows of a column have a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Validity {
    /// All of them.
    All,
    /// Those whose bit is set.
    Some(Bitmap),
}

impl Validity {
    /// Whether this row has a value.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(bitmap) => bitmap.get(row),
        }
    }

    /// How many of `rows` rows have a value.
    #[must_use]
    pub fn count(&self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Some(bitmap) => bitmap.count(),
        }
    }

    /// Adds the row behind the first `rows`.
    pub(crate) fn push(&mut self, rows: usize, valid: bool) {
        match self {
            Self::All if valid => {}
            Self::All => {
                let mut bitmap = Bitmap::ones(rows);
                bitmap.push(false);
                *self = Self::Some(bitmap);
            }
            Self::Some(bitmap) => bitmap.push(valid),
        }
    }
}

/// A row of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    /// 64 bits each, the lowest first; bits beyond `length` are zero.
    words: Vec<u64>,
    length: usize,
}

impl From<&[bool]> for Bitmap {
    fn from(bits: &[bool]) -> Self {
        let mut bitmap = Self::default();
        bits.iter().for_each(|bit| bitmap.push(*bit));
        bitmap
    }
}

impl Bitmap {
    /// So many bits, all set.
    #[must_use]
    pub fn ones(length: usize) -> Self {
        let mut words = vec![u64::MAX; length.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), length % 64) {
            *last = (1 << rest) - 1;
        }
        Self { words, length }
    }

    /// How many bits there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bit, false beyond the end.
    #[must_use]
    pub fn get(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// How many are set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bits, 64 a word, the lowest first; those beyond the length are zero.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Adds a bit.
    pub fn push(&mut self, set: bool) {
        let bit = self.length % 64;
        if bit == 0 {
            self.words.push(0);
        }
        if let Some(last) = self.words.last_mut() {
            *last |= u64::from(set) << bit;
        }
        self.length += 1;
    }
}
