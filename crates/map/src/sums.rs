//! Sums over edges: traffic, state, marks.

use svcflow_model::Counters;

use crate::document::{Rates, State, Traffic};
use crate::follow::Observed;
use crate::marks::MarkSet;
use crate::time::Millis;

/// What edges count together: totals of all, rates of those known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) totals: Counters,
    pub(crate) rates: Option<Rates>,
}

impl Sum {
    pub(crate) fn add(&mut self, edge: &Observed) {
        self.merge(&Self { count: 1, totals: edge.totals, rates: edge.rates });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.totals.add(&other.totals);
        if let Some(rates) = &other.rates {
            self.rates.get_or_insert_default().add(rates);
        }
    }

    /// Bytes, both directions.
    pub(crate) const fn bytes(&self) -> u64 {
        self.totals.bytes_in.saturating_add(self.totals.bytes_out)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic { rates: self.rates, totals: self.totals.into() }
    }

    /// `None` where no edge was added.
    pub(crate) fn some_traffic(&self) -> Option<Traffic> {
        (self.count > 0).then(|| self.traffic())
    }
}

/// The gravest state of edges, since when it is so, and all their marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) state: State,
    pub(crate) since: Option<Millis>,
    pub(crate) marks: MarkSet,
}

impl Condition {
    pub(crate) fn add(&mut self, edge: &Observed) {
        self.merge(&Self { state: edge.state, since: edge.since, marks: edge.marks });
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.marks = self.marks.with(other.marks);
        if other.state > self.state {
            (self.state, self.since) = (other.state, other.since);
        } else if other.state == self.state {
            self.since = [self.since, other.since].into_iter().flatten().min();
        }
    }
}

/// The share of a part in a whole; `None` where there is no whole.
#[expect(clippy::cast_precision_loss, reason = "a share, not a total")]
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64).min(1.0))
}
