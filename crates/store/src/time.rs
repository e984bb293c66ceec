//! Instants and ranges of them: nanoseconds since 1970-01-01 UTC, as InfluxDB has them.

/// The earliest instant that can be stored (InfluxDB's `models.MinNanoTime`).
pub const FIRST_TIME: i64 = i64::MIN + 2;
/// The latest instant that can be stored (InfluxDB's `models.MaxNanoTime`).
pub const LAST_TIME: i64 = i64::MAX - 1;

/// All instants from `first` to `last`, both included. Empty where `first` is later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest instant, nanoseconds since the epoch.
    pub first: i64,
    /// The latest instant, nanoseconds since the epoch.
    pub last: i64,
}

impl TimeRange {
    /// Every instant there is.
    pub const ALL: Self = Self { first: FIRST_TIME, last: LAST_TIME };

    /// Whether the instant lies within.
    #[must_use]
    pub const fn contains(&self, time: i64) -> bool {
        self.first <= time && time <= self.last
    }

    /// Whether the whole of `other` lies within.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether there is an instant that lies in both.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether no instant lies within.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first > self.last
    }
}
