//! Intervals: who had one address (or one service port), and when. Pure.
//!
//! Per source the last to begin has it, until its own end. So an end only ever shortens the tenure that
//! it names, and a late word about an old owner can't touch its successor (design rule 10, case 14); in
//! which order beginnings are told doesn't matter either. Rejected: cutting a tenure short when the next
//! begins, which makes the outcome hang on that order.

use std::sync::Arc;

use svcflow_model::Timestamp;

use crate::ledger::Entity;

/// Where a source stands in the order of precedence; the lowest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(crate) u8);

/// One time that an owner or a service had an address, unchanged in all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenure<T> {
    /// The first instant.
    pub(crate) from: Timestamp,
    /// The first instant after; `None` while it lasts.
    pub(crate) until: Option<Timestamp>,
    /// When the life began that it is a part of.
    pub(crate) life: Timestamp,
    pub(crate) entity: Arc<T>,
}

/// All tenures of one key: per source, in the order of their beginnings.
#[derive(Clone, Debug)]
pub(crate) struct Tenures<T>(Vec<(SourceId, Vec<Tenure<T>>)>);

impl<T> Default for Tenures<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Tenures<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who had it at `at`: what the first source in precedence says, else the next. And from when on
    /// another has it, where that is known.
    pub(crate) fn at(&self, at: Timestamp) -> Option<(SourceId, &Tenure<T>, Option<Timestamp>)> {
        self.0.iter().find_map(|(source, tenures)| {
            let began = tenures.partition_point(|tenure| tenure.from <= at);
            let last = tenures.get(began.checked_sub(1)?)?;
            let next = tenures.get(began).map(|next| next.from);
            let until = [last.until, next].into_iter().flatten().min();
            until.is_none_or(|until| at < until).then_some((*source, last, until))
        })
    }

    /// What `source` says, in the order of the beginnings.
    pub(crate) fn of(&self, source: SourceId) -> &[Tenure<T>] {
        let found = self.0.iter().find(|(of, _)| *of == source);
        found.map_or(&[], |(_, tenures)| tenures)
    }

    /// A tenure begins. Of two that begin at the same instant the one with the greater identity has it,
    /// so that the stored history, which has no order of telling, says the same.
    pub(crate) fn begin(&mut self, source: SourceId, tenure: Tenure<T>)
    where
        T: Entity,
    {
        let place = self.0.partition_point(|(of, _)| *of < source);
        if self.0.get(place).is_none_or(|(of, _)| *of != source) {
            self.0.insert(place, (source, Vec::with_capacity(1)));
        }
        if let Some((_, tenures)) = self.0.get_mut(place) {
            let order = (tenure.from, tenure.entity.identity());
            let place = tenures.partition_point(|it| (it.from, it.entity.identity()) <= order);
            tenures.insert(place, tenure);
        }
    }

    /// The tenure of this entity that began at `from` ends.
    pub(crate) fn end(
        &mut self,
        source: SourceId,
        entity: &Arc<T>,
        from: Timestamp,
        until: Timestamp,
    ) {
        let found = self.0.iter_mut().find(|(of, _)| *of == source);
        let tenures = found.into_iter().flat_map(|(_, tenures)| tenures);
        for tenure in tenures.filter(|it| it.from == from && Arc::ptr_eq(&it.entity, entity)) {
            tenure.until = Some(until);
        }
    }

    /// Forgets a tenure.
    pub(crate) fn forget(&mut self, source: SourceId, entity: &Arc<T>, from: Timestamp) {
        for (_, tenures) in self.0.iter_mut().filter(|(of, _)| *of == source) {
            tenures.retain(|it| it.from != from || !Arc::ptr_eq(&it.entity, entity));
        }
        self.0.retain(|(_, tenures)| !tenures.is_empty());
    }
}
