//! Everything told of one kind (owners or services) by all sources. Pure: time comes with each word.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use svcflow_model::Timestamp;

use crate::tenure::{SourceId, Tenure, Tenures};

/// What has keys for a time.
pub(crate) trait Entity: Clone + PartialEq {
    /// What it is found by.
    type Key: Copy + Eq + Hash;
    /// What tells it from others of its source.
    fn identity(&self) -> &str;
    /// Everything it is found by.
    fn keys(&self) -> impl Iterator<Item = Self::Key>;
    /// When its life began, where that is known.
    fn since(&self) -> Option<Timestamp>;
}

/// Every key's tenures. Cloning it is cheap for what it holds: a pointer a key.
pub(crate) type Index<T> = HashMap<<T as Entity>::Key, Arc<Tenures<T>>>;

/// A tenure that began or ended, for the history.
pub(crate) struct Change<T> {
    pub(crate) source: SourceId,
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
    pub(crate) entity: Arc<T>,
}

/// The last end of an identity that isn't there now.
#[derive(Clone, Copy)]
struct LastEnd {
    life: Timestamp,
    from: Timestamp,
    until: Timestamp,
}

struct Open<T> {
    entity: Arc<T>,
    /// When its life began.
    life: Timestamp,
    /// When it was last told of with something new.
    from: Timestamp,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Owners, and services, that a source may have at once; what is past it is refused and counted.
    pub open: usize,
    /// Tenures of owners, and of services, that ended and are still known here. Past it those that ended
    /// first are forgotten, which [`Snapshot::known_since`](crate::Snapshot::known_since) states; the
    /// stored history keeps them.
    pub ended: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Some 40 MB of what ended; what is open is there anyway.
        Self { open: 200_000, ended: 20_000 }
    }
}

/// What is wrong with a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Past the cap.
    pub(crate) full: usize,
    /// An identity that stood in the same listing before.
    pub(crate) twice: usize,
}

pub(crate) struct Ledger<T: Entity> {
    limits: Limits,
    index: Index<T>,
    open: HashMap<SourceId, HashMap<String, Open<T>>>,
    ended: VecDeque<(SourceId, Arc<T>, Timestamp)>,
    /// Of each that is in `ended`, the last.
    last_ends: HashMap<SourceId, HashMap<String, LastEnd>>,
    known_since: Option<Timestamp>,
    changes: Vec<Change<T>>,
}

/// The next instant. Every tenure lasts one at least, so no two of an identity begin at the same time and
/// each has a record of its own.
fn after(time: Timestamp) -> Timestamp {
    Timestamp(time.0.saturating_add(1))
}

impl<T: Entity> Ledger<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: HashMap::new(),
            open: HashMap::new(),
            ended: VecDeque::new(),
            last_ends: HashMap::new(),
            known_since: None,
            changes: Vec::new(),
        }
    }

    pub(crate) fn index(&self) -> &Index<T> {
        &self.index
    }

    /// Before this instant something was forgotten; `None` where nothing was.
    pub(crate) fn known_since(&self) -> Option<Timestamp> {
        self.known_since
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Change<T>> {
        std::mem::take(&mut self.changes)
    }

    /// How many a source has now.
    pub(crate) fn count(&self, source: SourceId) -> usize {
        self.open.get(&source).map_or(0, HashMap::len)
    }

    /// All that a source had at `at`: who isn't among them ended by then, unless it began after.
    pub(crate) fn list(&mut self, source: SourceId, at: Timestamp, all: Vec<T>) -> Refused {
        let mut refused = Refused::default();
        let mut named = HashSet::with_capacity(all.len());
        let mut told = Vec::with_capacity(all.len());
        for entity in all {
            match named.insert(entity.identity().to_owned()) {
                true => told.push(entity),
                false => refused.twice += 1,
            }
        }
        let open = self.open.get(&source);
        let gone = open.into_iter().flatten().filter(|(identity, _)| !named.contains(*identity));
        let gone: Vec<String> = gone.map(|(identity, _)| identity.clone()).collect();
        for identity in gone {
            self.end(source, at, &identity);
        }
        for entity in told {
            refused.full += usize::from(!self.tell(source, at, entity));
        }
        refused
    }

    /// What a source knew of one at `at`. False where there is no room for it.
    pub(crate) fn tell(&mut self, source: SourceId, at: Timestamp, entity: T) -> bool {
        // What begins at once may be told before its own clock says so.
        let since = entity.since().unwrap_or(at);
        let began = since.min(at);
        let open = self.open.get(&source).and_then(|open| open.get(entity.identity()));
        let (life, from) = match open {
            Some(open) if *open.entity == entity || open.from > at => return true,
            Some(open) if entity.since().is_none() || since == open.life => {
                (open.life, at.max(after(open.from)))
            }
            Some(open) if since < open.life => return true,
            Some(open) => (since, began.max(after(open.from))),
            None if self.count(source) >= self.limits.open => return false,
            None => match self.last_ends.get(&source).and_then(|it| it.get(entity.identity())) {
                Some(last) if at < last.until => return true,
                Some(last) if last.life == since => (since, at),
                Some(last) => (since, began.max(last.until)),
                None => (since, began),
            },
        };
        self.end(source, from, entity.identity());
        self.begin(source, Tenure { from, until: None, life, entity: Arc::new(entity) });
        true
    }

    /// A tenure that another ledger keeps, as it stands there. False where there is no room for it.
    pub(crate) fn told(
        &mut self,
        source: SourceId,
        from: Timestamp,
        until: Option<Timestamp>,
        entity: Arc<T>,
    ) -> bool {
        let identity = entity.identity().to_owned();
        let open = self.open.get(&source).and_then(|open| open.get(&identity));
        let ended = self.last_ends.get(&source).and_then(|it| it.get(&identity));
        let begins = match (open, ended) {
            (Some(open), _) if open.from == from => None,
            // It was thought to be over, and went on.
            (Some(open), _) if open.from > from && open.entity == entity => None,
            (Some(open), _) if open.from > from => return true,
            // Another says of the same one that it learnt of it later.
            (Some(open), _) if until.is_none() && open.entity == entity => return true,
            (None, Some(last)) if last.from > from => return true,
            (None, Some(last)) if last.from == from && until.is_some() => return true,
            (None, _) if self.count(source) >= self.limits.open => return false,
            (None, Some(last)) => Some(from.max(last.until)),
            _ => Some(from),
        };
        if let Some(from) = begins {
            self.end(source, from, &identity);
            let life = entity.since().unwrap_or(from);
            self.begin(source, Tenure { from, until: None, life, entity });
        }
        if let Some(until) = until {
            self.end(source, until, &identity);
        }
        true
    }

    /// A source's owner ended at `at`; a word that is older than what is known of it is nothing.
    pub(crate) fn end(&mut self, source: SourceId, at: Timestamp, identity: &str) {
        let Some(open) = self.open.get_mut(&source) else { return };
        if open.get(identity).is_none_or(|known| known.from > at) {
            return;
        }
        let Some(Open { entity, from, life }) = open.remove(identity) else { return };
        let until = at.max(after(from));
        for key in entity.keys() {
            self.change(key, |tenures| tenures.end(source, &entity, from, until));
        }
        self.changes.push(Change { source, from, until: Some(until), entity: Arc::clone(&entity) });
        self.remember_end(source, entity, LastEnd { life, from, until });
    }

    /// All that a source has ended at `at`.
    pub(crate) fn end_all(&mut self, source: SourceId, at: Timestamp) {
        let open = self.open.get(&source).into_iter().flatten();
        for identity in open.map(|(identity, _)| identity.clone()).collect::<Vec<_>>() {
            self.end(source, at, &identity);
        }
    }

    /// Takes up a tenure of the stored history.
    pub(crate) fn restore(
        &mut self,
        source: SourceId,
        from: Timestamp,
        until: Option<Timestamp>,
        entity: T,
    ) {
        let life = entity.since().unwrap_or(from);
        let entity = Arc::new(entity);
        self.enter(source, &Tenure { from, until, life, entity: Arc::clone(&entity) });
        if let Some(until) = until {
            return self.remember_end(source, entity, LastEnd { life, from, until });
        }
        let open = self.open.entry(source).or_default();
        open.insert(entity.identity().to_owned(), Open { entity, life, from });
    }

    /// Forgets what ended before `before`.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        let ended = std::mem::take(&mut self.ended);
        for (source, entity, from) in ended {
            let until = self.until(source, &entity, from);
            if until.is_some_and(|until| until < before) {
                self.drop_tenure(source, &entity, from);
            } else {
                self.ended.push_back((source, entity, from));
            }
        }
    }

    fn until(&self, source: SourceId, entity: &Arc<T>, from: Timestamp) -> Option<Timestamp> {
        let mut tenures = entity.keys().filter_map(|key| self.index.get(&key));
        tenures.find_map(|tenures| {
            let mut of = tenures.of(source).iter();
            of.find(|it| it.from == from && Arc::ptr_eq(&it.entity, entity))?.until
        })
    }

    fn begin(&mut self, source: SourceId, tenure: Tenure<T>) {
        self.enter(source, &tenure);
        let Tenure { from, life, entity, .. } = tenure;
        self.changes.push(Change { source, from, until: None, entity: Arc::clone(&entity) });
        let open = self.open.entry(source).or_default();
        open.insert(entity.identity().to_owned(), Open { entity, life, from });
    }

    fn enter(&mut self, source: SourceId, tenure: &Tenure<T>) {
        for key in tenure.entity.keys() {
            let tenure = Tenure { entity: Arc::clone(&tenure.entity), ..*tenure };
            self.change(key, |tenures| tenures.begin(source, tenure));
        }
    }

    fn remember_end(&mut self, source: SourceId, entity: Arc<T>, end: LastEnd) {
        let last_ends = self.last_ends.entry(source).or_default();
        last_ends.insert(entity.identity().to_owned(), end);
        self.ended.push_back((source, entity, end.from));
        while self.ended.len() > self.limits.ended {
            let Some((source, entity, from)) = self.ended.pop_front() else { break };
            self.drop_tenure(source, &entity, from);
        }
    }

    fn drop_tenure(&mut self, source: SourceId, entity: &Arc<T>, from: Timestamp) {
        self.known_since = self.known_since.max(self.until(source, entity, from));
        if let Some(last_ends) = self.last_ends.get_mut(&source)
            && last_ends.get(entity.identity()).is_some_and(|last| last.from == from)
        {
            last_ends.remove(entity.identity());
        }
        for key in entity.keys() {
            self.change(key, |tenures| tenures.forget(source, entity, from));
        }
    }

    /// Changes a key's tenures; those that a snapshot still holds are copied first.
    fn change(&mut self, key: T::Key, change: impl FnOnce(&mut Tenures<T>)) {
        match self.index.entry(key) {
            Entry::Vacant(vacant) => {
                let mut tenures = Tenures::default();
                change(&mut tenures);
                if !tenures.is_empty() {
                    vacant.insert(Arc::new(tenures));
                }
            }
            Entry::Occupied(mut occupied) => {
                let tenures = Arc::make_mut(occupied.get_mut());
                change(tenures);
                if tenures.is_empty() {
                    occupied.remove();
                }
            }
        }
    }
}
