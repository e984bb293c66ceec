//! Buckets of time: where they begin and end (InfluxDB's `IteratorOptions.Window`).

use std::ops::Range;

use crate::Zone;
use crate::plan::{Interval, MAX_TIME, MIN_TIME};

/// Buckets of a width, or a single one from the first instant to the last.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    pub(crate) interval: Option<Interval>,
    /// Days begin at midnight there, if the buckets are days.
    pub(crate) zone: Option<Zone>,
    /// What is asked for; the only bucket where there is no width. Both included.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Buckets {
    /// The bucket that an instant lies in: its beginning, and the instant behind its end.
    pub(crate) fn bucket(&self, time: i64) -> (i64, i64) {
        let Some(interval) = self.interval else {
            return (self.first, self.last.saturating_add(1));
        };
        let time = time.wrapping_sub(interval.offset);
        match &self.zone {
            None => plain(time, interval),
            Some(zone) => zoned(time, interval, zone),
        }
    }

    /// The beginning of the bucket that an instant lies in.
    pub(crate) fn start(&self, time: i64) -> i64 {
        self.bucket(time).0
    }

    /// Cuts instants into runs that lie in one bucket each, and calls `each` with the bucket's beginning
    /// and the rows. Instants may be in any order: a run ends where an instant leaves the bucket.
    pub(crate) fn runs(&self, times: &[i64], mut each: impl FnMut(i64, Range<usize>)) {
        let Some(first) = times.first() else { return };
        let simple = self.zone.is_none();
        let every = self.interval.map_or(0, |interval| interval.every);
        let (mut start, mut end) = self.bucket(*first);
        let mut from = 0;
        for (row, time) in times.iter().enumerate() {
            if (start..end).contains(time) {
                continue;
            }
            each(start, from..row);
            from = row;
            // Mostly the next bucket is the one behind; that needs no division.
            let next = end.wrapping_add(every);
            if simple && end > start && next > end && (end..next).contains(time) && next < MAX_TIME
            {
                (start, end) = (end, next);
            } else {
                (start, end) = self.bucket(*time);
            }
        }
        each(start, from..times.len());
    }
}

fn plain(time: i64, interval: Interval) -> (i64, i64) {
    let into = time.rem_euclid(interval.every);
    let start = if MIN_TIME.saturating_add(into) >= time { MIN_TIME } else { time - into };
    (
        start.wrapping_add(interval.offset),
        end_of(time, into, interval).wrapping_add(interval.offset),
    )
}

const fn end_of(time: i64, into: i64, interval: Interval) -> i64 {
    let left = interval.every - into;
    if MAX_TIME - left <= time { MAX_TIME } else { time + left }
}

fn zoned(time: i64, interval: Interval, zone: &Zone) -> (i64, i64) {
    let ahead = zone.offset(time);
    let into = time.wrapping_add(ahead).rem_euclid(interval.every);
    let mut start = if MIN_TIME.saturating_add(into) >= time { MIN_TIME } else { time - into };
    // The clocks may have been changed since the bucket began.
    let shift = ahead - zone.offset(start);
    if shift != 0 && shift.abs() < interval.every {
        start += shift;
    }
    let mut end = end_of(time, into, interval);
    let at_end = zone.offset(end);
    let shift = ahead - at_end;
    // Hours that are there twice belong to the bucket before, hours that are left out to the one behind.
    let within = shift > 0 || zone.offset(end.wrapping_add(shift)) == at_end;
    if shift != 0 && shift.abs() < interval.every && within {
        end = end.wrapping_add(shift);
    }
    (start.wrapping_add(interval.offset), end.wrapping_add(interval.offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOUR: i64 = 3600 * SECOND;

    fn buckets(every: i64, offset: i64, zone: Option<&str>) -> Buckets {
        Buckets {
            interval: Some(Interval { every, offset }),
            zone: zone.and_then(Zone::named),
            first: 0,
            last: 100,
        }
    }

    #[test]
    fn times_before_1970_belong_to_the_bucket_that_began_before_them() {
        let ten = buckets(10, 0, None);
        assert_eq!(ten.bucket(-1), (-10, 0));
        assert_eq!(ten.bucket(-10), (-10, 0));
        assert_eq!(ten.bucket(0), (0, 10));
        assert_eq!(buckets(10, 3, None).bucket(0), (-7, 3));
        assert_eq!(buckets(10, -3, None).bucket(0), (-3, 7));
    }

    #[test]
    fn the_ends_of_time() {
        let hour = buckets(HOUR, 0, None);
        assert_eq!(hour.bucket(MIN_TIME).0, MIN_TIME);
        assert_eq!(hour.bucket(MAX_TIME).1, MAX_TIME);
        let single = Buckets { interval: None, zone: None, first: MIN_TIME, last: MAX_TIME };
        assert_eq!(single.bucket(5), (MIN_TIME, i64::MAX));
    }

    #[test]
    fn days_follow_the_clocks() {
        // 2021-03-28 has 23 hours in Berlin, 2021-10-31 has 25.
        let day = buckets(24 * HOUR, 0, Some("Europe/Berlin"));
        let at = |text: &str| i64::try_from(crate::plan::parse_time(text, None).unwrap()).unwrap();
        let (start, end) = day.bucket(at("2021-03-28 12:00:00"));
        assert_eq!((start, end), (at("2021-03-27 23:00:00"), at("2021-03-28 22:00:00")));
        let (start, end) = day.bucket(at("2021-10-31 12:00:00"));
        assert_eq!((start, end), (at("2021-10-30 22:00:00"), at("2021-10-31 23:00:00")));
        assert_eq!(day.bucket(at("2021-10-31 22:30:00")), (start, end));
    }

    #[test]
    fn runs_are_what_bucket_says() {
        for zone in [None, Some("Europe/Berlin")] {
            let ten = buckets(10 * SECOND, SECOND, zone);
            let times: Vec<i64> =
                [-31, -30, -5, 0, 1, 2, 10, 11, 12, 21, 95, 3].map(|it| it * SECOND).to_vec();
            let mut seen = Vec::new();
            ten.runs(&times, |start, rows| {
                assert!(!rows.is_empty());
                for time in &times[rows.clone()] {
                    assert_eq!(ten.start(*time), start);
                }
                seen.extend(rows);
            });
            assert_eq!(seen, (0..times.len()).collect::<Vec<_>>());
        }
    }
}
