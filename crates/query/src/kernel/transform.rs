//! Functions that go along values in the order of time.

use super::columns::integer_to_float;
use super::points::Points;
use crate::plan::Transform;
use crate::{Column, Values};

/// Values with the rows that they came of.
type Along<T> = Vec<(u32, T)>;

/// Goes along the points that have values, series by series; what comes of it is in the order of the points
/// that it came of. `None` where there is no such function of that type.
pub(crate) fn transform(function: &Transform, points: Points, ascending: bool) -> Option<Points> {
    let points = points.valid();
    if let Transform::HoltWinters { .. } = function {
        return super::holt_winters::forecast(function, &points);
    }
    let times = &points.times;
    let (rows, values) = match (function, &points.column.values) {
        (Transform::Elapsed { unit }, _) => {
            along(&points, |rows| elapsed(rows, times, *unit), Values::Integer)
        }
        (Transform::Derivative { unit, non_negative }, Values::Float(values)) => {
            let diff = |a: usize, b: usize| Some(values.get(b)? - values.get(a)?);
            let each =
                |rows: &[u32]| derivative(rows, times, *unit, *non_negative, ascending, diff);
            along(&points, each, Values::Float)
        }
        (Transform::Derivative { unit, non_negative }, Values::Integer(values)) => {
            let diff = |a: usize, b: usize| {
                Some(integer_to_float(values.get(b)?.wrapping_sub(*values.get(a)?)))
            };
            let each =
                |rows: &[u32]| derivative(rows, times, *unit, *non_negative, ascending, diff);
            along(&points, each, Values::Float)
        }
        (Transform::Difference { non_negative }, Values::Float(values)) => {
            let diff = |a: usize, b: usize| Some(values.get(b)? - values.get(a)?);
            let keep = |it: &f64| !non_negative || *it >= 0.0 || it.is_nan();
            along(&points, |rows| difference(rows, times, diff, keep), Values::Float)
        }
        (Transform::Difference { non_negative }, Values::Integer(values)) => {
            let diff = |a: usize, b: usize| Some(values.get(b)?.wrapping_sub(*values.get(a)?));
            let keep = |it: &i64| !non_negative || *it >= 0;
            along(&points, |rows| difference(rows, times, diff, keep), Values::Integer)
        }
        (Transform::CumulativeSum, Values::Float(values)) => {
            let add = |a: f64, b: &f64| a + b;
            along(&points, |rows| cumulative(rows, values, 0.0, add), Values::Float)
        }
        (Transform::CumulativeSum, Values::Integer(values)) => {
            let add = |a: i64, b: &i64| a.wrapping_add(*b);
            along(&points, |rows| cumulative(rows, values, 0, add), Values::Integer)
        }
        (Transform::MovingAverage { window }, Values::Float(values)) => {
            let step = |sum: f64, new: &f64, old: Option<&f64>| sum - old.unwrap_or(&0.0) + new;
            let each = |rows: &[u32]| moving(rows, values, *window, 0.0, step, |sum| sum);
            along(&points, each, Values::Float)
        }
        (Transform::MovingAverage { window }, Values::Integer(values)) => {
            let step = |sum: i64, new: &i64, old: Option<&i64>| {
                sum.wrapping_sub(*old.unwrap_or(&0)).wrapping_add(*new)
            };
            let each = |rows: &[u32]| moving(rows, values, *window, 0, step, integer_to_float);
            along(&points, each, Values::Float)
        }
        _ => return None,
    };
    let mut made = points.pick(&rows);
    made.beside.clear();
    made.column = Column::valid(values);
    Some(made)
}

/// Goes along each series, and puts what comes of it in the order of the rows that it came of.
fn along<T>(
    points: &Points,
    each: impl Fn(&[u32]) -> Along<T>,
    values: impl Fn(Vec<T>) -> Values,
) -> (Vec<u32>, Values) {
    let mut made: Along<T> = Vec::new();
    for rows in points.by_lane() {
        made.extend(each(&rows));
    }
    if !points.lanes.is_empty() {
        made.sort_by_key(|(row, _)| *row);
    }
    let (rows, made) = made.into_iter().unzip();
    (rows, values(made))
}

/// Calls `each` with each row and the one before it. Of rows at one instant only the first counts: series
/// that are put together may have several.
fn pairs(rows: &[u32], times: &[i64], mut each: impl FnMut(u32, u32, i64)) {
    let time = |row: u32| times.get(row as usize).copied().unwrap_or_default();
    let mut before: Option<u32> = None;
    for row in rows {
        let elapsed = before.map(|before| time(*row).wrapping_sub(time(before)));
        if elapsed == Some(0) {
            continue;
        }
        if let (Some(before), Some(elapsed)) = (before, elapsed) {
            each(before, *row, elapsed);
        }
        before = Some(*row);
    }
}

fn derivative(
    rows: &[u32],
    times: &[i64],
    unit: i64,
    non_negative: bool,
    ascending: bool,
    diff: impl Fn(usize, usize) -> Option<f64>,
) -> Along<f64> {
    let mut made = Vec::with_capacity(rows.len());
    let unit = integer_to_float(unit);
    pairs(rows, times, |before, row, elapsed| {
        let Some(diff) = diff(before as usize, row as usize) else { return };
        let elapsed = if ascending { elapsed } else { elapsed.wrapping_neg() };
        if !(non_negative && diff < 0.0) {
            made.push((row, diff / (integer_to_float(elapsed) / unit)));
        }
    });
    made
}

fn difference<T>(
    rows: &[u32],
    times: &[i64],
    diff: impl Fn(usize, usize) -> Option<T>,
    keep: impl Fn(&T) -> bool,
) -> Along<T> {
    let mut made = Vec::with_capacity(rows.len());
    pairs(rows, times, |before, row, _| {
        made.extend(diff(before as usize, row as usize).filter(&keep).map(|diff| (row, diff)));
    });
    made
}

/// Rows at one instant all count here.
fn elapsed(rows: &[u32], times: &[i64], unit: i64) -> Along<i64> {
    let time = |row: u32| times.get(row as usize).copied().unwrap_or_default();
    let pairs = rows.iter().zip(rows.iter().skip(1));
    let elapsed = |(before, row): (&u32, &u32)| {
        (*row, time(*row).wrapping_sub(time(*before)).checked_div(unit).unwrap_or(0))
    };
    pairs.map(elapsed).collect()
}

fn cumulative<T: Copy>(rows: &[u32], values: &[T], zero: T, add: impl Fn(T, &T) -> T) -> Along<T> {
    let mut sum = zero;
    let values = rows.iter().filter_map(|row| Some((*row, values.get(*row as usize)?)));
    values
        .map(|(row, value)| {
            sum = add(sum, value);
            (row, sum)
        })
        .collect()
}

fn moving<T: Copy>(
    rows: &[u32],
    values: &[T],
    window: usize,
    zero: T,
    step: impl Fn(T, &T, Option<&T>) -> T,
    float: impl Fn(T) -> f64,
) -> Along<f64> {
    let value = |row: &u32| values.get(*row as usize);
    let size = integer_to_float(i64::try_from(window).unwrap_or(i64::MAX));
    let mut sum = zero;
    let mut made = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let old = at.checked_sub(window).and_then(|old| rows.get(old)).and_then(value);
        let Some(new) = value(row) else { continue };
        sum = step(sum, new, old);
        if at + 1 >= window {
            made.push((*row, float(sum) / size));
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(times: &[i64], values: Values, lanes: &[u32]) -> Points {
        Points {
            times: times.to_vec(),
            column: Column::valid(values),
            beside: vec![],
            lanes: lanes.to_vec(),
        }
    }

    fn made(function: &Transform, points: Points) -> (Vec<i64>, Values) {
        let made = transform(function, points, true).unwrap();
        (made.times, made.column.values)
    }

    #[test]
    fn slopes_skip_rows_of_one_instant() {
        let rates = Transform::Derivative { unit: 1, non_negative: false };
        let some = points(&[0, 0, 10, 10, 20], Values::Integer(vec![1, 7, 4, 6, 8]), &[]);
        assert_eq!(made(&rates, some), (vec![10, 20], Values::Float(vec![0.3, 0.4])));
    }

    #[test]
    fn resets_are_left_out_where_asked() {
        let values = || Values::Integer(vec![5, 9, 2, 4]);
        let rates = Transform::Derivative { unit: 10, non_negative: true };
        let some = made(&rates, points(&[0, 10, 20, 30], values(), &[]));
        assert_eq!(some, (vec![10, 30], Values::Float(vec![4.0, 2.0])));
        let steps = Transform::Difference { non_negative: true };
        let some = made(&steps, points(&[0, 10, 20, 30], values(), &[]));
        assert_eq!(some, (vec![10, 30], Values::Integer(vec![4, 2])));
    }

    #[test]
    fn series_are_told_apart_and_stay_in_order() {
        let steps = Transform::Difference { non_negative: false };
        let values = Values::Integer(vec![1, 10, 2, 30]);
        let some = transform(&steps, points(&[0, 0, 5, 5], values, &[0, 1, 0, 1]), true).unwrap();
        assert_eq!(some.column.values, Values::Integer(vec![1, 20]));
        assert_eq!(some.lanes, [0, 1]);
    }

    #[test]
    fn sums_and_averages() {
        let values = || Values::Float(vec![1.0, 2.0, 4.0, 8.0]);
        let sums = made(&Transform::CumulativeSum, points(&[0, 1, 2, 3], values(), &[]));
        assert_eq!(sums.1, Values::Float(vec![1.0, 3.0, 7.0, 15.0]));
        let averages = Transform::MovingAverage { window: 3 };
        let averages = made(&averages, points(&[0, 1, 2, 3], values(), &[]));
        assert_eq!(averages, (vec![2, 3], Values::Float(vec![7.0 / 3.0, 14.0 / 3.0])));
    }

    #[test]
    fn time_goes_by() {
        let some = points(&[0, 0, 2500], Values::Boolean(vec![true; 3]), &[]);
        let elapsed = made(&Transform::Elapsed { unit: 1000 }, some);
        assert_eq!(elapsed, (vec![0, 2500], Values::Integer(vec![0, 2])));
    }

    #[test]
    fn texts_have_no_slope() {
        let texts = points(&[0], Values::String(vec!["a".into()]), &[]);
        let rates = Transform::Derivative { unit: 1, non_negative: false };
        assert_eq!(transform(&rates, texts, true), None);
    }
}
