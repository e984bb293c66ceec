//! Picking, joining and converting rows of columns.

use std::ops::Range;
use std::sync::Arc;

use crate::plan::Kind;
use crate::{Column, Scalar, Validity, Values};

impl Scalar {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Float(_) => Kind::Float,
            Self::Integer(_) => Kind::Integer,
            Self::Boolean(_) => Kind::Boolean,
            Self::String(_) => Kind::String,
        }
    }

    /// The value as another type, where InfluxDB converts: between the two kinds of numbers only.
    pub(crate) fn cast(self, kind: Kind) -> Option<Self> {
        match (self, kind) {
            (Self::Integer(value), Kind::Float) => Some(Self::Float(integer_to_float(value))),
            (Self::Float(value), Kind::Integer) => Some(Self::Integer(float_to_integer(value))),
            (value, Kind::AnyField) => Some(value),
            (value, Kind::Tag) if value.kind() == Kind::String => Some(value),
            (value, kind) => (value.kind() == kind).then_some(value),
        }
    }
}

pub(crate) use crate::plan::float_to_integer;

/// As Go converts.
#[expect(clippy::cast_precision_loss, reason = "the nearest float is wanted")]
pub(crate) const fn integer_to_float(value: i64) -> f64 {
    value as f64
}

impl Validity {
    /// Of a slice of bits; all valid where none is false.
    pub(crate) fn of(mask: Vec<bool>) -> Self {
        if mask.iter().all(|valid| *valid) { Self::All } else { Self::Mask(mask) }
    }

    /// Valid where both are.
    pub(crate) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, it) | (it, Self::All) => it.clone(),
            (Self::Mask(a), Self::Mask(b)) => {
                Self::Mask(a.iter().zip(b).map(|(a, b)| *a && *b).collect())
            }
        }
    }

    /// Valid where one of them is.
    pub(crate) fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, it) | (it, Self::None) => it.clone(),
            (Self::Mask(a), Self::Mask(b)) => {
                Self::of(a.iter().zip(b).map(|(a, b)| *a || *b).collect())
            }
        }
    }

    fn mask(&self, rows: usize) -> Vec<bool> {
        match self {
            Self::All => vec![true; rows],
            Self::None => vec![false; rows],
            Self::Mask(mask) => mask.clone(),
        }
    }

    fn append(&mut self, rows: usize, other: &Self, more: usize) {
        match (&mut *self, other) {
            (Self::All, Self::All) | (Self::None, Self::None) => {}
            (Self::Mask(mask), Self::Mask(other)) => mask.extend_from_slice(other),
            (Self::Mask(mask), other) => mask.resize(rows + more, *other == Self::All),
            (_, other) if rows == 0 => *self = other.clone(),
            (_, _) if more == 0 => {}
            (_, other) => {
                let mut mask = self.mask(rows);
                mask.extend(other.mask(more));
                *self = Self::Mask(mask);
            }
        }
    }

    fn pick(&self, rows: &[u32]) -> Self {
        match self {
            Self::All => Self::All,
            Self::None => Self::None,
            Self::Mask(mask) => Self::Mask(pick(mask, rows)),
        }
    }
}

/// The values of these rows. Rows beyond the end are left out, of which there are none.
fn pick<T: Clone>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().filter_map(|row| values.get(*row as usize).cloned()).collect()
}

impl Values {
    /// None, of this type.
    pub(crate) const fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Float => Self::Float(Vec::new()),
            Kind::Integer => Self::Integer(Vec::new()),
            Kind::Boolean => Self::Boolean(Vec::new()),
            Kind::String | Kind::Tag | Kind::AnyField => Self::String(Vec::new()),
        }
    }

    /// Values that mean nothing, of this type.
    fn nothing(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Float => Self::Float(vec![0.0; rows]),
            Kind::Integer => Self::Integer(vec![0; rows]),
            Kind::Boolean => Self::Boolean(vec![false; rows]),
            Kind::String | Kind::Tag | Kind::AnyField => Self::Same(Arc::default(), rows),
        }
    }

    /// Their type; `None` where they have several.
    pub(crate) const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Float(_) => Some(Kind::Float),
            Self::Time(_) | Self::Integer(_) => Some(Kind::Integer),
            Self::Boolean(_) => Some(Kind::Boolean),
            Self::String(_) | Self::Same(..) => Some(Kind::String),
            Self::Mixed(_) => None,
        }
    }

    fn get(&self, row: usize) -> Option<Scalar> {
        match self {
            Self::Time(values) | Self::Integer(values) => {
                values.get(row).map(|value| Scalar::Integer(*value))
            }
            Self::Float(values) => values.get(row).map(|value| Scalar::Float(*value)),
            Self::Boolean(values) => values.get(row).map(|value| Scalar::Boolean(*value)),
            Self::String(values) => values.get(row).map(|value| Scalar::String(Arc::clone(value))),
            Self::Same(value, rows) => (row < *rows).then(|| Scalar::String(Arc::clone(value))),
            Self::Mixed(values) => values.get(row).cloned(),
        }
    }

    fn pick(&self, rows: &[u32]) -> Self {
        match self {
            Self::Time(values) => Self::Time(pick(values, rows)),
            Self::Float(values) => Self::Float(pick(values, rows)),
            Self::Integer(values) => Self::Integer(pick(values, rows)),
            Self::Boolean(values) => Self::Boolean(pick(values, rows)),
            Self::String(values) => Self::String(pick(values, rows)),
            Self::Same(value, _) => Self::Same(Arc::clone(value), rows.len()),
            Self::Mixed(values) => Self::Mixed(pick(values, rows)),
        }
    }

    fn slice(&self, range: Range<usize>) -> Self {
        fn cut<T: Clone>(values: &[T], range: Range<usize>) -> Vec<T> {
            values.get(range).unwrap_or_default().to_vec()
        }
        match self {
            Self::Time(values) => Self::Time(cut(values, range)),
            Self::Float(values) => Self::Float(cut(values, range)),
            Self::Integer(values) => Self::Integer(cut(values, range)),
            Self::Boolean(values) => Self::Boolean(cut(values, range)),
            Self::String(values) => Self::String(cut(values, range)),
            Self::Same(value, _) => Self::Same(Arc::clone(value), range.len()),
            Self::Mixed(values) => Self::Mixed(cut(values, range)),
        }
    }

    fn reverse(&mut self) {
        match self {
            Self::Time(values) | Self::Integer(values) => values.reverse(),
            Self::Float(values) => values.reverse(),
            Self::Boolean(values) => values.reverse(),
            Self::String(values) => values.reverse(),
            Self::Same(..) => {}
            Self::Mixed(values) => values.reverse(),
        }
    }

    /// Several texts instead of one many times.
    fn spread_out(&mut self) {
        if let Self::Same(value, rows) = self {
            *self = Self::String(vec![Arc::clone(value); *rows]);
        }
    }

    fn into_mixed(self) -> Vec<Scalar> {
        match self {
            Self::Mixed(values) => values,
            other => (0..other.len()).filter_map(|row| other.get(row)).collect(),
        }
    }

    fn append(&mut self, other: Self) {
        let empty = self.is_empty();
        match (&mut *self, other) {
            (Self::Same(value, rows), Self::Same(other, more)) if *value == other => *rows += more,
            (Self::Time(values), Self::Time(other))
            | (Self::Integer(values), Self::Integer(other)) => values.extend_from_slice(&other),
            (Self::Float(values), Self::Float(other)) => values.extend_from_slice(&other),
            (Self::Boolean(values), Self::Boolean(other)) => values.extend_from_slice(&other),
            (Self::String(values), Self::String(other)) => values.extend(other),
            (Self::String(values), Self::Same(other, more)) => {
                values.resize(values.len() + more, other);
            }
            (Self::Same(..), other @ (Self::Same(..) | Self::String(_))) => {
                self.spread_out();
                self.append(other);
            }
            (it, other) if empty => *it = other,
            (_, other) => {
                let mut mixed = std::mem::replace(self, Self::Mixed(Vec::new())).into_mixed();
                mixed.extend(other.into_mixed());
                *self = Self::Mixed(mixed);
            }
        }
    }
}

impl Column {
    /// Rows without values.
    pub(crate) fn nulls(kind: Kind, rows: usize) -> Self {
        Self { values: Values::nothing(kind, rows), validity: Validity::None }
    }

    /// A column all of whose rows have values.
    pub(crate) const fn valid(values: Values) -> Self {
        Self { values, validity: Validity::All }
    }

    /// An empty column.
    pub(crate) const fn empty(kind: Kind) -> Self {
        Self::valid(Values::empty(kind))
    }

    /// One text in so many rows; the empty one is none.
    pub(crate) fn same(value: &Arc<str>, rows: usize) -> Self {
        let validity = if value.is_empty() { Validity::None } else { Validity::All };
        Self { values: Values::Same(Arc::clone(value), rows), validity }
    }

    /// A column of scalars, `None` where a row has none.
    pub(crate) fn from_scalars(kind: Kind, scalars: &[Option<Scalar>]) -> Self {
        let mut column = Self::empty(kind);
        for scalar in scalars {
            let one = match scalar {
                Some(Scalar::Float(value)) => Self::valid(Values::Float(vec![*value])),
                Some(Scalar::Integer(value)) => Self::valid(Values::Integer(vec![*value])),
                Some(Scalar::Boolean(value)) => Self::valid(Values::Boolean(vec![*value])),
                Some(Scalar::String(value)) => Self::valid(Values::String(vec![Arc::clone(value)])),
                None => Self::nulls(kind, 1),
            };
            column.append(one);
        }
        column
    }

    pub(crate) const fn len(&self) -> usize {
        self.values.len()
    }

    /// The value of a row, where it has one.
    pub(crate) fn get(&self, row: usize) -> Option<Scalar> {
        if self.validity.is_valid(row) { self.values.get(row) } else { None }
    }

    /// These rows, in this order.
    pub(crate) fn pick(&self, rows: &[u32]) -> Self {
        Self { values: self.values.pick(rows), validity: self.validity.pick(rows) }
    }

    /// These rows, in this order; `None` is a row without a value.
    pub(crate) fn pick_some(&self, rows: &[Option<u32>]) -> Self {
        let numbers: Vec<u32> = rows.iter().map(|row| row.unwrap_or(0)).collect();
        if self.len() == 0 {
            return Self::nulls(self.values.kind().unwrap_or(Kind::Float), rows.len());
        }
        let picked = self.pick(&numbers);
        let there = Validity::of(rows.iter().map(Option::is_some).collect());
        Self { validity: picked.validity.and(&there), values: picked.values }
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let validity = match &self.validity {
            Validity::Mask(mask) => {
                Validity::Mask(mask.get(range.clone()).unwrap_or_default().to_vec())
            }
            other => other.clone(),
        };
        Self { values: self.values.slice(range), validity }
    }

    pub(crate) fn reverse(&mut self) {
        self.values.reverse();
        if let Validity::Mask(mask) = &mut self.validity {
            mask.reverse();
        }
    }

    /// Adds the other's rows.
    pub(crate) fn append(&mut self, other: Self) {
        let (rows, more) = (self.len(), other.len());
        self.validity.append(rows, &other.validity, more);
        let same_kind = self.values.kind() == other.values.kind();
        match (&self.validity, same_kind) {
            // What means nothing may as well mean nothing of another type.
            (Validity::None, false) => self.values.append(self_kind_nothing(&self.values, more)),
            (_, false) if other.validity == Validity::None => {
                self.values.append(self_kind_nothing(&self.values, more));
            }
            (Validity::Mask(mask), false) if !mask.iter().take(rows).any(|valid| *valid) => {
                let mut values = self_kind_nothing(&other.values, rows);
                values.append(other.values);
                self.values = values;
            }
            _ => self.values.append(other.values),
        }
    }

    /// The column as another type, with no value where InfluxDB can't convert it.
    pub(crate) fn cast(self, kind: Kind) -> Self {
        let rows = self.len();
        match (self.values, kind) {
            (values @ (Values::String(_) | Values::Same(..)), Kind::String | Kind::Tag) => {
                Self { values, validity: self.validity }
            }
            (values, Kind::AnyField) => Self { values, validity: self.validity },
            (Values::Integer(values), Kind::Float) => Self {
                values: Values::Float(values.into_iter().map(integer_to_float).collect()),
                validity: self.validity,
            },
            (Values::Float(values), Kind::Integer) => Self {
                values: Values::Integer(values.into_iter().map(float_to_integer).collect()),
                validity: self.validity,
            },
            (values @ Values::Mixed(_), kind) => {
                let column = Self { values, validity: self.validity };
                let scalars: Vec<_> =
                    (0..rows).map(|row| column.get(row).and_then(|it| it.cast(kind))).collect();
                Self::from_scalars(kind, &scalars)
            }
            (values, kind) if values.kind() == Some(kind) => {
                Self { values, validity: self.validity }
            }
            (_, kind) => Self::nulls(kind, rows),
        }
    }

    /// The column as another type; what InfluxDB can't convert stays what it is.
    pub(crate) fn cast_or_keep(self, kind: Kind) -> Self {
        if let Values::Mixed(_) = self.values {
            let each = |row| self.get(row).map(|it| it.clone().cast(kind).unwrap_or(it));
            let scalars: Vec<_> = (0..self.len()).map(each).collect();
            return Self::from_scalars(kind, &scalars);
        }
        let numbers = |kind| matches!(kind, Kind::Float | Kind::Integer);
        if numbers(kind) && self.values.kind().is_some_and(numbers) {
            self.cast(kind)
        } else {
            self
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Time(values) | Values::Integer(values) => values.capacity() * 8,
            Values::Float(values) => values.capacity() * 8,
            Values::Boolean(values) => values.capacity(),
            Values::String(values) => values.capacity() * 16,
            Values::Same(..) => 16,
            Values::Mixed(values) => values.capacity() * 24,
        };
        let validity = match &self.validity {
            Validity::Mask(mask) => mask.capacity(),
            _ => 0,
        };
        values + validity
    }
}

/// Rows that mean nothing, of the type of these.
fn self_kind_nothing(values: &Values, rows: usize) -> Values {
    match values.kind() {
        Some(kind) => Values::nothing(kind, rows),
        None => Values::Mixed(vec![Scalar::Integer(0); rows]),
    }
}

/// The numbers of the rows whose bit is set.
pub(crate) fn rows_of(mask: &[bool]) -> Vec<u32> {
    let numbered = (0_u32..).zip(mask);
    numbered.filter(|(_, set)| **set).map(|(row, _)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f64]) -> Column {
        Column::valid(Values::Float(values.to_vec()))
    }

    fn texts(values: &[&str]) -> Column {
        Column::valid(Values::String(values.iter().map(|it| (*it).into()).collect()))
    }

    #[test]
    fn rows_without_values_take_any_type() {
        let mut column = Column::nulls(Kind::Float, 2);
        column.append(texts(&["a"]));
        assert_eq!(column.get(0), None);
        assert_eq!(column.get(2), Some(Scalar::String("a".into())));
        column.append(Column::nulls(Kind::Integer, 1));
        assert_eq!(column.get(3), None);
        assert_eq!(column.len(), 4);
        assert_eq!(column.values.kind(), Some(Kind::String));
    }

    #[test]
    fn types_mix_only_where_they_must() {
        let mut column = texts(&["a"]);
        column.append(Column::valid(Values::Integer(vec![0])));
        assert_eq!(column.get(1), Some(Scalar::Integer(0)));
        assert_eq!(column.get(0), Some(Scalar::String("a".into())));
    }

    #[test]
    fn one_text_stays_one() {
        let a: Arc<str> = "a".into();
        let mut column = Column::same(&a, 2);
        column.append(Column::same(&a, 3));
        assert_eq!(column.values, Values::Same(Arc::clone(&a), 5));
        column.append(Column::same(&"b".into(), 1));
        assert_eq!(column.get(5), Some(Scalar::String("b".into())));
        assert_eq!(column.pick(&[5, 0]).get(1), Some(Scalar::String(a)));
    }

    #[test]
    fn numbers_convert() {
        assert_eq!(floats(&[1.9, -1.9]).cast(Kind::Integer).values, Values::Integer(vec![1, -1]));
        assert_eq!(floats(&[1.0]).cast(Kind::String).validity, Validity::None);
        assert_eq!(float_to_integer(1e300), i64::MIN);
        assert_eq!(float_to_integer(f64::NAN), i64::MIN);
    }

    #[test]
    fn slices_and_masks() {
        let mut column = floats(&[1.0, 2.0]);
        column.append(Column::nulls(Kind::Float, 1));
        assert_eq!(column.slice(1..3).validity, Validity::Mask(vec![true, false]));
        column.reverse();
        assert_eq!(column.get(0), None);
        assert_eq!(column.get(2), Some(Scalar::Float(1.0)));
        assert_eq!(rows_of(&[true, false, true]), [0, 2]);
    }
}
