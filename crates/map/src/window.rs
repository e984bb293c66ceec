//! Which time is asked for.

use crate::document::Range;
use crate::time::{Grid, Millis, Span};

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
}

/// The range that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The range.
    pub span: Span,
    /// The instant that rates are of.
    pub at: Millis,
    /// What rates are taken over: the last whole interval that ended at or before `at`.
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
    /// What is answered to what is asked: clipped to the last accounted interval.
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
        let span = Span { from, until };
        let at = asked.at.unwrap_or(until).clamp(from, until);
        let slot = clock.grid.floor(at);
        Ok(Self { span, at, step: clock.grid.span(slot - 1, slot), clock })
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
