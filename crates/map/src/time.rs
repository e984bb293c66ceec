//! Instants are milliseconds since 1970; reports stand on the grid of intervals.

use std::time::Duration;

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// From one instant to another. What happened at `from` is outside, what at `until` inside: a counter
/// read at an interval's end tells of the interval before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Before its first moment.
    pub from: Millis,
    /// Its last moment.
    pub until: Millis,
}

impl Span {
    /// Its length in milliseconds; 0 where it is empty.
    #[must_use]
    pub const fn length(self) -> i64 {
        let length = self.until.saturating_sub(self.from);
        if length > 0 { length } else { 0 }
    }

    /// Its length in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact to 285,000 years")]
    pub fn seconds(self) -> f64 {
        self.length() as f64 / 1e3
    }

    /// Whether the instant lies within.
    #[must_use]
    pub const fn contains(self, at: Millis) -> bool {
        self.from < at && at <= self.until
    }

    /// What lies in both; empty where nothing does.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// Which share of this lies in `other`, 0 to 1; 0 where this is empty.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact to 285,000 years")]
    pub fn share_in(self, other: Self) -> f64 {
        let whole = self.length();
        if whole == 0 { 0.0 } else { self.within(other).length() as f64 / whole as f64 }
    }
}

/// The instants at which agents look: whole multiples of the interval. A report belongs to the nearest,
/// so that a clock that is a little off, or a look that took long, doesn't tear holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid(i64);

/// A place on the [`Grid`].
pub type Slot = i64;

impl Grid {
    /// What agents do unless told otherwise.
    pub const TEN_SECONDS: Self = Self(10_000);

    /// Of this interval, at least a millisecond.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4))
    }

    /// The interval in milliseconds.
    #[must_use]
    pub const fn interval(self) -> i64 {
        self.0
    }

    /// The slot that a report belongs to.
    #[must_use]
    pub const fn slot(self, at: Millis) -> Slot {
        // Half an interval after is the slot before's: its report was late.
        at.saturating_add((self.0 - 1) / 2).div_euclid(self.0)
    }

    /// A slot's instant.
    #[must_use]
    pub const fn time(self, slot: Slot) -> Millis {
        slot.saturating_mul(self.0)
    }

    /// The last slot at or before an instant.
    #[must_use]
    pub const fn floor(self, at: Millis) -> Slot {
        at.div_euclid(self.0)
    }

    /// From one slot to another.
    #[must_use]
    pub const fn span(self, from: Slot, until: Slot) -> Span {
        Span { from: self.time(from), until: self.time(until) }
    }
}

/// How long, for a sentence: "12 minutes".
#[must_use]
pub fn in_words(millis: i64) -> String {
    let seconds = millis.max(0) / 1_000;
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_belongs_to_the_nearest_instant() {
        let grid = Grid::new(Duration::from_secs(10));
        for (at, slot) in [
            (10_000, 1),
            (12_000, 1),
            (15_000, 1),
            (15_001, 2),
            (7_000, 1),
            (5_001, 1),
            (5_000, 0),
            (-1, 0),
        ] {
            assert_eq!(grid.slot(at), slot, "{at}");
        }
        assert_eq!((grid.floor(19_999), grid.floor(-1)), (1, -1));
    }

    #[test]
    fn shares_of_a_span_add_up() {
        let whole = Span { from: 0, until: 10_000 };
        let parts = [(0, 3_000), (3_000, 10_000)].map(|(from, until)| Span { from, until });
        let sum: f64 = parts.iter().map(|part| whole.share_in(*part)).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        assert!(whole.share_in(Span { from: 10_000, until: 20_000 }).abs() < f64::EPSILON);
        assert!(!whole.contains(0) && whole.contains(10_000));
    }
}
