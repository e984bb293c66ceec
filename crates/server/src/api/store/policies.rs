//! Which policy answers which part of a range.
//!
//! The default policy holds every row since it begins. What was before was, where it has a rollup, summed up into
//! another policy, a row for each bucket of time, and then dropped. So the other policy answers what lies before the
//! default one begins, and nothing else: while a partition is being summed up it is in both for a moment.
//!
//! A rolled-up row stands at its bucket's first instant and holds, of each field, the last value under the field's own
//! name and, of numbers, what it went up since the last row before the bucket ([`INCREASE`]). It is taken to be of the
//! last instant at which agents look within the bucket ([`Buckets`]): that is when its last value was read, or would
//! have been had it changed. Counters go on from it at the first row of the default policy.

use svcflow_map::{Buckets, Clock, Grid, Millis, Span};
use svcflow_store::{
    Error, FieldId, Measurement, Order, RoaringBitmap, Scan, ScanRequest, Snapshot, TimeRange,
};

use super::scan::{millis, range};

/// What a field's name ends with where a rolled-up row says what it went up.
pub(super) const INCREASE: &str = "_increase";
/// What a field's name ends with where a rolled-up row says how many values it had.
pub(super) const COUNT: &str = "_count";

/// A database as of one moment, and what its policies answer.
pub(super) struct Stored {
    snapshot: Snapshot,
    /// How long rows are kept, in milliseconds, in either form; `None` is for ever.
    kept: Option<i64>,
    summed: Option<SummedIn>,
}

/// Where older rows were summed up.
struct SummedIn {
    policy: String,
    buckets: Buckets,
}

/// One of the policies.
#[derive(Clone, Copy)]
pub(super) enum Policy<'s> {
    /// It has every row.
    Whole,
    /// It has sums.
    Summed(&'s str, Buckets),
}

/// A range of one policy.
#[derive(Clone, Copy)]
pub(super) struct Part<'s> {
    pub(super) policy: Policy<'s>,
    /// Of times as they are stored.
    range: TimeRange,
}

impl Stored {
    pub(super) fn new(snapshot: Snapshot, grid: Grid) -> Result<Self, Error> {
        let policies = snapshot.policies();
        let default = policies.iter().find(|policy| policy.default);
        let rollup = default.and_then(|policy| policy.rollup.as_ref());
        let into = rollup.and_then(|it| policies.iter().find(|to| to.spec.name == it.into));
        let mut kept = default.map(|policy| policy.spec.duration);
        let mut summed = None;
        if let (Some(rollup), Some(into)) = (rollup, into)
            && snapshot.begins(Some(&rollup.into))?.is_some()
        {
            let begins = snapshot.begins(None)?.map_or(Millis::MAX, millis);
            let buckets = Buckets::new(grid, rollup.every, begins);
            summed = Some(SummedIn { policy: rollup.into.clone(), buckets });
            kept = kept.map(|kept| kept.and_then(|kept| into.spec.duration.map(|it| it.max(kept))));
        }
        let kept = kept.flatten().map(|it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
        Ok(Self { snapshot, kept, summed })
    }

    pub(super) const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) const fn kept(&self) -> Option<i64> {
        self.kept
    }

    /// Up to when there are only sums.
    pub(super) fn buckets(&self) -> Option<Buckets> {
        self.summed.as_ref().map(|summed| summed.buckets)
    }

    /// The policy that has the sums.
    pub(super) fn summed_in(&self) -> Option<&str> {
        self.summed.as_ref().map(|summed| summed.policy.as_str())
    }

    /// The policies, the one of the older rows first.
    pub(super) fn policies(&self) -> impl DoubleEndedIterator<Item = Policy<'_>> {
        let summed = self.summed.as_ref();
        let summed = summed.map(|it| Policy::Summed(&it.policy, it.buckets));
        summed.into_iter().chain([Policy::Whole])
    }

    /// What each policy answers of a range of instants, the older first; only those that answer any.
    pub(super) fn parts(&self, range: TimeRange) -> impl DoubleEndedIterator<Item = Part<'_>> {
        self.policies().filter_map(move |policy| self.part(policy, range))
    }

    /// What one policy answers of a range of instants, if anything.
    pub(super) fn part<'s>(&self, policy: Policy<'s>, asked: TimeRange) -> Option<Part<'s>> {
        let range = match (policy, self.buckets()) {
            (Policy::Whole, None) => asked,
            (Policy::Whole, Some(buckets)) => {
                let first = range(buckets.end().saturating_add(1), Millis::MAX).first;
                TimeRange { first: asked.first.max(first), last: asked.last }
            }
            (Policy::Summed(_, buckets), _) => {
                let first = buckets.first(buckets.ceil(millis(asked.first.saturating_sub(1)) + 1));
                let last = buckets.floor(millis(asked.last).min(buckets.end()));
                range(first, buckets.first(last))
            }
        };
        (!range.is_empty()).then_some(Part { policy, range })
    }

    /// Scans one policy's part.
    pub(super) fn scan(
        &self,
        part: Part<'_>,
        series: &RoaringBitmap,
        fields: &[FieldId],
        order: Order,
    ) -> Result<Scan, Error> {
        let (policy, range) = (part.policy.name(), part.range);
        self.snapshot.scan(&ScanRequest { policy, series, fields, range, order })
    }
}

impl Policy<'_> {
    const fn name(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Summed(name, _) => Some(name),
        }
    }

    /// What it answers of a span, and how far its rows are apart there, in milliseconds.
    pub(super) fn share(self, span: Span, clock: Clock) -> (Span, i64) {
        let seam = clock.summed.map_or(Millis::MIN, Buckets::end);
        match self {
            Self::Whole => (span.within(Span { from: seam, ..span }), clock.grid.interval()),
            Self::Summed(_, buckets) => {
                (span.within(Span { until: seam, ..span }), buckets.every())
            }
        }
    }

    /// What a row's time says of which instant it is.
    pub(super) const fn instant(self, stored: i64) -> Millis {
        match self {
            Self::Whole => millis(stored),
            Self::Summed(_, buckets) => buckets.told_at(millis(stored)),
        }
    }

    /// The ids of fields, each `None` where the measurement lacks it.
    pub(super) fn fields<const N: usize>(
        self,
        measurement: &Measurement,
        names: [&str; N],
    ) -> Result<[Option<FieldId>; N], Error> {
        let there = measurement.fields(self.name())?;
        Ok(names.map(|name| there.iter().find(|field| *field.name == *name).map(|field| field.id)))
    }
}
