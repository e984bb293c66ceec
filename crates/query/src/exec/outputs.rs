//! From what a level's body made to the columns that it puts out.

use svcflow_influxql as ql;

use super::rows::Rows;
use crate::kernel::eval::evaluate;
use crate::plan::{Kind, Level};
use crate::{Column, Scalar, Validity, Values};

/// Fills what isn't there in rows that are, and calculates the columns that are put out. `known` says which
/// of the rows' columns have a type: the others stay empty.
pub(crate) fn put_out(level: &Level, mut rows: Rows, known: &[bool]) -> Rows {
    for (at, known) in known.iter().enumerate() {
        if *known {
            let lanes = &rows.lanes;
            let lane = |row: usize| lanes.get(row).copied().unwrap_or(0);
            if let Some(column) = rows.columns.get_mut(at) {
                default(level.fill, column, lane);
            }
        }
    }
    let count = rows.len();
    let columns =
        level.outputs.iter().map(|output| evaluate(&output.eval, &rows.columns, count)).collect();
    Rows { columns, ..rows }
}

/// What isn't a number is nothing in an answer; a statement around still calculates with it.
pub(super) fn numbers(mut column: Column) -> Column {
    if let Values::Float(values) = &column.values
        && values.iter().any(|value| value.is_nan())
    {
        let there = Validity::of(values.iter().map(|value| !value.is_nan()).collect());
        column.validity = column.validity.and(&there);
    }
    column
}

/// `fill(0)` and `fill(previous)` stand in for single columns, too, that a row has no value for.
fn default(fill: ql::Fill, column: &mut Column, lane: impl Fn(usize) -> u32) {
    if column.validity == Validity::All {
        return;
    }
    match fill {
        ql::Fill::Integer(value) => constant(column, &Scalar::Integer(value)),
        ql::Fill::Number(value) => constant(column, &Scalar::Float(value)),
        ql::Fill::Previous => previous(column, lane),
        ql::Fill::Null | ql::Fill::None | ql::Fill::Linear => {}
    }
}

/// A number of the column's type, or what it is where it can't be that.
fn constant(column: &mut Column, value: &Scalar) {
    let kind = column.values.kind().unwrap_or(Kind::Float);
    let value = value.clone().cast(kind).unwrap_or_else(|| value.clone());
    let one = Column::from_scalars(value.kind(), &[Some(value)]);
    let rows = u32::try_from(column.len()).unwrap_or(u32::MAX);
    let behind = rows;
    let places: Vec<u32> = (0..rows)
        .map(|row| if column.validity.is_valid(row as usize) { row } else { behind })
        .collect();
    if column.validity == Validity::None {
        *column = one.pick(&vec![0; column.len()]);
        return;
    }
    column.append(one);
    *column = column.pick(&places);
}

/// The value of the row before, of the same series.
fn previous(column: &mut Column, lane: impl Fn(usize) -> u32) {
    let mut last: Option<(u32, u32)> = None;
    let mut places: Vec<Option<u32>> = Vec::with_capacity(column.len());
    for (row, number) in (0..column.len()).zip(0_u32..) {
        let now = lane(row);
        if last.is_some_and(|(lane, _)| lane != now) {
            last = None;
        }
        if column.validity.is_valid(row) {
            last = Some((now, number));
        }
        places.push(last.map(|(_, row)| row));
    }
    *column = column.pick_some(&places);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars(column: &Column) -> Vec<Option<Scalar>> {
        (0..column.len()).map(|row| column.get(row)).collect()
    }

    fn texts(values: &[Option<&str>]) -> Column {
        let scalars: Vec<_> =
            values.iter().map(|it| it.map(|it| Scalar::String(it.into()))).collect();
        Column::from_scalars(Kind::String, &scalars)
    }

    #[test]
    fn numbers_stand_in_for_texts_as_they_are() {
        let mut column = texts(&[Some("a"), None]);
        default(ql::Fill::Integer(0), &mut column, |_| 0);
        assert_eq!(scalars(&column), [Some(Scalar::String("a".into())), Some(Scalar::Integer(0))]);
        let mut column = Column::from_scalars(Kind::Integer, &[Some(Scalar::Integer(1)), None]);
        default(ql::Fill::Number(7.5), &mut column, |_| 0);
        assert_eq!(scalars(&column), [Some(Scalar::Integer(1)), Some(Scalar::Integer(7))]);
    }

    #[test]
    fn the_row_before_stands_in_within_its_series() {
        let mut column = texts(&[None, Some("a"), None, None]);
        default(ql::Fill::Previous, &mut column, |row| u32::from(row > 2));
        let a = Some(Scalar::String("a".into()));
        assert_eq!(scalars(&column), [None, a.clone(), a, None]);
    }
}
