//! Time zones, and instants as text.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const SECOND: i64 = 1_000_000_000;

/// A time zone by its name in the tz database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Looks a zone up. Names are told apart by case, as InfluxDB does.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self(TimeZone::UTC));
        }
        let zone = TimeZone::get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Self(zone))
    }

    /// How far local clocks are ahead of UTC at an instant; both in nanoseconds.
    #[must_use]
    pub fn offset(&self, instant: i64) -> i64 {
        let instant = Timestamp::from_nanosecond(i128::from(instant)).unwrap_or_default();
        i64::from(self.0.to_offset(instant).seconds()) * SECOND
    }

    /// The instant at which local clocks show this much since 1970-01-01 00:00. Where they do so twice or
    /// never, the instant that Go's `time.Date` chooses.
    #[must_use]
    pub fn instant(&self, local: i128) -> i128 {
        let offset_at = |instant: i128| {
            let clamped = instant.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            i128::from(self.offset(i64::try_from(clamped).unwrap_or_default()))
        };
        let first = offset_at(local);
        local - offset_at(local - first)
    }
}

/// Writes an instant as RFC 3339, with as many digits of the second as it needs.
pub fn write_time(out: &mut Vec<u8>, instant: i64, zone: Option<&Zone>) {
    let offset = zone.map_or(0, |zone| zone.offset(instant));
    // In 128 bits: the first and the last representable hours have local times beyond 64.
    let local = i128::from(instant) + i128::from(offset);
    let second = i64::try_from(local.div_euclid(i128::from(SECOND))).unwrap_or_default();
    let nanos = u32::try_from(local.rem_euclid(i128::from(SECOND))).unwrap_or_default();
    let (year, month, day) = civil_date(second.div_euclid(86_400));
    let time = second.rem_euclid(86_400);
    digits(out, year, 4);
    for (before, value) in [(b'-', month), (b'-', day)] {
        out.push(before);
        digits(out, value, 2);
    }
    for (before, value) in [(b'T', time / 3600), (b':', time / 60 % 60), (b':', time % 60)] {
        out.push(before);
        digits(out, value, 2);
    }
    if nanos > 0 {
        out.push(b'.');
        digits(out, i64::from(nanos), 9);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    match offset / SECOND / 60 {
        0 => out.push(b'Z'),
        minutes => {
            out.push(if minutes < 0 { b'-' } else { b'+' });
            digits(out, minutes.abs() / 60, 2);
            out.push(b':');
            digits(out, minutes.abs() % 60, 2);
        }
    }
}

/// Decimal digits, with zeros in front up to a width.
fn digits(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = u8::try_from(value / 10_i64.pow(place) % 10).unwrap_or_default();
        out.push(b'0' + digit);
    }
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar.
fn civil_date(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the day that is sometimes missing is a year's last.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

/// The day since 1970-01-01 of a date that exists.
pub(crate) fn days_of_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    Some(era * 146_097 + of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(instant: i64, zone: Option<&Zone>) -> String {
        let mut out = Vec::new();
        write_time(&mut out, instant, zone);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_digits_needed() {
        assert_eq!(text(0, None), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_500_000_000, None), "1970-01-01T00:00:01.5Z");
        assert_eq!(text(-1, None), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(951_782_400 * SECOND, None), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn the_ends_of_time() {
        assert_eq!(text(i64::MIN + 2, None), "1677-09-21T00:12:43.145224194Z");
        assert_eq!(text(i64::MAX - 1, None), "2262-04-11T23:47:16.854775806Z");
        let chicago = Zone::named("America/Chicago").unwrap();
        // Before 1883 the zone has local mean time, 5:50:36 behind.
        assert!(text(i64::MIN + 2, Some(&chicago)).starts_with("1677-09-20T18:22:07"));
    }

    #[test]
    fn zones_shift_text() {
        let chicago = Zone::named("America/Chicago").unwrap();
        assert_eq!(text(1_493_614_800 * SECOND, Some(&chicago)), "2017-05-01T00:00:00-05:00");
        let kathmandu = Zone::named("Asia/Kathmandu").unwrap();
        assert_eq!(text(0, Some(&kathmandu)), "1970-01-01T05:30:00+05:30");
        let utc = Zone::named("UTC").unwrap();
        assert_eq!(text(0, Some(&utc)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn names_are_told_apart_by_case() {
        assert!(Zone::named("america/chicago").is_none());
        assert!(Zone::named("Nowhere/Land").is_none());
        assert!(Zone::named("").is_some());
    }

    #[test]
    fn dates_there_and_back() {
        for day in (-110_000..110_000).step_by(97) {
            let (year, month, of_month) = civil_date(day);
            assert_eq!(days_of_date(year, month, of_month), Some(day));
        }
        assert_eq!(days_of_date(2001, 2, 29), None);
        assert_eq!(days_of_date(2001, 13, 1), None);
    }

    #[test]
    fn local_times_around_a_change_of_clocks() {
        // Berlin's clocks went from 02:00 to 03:00 on 2021-03-28 and from 03:00 to 02:00 on 2021-10-31.
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let local = |day: i64, hour: i64| i128::from((day * 86_400 + hour * 3600) * SECOND);
        let spring = days_of_date(2021, 3, 28).unwrap();
        assert_eq!(berlin.instant(local(spring, 1)), local(spring, 0));
        assert_eq!(berlin.instant(local(spring, 4)), local(spring, 2));
        let autumn = days_of_date(2021, 10, 31).unwrap();
        assert_eq!(berlin.instant(local(autumn, 1)), local(autumn - 1, 23));
        assert_eq!(berlin.instant(local(autumn, 4)), local(autumn, 3));
    }
}
