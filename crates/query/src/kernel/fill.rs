//! Buckets without points, filled (InfluxDB's `FillIterator`).

use super::buckets::Buckets;
use super::columns::{float_to_integer, integer_to_float};
use super::points::Points;
use crate::plan::MIN_TIME;
use crate::{Column, Scalar, Validity, Values};

/// What stands in buckets without points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FillWith {
    Null,
    /// A number, made the column's type.
    Number(Scalar),
    Previous,
    Linear,
}

/// Fills the buckets between the points of each series, and before and behind them. `charge` is told how
/// many points each series gets, before it gets them, and may refuse.
///
/// Where points of several series alternate, InfluxDB fills a series up to the end whenever another one's
/// point comes, and begins again when its own does. So does this.
pub(crate) fn fill<E>(
    points: &Points,
    buckets: &Buckets,
    with: &FillWith,
    ascending: bool,
    charge: &mut dyn FnMut(u64) -> Result<(), E>,
) -> Result<Points, E> {
    let Some(interval) = buckets.interval else { return Ok(points.clone()) };
    let (from, to) = if ascending {
        (buckets.start(buckets.first), buckets.start(buckets.last))
    } else {
        (buckets.start(buckets.last), buckets.start(buckets.first))
    };
    let mut filler = Filler {
        points,
        buckets,
        with,
        ascending,
        every: interval.every,
        from,
        to,
        slots: Vec::with_capacity(points.len()),
    };
    let mut row = 0;
    while row < points.len() {
        let lane = points.lane(row);
        let end = (row..points.len()).find(|other| points.lane(*other) != lane);
        let end = end.unwrap_or(points.len());
        charge(filler.estimate(row))?;
        filler.series(row..end, lane);
        row = end;
    }
    Ok(filler.finish())
}

/// What a bucket takes while it is filled, in bytes: its slot, and what that becomes.
pub(crate) const FILL_BYTES: usize = size_of::<Slot>() + 8 + 8 + 4 + 1;

/// Slots that are reserved at once at most: where buckets have no limit, there may be more than memory.
const RESERVE_MAX: u64 = 1 << 20;

/// One point of what is filled.
struct Slot {
    time: i64,
    lane: u32,
    content: Content,
}

#[derive(Clone, Copy)]
enum Content {
    /// The point of this row.
    Row(Row),
    Nothing,
    Number,
    /// The value of this row.
    Again(Row),
    /// Between the values of these rows.
    Between(Row, Row),
}

/// A row of the points that are filled; there is a slot for each bucket, so slots are kept small.
#[derive(Clone, Copy)]
struct Row(u32);

impl Row {
    /// More rows than 32 bits hold have no memory to be in.
    fn new(row: usize) -> Self {
        Self(u32::try_from(row).unwrap_or(u32::MAX))
    }

    const fn at(self) -> usize {
        self.0 as usize
    }
}

struct Filler<'a> {
    points: &'a Points,
    buckets: &'a Buckets,
    with: &'a FillWith,
    ascending: bool,
    every: i64,
    from: i64,
    to: i64,
    slots: Vec<Slot>,
}

impl Filler<'_> {
    fn time(&self, row: usize) -> i64 {
        self.points.times.get(row).copied().unwrap_or_default()
    }

    /// Where a series' buckets begin that has this point first.
    fn begin(&self, row: usize) -> i64 {
        if self.from == MIN_TIME { self.buckets.start(self.time(row)) } else { self.from }
    }

    /// How many buckets a series gets.
    fn estimate(&self, row: usize) -> u64 {
        let span = i128::from(self.to).abs_diff(i128::from(self.begin(row)));
        u64::try_from(span / u128::from(self.every.unsigned_abs()) + 1).unwrap_or(u64::MAX)
    }

    /// Whether a bucket isn't beyond the last.
    const fn within(&self, time: i64) -> bool {
        if self.ascending { time <= self.to } else { time >= self.to && self.to != MIN_TIME }
    }

    fn series(&mut self, rows: std::ops::Range<usize>, lane: u32) {
        self.slots
            .reserve(usize::try_from(self.estimate(rows.start).min(RESERVE_MAX)).unwrap_or(0));
        let mut time = self.begin(rows.start);
        let mut ahead = self.ahead(time);
        let mut before: Option<usize> = None;
        let mut next = rows.start;
        loop {
            let content = if next < rows.end {
                let at = self.time(next);
                if (self.ascending && at > time) || (!self.ascending && at < time) {
                    self.content(before, Some(next))
                } else {
                    before = Some(next);
                    next += 1;
                    Content::Row(Row::new(next - 1))
                }
            } else if self.within(time) {
                self.content(before, None)
            } else {
                return;
            };
            let at = match content {
                Content::Row(row) => self.time(row.at()),
                _ => time,
            };
            self.slots.push(Slot { time: at, lane, content });
            time = self.advance(time, &mut ahead);
        }
    }

    fn content(&self, before: Option<usize>, next: Option<usize>) -> Content {
        match (self.with, before, next) {
            (FillWith::Number(_), _, _) => Content::Number,
            (FillWith::Previous, Some(before), _) => Content::Again(Row::new(before)),
            (FillWith::Linear, Some(before), Some(next)) => {
                Content::Between(Row::new(before), Row::new(next))
            }
            _ => Content::Nothing,
        }
    }

    fn ahead(&self, time: i64) -> i64 {
        self.buckets.zone.as_ref().map_or(0, |zone| zone.offset(time))
    }

    /// The next bucket, across a change of the clocks, too.
    fn advance(&self, time: i64, ahead: &mut i64) -> i64 {
        let step = if self.ascending { self.every } else { -self.every };
        let mut time = time.saturating_add(step);
        if self.buckets.zone.is_some() {
            let now = self.ahead(time.saturating_sub(1));
            let shift = *ahead - now;
            if shift != 0 {
                if shift.abs() < self.every {
                    time = time.saturating_add(shift);
                }
                *ahead = now;
            }
        }
        time
    }

    fn finish(self) -> Points {
        let beside = self.beside();
        let lanes = if self.points.lanes.is_empty() {
            Vec::new()
        } else {
            self.slots.iter().map(|slot| slot.lane).collect()
        };
        Points {
            times: self.slots.iter().map(|slot| slot.time).collect(),
            column: self.column(),
            beside,
            lanes,
        }
    }

    fn beside(&self) -> Vec<Column> {
        if self.points.beside.is_empty() {
            return Vec::new();
        }
        let row = |slot: &Slot| match slot.content {
            Content::Row(row) => Some(row.0),
            _ => None,
        };
        let rows: Vec<Option<u32>> = self.slots.iter().map(row).collect();
        self.points.beside.iter().map(|column| column.pick_some(&rows)).collect()
    }

    fn column(&self) -> Column {
        let number = match self.with {
            FillWith::Number(number) => Some(number.clone()),
            _ => None,
        };
        match &self.points.column.values {
            Values::Float(values) => {
                let number = match number {
                    Some(Scalar::Float(value)) => value,
                    Some(Scalar::Integer(value)) => integer_to_float(value),
                    _ => 0.0,
                };
                let line = |a: &f64, b: &f64, place: Place| place.slope(*b - *a) + *a;
                let (values, valid) = self.filled(values, &number, line);
                Column { values: Values::Float(values), validity: valid }
            }
            Values::Integer(values) => {
                let number = match number {
                    Some(Scalar::Float(value)) => float_to_integer(value),
                    Some(Scalar::Integer(value)) => value,
                    _ => 0,
                };
                let line = |a: &i64, b: &i64, place: Place| {
                    let rise = integer_to_float(b.wrapping_sub(*a));
                    float_to_integer(place.slope(rise) + integer_to_float(*a))
                };
                let (values, valid) = self.filled(values, &number, line);
                Column { values: Values::Integer(values), validity: valid }
            }
            Values::Boolean(values) => {
                let (values, valid) = self.filled_plain(values, &false);
                Column { values: Values::Boolean(values), validity: valid }
            }
            Values::String(values) => {
                let (values, valid) = self.filled_plain(values, &std::sync::Arc::default());
                Column { values: Values::String(values), validity: valid }
            }
            other => Column { values: other.clone(), validity: Validity::All },
        }
    }

    /// There is no line between texts, nor between booleans: nothing is there.
    fn filled_plain<T: Clone>(&self, values: &[T], number: &T) -> (Vec<T>, Validity) {
        let valid = |slot: &Slot| !matches!(slot.content, Content::Nothing | Content::Between(..));
        let mask = self.slots.iter().map(valid).collect();
        (self.filled(values, number, |a, _, _| a.clone()).0, Validity::of(mask))
    }

    fn filled<T: Clone>(
        &self,
        values: &[T],
        number: &T,
        line: impl Fn(&T, &T, Place) -> T,
    ) -> (Vec<T>, Validity) {
        let value = |row: Row| values.get(row.at()).unwrap_or(number);
        let time = |row: Row| self.time(row.at());
        let each = |slot: &Slot| match slot.content {
            Content::Row(row) | Content::Again(row) => value(row).clone(),
            Content::Nothing | Content::Number => number.clone(),
            Content::Between(before, next) => {
                let place = Place {
                    // Counted in whole buckets, as InfluxDB does.
                    into: slot.time / self.every - time(before) / self.every,
                    across: time(next) / self.every - time(before) / self.every,
                };
                line(value(before), value(next), place)
            }
        };
        let of_row = |row: Row| self.points.column.validity.is_valid(row.at());
        let valid = |slot: &Slot| match slot.content {
            Content::Row(row) | Content::Again(row) => of_row(row),
            Content::Nothing => false,
            Content::Number | Content::Between(..) => true,
        };
        let mask = self.slots.iter().map(valid).collect();
        (self.slots.iter().map(each).collect(), Validity::of(mask))
    }
}

/// A bucket between two others.
#[derive(Clone, Copy)]
struct Place {
    into: i64,
    across: i64,
}

impl Place {
    /// How far a line has risen there that rises so much across.
    fn slope(self, rise: f64) -> f64 {
        rise / integer_to_float(self.across) * integer_to_float(self.into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Interval;

    fn buckets(first: i64, last: i64) -> Buckets {
        let interval = Some(Interval { every: 10, offset: 0 });
        Buckets { interval, zone: None, first, last }
    }

    fn points(times: &[i64], values: &[i64], lanes: &[u32]) -> Points {
        Points {
            times: times.to_vec(),
            column: Column::valid(Values::Integer(values.to_vec())),
            beside: vec![],
            lanes: lanes.to_vec(),
        }
    }

    fn filled(points: &Points, with: &FillWith, ascending: bool) -> Vec<(i64, Option<Scalar>)> {
        let charge = &mut |_| Ok::<(), ()>(());
        let filled = fill(points, &buckets(0, 49), with, ascending, charge).unwrap();
        let column = &filled.column;
        filled.times.iter().enumerate().map(|(row, time)| (*time, column.get(row))).collect()
    }

    fn some(value: i64) -> Option<Scalar> {
        Some(Scalar::Integer(value))
    }

    #[test]
    fn gaps_and_ends() {
        let points = points(&[10, 40], &[1, 7], &[]);
        let nulls = [(0, None), (10, some(1)), (20, None), (30, None), (40, some(7))];
        assert_eq!(filled(&points, &FillWith::Null, true), nulls);
        let previous = [(0, None), (10, some(1)), (20, some(1)), (30, some(1)), (40, some(7))];
        assert_eq!(filled(&points, &FillWith::Previous, true), previous);
        let lines = [(0, None), (10, some(1)), (20, some(3)), (30, some(5)), (40, some(7))];
        assert_eq!(filled(&points, &FillWith::Linear, true), lines);
        let zeros = FillWith::Number(Scalar::Float(0.5));
        assert_eq!(filled(&points, &zeros, true)[0], (0, some(0)));
    }

    #[test]
    fn backwards() {
        let points = points(&[40, 10], &[7, 1], &[]);
        let previous = [(40, some(7)), (30, some(7)), (20, some(7)), (10, some(1)), (0, some(1))];
        assert_eq!(filled(&points, &FillWith::Previous, false), previous);
    }

    #[test]
    fn series_that_alternate_are_filled_again_and_again() {
        let points = points(&[0, 0, 10], &[1, 2, 3], &[0, 1, 0]);
        let charge = &mut |_| Ok::<(), ()>(());
        let filled = fill(&points, &buckets(0, 19), &FillWith::Null, true, charge).unwrap();
        assert_eq!(filled.times, [0, 10, 0, 10, 0, 10]);
        assert_eq!(filled.lanes, [0, 0, 1, 1, 0, 0]);
        assert_eq!(filled.column.get(4), None);
        assert_eq!(filled.column.get(5), some(3));
    }

    #[test]
    fn too_many_are_refused_before_they_are_made() {
        let points = points(&[10], &[1], &[]);
        let charge = &mut |count| if count > 4 { Err(count) } else { Ok(()) };
        assert_eq!(fill(&points, &buckets(0, 49), &FillWith::Null, true, charge), Err(5));
    }
}
