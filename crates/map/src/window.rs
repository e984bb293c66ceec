//! Which time is asked for.

use crate::document::Range;
use crate::time::{Buckets, Grid, Millis, Span};

/// The range where none is asked for.
const DEFAULT_LENGTH: i64 = 5 * 60 * 1_000;

/// What a request says about time; each part may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The start, or, where negative, milliseconds before the end.
    pub from: Option<Millis>,
    /// The end.
    pub until: Option<Millis>,
    /// The instant that rates are of.
    pub at: Option<Millis>,
}

/// What time it is, and how far the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    /// Now.
    pub now: Millis,
    /// The end of the last accounted interval; `None` where there is none yet.
    pub latest: Option<Millis>,
    /// Where the oldest data that is kept begins.
    pub earliest: Option<Millis>,
    /// The agents' interval.
    pub grid: Grid,
    /// Up to when only sums of many intervals are kept, if so.
    pub summed: Option<Buckets>,
}

/// The range that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The range.
    pub span: Span,
    /// The instant that rates are of.
    pub at: Millis,
    /// What rates are taken over: the last whole interval that ended at or before `at`; where only sums of many
    /// are kept, all that one is the sum of.
    pub step: Span,
    /// What time it is.
    pub clock: Clock,
}

/// The range holds no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range is empty: `from` must be before `until`, and data ends at {latest}")]
pub struct EmptyRange {
    /// Where data ends.
    pub latest: Millis,
}

impl Window {
    /// What is answered to what is asked: clipped to the last accounted interval, and widened to whole buckets where
    /// only these are kept.
    ///
    /// # Errors
    /// Where nothing is left.
    pub fn of(asked: Asked, clock: Clock) -> Result<Self, EmptyRange> {
        let latest = clock.latest.unwrap_or(clock.now);
        let until = asked.until.unwrap_or(latest).min(latest);
        let from = asked.from.unwrap_or(-DEFAULT_LENGTH);
        let from = if from < 0 { until.saturating_add(from) } else { from };
        if from >= until {
            return Err(EmptyRange { latest });
        }
        let at = asked.at.unwrap_or(until).clamp(from, until);
        let slot = clock.grid.floor(at);
        let summed = |at: Millis| clock.summed.filter(|buckets| buckets.tell_of(at));
        let step = match summed(clock.grid.time(slot)) {
            Some(buckets) => buckets.ending_at(buckets.floor(at)),
            None => clock.grid.span(slot - 1, slot),
        };
        let span = Span {
            from: summed(from.saturating_add(1)).map_or(from, |buckets| buckets.floor(from)),
            until: summed(until).map_or(until, |buckets| buckets.ceil(until)),
        };
        Ok(Self { span, at, step, clock })
    }

    /// What a part of the range was summed up to, where it begins before each interval is kept.
    #[must_use]
    pub fn summed(&self) -> Option<Buckets> {
        self.clock.summed.filter(|buckets| self.span.from < buckets.end())
    }

    /// Milliseconds between readings, where they are furthest apart.
    #[must_use]
    pub fn resolution(&self) -> i64 {
        self.summed().map_or(self.clock.grid.interval(), Buckets::every)
    }

    /// As it is answered.
    #[must_use]
    pub fn range(&self) -> Range {
        Range {
            from: self.span.from,
            until: self.span.until,
            at: self.at,
            step: self.step.length(),
            interval: self.clock.grid.interval(),
            resolution: self.resolution(),
            earliest: self.clock.earliest,
            latest: self.clock.latest,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CLOCK: Clock = Clock {
        now: 1_000_005_000,
        latest: Some(1_000_000_000),
        earliest: Some(900_000_000),
        grid: GRID,
        summed: None,
    };
    const GRID: Grid = Grid::TEN_SECONDS;

    fn window(from: Option<i64>, until: Option<i64>, at: Option<i64>) -> Window {
        Window::of(Asked { from, until, at }, CLOCK).unwrap()
    }

    #[test]
    fn the_last_five_minutes_are_the_default() {
        let window = window(None, None, None);
        assert_eq!(window.span, Span { from: 999_700_000, until: 1_000_000_000 });
        assert_eq!(window.step, Span { from: 999_990_000, until: 1_000_000_000 });
        assert_eq!(window.range().step, 10_000);
        assert_eq!(GRID, Grid::new(Duration::from_secs(10)));
    }

    #[test]
    fn a_range_is_clipped_to_what_is_accounted_and_at_to_the_range() {
        assert_eq!(window(Some(-60_000), Some(2_000_000_000), None).span.from, 999_940_000);
        let past = window(Some(950_000_000), Some(960_005_000), Some(0));
        assert_eq!((past.at, past.step.until), (950_000_000, 950_000_000));
        let past = window(Some(950_000_000), Some(960_005_000), None);
        assert_eq!(past.step, Span { from: 959_990_000, until: 960_000_000 }, "a whole step");
    }

    #[test]
    fn where_buckets_are_kept_whole_ones_are_answered() {
        // Their last end: 949,790 s.
        let summed = Some(Buckets::new(GRID, Duration::from_secs(600), 949_800_000));
        let clock = Clock { summed, ..CLOCK };
        let window = |from, until, at| {
            let window = Window::of(Asked { from: Some(from), until: Some(until), at }, clock);
            let window = window.unwrap();
            let Span { from, until } = window.span;
            ((from, until), (window.step.from, window.step.until), window.resolution())
        };
        let past = window(940_000_000, 941_000_000, None);
        assert_eq!(past, ((939_590_000, 941_390_000), (940_190_000, 940_790_000), 600_000));
        // Whole ones already.
        let whole = window(939_590_000, 940_190_000, None);
        assert_eq!(whole, ((939_590_000, 940_190_000), (939_590_000, 940_190_000), 600_000));
        // Over both: rates are of the last interval, or of the bucket.
        let both = window(949_500_000, 960_000_000, None);
        assert_eq!(both, ((949_190_000, 960_000_000), (959_990_000, 960_000_000), 600_000));
        let past = window(949_500_000, 960_000_000, Some(949_795_000));
        assert_eq!(past.1, (949_190_000, 949_790_000));
        // From the seam on.
        let seam = window(949_790_000, 949_830_000, Some(949_800_000));
        assert_eq!(seam, ((949_790_000, 949_830_000), (949_790_000, 949_800_000), 10_000));
        for at in [i64::MIN, i64::MIN + 1, 0, i64::MAX] {
            let asked = Asked { from: Some(i64::MIN), until: Some(i64::MAX), at: Some(at) };
            assert!(Window::of(asked, clock).unwrap().span.from < 0);
        }
    }

    #[test]
    fn an_empty_range_is_refused_and_the_widest_is_not() {
        for (from, until) in [(5, 5), (1_000_000_000, 1_100_000_000), (i64::MAX, 0), (7, i64::MIN)]
        {
            let asked = Asked { from: Some(from), until: Some(until), at: None };
            assert!(Window::of(asked, CLOCK).is_err(), "{from} {until}");
        }
        assert_eq!(window(Some(i64::MIN), None, None).span.from, i64::MIN + 1_000_000_000);
        let empty = Clock { latest: None, ..CLOCK };
        assert_eq!(Window::of(Asked::default(), empty).unwrap().span.until, CLOCK.now);
    }
}
