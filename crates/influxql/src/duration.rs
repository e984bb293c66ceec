//! Durations to text and back. There are no months and no fractions.

use std::fmt;
use std::str::FromStr;

use crate::Duration;

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The units, the largest first, as Display writes them.
const UNITS: [(&str, i64); 8] = [
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
    ("u", MICROSECOND),
    ("ns", 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not digits and a unit, or not that several times.
    #[error("invalid duration")]
    Syntax,
    /// Beyond 292 years.
    #[error("duration too long")]
    Overflow,
}

impl FromStr for Duration {
    type Err = DurationError;

    /// Reads `90m`, `1h30m`, `-5s`, …: whole numbers of `w d h m s ms u µ ns`.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut total = 0_i64;
        loop {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::Syntax)?;
            let (count, unit_and_rest) = rest.split_at(digits);
            let count: i64 = count.parse().map_err(|_| DurationError::Syntax)?;
            let (unit, after) = unit(unit_and_rest).ok_or(DurationError::Syntax)?;
            total = count
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or(DurationError::Overflow)?;
            if after.is_empty() {
                return Ok(Self(if negative { -total } else { total }));
            }
            rest = after;
        }
    }
}

/// The unit that the text begins with, in nanoseconds, and what follows.
fn unit(text: &str) -> Option<(i64, &str)> {
    // `ms` and `ns` before `m`, and no `n` alone.
    let known = UNITS.iter().copied().chain([("µ", MICROSECOND)]);
    let (name, nanoseconds) =
        known.filter(|(name, _)| text.starts_with(name)).max_by_key(|(name, _)| name.len())?;
    Some((nanoseconds, text.get(name.len()..)?))
}

impl fmt::Display for Duration {
    /// As InfluxDB: in the largest unit that divides it, so `1h30m` is `90m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (name, unit) = UNITS.iter().find(|(_, unit)| self.0 % unit == 0).unwrap_or(&("ns", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, nanoseconds) in [
            ("1ns", 1),
            ("1u", MICROSECOND),
            ("1µ", MICROSECOND),
            ("1ms", MILLISECOND),
            ("1m", MINUTE),
            ("1h30m", 90 * MINUTE),
            ("1w2d3h4m5s6ms7u8ns", WEEK + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND + 6_007_008),
            ("1m1ms", MINUTE + MILLISECOND),
            ("-1h", -HOUR),
            ("9223372036854775807ns", i64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Duration(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn the_rest_is_refused() {
        for text in [
            "",
            "-",
            "1",
            "h",
            "1x",
            "1n",
            "1us",
            "1h3",
            "1.5h",
            "1h-1m",
            "99999999999999999999s",
            "1 h",
            "1y",
        ] {
            assert_eq!(text.parse::<Duration>(), Err(DurationError::Syntax), "{text}");
        }
        for text in ["9223372037s", "15251w", "9223372036854775807ns1ns"] {
            assert_eq!(text.parse::<Duration>(), Err(DurationError::Overflow), "{text}");
        }
    }

    #[test]
    fn prints_as_influxdb_does() {
        for (text, printed) in [
            ("0h", "0s"),
            ("1h30m", "90m"),
            ("7d", "1w"),
            ("1000u", "1ms"),
            ("-24h", "-1d"),
            ("1s1ns", "1000000001ns"),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), printed);
        }
    }
}
