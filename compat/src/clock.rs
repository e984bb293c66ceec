//! The instant that a scenario calls now, and the placeholders that stand for times near it.

use std::time::{SystemTime, UNIX_EPOCH};

/// One instant, the same for every step of a scenario and for both servers. Nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now(pub i64);

/// Nanoseconds of each unit that a duration may have.
const UNITS: [(&str, i64); 6] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

impl Now {
    /// The system's clock.
    pub fn system() -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// The instant that `now`, `now-30s` or `now+5m` stands for, as a count of `precision` (a precision of `/write`,
    /// nanoseconds where none is given); `None` where the text is no such expression.
    pub(crate) fn resolve(self, text: &str, precision: Option<&str>) -> Option<i64> {
        let rest = text.strip_prefix("now")?;
        let offset = match rest.as_bytes().first() {
            None => 0,
            Some(b'-') => -duration(rest.get(1..)?)?,
            Some(b'+') => duration(rest.get(1..)?)?,
            Some(_) => return None,
        };
        let unit = match precision {
            None | Some("n" | "ns" | "") => 1,
            Some("u" | "us") => 1_000,
            Some(name) => UNITS.iter().find(|(unit, _)| *unit == name)?.1,
        };
        Some((self.0 + offset).div_euclid(unit))
    }
}

fn duration(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok()?.checked_mul(*nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_offsets_in_the_precision_asked_for() {
        let now = Now(100_000_000_123);
        assert_eq!(now.resolve("now", None), Some(100_000_000_123));
        assert_eq!(now.resolve("now-30s", None), Some(70_000_000_123));
        assert_eq!(now.resolve("now-30s", Some("s")), Some(70));
        assert_eq!(now.resolve("now+1m", Some("ms")), Some(160_000));
        for text in ["then", "now-", "now-5", "now-5x", "now*2"] {
            assert_eq!(now.resolve(text, None), None, "{text}");
        }
    }
}
