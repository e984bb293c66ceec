//! Totals of edges: never fall, are folded at the cap, retire when out of sight.
//!
//! A consumer holds cumulative values per edge, so an edge that left the table must not begin at zero
//! when it comes back. Its total is therefore kept (40 bytes and a hash) in `retired`. When that is full
//! too, edges stop expiring and new ones fold, until the owner begins a new epoch. Rejected: forgetting
//! (counters would fall), folding the total into the remainder (the consumer would hold it twice).

use std::net::{IpAddr, Ipv4Addr};

use hashbrown::HashTable;
use svcflow_model::{
    Counters, Edge, LossKind, Losses, Marks, Protocol, Sample, Service, Timestamp,
};

use crate::Limits;
use crate::hash::Keyed;
use crate::state::{EdgeState, RetiredState};

/// Where translated and where direct edges past the cap are folded.
const REMAINDERS: [u32; 2] = [0, 1];
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The edge that stands for all edges past the cap: every address 0.0.0.0, every port and the protocol
/// 0. The one for translated edges has a service, the one for direct edges has none.
#[must_use]
pub fn remainder(translated: bool) -> Edge {
    Edge {
        endpoint: NOWHERE,
        service: translated.then_some(Service { address: NOWHERE, port: 0 }),
        provider: NOWHERE,
        provider_port: 0,
        protocol: Protocol(0),
    }
}

#[derive(Clone, Debug)]
struct Slot {
    edge: Edge,
    hash: u64,
    counters: Counters,
    marks: Marks,
    /// When it last changed or was last referred to.
    seen: Timestamp,
    /// Readings and connections that point here; nothing expires under them.
    references: u32,
    live: u32,
    used: bool,
    dirty: bool,
}

#[derive(Clone, Copy, Debug)]
struct Retired {
    hash: u64,
    counters: Counters,
    marks: Marks,
}

#[derive(Clone, Debug)]
pub(crate) struct EdgeTable {
    keyed: Keyed,
    limits: Limits,
    slots: Vec<Slot>,
    index: HashTable<u32>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    /// Which edges were already counted as folded. Bounded; past it they are counted again.
    folded: HashTable<u64>,
    retired: HashTable<Retired>,
}

impl EdgeTable {
    pub(crate) fn new(keyed: Keyed, limits: Limits) -> Self {
        let slots = [true, false].map(|translated| Slot {
            edge: remainder(translated),
            hash: 0,
            counters: Counters::ZERO,
            marks: Marks { remainder: true, ..Marks::default() },
            seen: Timestamp(0),
            references: 0,
            live: 0,
            used: false,
            dirty: false,
        });
        Self {
            keyed,
            limits,
            slots: slots.to_vec(),
            index: HashTable::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            folded: HashTable::new(),
            retired: HashTable::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.iter().take(REMAINDERS.len()).filter(|slot| slot.used).count() + self.index.len()
    }

    pub(crate) fn retired(&self) -> usize {
        self.retired.len()
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample> + '_ {
        self.slots.iter().filter(|slot| slot.used).map(Slot::sample)
    }

    pub(crate) fn live(&self, edge: &Edge) -> u32 {
        let hash = self.keyed.edge(edge);
        self.find(hash, edge).and_then(|at| self.slot(at)).map_or(0, |slot| slot.live)
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(at).ok()?)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(at).ok()?)
    }

    fn find(&self, hash: u64, edge: &Edge) -> Option<u32> {
        let same = |at: &u32| self.slot(*at).is_some_and(|slot| slot.edge == *edge);
        self.index.find(hash, same).copied()
    }

    /// The place of an edge, made where it has none; the remainder's where there is no room.
    pub(crate) fn admit(&mut self, edge: &Edge, losses: &mut Losses, at: Timestamp) -> u32 {
        let hash = self.keyed.edge(edge);
        if let Some(found) = self.find(hash, edge) {
            return found;
        }
        if self.index.len() >= self.limits.edges || *edge == remainder(edge.service.is_some()) {
            return self.fold(hash, edge, losses, at);
        }
        let retired = self.unretire(hash);
        self.insert(Slot {
            edge: *edge,
            hash,
            counters: retired.counters,
            marks: retired.marks,
            seen: at,
            references: 0,
            live: 0,
            used: true,
            dirty: false,
        })
    }

    fn unretire(&mut self, hash: u64) -> Retired {
        match self.retired.find_entry(hash, |retired| retired.hash == hash) {
            Ok(entry) => entry.remove().0,
            Err(_) => Retired { hash, counters: Counters::ZERO, marks: Marks::default() },
        }
    }

    fn insert(&mut self, slot: Slot) -> u32 {
        let hash = slot.hash;
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slot_mut(at) {
                    *place = slot;
                }
                at
            }
            None => {
                let at = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                self.slots.push(slot);
                at
            }
        };
        let slots = &self.slots;
        let hash_of = |at: &u32| {
            usize::try_from(*at).ok().and_then(|at| slots.get(at)).map_or(0, |slot| slot.hash)
        };
        self.index.insert_unique(hash, at, hash_of);
        at
    }

    fn fold(&mut self, hash: u64, edge: &Edge, losses: &mut Losses, at: Timestamp) -> u32 {
        let counted = self.folded.find(hash, |other| *other == hash).is_some();
        if !counted {
            losses.record(LossKind::EdgesFolded, 1, 0, at);
            if self.folded.len() < self.limits.edges.max(1) {
                self.folded.insert_unique(hash, hash, |other| *other);
            }
        }
        let [translated, direct] = REMAINDERS;
        let place = if edge.service.is_some() { translated } else { direct };
        if let Some(slot) = self.slot_mut(place) {
            slot.used = true;
        }
        place
    }

    pub(crate) fn credit(&mut self, place: u32, more: &Counters, at: Timestamp) {
        if more.is_zero() {
            return;
        }
        if let Some(slot) = self.slot_mut(place) {
            slot.counters.add(more);
            slot.seen = at;
        }
        self.touch(place);
    }

    pub(crate) fn mark(&mut self, place: u32, marks: Marks) {
        let Some(slot) = self.slot_mut(place) else { return };
        let before = slot.marks;
        slot.marks.merge(marks);
        if slot.marks != before {
            self.touch(place);
        }
    }

    fn touch(&mut self, place: u32) {
        let Some(slot) = self.slot_mut(place) else { return };
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(place);
        }
    }

    pub(crate) fn refer(&mut self, place: u32) {
        if let Some(slot) = self.slot_mut(place) {
            slot.references = slot.references.saturating_add(1);
        }
    }

    pub(crate) fn release(&mut self, place: u32, at: Timestamp) {
        if let Some(slot) = self.slot_mut(place) {
            slot.references = slot.references.saturating_sub(1);
            slot.seen = slot.seen.max(at);
        }
    }

    pub(crate) fn opened(&mut self, place: u32) {
        if let Some(slot) = self.slot_mut(place) {
            slot.live = slot.live.saturating_add(1);
        }
    }

    pub(crate) fn closed(&mut self, place: u32) {
        if let Some(slot) = self.slot_mut(place) {
            slot.live = slot.live.saturating_sub(1);
        }
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Sample> {
        let mut dirty = std::mem::take(&mut self.dirty);
        let mut samples = Vec::with_capacity(dirty.len());
        for place in dirty.drain(..) {
            if let Some(slot) = self.slot_mut(place) {
                slot.dirty = false;
                samples.push(slot.sample());
            }
        }
        self.dirty = dirty;
        samples
    }

    /// Begins all counters at zero again: the consumer carries on from what it has.
    pub(crate) fn begin_epoch(&mut self) {
        for slot in &mut self.slots {
            slot.counters = Counters::ZERO;
        }
        self.retired.clear();
        self.folded.clear();
    }

    /// Retires edges that nothing refers to and that were out of sight for the expiry time.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let first = u32::try_from(REMAINDERS.len()).unwrap_or(u32::MAX);
        let end = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        for place in first..end {
            if self.retired.len() >= self.limits.retired() {
                return;
            }
            let expiry = self.limits.edge_expiry;
            let idle = |slot: &&mut Slot| {
                slot.used && !slot.dirty && slot.references == 0 && now.since(slot.seen) >= expiry
            };
            let Some(slot) = self.slot_mut(place).filter(idle) else { continue };
            slot.used = false;
            let retired = Retired { hash: slot.hash, counters: slot.counters, marks: slot.marks };
            if let Ok(entry) = self.index.find_entry(retired.hash, |at| *at == place) {
                entry.remove();
            }
            self.free.push(place);
            self.retired.insert_unique(retired.hash, retired, |other| other.hash);
        }
    }

    /// The edges in use, each with its place, for a state to keep.
    pub(crate) fn save(&self) -> (Vec<(u32, EdgeState)>, Vec<RetiredState>) {
        let used = (0_u32..).zip(&self.slots).filter(|(_, slot)| slot.used);
        let edges = used.map(|(at, slot)| (at, slot.state())).collect();
        let retired = self.retired.iter().map(|retired| RetiredState {
            hash: retired.hash,
            counters: retired.counters,
            marks: retired.marks,
        });
        (edges, retired.collect())
    }

    /// Takes up a kept edge and gives its place. Past the limit, it is still taken: it is known.
    pub(crate) fn load(&mut self, state: &EdgeState) -> u32 {
        if state.marks.remainder {
            let [translated, direct] = REMAINDERS;
            let place = if state.edge.service.is_some() { translated } else { direct };
            if let Some(slot) = self.slot_mut(place) {
                slot.counters = state.counters;
                slot.marks = state.marks;
                slot.used = true;
            }
            return place;
        }
        let hash = self.keyed.edge(&state.edge);
        self.insert(Slot {
            edge: state.edge,
            hash,
            counters: state.counters,
            marks: state.marks,
            seen: state.seen,
            references: 0,
            live: 0,
            used: true,
            dirty: false,
        })
    }

    pub(crate) fn load_retired(&mut self, retired: &RetiredState) {
        let retired =
            Retired { hash: retired.hash, counters: retired.counters, marks: retired.marks };
        self.retired.insert_unique(retired.hash, retired, |other| other.hash);
    }
}

impl Slot {
    fn sample(&self) -> Sample {
        Sample { edge: self.edge, counters: self.counters, marks: self.marks }
    }

    fn state(&self) -> EdgeState {
        EdgeState { edge: self.edge, counters: self.counters, marks: self.marks, seen: self.seen }
    }
}
