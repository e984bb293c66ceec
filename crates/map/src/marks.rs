//! What is known to be wrong with an edge's numbers, and since when.

use svcflow_model::Marks;

use crate::document::Mark;
use crate::time::{Millis, Span};

/// A set of [`Mark`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MarkSet(u8);

impl MarkSet {
    /// None: exact.
    pub const NONE: Self = Self(0);

    /// One mark.
    #[must_use]
    pub const fn of(mark: Mark) -> Self {
        Self(1 << mark as u8)
    }

    /// Whether it holds this one.
    #[must_use]
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & Self::of(mark).0 != 0
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In the order of their names.
    #[must_use]
    pub fn list(self) -> Vec<Mark> {
        Mark::ALL.into_iter().filter(|mark| self.has(*mark)).collect()
    }
}

impl From<Marks> for MarkSet {
    fn from(marks: Marks) -> Self {
        let each = [
            (marks.uncounted, Mark::Uncounted),
            (marks.undercounted, Mark::Undercounted),
            (marks.direction_unknown, Mark::DirectionUnknown),
            (marks.remainder, Mark::Remainder),
            (marks.unsplit, Mark::Unsplit),
        ];
        let set = each.into_iter().filter(|(is, _)| *is);
        set.fold(Self::NONE, |all, (_, mark)| all.with(Self::of(mark)))
    }
}

/// One edge's marks over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkTimeline(Vec<(Millis, MarkSet)>);

impl MarkTimeline {
    /// From this instant on, these stand. Told in the order of time.
    pub fn set(&mut self, at: Millis, marks: MarkSet) {
        if self.0.last().map_or(MarkSet::NONE, |(_, last)| *last) != marks {
            self.0.push((at, marks));
        }
    }

    /// What stands at an instant, and since when; `None` where nothing does.
    #[must_use]
    pub fn at(&self, at: Millis) -> Option<(MarkSet, Millis)> {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        let (from, marks) = self.0.get(after.checked_sub(1)?)?;
        (!marks.is_empty()).then_some((*marks, *from))
    }

    /// What stood at any time of the span.
    #[must_use]
    pub fn during(&self, span: Span) -> MarkSet {
        let before = self.at(span.from).map_or(MarkSet::NONE, |(marks, _)| marks);
        let changes = self.0.iter().filter(|(at, _)| span.contains(*at));
        changes.fold(before, |all, (_, marks)| all.with(*marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_until_they_change() {
        let uncounted = MarkSet::from(Marks { uncounted: true, ..Marks::default() });
        let both = uncounted.with(MarkSet::of(Mark::DirectionUnknown));
        let mut timeline = MarkTimeline::default();
        timeline.set(5, MarkSet::NONE);
        timeline.set(10, uncounted);
        timeline.set(15, uncounted);
        timeline.set(20, both);
        timeline.set(30, MarkSet::NONE);
        assert_eq!(timeline.at(9), None);
        assert_eq!(timeline.at(19), Some((uncounted, 10)));
        assert_eq!(timeline.at(30), None);
        assert_eq!(timeline.during(Span { from: 0, until: 9 }), MarkSet::NONE);
        assert_eq!(timeline.during(Span { from: 12, until: 18 }), uncounted);
        assert_eq!(timeline.during(Span { from: 12, until: 40 }), both);
        assert_eq!(both.list(), [Mark::DirectionUnknown, Mark::Uncounted]);
    }
}
