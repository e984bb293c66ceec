//! Aggregates that need all values of a bucket at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::accumulate::Picked;
use super::buckets::Buckets;
use super::columns::integer_to_float;
use super::points::Points;
use super::slices;
use crate::plan::{Aggregate, MIN_TIME};
use crate::{Column, Values};

/// A value of a bucket, while its aggregate is worked out.
#[derive(Clone, Debug)]
pub(crate) struct Item<T> {
    pub(crate) time: i64,
    pub(crate) value: T,
    /// Its row in the points.
    pub(crate) row: u32,
}

/// A value that an aggregate puts out.
#[derive(Clone, Debug)]
pub(crate) struct Emit<T> {
    /// Its own time; `None` is the bucket's.
    pub(crate) time: Option<i64>,
    pub(crate) value: T,
    /// The row that it is of; `None` is of no row.
    pub(crate) row: Option<u32>,
}

impl<T> Emit<T> {
    pub(crate) const fn of_bucket(value: T) -> Self {
        Self { time: None, value, row: None }
    }
}

impl<T: Clone> From<&Item<T>> for Emit<T> {
    fn from(item: &Item<T>) -> Self {
        Self { time: Some(item.time), value: item.value.clone(), row: Some(item.row) }
    }
}

/// Works out an aggregate of points in the order of time. Those without a value count for nothing but that they
/// end the bucket before, where buckets come again. `keep_times` keeps the
/// times of rows that are picked, instead of the buckets' beginnings. `None` where there is no such
/// aggregate of that type.
pub(crate) fn aggregate(
    aggregate: &Aggregate,
    points: &Points,
    buckets: &Buckets,
    keep_times: bool,
    seed: u64,
) -> Option<Points> {
    let window = Window { points, buckets, keep_times };
    Some(match (&points.column.values, aggregate) {
        (_, Aggregate::CountDistinct) => window.count_distinct()?,
        (Values::Float(values), Aggregate::Median) => {
            window.floats(values, |items| vec![Emit::of_bucket(slices::median_float(items))])
        }
        (Values::Integer(values), Aggregate::Median) => {
            window.floats(values, |items| vec![Emit::of_bucket(slices::median_integer(items))])
        }
        (Values::Float(values), Aggregate::Stddev) => {
            window.floats(values, |items| vec![Emit::of_bucket(slices::stddev(items, |it| *it))])
        }
        (Values::Integer(values), Aggregate::Stddev) => window.floats(values, |items| {
            vec![Emit::of_bucket(slices::stddev(items, |it| integer_to_float(*it)))]
        }),
        (Values::Float(values), other) => {
            let emitted = window.emitted(values, |items| slices::number(other, items, seed))?;
            window.finish(emitted, Values::Float)
        }
        (Values::Integer(values), other) => {
            let emitted = window.emitted(values, |items| slices::number(other, items, seed))?;
            window.finish(emitted, Values::Integer)
        }
        (Values::Boolean(values), other) => {
            let emitted = window.emitted(values, |items| slices::boolean(other, items, seed))?;
            window.finish(emitted, Values::Boolean)
        }
        (Values::String(values), other) => {
            let emitted = window.emitted(values, |items| slices::any(other, items, seed))?;
            window.finish(emitted, Values::String)
        }
        (Values::Same(value, rows), other) => {
            let values = vec![Arc::clone(value); *rows];
            let emitted = window.emitted(&values, |items| slices::any(other, items, seed))?;
            window.finish(emitted, Values::String)
        }
        (Values::Time(_) | Values::Mixed(_), _) => return None,
    })
}

struct Window<'a> {
    points: &'a Points,
    buckets: &'a Buckets,
    keep_times: bool,
}

/// What was put out: its time, the bucket's beginning, its value, its row and its series.
struct Emitted<R> {
    times: Vec<i64>,
    values: Vec<R>,
    rows: Vec<Option<u32>>,
    lanes: Vec<u32>,
}

impl Window<'_> {
    /// Calls `each` with the values of each bucket and series.
    fn emitted<T: Picked, R>(
        &self,
        values: &[T],
        each: impl Fn(&mut Vec<Item<T>>) -> Option<Vec<Emit<R>>>,
    ) -> Option<Emitted<R>> {
        let mut out =
            Emitted { times: Vec::new(), values: Vec::new(), rows: Vec::new(), lanes: Vec::new() };
        let mut known = true;
        self.buckets.runs(&self.points.times, |start, run| {
            let mut lanes: BTreeMap<u32, Vec<Item<T>>> = BTreeMap::new();
            for row in run {
                let (Some(time), Some(value)) = (self.points.times.get(row), values.get(row))
                else {
                    continue;
                };
                if !self.points.column.validity.is_valid(row) {
                    continue;
                }
                let item = Item {
                    time: *time,
                    value: value.clone(),
                    row: u32::try_from(row).unwrap_or(0),
                };
                lanes.entry(self.points.lane(row)).or_default().push(item);
            }
            for (lane, mut items) in lanes {
                let Some(mut emits) = each(&mut items) else {
                    known = false;
                    continue;
                };
                emits.sort_by_key(|emit| emit.time.unwrap_or(start));
                for emit in emits {
                    let time = emit.time.filter(|_| self.keep_times).unwrap_or(start);
                    out.times.push(time);
                    out.values.push(emit.value);
                    out.rows.push(emit.row);
                    out.lanes.push(lane);
                }
            }
        });
        known.then_some(out)
    }

    fn finish<R>(&self, emitted: Emitted<R>, values: impl Fn(Vec<R>) -> Values) -> Points {
        let rows: Vec<u32> = emitted.rows.iter().map(|row| row.unwrap_or(0)).collect();
        let beside = self.points.beside.iter().map(|column| column.pick(&rows)).collect();
        Points {
            times: emitted.times,
            column: Column::valid(values(emitted.values)),
            beside,
            lanes: if self.points.lanes.is_empty() { Vec::new() } else { emitted.lanes },
        }
    }

    fn floats<T: Picked>(
        &self,
        values: &[T],
        each: impl Fn(&mut Vec<Item<T>>) -> Vec<Emit<f64>>,
    ) -> Points {
        let emitted = self.emitted(values, |items| Some(each(items)));
        emitted.map_or_else(|| self.points.pick(&[]), |it| self.finish(it, Values::Float))
    }

    /// InfluxDB counts what `distinct` put out, at 1970 where nothing bounds the time: which it then doesn't
    /// find, if that isn't in the range.
    fn count_distinct(&self) -> Option<Points> {
        let buckets = self.buckets;
        if buckets.interval.is_none() && buckets.first == MIN_TIME && buckets.last < 0 {
            let none =
                Points { column: Column::valid(Values::Integer(vec![])), ..self.points.pick(&[]) };
            return Some(none);
        }
        fn count<T: Picked>(window: &Window<'_>, values: &[T]) -> Option<Points> {
            let emitted = window.emitted(values, |items| {
                let count = slices::distinct(items).len();
                Some(vec![Emit::of_bucket(i64::try_from(count).unwrap_or(i64::MAX))])
            })?;
            Some(window.finish(emitted, Values::Integer))
        }
        match &self.points.column.values {
            Values::Float(values) => count(self, values),
            Values::Integer(values) => count(self, values),
            Values::Boolean(values) => count(self, values),
            Values::String(values) => count(self, values),
            Values::Same(value, rows) => count(self, &vec![Arc::clone(value); *rows]),
            Values::Time(_) | Values::Mixed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Validity;
    use crate::plan::Interval;

    #[test]
    fn rows_without_a_value_end_a_bucket_that_comes_again() {
        let interval = Some(Interval { every: 10, offset: 0 });
        let buckets = Buckets { interval, zone: None, first: 0, last: 99 };
        let median = |times: &[i64], valid: &[bool]| {
            let points = Points {
                times: times.to_vec(),
                column: Column {
                    values: Values::Integer(vec![1, 0, 3]),
                    validity: Validity::of(valid.to_vec()),
                },
                beside: Vec::new(),
                lanes: Vec::new(),
            };
            let made = aggregate(&Aggregate::Median, &points, &buckets, false, 0).unwrap();
            (made.times, made.column)
        };
        let floats = |values: &[f64]| Column::valid(Values::Float(values.to_vec()));
        assert_eq!(median(&[5, 15, 6], &[true, false, true]), (vec![0, 0], floats(&[1.0, 3.0])));
        assert_eq!(median(&[5, 6, 7], &[true, false, true]), (vec![0], floats(&[2.0])));
    }
}
