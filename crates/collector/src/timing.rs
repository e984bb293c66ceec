//! When to ask, and which time an answer's intervals get: pure, both clocks come in as values.
//!
//! **Asking.** Agents look at whole intervals of the clock; the collector asks a little later, each
//! agent at its own fixed moment within a fifth of the interval, so that a thousand don't answer at
//! once. What they said is accounted at a common moment after that ([`Plan::settle`]), because one
//! node's edge may turn out to be another's connection.
//!
//! **Time stored.** An agent's clock may be wrong, so its answers carry its present time. Where that is
//! off by no more than a tolerance, the agent's times are taken as they are; where it is off by more,
//! they are corrected by the whole seconds it is off, and this is shown. Stored times are cut to whole
//! seconds (milliseconds where the interval is under a second), lie never in our future, and always rise
//! per node: where they would not (a clock that was set back), the next free one is taken, which is
//! counted.

use std::time::Duration;

use svcflow_model::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// When agents are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Time between two questions.
    pub interval: Duration,
}

impl Plan {
    /// The next moment after `now` to ask the agent with this key.
    #[must_use]
    pub fn next(&self, key: &str, now: Timestamp) -> Timestamp {
        let offset = nanoseconds(self.interval / 20).saturating_add(self.jitter(key));
        let before = Timestamp(now.0.saturating_sub(offset));
        Timestamp(self.tick_after(before).0.saturating_add(offset))
    }

    /// When the answers to the questions asked at `asked` are accounted: after the last of that round.
    #[must_use]
    pub fn settle(&self, key: &str, asked: Timestamp) -> Timestamp {
        let offset = nanoseconds(self.interval / 20).saturating_add(self.jitter(key));
        let tick = asked.0.saturating_sub(offset);
        Timestamp(tick.saturating_add(nanoseconds(self.interval / 10 * 3)))
    }

    /// The same for a key whenever and wherever it is computed.
    fn jitter(&self, key: &str) -> i64 {
        let spread = nanoseconds(self.interval / 5).max(1).unsigned_abs();
        i64::try_from(xxh3_64(key.as_bytes()) % spread).unwrap_or(0)
    }

    fn tick_after(&self, after: Timestamp) -> Timestamp {
        let step = nanoseconds(self.interval).max(1);
        Timestamp(after.0.saturating_add(step - after.0.rem_euclid(step)))
    }
}

/// How far an agent's clock is ahead of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Nanoseconds ahead; negative where it is behind.
    pub ahead: i64,
    /// Off by at most this many nanoseconds: half of the time that asking took.
    pub uncertainty: i64,
}

impl Skew {
    /// What an answer shows that was asked for and came at these times of ours.
    #[must_use]
    pub fn measure(asked: Timestamp, answered: Timestamp, agents_now: Timestamp) -> Self {
        let took = answered.0.saturating_sub(asked.0).max(0);
        let middle = asked.0.saturating_add(took / 2);
        Self { ahead: agents_now.0.saturating_sub(middle), uncertainty: took / 2 }
    }
}

/// A node's time as it is stored.
#[derive(Clone, Debug)]
pub struct NodeTime {
    tolerance: i64,
    grid: i64,
    correction: i64,
    last: Option<Timestamp>,
}

impl NodeTime {
    /// Goes on after the last stored time.
    #[must_use]
    pub fn new(interval: Duration, tolerance: Duration, last: Option<Timestamp>) -> Self {
        let grid = if interval < Duration::from_secs(1) { MILLISECOND } else { SECOND };
        Self { tolerance: nanoseconds(tolerance), grid, correction: 0, last }
    }

    /// Takes a measurement of the agent's clock; one that is too vague changes nothing.
    pub fn adjust(&mut self, skew: Skew) {
        if skew.uncertainty > self.tolerance {
            return;
        }
        if skew.ahead.saturating_abs() <= self.tolerance {
            self.correction = 0;
        } else if skew.ahead.saturating_sub(self.correction).saturating_abs() > self.tolerance {
            self.correction = skew.ahead.saturating_add(SECOND / 2).div_euclid(SECOND) * SECOND;
        }
    }

    /// Nanoseconds by which the agent's times are corrected.
    #[must_use]
    pub fn correction(&self) -> i64 {
        self.correction
    }

    /// The last time that was given.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// The time that an interval closed at `at` by the agent's clock is stored at, and whether that
    /// is not the time it should have had.
    pub fn place(&mut self, at: Timestamp, now: Timestamp) -> (Timestamp, bool) {
        // Not before 1970: an agent's nonsense must not become a time that no store takes.
        let ours = at.0.saturating_sub(self.correction).min(now.0).max(0);
        let cut = ours.saturating_sub(ours.rem_euclid(self.grid));
        let next = self.last.map_or(i64::MIN, |last| last.0.saturating_add(self.grid));
        let time = Timestamp(cut.max(next));
        self.last = Some(time);
        (time, cut < next)
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn seconds(seconds: f64) -> Timestamp {
        Timestamp(Duration::from_secs_f64(seconds).as_nanos().try_into().unwrap())
    }

    #[test]
    fn each_agent_has_its_moment_in_every_interval() {
        let plan = Plan { interval: TEN };
        let mut moments = Vec::new();
        for agent in 0..1_000 {
            let key = format!("node-{agent}:4000");
            let first = plan.next(&key, seconds(1_000.0));
            let second = plan.next(&key, first);
            assert_eq!(second.since(first), TEN, "{key}");
            let offset = first.0.rem_euclid(nanoseconds(TEN));
            assert!((SECOND / 2..5 * SECOND / 2).contains(&offset), "{offset}");
            assert_eq!(plan.settle(&key, first).0.rem_euclid(nanoseconds(TEN)), 3 * SECOND);
            moments.push(offset);
        }
        moments.sort_unstable();
        let widest = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < SECOND / 10, "they are spread: {widest}");
    }

    #[test]
    fn a_clock_ten_minutes_off_is_corrected_and_a_small_error_is_not() {
        let tolerance = Duration::from_secs(2);
        let mut time = NodeTime::new(TEN, tolerance, None);
        time.adjust(Skew::measure(seconds(1_000.0), seconds(1_000.1), seconds(1_001.0)));
        assert_eq!(time.correction(), 0);
        assert_eq!(time.place(seconds(1_000.012), seconds(1_001.0)), (seconds(1_000.0), false));
        // Set forward by ten minutes: the intervals go on as ours do.
        time.adjust(Skew::measure(seconds(1_011.0), seconds(1_011.1), seconds(1_611.04)));
        assert_eq!(time.correction(), 600 * SECOND);
        assert_eq!(time.place(seconds(1_610.012), seconds(1_011.1)), (seconds(1_010.0), false));
        // Back to right.
        time.adjust(Skew::measure(seconds(1_021.0), seconds(1_021.0), seconds(1_021.0)));
        assert_eq!(time.place(seconds(1_020.0), seconds(1_021.0)), (seconds(1_020.0), false));
        // An answer that took a minute says nothing about a clock.
        time.adjust(Skew::measure(seconds(1_031.0), seconds(1_091.0), seconds(1_031.0)));
        assert_eq!(time.correction(), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_still_rises_and_that_is_said() {
        let mut time = NodeTime::new(TEN, Duration::from_secs(2), Some(seconds(1_000.0)));
        assert_eq!(time.place(seconds(400.0), seconds(1_010.0)), (seconds(1_001.0), true));
        assert_eq!(time.place(seconds(9_999.0), seconds(1_010.5)), (seconds(1_010.0), false));
    }

    proptest! {
        #[test]
        fn stored_times_rise_whatever_the_clocks_do(
            looks in prop::collection::vec((any::<i64>(), any::<i64>(), any::<i64>()), 1..50)
        ) {
            let mut time = NodeTime::new(TEN, Duration::from_secs(2), None);
            let mut last = None;
            for (at, now, agents) in looks {
                let (at, now) = (Timestamp(at / 4), Timestamp(now / 4));
                time.adjust(Skew::measure(now, now, Timestamp(agents / 4)));
                let (stored, _) = time.place(at, now);
                prop_assert!(last.is_none_or(|last| stored > last));
                prop_assert_eq!(stored.0.rem_euclid(SECOND), 0);
                last = Some(stored);
            }
        }
    }
}
