use std::str::FromStr;

use crate::{Reason, TIME_MAX, TIME_MIN};

/// The unit of a request's timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `ns` or `n`, and where none is given.
    #[default]
    Nanosecond,
    /// `us` or `u`.
    Microsecond,
    /// `ms`.
    Millisecond,
    /// `s`.
    Second,
    /// `m`.
    Minute,
    /// `h`.
    Hour,
}

/// A word that is no [`Precision`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid precision \"{0}\": use ns, us, ms, s, m or h")]
pub struct UnknownPrecision(pub String);

impl Precision {
    /// Nanoseconds of one unit.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }

    /// The time of a timestamp, in nanoseconds since the epoch.
    ///
    /// # Errors
    /// [`Reason::TimeOutOfRange`].
    pub fn time(self, timestamp: i64) -> Result<i64, Reason> {
        let time = timestamp.checked_mul(self.nanoseconds()).ok_or(Reason::TimeOutOfRange)?;
        if (TIME_MIN..=TIME_MAX).contains(&time) { Ok(time) } else { Err(Reason::TimeOutOfRange) }
    }

    /// The begin of the unit that `time` is in.
    #[must_use]
    pub const fn truncate(self, time: i64) -> i64 {
        time.saturating_sub(time.rem_euclid(self.nanoseconds()))
    }
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    /// Reads InfluxDB's names; the empty word is the default.
    fn from_str(word: &str) -> Result<Self, UnknownPrecision> {
        Ok(match word {
            "" | "n" | "ns" => Self::Nanosecond,
            "u" | "us" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            _ => return Err(UnknownPrecision(word.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_in_range() {
        assert_eq!(Precision::Hour.time(-5), Ok(-18_000_000_000_000));
        assert_eq!(Precision::Second.time(9_999_999_999_999_999), Err(Reason::TimeOutOfRange));
        assert_eq!(Precision::Nanosecond.time(i64::MAX), Err(Reason::TimeOutOfRange));
        assert_eq!(Precision::Nanosecond.time(TIME_MIN), Ok(TIME_MIN));
        assert_eq!(Precision::Nanosecond.time(TIME_MIN - 1), Err(Reason::TimeOutOfRange));
        assert_eq!(Precision::Second.truncate(-1), -1_000_000_000);
        assert_eq!(Precision::Millisecond.truncate(1_999_999), 1_000_000);
    }
}
