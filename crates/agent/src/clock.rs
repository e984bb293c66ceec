//! Time comes in as a value, so that no test sleeps and every look can be placed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use svcflow_model::Timestamp;

/// Where the agent gets the time of day from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanoseconds(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The next instant after `now` that is a whole number of intervals from 1970: agents of one cluster
/// look together, and a jump of the clock moves the next look but skips no counter.
#[must_use]
pub fn next_aligned(now: Timestamp, interval: Duration) -> Timestamp {
    let step = nanoseconds(interval).max(1);
    let passed = now.0.rem_euclid(step);
    Timestamp(now.0.saturating_add(step - passed))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let seconds = at.seconds();
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let milliseconds = at.0.rem_euclid(1_000_000_000) / 1_000_000;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Days since 1970-01-01 as year, month, day (Howard Hinnant's `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_fall_on_whole_intervals() {
        let ten = Duration::from_secs(10);
        let second = 1_000_000_000;
        assert_eq!(next_aligned(Timestamp(1), ten), Timestamp(10 * second));
        assert_eq!(next_aligned(Timestamp(10 * second), ten), Timestamp(20 * second));
        assert_eq!(next_aligned(Timestamp(19_999_999_999), ten), Timestamp(20 * second));
        assert_eq!(next_aligned(Timestamp(-1), ten), Timestamp(0));
    }

    #[test]
    fn dates_are_the_calendars() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(951_827_696_789_000_000)), "2000-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(Timestamp(1_798_761_599_000_000_000)), "2026-12-31T23:59:59.000Z");
    }
}
