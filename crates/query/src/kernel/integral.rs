//! The area under values (InfluxDB's `FloatIntegralReducer`, and the one of integers, which isn't quite the same).

use super::buckets::Buckets;
use super::columns::integer_to_float;
use super::points::Points;
use crate::plan::MIN_TIME;
use crate::{Column, Values};

/// The area under each series' values, per so many nanoseconds. `None` where they are no numbers.
pub(crate) fn integral(
    points: &Points,
    buckets: &Buckets,
    unit: i64,
    ascending: bool,
) -> Option<Points> {
    let integers = matches!(points.column.values, Values::Integer(_));
    let values: Vec<f64> = match &points.column.values {
        Values::Float(values) => values.clone(),
        Values::Integer(values) => values.iter().copied().map(integer_to_float).collect(),
        _ => return None,
    };
    let mut made: Vec<(u32, u32, i64, f64)> = Vec::new();
    for (lane, rows) in (0..).zip(points.by_lane()) {
        let mut area = Area {
            buckets,
            unit: integer_to_float(unit),
            ascending,
            integers,
            ..Area::new(buckets)
        };
        for row in rows {
            let at = row as usize;
            let (Some(time), Some(value)) = (points.times.get(at), values.get(at)) else {
                continue;
            };
            made.extend(area.add(*time, *value).map(|(time, sum)| (row, lane, time, sum)));
        }
        made.extend(area.end().map(|(time, sum)| (u32::MAX, lane, time, sum)));
    }
    // Areas come when a row ends them, and the last ones at the end.
    made.sort_by_key(|(row, ..)| *row);
    Some(Points {
        times: made.iter().map(|it| it.2).collect(),
        column: Column::valid(Values::Float(made.iter().map(|it| it.3).collect())),
        beside: Vec::new(),
        lanes: if points.lanes.is_empty() {
            Vec::new()
        } else {
            made.iter().map(|it| it.1).collect()
        },
    })
}

struct Area<'a> {
    buckets: &'a Buckets,
    unit: f64,
    ascending: bool,
    integers: bool,
    sum: f64,
    before: Option<(i64, f64)>,
    start: i64,
    end: i64,
}

impl<'a> Area<'a> {
    const fn new(buckets: &'a Buckets) -> Self {
        Self {
            buckets,
            unit: 1.0,
            ascending: true,
            integers: false,
            sum: 0.0,
            before: None,
            start: 0,
            end: 0,
        }
    }

    /// Of floats without buckets there is none to look at.
    const fn bounded(&self) -> bool {
        self.integers || self.buckets.interval.is_some()
    }

    fn look(&mut self, time: i64) {
        let (start, end) = self.buckets.bucket(time);
        (self.start, self.end) = if self.ascending { (start, end) } else { (end, start) };
    }

    /// Takes a value, and gives the area of the bucket that it ends.
    fn add(&mut self, time: i64, value: f64) -> Option<(i64, f64)> {
        let Some((before, height)) = self.before else {
            self.before = Some((time, value));
            if self.bounded() {
                self.look(time);
                if self.integers && self.start == MIN_TIME {
                    self.start = 0;
                }
            }
            return None;
        };
        self.before = Some((time, value));
        if before == time {
            return None;
        }
        let beyond = if self.ascending { time >= self.end } else { time <= self.end };
        if !(self.bounded() && beyond) {
            self.sum += self.trapezium(before, height, time, value);
            return None;
        }
        let (mut from, mut left, mut right) = (before, height, value);
        if before != self.end {
            let middle = line(self.end, before, time, height, value);
            self.sum += self.trapezium(before, height, self.end, middle);
            from = self.end;
            if self.integers {
                // InfluxDB goes on with the old height on the left and the one in between on the right.
                right = middle;
            } else {
                left = middle;
            }
        }
        let ended = (self.start, self.sum);
        self.look(time);
        self.sum = self.trapezium(from, left, time, right);
        Some(ended)
    }

    fn trapezium(&self, from: i64, left: f64, to: i64, right: f64) -> f64 {
        0.5 * (left + right) * (integer_to_float(to.wrapping_sub(from)) / self.unit)
    }

    /// The area of the last bucket, unless its only value stands at its beginning.
    fn end(&self) -> Option<(i64, f64)> {
        let (time, _) = self.before?;
        (time != self.start).then_some((self.start, self.sum))
    }
}

fn line(at: i64, from: i64, to: i64, left: f64, right: f64) -> f64 {
    let slope = (right - left) / integer_to_float(to.wrapping_sub(from));
    slope * integer_to_float(at.wrapping_sub(from)) + left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Interval, MAX_TIME};

    const SECOND: i64 = 1_000_000_000;

    fn made(values: Values, interval: Option<Interval>) -> (Vec<i64>, Values) {
        let points = Points {
            times: [0, 10, 20].map(|it| it * SECOND).to_vec(),
            column: Column::valid(values),
            beside: vec![],
            lanes: vec![],
        };
        let buckets = Buckets { interval, zone: None, first: -5, last: MAX_TIME };
        let made = integral(&points, &buckets, SECOND, true).unwrap();
        (made.times, made.column.values)
    }

    #[test]
    fn whole() {
        let floats = made(Values::Float(vec![1.0, 3.0, 5.0]), None);
        assert_eq!(floats, (vec![0], Values::Float(vec![60.0])));
        let integers = made(Values::Integer(vec![1, 3, 5]), None);
        assert_eq!(integers, (vec![-5], Values::Float(vec![60.0])));
    }

    #[test]
    fn cut_by_buckets() {
        let by = Some(Interval { every: 15 * SECOND, offset: 0 });
        let floats = made(Values::Float(vec![1.0, 3.0, 5.0]), by);
        assert_eq!(floats, (vec![0, 15 * SECOND], Values::Float(vec![37.5, 22.5])));
    }
}
