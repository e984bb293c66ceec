//! Texts that are instants.

use crate::Zone;
use crate::zone::days_of_date;

/// Why a text isn't an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeLiteralError {
    /// It doesn't look like one: doesn't begin with a date.
    NotATime,
    /// It begins like one, but isn't: InfluxDB's `invalid timestamp string`.
    Invalid,
}

const SECOND: i128 = 1_000_000_000;

/// The instant of `2006-01-02`, `2006-01-02 15:04:05.999` (in the zone), or RFC 3339, in nanoseconds since
/// 1970-01-01 UTC.
pub(crate) fn parse_time(text: &str, zone: Option<&Zone>) -> Result<i128, TimeLiteralError> {
    let mut rest = Rest(text.as_bytes());
    let date = rest.date_shape().ok_or(TimeLiteralError::NotATime)?;
    let day = days_of_date(date.0, date.1, date.2).ok_or(TimeLiteralError::Invalid)?;
    let local_day = i128::from(day) * 86_400 * SECOND;
    if rest.0.is_empty() {
        return Ok(in_zone(local_day, zone));
    }
    let instant = match rest.byte() {
        Some(b' ') => rest
            .time_of_day()
            .filter(|_| rest.0.is_empty())
            .map(|time| in_zone(local_day + time, zone)),
        Some(b'T') => rest.time_of_day().and_then(|time| {
            let offset = rest.offset().filter(|_| rest.0.is_empty())?;
            Some(local_day + time - offset)
        }),
        _ => None,
    };
    instant.ok_or(TimeLiteralError::Invalid)
}

fn in_zone(local: i128, zone: Option<&Zone>) -> i128 {
    zone.map_or(local, |zone| zone.instant(local))
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self.byte().filter(u8::is_ascii_digit)?;
            value = value * 10 + i64::from(digit - b'0');
        }
        Some(value)
    }

    /// `2006-01-02`, whether or not there is such a day.
    fn date_shape(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.number(4)?;
        self.expect(b'-')?;
        let month = self.number(2)?;
        self.expect(b'-')?;
        Some((year, month, self.number(2)?))
    }

    /// `15:04:05.999`, in nanoseconds. The hour may be a single digit, as Go lets it.
    fn time_of_day(&mut self) -> Option<i128> {
        let hour = if self.0.get(1) == Some(&b':') { self.number(1)? } else { self.number(2)? };
        self.expect(b':')?;
        let minute = self.number(2)?;
        self.expect(b':')?;
        let second = self.number(2)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nanos = self.fraction()?;
        Some(i128::from(hour * 3600 + minute * 60 + second) * SECOND + nanos)
    }

    /// `.999`; digits beyond nanoseconds are left out.
    fn fraction(&mut self) -> Option<i128> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.byte();
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, rest) = self.0.split_at_checked(digits).filter(|_| digits > 0)?;
        self.0 = rest;
        let padded =
            fraction.iter().map(|digit| i128::from(digit - b'0')).chain(std::iter::repeat(0));
        Some(padded.take(9).fold(0, |value, digit| value * 10 + digit))
    }

    /// `Z` or `+07:00`, in nanoseconds.
    fn offset(&mut self) -> Option<i128> {
        let sign = match self.byte()? {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.expect(b':')?;
        let minutes = self.number(2)?;
        Some(sign * i128::from(hours * 3600 + minutes * 60) * SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes() {
        let at = |text| parse_time(text, None);
        assert_eq!(at("1970-01-02"), Ok(86_400 * SECOND));
        assert_eq!(at("1970-01-01 00:00:01.5"), Ok(1_500_000_000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(at("1970-01-01T00:00:00.123456789Z"), Ok(123_456_789));
        assert_eq!(at("1970-01-01 5:00:00"), Ok(5 * 3600 * SECOND));
        assert_eq!(at("1970-01-01T00:00:00"), Err(TimeLiteralError::Invalid));
        assert_eq!(at("1970-02-30"), Err(TimeLiteralError::Invalid));
        assert_eq!(at("1970-01-01 25:00:00"), Err(TimeLiteralError::Invalid));
        assert_eq!(at("1970-1-1"), Err(TimeLiteralError::NotATime));
        assert_eq!(at("one"), Err(TimeLiteralError::NotATime));
        assert_eq!(at(""), Err(TimeLiteralError::NotATime));
    }

    #[test]
    fn texts_without_a_zone_are_in_the_statements() {
        let chicago = Zone::named("America/Chicago").unwrap();
        assert_eq!(parse_time("2017-05-01", Some(&chicago)), Ok(1_493_614_800 * SECOND));
        assert_eq!(parse_time("1970-01-01T00:00:00Z", Some(&chicago)), Ok(0));
    }
}
