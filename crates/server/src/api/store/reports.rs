//! When a node reported, from the points that the collector stores with each of its answers.

use svcflow_map::{Buckets, Coverage, Grid, Losses, Millis, Span};
use svcflow_store::{Block, Chunk, Error, FieldId, FieldValue, Measurement, ValueSummary};

use super::policies::{COUNT, Policy};
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
    /// At least how many intervals it brought: each answer brought one.
    count: i64,
}

impl Report {
    /// One that nobody numbered.
    pub(super) const fn without_number(at: i64, epoch: i64) -> Self {
        Self { at, epoch, sequence: 0, count: 1 }
    }
}

/// What is known of a node's reports.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    pub(super) coverage: Coverage,
    pub(super) last: Report,
}

impl Reports {
    pub(super) fn new((grid, summed): (Grid, Option<Buckets>), first: Report) -> Self {
        let coverage = Coverage::new(grid, millis(first.at)).summed(summed);
        Self { coverage, last: first }
    }

    /// Takes the next report. An answer brings all intervals since the one before, each with its own time,
    /// but for those that `losses` say were merged or are missing.
    pub(super) fn take(&mut self, report: Report, losses: &Losses) {
        let before = if report.epoch == self.last.epoch { self.last.sequence } else { 0 };
        let taken = report.sequence.saturating_sub(before).max(report.count);
        let taken = u64::try_from(taken).unwrap_or(1);
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
}

/// What a node tells anew.
pub(super) enum News {
    One(Report),
    Run(Run),
}

impl News {
    pub(super) const fn at(&self) -> i64 {
        match self {
            Self::One(report) => report.at,
            Self::Run(run) => run.first.at,
        }
    }

    pub(super) const fn until(&self) -> i64 {
        match self {
            Self::One(report) => report.at,
            Self::Run(run) => run.last_at(),
        }
    }
}

/// The fields of reports in a policy: `Epoch`, `Sequence`, and where they are summed up how many there were.
pub(super) struct Columns<'p> {
    policy: Policy<'p>,
    fields: Vec<FieldId>,
}

impl<'p> Columns<'p> {
    /// `None` where there are no reports.
    pub(super) fn of(policy: Policy<'p>, measurement: &Measurement) -> Result<Option<Self>, Error> {
        let count = format!("Sequence{COUNT}");
        let names = ["Epoch", "Sequence", count.as_str()];
        let [epoch, sequence, count] = policy.fields(measurement, names)?;
        let (Some(epoch), Some(sequence)) = (epoch, sequence) else { return Ok(None) };
        let count = count.filter(|_| matches!(policy, Policy::Summed(..)));
        let fields = [Some(epoch), Some(sequence), count].into_iter().flatten().collect();
        Ok(Some(Self { policy, fields }))
    }

    pub(super) fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// The instant that a report is of, nanoseconds.
    const fn at(&self, stored: i64) -> i64 {
        match self.policy {
            Policy::Whole => stored,
            Policy::Summed(..) => self.policy.instant(stored).saturating_mul(1_000_000),
        }
    }

    /// Reports one by one.
    pub(super) fn reports(&self, block: &Block) -> impl Iterator<Item = Report> {
        let integer = |column: usize, row| match block.columns.get(column)?.get(row)? {
            FieldValue::Integer(value) => Some(value),
            _ => None,
        };
        block.times.iter().enumerate().filter_map(move |(row, at)| {
            let (epoch, sequence) = (integer(0, row)?, integer(1, row)?);
            let count = integer(2, row).unwrap_or(1);
            Some(Report { at: self.at(*at), epoch, sequence, count })
        })
    }

    /// A chunk of reports where its summary alone shows that none is missing among them.
    pub(super) fn run(&self, chunk: &Chunk, grid: Grid) -> Option<Run> {
        let (epochs, sequences) = (chunk.summary(0)?, chunk.summary(1)?);
        let (ValueSummary::Integer(epoch), ValueSummary::Integer(sequence)) =
            (&epochs.values, &sequences.values)
        else {
            return None;
        };
        // How far one row is from the next, and how many intervals that is.
        let (apart, each) = match self.policy {
            Policy::Whole => (grid.interval(), 1),
            Policy::Summed(_, buckets) => {
                let ValueSummary::Integer(counts) = &chunk.summary(2)?.values else { return None };
                let (every, interval) = (buckets.every(), grid.interval());
                let each = every.checked_div(interval)?;
                (each * interval == every && counts.min == each).then_some((every, each))?
            }
        };
        let steps = i64::try_from(sequences.count.checked_sub(1)?).ok()?;
        let intervals = steps.checked_mul(each)?;
        let took = millis(sequences.last_time).checked_sub(millis(sequences.first_time))?;
        let regular = epochs.count == sequences.count
            && epoch.min == epoch.max
            && sequence.last.checked_sub(sequence.first)? == intervals
            && sequence.increase == intervals
            && took == steps.checked_mul(apart)?;
        let report = |at, sequence| {
            let at = self.at(at);
            Report { at, epoch: epoch.first, sequence, count: each }
        };
        regular.then(|| Run {
            first: report(sequences.first_time, sequence.first),
            last: report(sequences.last_time, sequence.last),
            count: intervals.unsigned_abs().saturating_add(1),
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
        Report { at: seconds * SECOND, epoch, sequence, count: 1 }
    }

    fn known(reports: &Reports, from: i64, until: i64) -> bool {
        reports.coverage.knows(Span { from: from * 1_000, until: until * 1_000 })
    }

    #[test]
    fn intervals_that_an_agent_kept_leave_no_hole_and_merged_ones_do() {
        let mut losses = Losses::new();
        let mut reports = Reports::new((Grid::TEN_SECONDS, None), report(100, 1, 10));
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
        let mut reports = Reports::new((Grid::TEN_SECONDS, None), report(100, 1, 10));
        reports.take(report(200, 2, 3), &Losses::new());
        assert!(
            !known(&reports, 150, 160) && known(&reports, 180, 190) && known(&reports, 100, 180)
        );
        // A sequence that went back is one report.
        reports.take(report(300, 2, 1), &Losses::new());
        assert!(!known(&reports, 250, 260));
    }
}
