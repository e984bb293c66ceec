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

/// What is known of the time before an instant: not each look of the agents, but one reading for each bucket of
/// time, with what every edge added in it. A bucket's reading tells of all looks within the bucket, so that it is as
/// good as the last of them: at 11:59:50 where buckets are ten minutes and looks ten seconds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Buckets {
    grid: Grid,
    every: i64,
    end: Millis,
}

impl Buckets {
    /// Of this width, for looks on this grid; there are none from `end` on.
    #[must_use]
    pub fn new(grid: Grid, every: Duration, end: Millis) -> Self {
        let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX / 4);
        let every = every.clamp(1, i64::MAX / 4).max(grid.interval());
        let mut buckets = Self { grid, every, end: Millis::MAX };
        buckets.end = buckets.floor(end.saturating_sub(1));
        buckets
    }

    /// The width of one in milliseconds; at least the agents' interval.
    #[must_use]
    pub const fn every(self) -> i64 {
        self.every
    }

    /// The last instant that is told of by a bucket.
    #[must_use]
    pub const fn end(self) -> Millis {
        self.end
    }

    /// The last instant that the bucket which `at` lies in tells of.
    #[must_use]
    pub const fn told_at(self, at: Millis) -> Millis {
        let first = self.first(at);
        self.grid.time(self.grid.floor(first.saturating_add(self.every - 1)))
    }

    /// The first instant of the bucket that `at` lies in.
    #[must_use]
    pub const fn first(self, at: Millis) -> Millis {
        at.div_euclid(self.every).saturating_mul(self.every)
    }

    /// The last bucket's end at or before an instant that buckets tell of.
    #[must_use]
    pub const fn floor(self, at: Millis) -> Millis {
        let told = self.told_at(at);
        if told <= at { told } else { self.told_at(self.first(at).saturating_sub(1)) }
    }

    /// The first bucket's end at or after an instant that buckets tell of.
    #[must_use]
    pub const fn ceil(self, at: Millis) -> Millis {
        let floor = self.floor(at);
        if floor >= at { floor } else { self.told_at(self.first(floor).saturating_add(self.every)) }
    }

    /// Whether buckets tell of what was before this instant.
    #[must_use]
    pub const fn tell_of(self, at: Millis) -> bool {
        at <= self.end
    }

    /// The whole bucket that ends at an instant, where one does.
    #[must_use]
    pub const fn ending_at(self, at: Millis) -> Span {
        Span { from: self.floor(at.saturating_sub(1)), until: at }
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
    fn a_bucket_tells_of_its_last_look() {
        let minute = Duration::from_secs(60);
        let buckets = Buckets::new(Grid::TEN_SECONDS, minute, 600_000);
        assert_eq!((buckets.every(), buckets.end()), (60_000, 590_000));
        for (at, floor, ceil) in [
            (590_000, 590_000, 590_000),
            (589_999, 530_000, 590_000),
            (540_000, 530_000, 590_000),
            (530_001, 530_000, 590_000),
            (-10_000, -10_000, -10_000),
            (-10_001, -70_000, -10_000),
        ] {
            assert_eq!((buckets.floor(at), buckets.ceil(at)), (floor, ceil), "{at}");
        }
        assert_eq!(buckets.ending_at(590_000), Span { from: 530_000, until: 590_000 });
        assert!(buckets.tell_of(590_000) && !buckets.tell_of(590_001));
        // Looks that don't fit into buckets: the last within.
        let seven = Buckets::new(Grid::new(Duration::from_secs(7)), minute, 120_000);
        assert_eq!(
            (seven.told_at(0), seven.told_at(60_000), seven.end()),
            (56_000, 119_000, 119_000)
        );
        assert_eq!(seven.ending_at(119_000).from, 56_000);
        // Looks further apart than buckets; the widest there is.
        assert_eq!(Buckets::new(Grid::TEN_SECONDS, Duration::from_secs(1), 60_000).every(), 10_000);
        for at in [i64::MIN, i64::MAX] {
            let widest = Buckets::new(Grid::TEN_SECONDS, Duration::MAX, at);
            assert!(widest.floor(at) <= widest.ceil(at));
        }
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
