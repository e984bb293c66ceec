//! When a node reported, from the points that the collector stores with each of its answers.

use svcflow_map::{Coverage, Grid, Losses, Millis, Span};
use svcflow_store::{Chunk, ValueSummary};

use super::scan::millis;

/// Kinds of losses that count intervals that did not come one by one.
const SKIPPED: [&str; 2] = ["collector-intervals-merged", "collector-intervals-missing"];

/// One answer of a node: everything up to its time is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Nanoseconds.
    pub(super) at: i64,
    pub(super) epoch: i64,
    pub(super) sequence: i64,
}

/// What is known of a node's reports.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    pub(super) coverage: Coverage,
    pub(super) last: Report,
}

impl Reports {
    pub(super) const fn new(grid: Grid, first: Report) -> Self {
        Self { coverage: Coverage::new(grid, millis(first.at)), last: first }
    }

    /// Takes the next report. An answer brings all intervals since the one before, each with its own time,
    /// but for those that `losses` say were merged or are missing.
    pub(super) fn take(&mut self, report: Report, losses: &Losses) {
        let before = if report.epoch == self.last.epoch { self.last.sequence } else { 0 };
        let taken = u64::try_from(report.sequence.saturating_sub(before)).unwrap_or(1);
        let span = Span { from: millis(self.last.at), until: millis(report.at) };
        let skipped = SKIPPED.iter().filter_map(|kind| losses.get(*kind));
        let skipped = skipped.map(|loss| loss.added(span)).fold(0, u64::saturating_add);
        self.coverage.report(span.until, taken.saturating_sub(skipped).max(1));
        self.last = report;
    }

    /// Takes reports that came without a hole: one in each interval, one sequence after the other.
    pub(super) fn take_run(&mut self, run: Run, losses: &Losses) {
        self.take(run.first, losses);
        self.coverage.report(millis(run.last.at), run.count);
        self.last = run.last;
    }
}

/// Many reports in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: Report,
    last: Report,
    count: u64,
}

impl Run {
    /// When the last one was.
    pub(super) const fn last_at(&self) -> i64 {
        self.last.at
    }

    /// A chunk of reports, of the fields `Epoch` and `Sequence`, where its summary alone shows that none is
    /// missing among them.
    pub(super) fn of(chunk: &Chunk, grid: Grid) -> Option<Self> {
        let (epochs, sequences) = (chunk.summary(0)?, chunk.summary(1)?);
        let (ValueSummary::Integer(epoch), ValueSummary::Integer(sequence)) =
            (&epochs.values, &sequences.values)
        else {
            return None;
        };
        let steps = i64::try_from(sequences.count.checked_sub(1)?).ok()?;
        let took = millis(sequences.last_time).checked_sub(millis(sequences.first_time))?;
        let regular = epochs.count == sequences.count
            && epoch.min == epoch.max
            && sequence.last.checked_sub(sequence.first)? == steps
            && sequence.increase == steps
            && took == steps.checked_mul(grid.interval())?;
        let report = |at, sequence| Report { at, epoch: epoch.first, sequence };
        regular.then(|| Self {
            first: report(sequences.first_time, sequence.first),
            last: report(sequences.last_time, sequence.last),
            count: sequences.count,
        })
    }
}

/// A node's losses, to be added to.
pub(super) fn take_loss(losses: &mut Losses, kind: &str, at: Millis, count: u64, bytes: u64) {
    let timeline = match losses.get_mut(kind) {
        Some(timeline) => timeline,
        None => losses.entry(kind.into()).or_default(),
    };
    timeline.take(at, count, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn report(seconds: i64, epoch: i64, sequence: i64) -> Report {
        Report { at: seconds * SECOND, epoch, sequence }
    }

    fn known(reports: &Reports, from: i64, until: i64) -> bool {
        reports.coverage.knows(Span { from: from * 1_000, until: until * 1_000 })
    }

    #[test]
    fn intervals_that_an_agent_kept_leave_no_hole_and_merged_ones_do() {
        let mut losses = Losses::new();
        let mut reports = Reports::new(Grid::TEN_SECONDS, report(100, 1, 10));
        reports.take(report(110, 1, 11), &losses);
        // Away for five minutes; all thirty intervals are there.
        reports.take(report(410, 1, 41), &losses);
        assert!(known(&reports, 200, 210));
        // Away again; twenty of thirty were merged into one.
        take_loss(&mut losses, "collector-intervals-merged", 710_000, 20, 0);
        reports.take(report(710, 1, 71), &losses);
        assert!(
            !known(&reports, 500, 510) && known(&reports, 650, 660) && known(&reports, 410, 620)
        );
    }

    #[test]
    fn another_epoch_begins_after_a_hole() {
        let mut reports = Reports::new(Grid::TEN_SECONDS, report(100, 1, 10));
        reports.take(report(200, 2, 3), &Losses::new());
        assert!(
            !known(&reports, 150, 160) && known(&reports, 180, 190) && known(&reports, 100, 180)
        );
        // A sequence that went back is one report.
        reports.take(report(300, 2, 1), &Losses::new());
        assert!(!known(&reports, 250, 260));
    }
}
