//! Connections that we look at (conntrack): credited by difference, and the rest at their end.
//!
//! An entry is 56 bytes: hash 8, counters 32, id 4, edge 4, look 4, phase and flags 2, padding 2. The
//! slab grows by a quarter (at most 70 bytes an entry), the index holds 4 + 1 bytes a bucket at 7/16 to
//! 7/8 load (at most 11.5 bytes): at most 82 bytes a connection, nothing allocated for a single one.
//! Hash and id stand for both tuples, protocol and zone: see `hash`.
//!
//! An ended connection stays as a tombstone up to the end of the next complete look: the kernel sends
//! the end before it unlinks the entry, so a dump may still show it. While the tombstone stands, looks
//! credit nothing to that identity; a real successor is credited in full once it has gone.

use hashbrown::HashTable;
use svcflow_model::{Connection, Counters, LossKind, Losses, Marks, Timestamp};

use crate::Limits;
use crate::edges::EdgeTable;
use crate::hash::Keyed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection; `edge` is the next free place.
    Free,
    Live,
    /// Missing from one complete look: stated as ended unseen, kept for one more, because a dump that
    /// missed it must not make it new.
    Missing,
    Ended,
}

const UNCOUNTED: u8 = 1;
const OFFLOADED: u8 = 2;
/// It fell and was made anew in the look that runs: the look's other readings of it are ambiguous.
const REMADE: u8 = 4;

const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    last: Counters,
    id: u32,
    edge: u32,
    /// The look that it was last seen, or that ran or had run when it ended.
    look: u32,
    phase: Phase,
    flags: u8,
}

const _: () = assert!(size_of::<Entry>() == 56, "the memory a connection takes is a promise");

/// What a call may change beside the connections, and when it happens.
pub(crate) struct Context<'a> {
    pub(crate) edges: &'a mut EdgeTable,
    pub(crate) losses: &'a mut Losses,
    pub(crate) look: u32,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Connections {
    keyed: Keyed,
    limit: usize,
    entries: Vec<Entry>,
    index: HashTable<u32>,
    free: u32,
    live: usize,
    /// Whether unknown connections are still the baseline. Closed by the first complete look that
    /// followed all it saw; a connection turned away before would else be credited its past later.
    pub(crate) open: bool,
    untracked: u64,
    untracked_before: u64,
}

impl Connections {
    pub(crate) fn new(keyed: Keyed, limits: Limits) -> Self {
        Self {
            keyed,
            limit: limits.connections.min(usize::try_from(NONE - 1).unwrap_or(usize::MAX)),
            entries: Vec::new(),
            index: HashTable::new(),
            free: NONE,
            live: 0,
            open: true,
            untracked: 0,
            untracked_before: 0,
        }
    }

    /// Those that live, as far as we know.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Forgets all: what comes belongs to another run of the source.
    pub(crate) fn clear(&mut self, edges: &mut EdgeTable, at: Timestamp) {
        for entry in self.entries.drain(..).filter(|entry| entry.phase != Phase::Free) {
            if entry.phase != Phase::Ended {
                edges.closed(entry.edge);
            }
            edges.release(entry.edge, at);
        }
        self.index.clear();
        self.free = NONE;
        self.live = 0;
        self.untracked = 0;
        self.untracked_before = 0;
    }

    /// A connection lives.
    pub(crate) fn seen(&mut self, connection: &Connection, context: &mut Context<'_>) {
        let hash = self.keyed.connection(connection);
        match self.find(hash, connection.id) {
            Some(place) => self.seen_again(place, connection, context),
            None => self.seen_first(hash, connection, context),
        }
    }

    fn seen_first(&mut self, hash: u64, connection: &Connection, context: &mut Context<'_>) {
        if self.index.len() >= self.limit {
            self.untracked += 1;
            return;
        }
        let edge = self.enter(hash, connection, Phase::Live, context);
        if !self.open
            && let Some(counters) = &connection.counters
        {
            context.edges.credit(edge, counters, context.at);
        }
    }

    fn seen_again(&mut self, place: u32, connection: &Connection, context: &mut Context<'_>) {
        let Some(entry) = entry_mut(&mut self.entries, place) else { return };
        if entry.phase == Phase::Ended {
            return;
        }
        let repeated = entry.look == context.look;
        let remade = repeated && entry.flags & REMADE != 0;
        entry.phase = Phase::Live;
        entry.look = context.look;
        entry.note(connection, context);
        let Some(now) = connection.counters else { return };
        if !repeated {
            entry.flags &= !REMADE;
        }
        if entry.flags & UNCOUNTED != 0 {
            // Its past is unknown, so what it shows now can only be a baseline.
            entry.flags &= !UNCOUNTED;
            entry.last = now;
            context.losses.record(LossKind::EpochGap, 1, 0, context.at);
            return;
        }
        match now.since(&entry.last) {
            _ if remade => {}
            Some(gained) => {
                entry.last = now;
                context.edges.credit(entry.edge, &gained, context.at);
            }
            // An older repetition of what this look already showed.
            None if repeated => {}
            None => {
                entry.flags |= REMADE;
                entry.last = now;
                context.edges.credit(entry.edge, &now, context.at);
            }
        }
    }

    /// A connection ended: what was not yet credited is.
    pub(crate) fn ended(&mut self, connection: &Connection, context: &mut Context<'_>) {
        let hash = self.keyed.connection(connection);
        match self.find(hash, connection.id) {
            Some(place) => self.ended_known(place, connection, context),
            None => self.ended_unknown(hash, connection, context),
        }
    }

    fn ended_known(&mut self, place: u32, connection: &Connection, context: &mut Context<'_>) {
        let Some(entry) = entry_mut(&mut self.entries, place) else { return };
        entry.note(connection, context);
        let ended_before = entry.phase == Phase::Ended;
        let unknown_past = entry.flags & UNCOUNTED != 0;
        if let Some(last) = connection.counters {
            let rest = match last.since(&entry.last) {
                _ if unknown_past => Counters::ZERO,
                // A port used again at once towards the same provider gets the same conntrack ID: another
                // connection, equal in all that is told (950 of 113,548 in ten seconds of short ones). The
                // kernel repeats an end only for listeners that ask for reliable delivery
                // (`NETLINK_BROADCAST_ERROR`: conntrackd in that mode) while their queue is full.
                _ if ended_before => last,
                Some(rest) => rest,
                None => last,
            };
            entry.last = last;
            context.edges.credit(entry.edge, &rest, context.at);
        }
        entry.look = context.look;
        if !ended_before {
            entry.phase = Phase::Ended;
            self.live = self.live.saturating_sub(1);
            context.edges.closed(entry.edge);
        }
    }

    fn ended_unknown(&mut self, hash: u64, connection: &Connection, context: &mut Context<'_>) {
        let edge = if self.index.len() < self.limit {
            self.enter(hash, connection, Phase::Ended, context)
        } else {
            // No room for a tombstone; none is needed, because a full table follows nothing new.
            let edge = context.edges.admit(&connection.edge(), context.losses, context.at);
            mark(edge, connection, context);
            edge
        };
        if self.open {
            // It may be older than we are: how much of it ran before is unknown.
            context.losses.record(LossKind::EpochGap, 1, 0, context.at);
        } else if let Some(counters) = &connection.counters {
            context.edges.credit(edge, counters, context.at);
        }
    }

    /// Makes an entry and gives its edge.
    fn enter(
        &mut self,
        hash: u64,
        connection: &Connection,
        phase: Phase,
        context: &mut Context<'_>,
    ) -> u32 {
        let edge = context.edges.admit(&connection.edge(), context.losses, context.at);
        context.edges.refer(edge);
        if phase == Phase::Live {
            context.edges.opened(edge);
            self.live += 1;
        }
        mark(edge, connection, context);
        let uncounted = if connection.counters.is_none() { UNCOUNTED } else { 0 };
        let offloaded = if connection.offloaded { OFFLOADED } else { 0 };
        self.insert(Entry {
            hash,
            last: connection.counters.unwrap_or_default(),
            id: connection.id,
            edge,
            look: context.look,
            phase,
            flags: uncounted | offloaded,
        });
        edge
    }

    fn find(&self, hash: u64, id: u32) -> Option<u32> {
        let same = |at: &u32| {
            entry(&self.entries, *at).is_some_and(|entry| entry.hash == hash && entry.id == id)
        };
        self.index.find(hash, same).copied()
    }

    fn insert(&mut self, new: Entry) {
        let hash = new.hash;
        let place = self.free;
        if let Some(free) = entry_mut(&mut self.entries, place) {
            self.free = free.edge;
            *free = new;
            return self.link(hash, place);
        }
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 4).max(64));
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(NONE);
        self.entries.push(new);
        self.link(hash, place);
    }

    fn link(&mut self, hash: u64, place: u32) {
        let entries = &self.entries;
        self.index.insert_unique(hash, place, |at| entry(entries, *at).map_or(0, |e| e.hash));
    }

    pub(crate) fn end_look(&mut self, complete: bool, context: &mut Context<'_>) {
        let more = self.untracked.saturating_sub(self.untracked_before);
        context.losses.record(LossKind::ConnectionsUntracked, more, 0, context.at);
        if complete {
            self.sweep(context);
            if self.open && self.untracked == 0 {
                self.open = false;
            }
            self.untracked_before = self.untracked;
        } else {
            self.untracked_before = self.untracked_before.max(self.untracked);
        }
        self.untracked = 0;
    }

    /// After a complete look: states those that are missing, and lets tombstones go.
    fn sweep(&mut self, context: &mut Context<'_>) {
        let mut unseen = 0;
        for place in 0..u32::try_from(self.entries.len()).unwrap_or(NONE) {
            let Some(entry) = entry_mut(&mut self.entries, place) else { break };
            if entry.look == context.look || entry.phase == Phase::Free {
                continue;
            }
            if entry.phase == Phase::Live {
                entry.phase = Phase::Missing;
                unseen += 1;
                continue;
            }
            if entry.phase == Phase::Missing {
                self.live = self.live.saturating_sub(1);
                context.edges.closed(entry.edge);
            }
            context.edges.release(entry.edge, context.at);
            let hash = entry.hash;
            entry.phase = Phase::Free;
            entry.edge = self.free;
            self.free = place;
            if let Ok(bucket) = self.index.find_entry(hash, |at| *at == place) {
                bucket.remove();
            }
        }
        context.losses.record(LossKind::EndedUnseen, unseen, 0, context.at);
    }
}

impl Entry {
    /// Takes up what a later sight of a connection says about its numbers' worth.
    fn note(&mut self, connection: &Connection, context: &mut Context<'_>) {
        if connection.offloaded && self.flags & OFFLOADED == 0 {
            self.flags |= OFFLOADED;
            context.edges.mark(self.edge, Marks { undercounted: true, ..Marks::default() });
        }
    }
}

fn entry(entries: &[Entry], place: u32) -> Option<&Entry> {
    entries.get(usize::try_from(place).ok()?)
}

fn entry_mut(entries: &mut [Entry], place: u32) -> Option<&mut Entry> {
    entries.get_mut(usize::try_from(place).ok()?)
}

fn mark(edge: u32, connection: &Connection, context: &mut Context<'_>) {
    let uncounted = connection.counters.is_none();
    context.losses.record(LossKind::Uncounted, u64::from(uncounted), 0, context.at);
    let undercounted = connection.offloaded;
    let direction_unknown = connection.direction_unknown;
    let marks = Marks { uncounted, undercounted, direction_unknown, ..Marks::default() };
    context.edges.mark(edge, marks);
}
