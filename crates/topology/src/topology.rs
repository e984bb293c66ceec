use std::collections::BTreeSet;
use std::sync::Arc;

use svcflow_model::Timestamp;

use crate::history::{Record, What};
use crate::ledger::{Change, Entity, Ledger, Limits, Refused};
use crate::snapshot::{Lengths, Snapshot};
use crate::status::{SourceState, SourceStatus};
use crate::tenure::SourceId;
use crate::{Facts, Owner, Service, Update};

/// Most sources; a source is one byte everywhere.
const SOURCES_MAX: usize = 255;

/// What all sources said so far, merged. Pure: it has no clock and does no I/O.
///
/// Of several words about one address the most specific counts (an address before a network, a longer
/// prefix before a shorter), then that of the source that was added first.
pub struct Topology {
    sources: Vec<SourceStatus>,
    /// How many of them are heard; those behind only have a history.
    heard: usize,
    /// Those that nobody waits for.
    quiet: Vec<SourceId>,
    owners: Ledger<Owner>,
    services: Ledger<Service>,
}

impl Topology {
    /// Knows nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            sources: Vec::new(),
            heard: 0,
            quiet: Vec::new(),
            owners: Ledger::new(limits),
            services: Ledger::new(limits),
        }
    }

    /// Adds a source, behind those that were added before. `None` where there are 255, or a history was
    /// taken up already.
    pub fn add_source(&mut self, name: &str) -> Option<SourceId> {
        if self.heard < self.sources.len() {
            return None;
        }
        let id = self.push_source(name)?;
        self.heard = self.sources.len();
        Some(id)
    }

    /// The same of a source that may well have nothing to say: nobody waits for it.
    pub fn add_quiet_source(&mut self, name: &str) -> Option<SourceId> {
        let id = self.add_source(name)?;
        self.quiet.push(id);
        Some(id)
    }

    fn is_shown(&self, place: usize, status: &SourceStatus) -> bool {
        let quiet = self.quiet.iter().any(|id| usize::from(id.0) == place);
        place < self.heard && !(quiet && status.state == SourceState::Waiting)
    }

    fn push_source(&mut self, name: &str) -> Option<SourceId> {
        let id = u8::try_from(self.sources.len()).ok().map(SourceId);
        let id = id.filter(|_| self.sources.len() < SOURCES_MAX)?;
        self.sources.push(SourceStatus::new(name));
        Some(id)
    }

    /// Takes a source's word.
    pub fn apply(&mut self, source: SourceId, update: Update) {
        match update {
            Update::Listed { at, facts } => self.list(source, at, facts),
            Update::Told { at, records, faults } => self.told(source, at, records, faults),
            Update::Failed { error, .. } => {
                if let Some(status) = self.status(source) {
                    status.state.failed(error);
                }
            }
            Update::Owner { at, owner } => {
                let room = self.owners.tell(source, at, owner);
                self.heard(source, at, usize::from(!room));
            }
            Update::Service { at, service } => {
                let room = self.services.tell(source, at, service);
                self.heard(source, at, usize::from(!room));
            }
            Update::OwnerEnded { at, identity } => {
                self.owners.end(source, at, &identity);
                self.heard(source, at, 0);
            }
            Update::ServiceEnded { at, identity } => {
                self.services.end(source, at, &identity);
                self.heard(source, at, 0);
            }
        }
    }

    fn list(&mut self, source: SourceId, at: Timestamp, facts: Facts) {
        let Facts { owners, services, mut faults } = facts;
        let owners = self.owners.list(source, at, owners);
        let services = self.services.list(source, at, services);
        faults.extend(twice("owner", owners));
        faults.extend(twice("service", services));
        if let Some(status) = self.status(source) {
            status.state.listed(at);
            status.refused = 0;
            status.faults = faults;
        }
        self.heard(source, at, owners.full.saturating_add(services.full));
    }

    fn told(&mut self, source: SourceId, at: Timestamp, records: Vec<Record>, faults: Vec<String>) {
        let mut refused = 0;
        for Record { from, until, what, .. } in records {
            let room = match what {
                What::Owner(owner) => self.owners.told(source, from, until, owner),
                What::Service(service) => self.services.told(source, from, until, service),
            };
            refused += usize::from(!room);
        }
        if let Some(status) = self.status(source) {
            status.state.listed(at);
            status.faults = faults;
        }
        self.heard(source, at, refused);
    }

    fn heard(&mut self, source: SourceId, at: Timestamp, refused: usize) {
        let counts = (self.owners.count(source), self.services.count(source));
        if let Some(status) = self.status(source) {
            status.state.heard(at);
            status.refused = status.refused.saturating_add(refused);
            (status.owners, status.services) = counts;
        }
    }

    fn status(&mut self, source: SourceId) -> Option<&mut SourceStatus> {
        self.sources.get_mut(usize::from(source.0))
    }

    /// What is known now, for readers: it never changes.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let lengths: BTreeSet<_> = self.owners.index().keys().map(Lengths::of).collect();
        let known_since = self.owners.known_since().max(self.services.known_since());
        Snapshot {
            owners: self.owners.index().clone(),
            lengths: Lengths::new(lengths),
            services: self.services.index().clone(),
            all: self.sources.clone(),
            sources: {
                let all = self.sources.iter().enumerate();
                let shown = all.filter(|(place, status)| self.is_shown(*place, status));
                shown.map(|(_, status)| status.clone()).collect()
            },
            known_since,
        }
    }

    /// What began and ended since the last call, to be stored; see [`Record`].
    pub fn take_records(&mut self) -> Vec<Record> {
        let (owners, services) = (self.owners.take_changes(), self.services.take_changes());
        let owners = owners.into_iter().filter_map(|it| self.record(it, What::Owner));
        let services = services.into_iter().filter_map(|it| self.record(it, What::Service));
        owners.chain(services).collect()
    }

    fn record<T: Entity>(&self, change: Change<T>, what: fn(Arc<T>) -> What) -> Option<Record> {
        let Change { source, from, until, entity } = change;
        let name = self.sources.get(usize::from(source.0))?.name.clone();
        Some(Record { source: name, from, until, what: what(entity) })
    }

    /// Takes up what was stored, in any order, at `at`, after all sources were added and before any was
    /// heard. What a source named that there no longer is has its names in the past: they end at `at`. Gives how
    /// many records are of sources that there was no room for (255); those are not known here.
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>, at: Timestamp) -> usize {
        let mut records: Vec<Record> = records.into_iter().collect();
        records.sort_by_key(|record| record.from);
        let mut unknown = 0;
        for Record { source, from, until, what } in records {
            let place = self.sources.iter().position(|status| status.name == source);
            let known = place.and_then(|place| u8::try_from(place).ok()).map(SourceId);
            let Some(id) = known.or_else(|| self.push_source(&source)) else {
                unknown += 1;
                continue;
            };
            match what {
                What::Owner(owner) => {
                    self.owners.restore(id, from, until, Arc::unwrap_or_clone(owner));
                }
                What::Service(service) => {
                    self.services.restore(id, from, until, Arc::unwrap_or_clone(service));
                }
            }
        }
        let gone = (self.heard..self.sources.len()).filter_map(|place| u8::try_from(place).ok());
        for source in gone.map(SourceId) {
            self.owners.end_all(source, at);
            self.services.end_all(source, at);
        }
        unknown
    }

    /// Forgets what ended before `before`, as its samples are forgotten.
    pub fn forget(&mut self, before: Timestamp) {
        self.owners.forget(before);
        self.services.forget(before);
    }
}

fn twice(what: &str, refused: Refused) -> Option<String> {
    let count = refused.twice;
    (count > 0).then(|| format!("{count} times the same {what} was listed twice: the first counts"))
}
