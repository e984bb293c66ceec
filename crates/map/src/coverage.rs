//! When a node reported: what makes no traffic different from not knowing.
//!
//! A node's reports stand on the [`Grid`]. Between two that follow each other an edge's increase is
//! known as a whole. As long as no more than [`MISSED_MAX`] reports are missing between them it is taken
//! as even; a longer silence is a *gap*: how the increase lies within it is unknown, and what was
//! counted in it may be incomplete.

use crate::time::{Buckets, Grid, Millis, Slot, Span};

/// Reports that may be missing in a row without being unknown: at the next, the node is stale.
pub const MISSED_MAX: i64 = 2;

/// From one report to the next, where that is not the next slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    from: Slot,
    until: Slot,
}

impl Jump {
    const fn is_gap(self) -> bool {
        self.until - self.from > MISSED_MAX + 1
    }
}

/// When one node reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    grid: Grid,
    first: Slot,
    last: Slot,
    /// Rising.
    jumps: Vec<Jump>,
    /// Up to when there is a report for each of these only.
    summed: Option<Buckets>,
}

impl Coverage {
    /// Reported for the first time.
    #[must_use]
    pub const fn new(grid: Grid, at: Millis) -> Self {
        let slot = grid.slot(at);
        Self { grid, first: slot, last: slot, jumps: Vec::new(), summed: None }
    }

    /// The same, of a node whose reports were summed up in part.
    #[must_use]
    pub fn summed(self, summed: Option<Buckets>) -> Self {
        Self { summed, ..self }
    }

    /// Reported again: this many intervals, each for itself, the last one at `at`. One that is not later
    /// than the last changes nothing.
    pub fn report(&mut self, at: Millis, intervals: u64) {
        let slot = self.grid.slot(at);
        if slot <= self.last {
            return;
        }
        if let Some((_, begin)) = self.bucket(slot)
            && begin == self.last
            && let Ok(intervals) = i64::try_from(intervals)
            && intervals < slot - begin
        {
            // Nobody knows where in a bucket reports are missing. At its end: so it is where an agent stopped, and
            // where a bucket begins is known.
            self.last = begin + intervals;
            return;
        }
        let before = i64::try_from(intervals).unwrap_or(i64::MAX).saturating_sub(1).max(0);
        let until = slot.saturating_sub(before);
        if until.saturating_sub(self.last) > 1 {
            self.jumps.push(Jump { from: self.last, until });
        }
        self.last = slot;
    }

    /// The grid that it stands on.
    #[must_use]
    pub const fn grid(&self) -> Grid {
        self.grid
    }

    /// Its first report's instant.
    #[must_use]
    pub const fn first(&self) -> Millis {
        self.grid.time(self.first)
    }

    /// Its last report's instant.
    #[must_use]
    pub const fn last(&self) -> Millis {
        self.grid.time(self.last)
    }

    /// What the report of this slot tells of: the time since the report before it; all that a bucket tells of.
    #[must_use]
    pub fn told_by(&self, slot: Slot) -> Span {
        let Some((buckets, begin)) = self.bucket(slot) else {
            let jump = self.jump_past(slot - 1).filter(|jump| jump.from < slot);
            return self.grid.span(jump.map_or(slot - 1, |jump| jump.from), slot);
        };
        match self.jump_past(begin).filter(|jump| jump.from < slot) {
            // It stopped within.
            Some(jump) if begin < jump.from => self.grid.span(begin, jump.from),
            // The bucket that the silence began in tells of itself.
            Some(jump) => {
                let from = buckets.ceil(self.grid.time(jump.from));
                self.grid.span(self.grid.slot(from).min(begin), slot)
            }
            None => self.grid.span(begin, slot),
        }
    }

    /// The first jump that ends past a slot.
    fn jump_past(&self, slot: Slot) -> Option<Jump> {
        self.jumps.get(self.jumps.partition_point(|jump| jump.until <= slot)).copied()
    }

    /// The buckets, and where the one that ends at a slot begins, where there are only these.
    fn bucket(&self, slot: Slot) -> Option<(Buckets, Slot)> {
        let at = self.grid.time(slot);
        let buckets = self.summed.filter(|buckets| buckets.tell_of(at))?;
        Some((buckets, self.grid.slot(buckets.ending_at(at).from)))
    }

    /// Whether what happened in the span is known: it begins and ends at or between reports, neither
    /// within a gap.
    #[must_use]
    pub fn knows(&self, span: Span) -> bool {
        self.first() <= span.from
            && span.until <= self.last()
            && !self.in_gap(span.from)
            && !self.in_gap(span.until)
    }

    fn in_gap(&self, at: Millis) -> bool {
        let place = self.jumps.partition_point(|jump| self.grid.time(jump.until) <= at);
        let jump = self.jumps.get(place);
        jump.is_some_and(|jump| jump.is_gap() && self.grid.time(jump.from) < at)
    }

    /// Since when it was silent at `at`, if so for three intervals: its last report before. `None` also
    /// where it had not reported at all by then.
    #[must_use]
    pub fn silent_since(&self, at: Millis) -> Option<Millis> {
        if at < self.first() {
            return None;
        }
        let silence = (MISSED_MAX + 1).saturating_mul(self.grid.interval());
        let place = self.jumps.partition_point(|jump| self.grid.time(jump.until) <= at);
        let jump = self.jumps.get(place).map(|jump| self.grid.time(jump.from));
        let last = jump.filter(|from| *from <= at).unwrap_or_else(|| self.last().min(at));
        (at.saturating_sub(last) >= silence).then_some(last)
    }

    /// The gaps that overlap the span, and the silence after the last report, each whole, in order.
    /// `now` ends the last one.
    #[must_use]
    pub fn gaps(&self, span: Span, now: Millis) -> Vec<Span> {
        let gaps = self.jumps.iter().filter(|jump| jump.is_gap());
        let mut all: Vec<Span> = gaps.map(|jump| self.grid.span(jump.from, jump.until)).collect();
        if self.silent_since(now).is_some_and(|since| since == self.last()) {
            all.push(Span { from: self.last(), until: now });
        }
        all.retain(|gap| gap.within(span).length() > 0);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Reports at these seconds, interval 10 s.
    fn reported(at: &[i64]) -> Coverage {
        let grid = Grid::new(Duration::from_secs(10));
        let mut coverage = Coverage::new(grid, at[0] * 1_000);
        at[1..].iter().for_each(|at| coverage.report(at * 1_000, 1));
        coverage
    }

    fn seconds(from: i64, until: i64) -> Span {
        Span { from: from * 1_000, until: until * 1_000 }
    }

    #[test]
    fn regular_reports_know_everything_between_the_first_and_the_last() {
        let coverage = reported(&[100, 110, 121, 130, 139]);
        assert_eq!(coverage.last(), 140_000);
        assert_eq!(coverage.told_by(12), seconds(110, 120));
        assert!(coverage.knows(seconds(100, 140)) && coverage.knows(seconds(105, 106)));
        assert!(!coverage.knows(seconds(90, 110)) && !coverage.knows(seconds(130, 150)));
        assert_eq!(coverage.silent_since(169_999), None);
        assert_eq!(coverage.silent_since(170_000), Some(140_000));
        assert!(coverage.gaps(seconds(0, 160), 160_000).is_empty());
        assert_eq!(coverage.gaps(seconds(0, 200), 200_000), [seconds(140, 200)]);
    }

    #[test]
    fn a_hiccup_is_even_and_a_silence_is_a_gap() {
        let hiccup = reported(&[100, 130]);
        assert_eq!(hiccup.told_by(13), seconds(100, 130));
        assert!(hiccup.knows(seconds(110, 120)), "two missing reports: the mean");
        assert_eq!(hiccup.silent_since(120_000), None);

        let gap = reported(&[100, 110, 150, 160]);
        assert_eq!(gap.told_by(15), seconds(110, 150));
        assert_eq!(gap.told_by(16), seconds(150, 160));
        assert!(!gap.knows(seconds(120, 130)) && !gap.knows(seconds(140, 160)));
        assert!(gap.knows(seconds(110, 150)), "as a whole it is known");
        assert!(gap.knows(seconds(100, 160)) && gap.knows(seconds(150, 160)));
        assert_eq!(gap.silent_since(140_000), Some(110_000));
        assert_eq!(gap.silent_since(150_000), None);
        assert_eq!(gap.gaps(seconds(100, 120), 160_000), [seconds(110, 150)]);
        assert!(gap.gaps(seconds(150, 160), 160_000).is_empty());
    }

    #[test]
    fn a_bucket_s_report_tells_of_the_bucket() {
        let grid = Grid::TEN_SECONDS;
        let buckets = Buckets::new(grid, Duration::from_secs(60), 240_000);
        let mut coverage = Coverage::new(grid, 50_000).summed(Some(buckets));
        coverage.report(110_000, 6);
        // Two of six are missing.
        coverage.report(170_000, 4);
        coverage.report(230_000, 6);
        coverage.report(240_000, 1);
        assert_eq!(coverage.told_by(11), seconds(50, 110));
        assert_eq!(coverage.told_by(17), seconds(110, 150));
        assert_eq!(coverage.told_by(23), seconds(170, 230));
        assert_eq!(coverage.told_by(24), seconds(230, 240), "and then each interval");
        assert!(
            coverage.knows(seconds(50, 240)) && coverage.gaps(seconds(0, 240), 240_000).is_empty()
        );
        // Away within a bucket, and back in one that follows.
        let mut away = Coverage::new(grid, 50_000).summed(Some(buckets));
        away.report(110_000, 2);
        away.report(230_000, 3);
        assert_eq!(away.gaps(seconds(0, 240), 240_000), [seconds(70, 210)]);
        assert_eq!((away.told_by(11), away.told_by(23)), (seconds(50, 70), seconds(110, 230)));
        // A silence of more than a bucket: what was counted in it came at its end.
        let mut silent = Coverage::new(grid, 50_000).summed(Some(buckets));
        silent.report(230_000, 3);
        assert_eq!(silent.told_by(23), seconds(50, 230));
        assert_eq!(silent.gaps(seconds(0, 240), 240_000), [seconds(50, 210)]);
    }

    #[test]
    fn intervals_that_an_agent_kept_fill_the_silence() {
        let mut kept = reported(&[100]);
        kept.report(200_000, 10);
        assert!(kept.knows(seconds(140, 150)), "all ten were given one by one");
        let mut merged = reported(&[100]);
        merged.report(200_000, 4);
        assert_eq!(merged.gaps(seconds(100, 200), 200_000), [seconds(100, 170)]);
        assert!(merged.knows(seconds(170, 180)) && !merged.knows(seconds(160, 180)));
        assert_eq!(merged.told_by(17), seconds(100, 170));
    }
}
