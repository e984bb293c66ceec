//! What was lost at a node, over all its epochs: never goes down, as the counters don't.

use std::collections::BTreeMap;
use std::sync::Arc;

use svcflow_model::{LossKind, Losses};

use crate::point::LossPoint;

/// What the collector itself found missing. As [`LossKind`], but nothing an agent could know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    /// An agent began a new epoch: what ran between the last answer and its end was not seen. Count:
    /// how often.
    EpochChanged,
    /// Intervals that the agent no longer kept one by one. Count: intervals; resolution, no byte.
    IntervalsMerged,
    /// Intervals that an agent left out without saying so. Count: intervals.
    IntervalsMissing,
    /// Counters that fell within an epoch. Count: edges.
    CounterFell,
    /// An agent whose sequence went back within an epoch, as a restored snapshot's does. Count: how
    /// often.
    Rewound,
}

impl Missing {
    /// As it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EpochChanged => "collector-epoch-changed",
            Self::IntervalsMerged => "collector-intervals-merged",
            Self::IntervalsMissing => "collector-intervals-missing",
            Self::CounterFell => "collector-counter-fell",
            Self::Rewound => "collector-rewound",
        }
    }
}

/// One node's losses by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossBook {
    kinds: BTreeMap<Arc<str>, LossPoint>,
    changed: Vec<Arc<str>>,
}

impl LossBook {
    /// Goes on from what was stored.
    #[must_use]
    pub fn restore(kinds: impl IntoIterator<Item = (Arc<str>, LossPoint)>) -> Self {
        Self { kinds: kinds.into_iter().collect(), changed: Vec::new() }
    }

    /// Every kind so far.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &LossPoint)> {
        self.kinds.iter()
    }

    /// Something that the collector found missing.
    pub fn missing(&mut self, what: Missing, count: u64) {
        if count > 0 {
            let loss = self.changing(what.name());
            loss.count = loss.count.saturating_add(count);
        }
    }

    /// The agent's counts begin anew with its epoch. That is a change, to be stored like any other.
    pub fn new_epoch(&mut self) {
        let counted = |(_, loss): &(&Arc<str>, &LossPoint)| loss.agent_count > 0;
        let kinds: Vec<_> =
            self.kinds.iter().filter(counted).map(|(kind, _)| Arc::clone(kind)).collect();
        for kind in kinds {
            let loss = self.changing(&kind);
            (loss.agent_count, loss.agent_bytes) = (0, 0);
        }
    }

    /// Takes what the agent counted in its epoch so far. A count that fell is taken as begun anew.
    pub fn take(&mut self, losses: &Losses) {
        for (kind, loss) in losses.iter() {
            let name = kind_name(kind);
            let before = self.kinds.get(name.as_str()).copied().unwrap_or_default();
            let after = LossPoint {
                count: carried(before.count, before.agent_count, loss.count),
                bytes: carried(before.bytes, before.agent_bytes, loss.bytes),
                agent_count: loss.count,
                agent_bytes: loss.bytes,
            };
            if after != before {
                *self.changing(&name) = after;
            }
        }
    }

    /// The kinds that changed since the last call.
    pub fn take_changes(&mut self) -> Vec<(Arc<str>, LossPoint)> {
        let changed = std::mem::take(&mut self.changed);
        let with = |kind: Arc<str>| self.kinds.get(&kind).copied().map(|loss| (kind, loss));
        changed.into_iter().filter_map(with).collect()
    }

    fn changing(&mut self, name: &str) -> &mut LossPoint {
        let name: Arc<str> = name.into();
        if !self.changed.contains(&name) {
            self.changed.push(Arc::clone(&name));
        }
        self.kinds.entry(name).or_default()
    }
}

fn carried(stored: u64, before: u64, now: u64) -> u64 {
    stored.saturating_add(now.checked_sub(before).unwrap_or(now))
}

/// A kind as it is serialised.
#[must_use]
pub fn kind_name(kind: LossKind) -> String {
    let value = serde_json::to_value(kind).unwrap_or_default();
    value.as_str().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use svcflow_model::Timestamp;

    use super::*;

    fn agents(count: u64) -> Losses {
        let mut losses = Losses::default();
        losses.record(LossKind::SetFull, count, count * 100, Timestamp(0));
        losses
    }

    fn count(book: &LossBook, kind: &str) -> u64 {
        book.kinds.get(kind).map_or(0, |loss| loss.count)
    }

    #[test]
    fn losses_add_up_over_epochs_and_are_told_once() {
        let mut book = LossBook::default();
        book.take(&agents(5));
        book.take(&agents(5));
        let changes = book.take_changes();
        assert_eq!((changes.len(), changes[0].1.count, changes[0].1.bytes), (1, 5, 500));
        book.take(&agents(5));
        assert!(book.take_changes().is_empty());
        book.new_epoch();
        book.missing(Missing::EpochChanged, 1);
        book.take(&agents(3));
        assert_eq!(count(&book, "set-full"), 8);
        assert_eq!(count(&book, "collector-epoch-changed"), 1);
        let again = LossBook::restore(book.kinds.clone());
        let mut resumed = again.clone();
        resumed.take(&agents(4));
        assert_eq!(count(&resumed, "set-full"), 9, "one more since");
    }
}
