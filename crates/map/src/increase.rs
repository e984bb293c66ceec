//! From cumulative counters to what was added: right across resets.

use svcflow_model::Counters;

/// Follows one edge's counters, in the order of time.
///
/// The first value is a baseline and adds nothing: what ran before it isn't known here. Where one of the
/// four went down the counters began anew, and all of the new value was added since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting {
    last: Option<Counters>,
}

/// A stretch of counters whose increase was summed up before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first value.
    pub first: Counters,
    /// The last value.
    pub last: Counters,
}

/// Counters of which only increases are kept, each summed up over a bucket of time and right across resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summed {
    /// What was added in the first bucket.
    pub first: Counters,
    /// What was added in those behind it.
    pub rest: Counters,
    /// The counters at the end of the last one.
    pub last: Counters,
}

impl Counting {
    /// Goes on from these counters.
    pub fn go_on(&mut self, from: Counters) {
        self.last = Some(from);
    }

    /// Takes the next value; gives what was added since the one before, `None` at a baseline.
    pub fn take(&mut self, now: Counters) -> Option<Counters> {
        let before = self.last.replace(now)?;
        Some(now.since(&before).unwrap_or(now))
    }

    /// Takes a stretch without a reset within. Gives what was added up to its first value (`None` at a
    /// baseline), and what was added within; `None` where it holds a reset after all, and nothing is taken.
    pub fn take_stretch(&mut self, stretch: Stretch) -> Option<(Option<Counters>, Counters)> {
        let within = stretch.last.since(&stretch.first)?;
        let before = self.take(stretch.first);
        self.last = Some(stretch.last);
        Some((before, within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(bytes_in: u64, bytes_out: u64) -> Counters {
        Counters { bytes_in, bytes_out, packets_in: 0, packets_out: 0 }
    }

    #[test]
    fn the_first_value_is_a_baseline_and_a_fall_is_a_new_beginning() {
        let mut counting = Counting::default();
        assert_eq!(counting.take(counters(1_000, 10)), None);
        assert_eq!(counting.take(counters(1_500, 10)), Some(counters(500, 0)));
        assert_eq!(counting.take(counters(1_500, 10)), Some(Counters::ZERO));
        // One of the four fell: all are new, also the one that happens to be higher.
        assert_eq!(counting.take(counters(40, 12)), Some(counters(40, 12)));
        assert_eq!(counting.take(counters(41, 12)), Some(counters(1, 0)));
    }

    #[test]
    fn a_stretch_is_as_good_as_its_values() {
        let mut counting = Counting::default();
        counting.take(counters(5, 5));
        let stretch = Stretch { first: counters(8, 5), last: counters(20, 9) };
        let taken = counting.take_stretch(stretch);
        assert_eq!(taken, Some((Some(counters(3, 0)), counters(12, 4))));
        assert_eq!(counting.take(counters(21, 9)), Some(counters(1, 0)));
        let reset = Stretch { first: counters(30, 9), last: counters(2, 1) };
        assert_eq!(counting.take_stretch(reset), None);
        assert_eq!(counting.take(counters(30, 9)), Some(counters(9, 0)), "nothing was taken");
    }
}
