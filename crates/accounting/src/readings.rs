//! Readings of edges that the kernel counts (nftables): merged within a look, credited at its end.
//!
//! A dump is no snapshot: it may repeat an element with an older value, or miss it. So a look's readings
//! of one key merge to the greatest, only that is compared with the look before, and absence means
//! nothing. A direction's packets and bytes come from one element and merge, fall and begin together;
//! a direction that reads zero was not read (an element exists because a packet made it).
//!
//! Not detectable: an element that expired and was made anew *and* passed its old value between two
//! looks. The kernel's element timeout (24 h or more) against the time between looks rules it out.

use hashbrown::HashTable;
use svcflow_model::{Counters, EdgeReading, LossKind, Losses, Timestamp};

use crate::Limits;
use crate::edges::EdgeTable;
use crate::hash::Keyed;
use crate::state::ReadingState;

/// How many complete looks lay the baseline where counting began before us: an old element that the
/// first look missed must not be taken for a new one in the second. Edges that are really new in looks
/// two and three lose what ran before their first reading; each is counted as a gap.
pub(crate) const BASELINE_LOOKS: u8 = 3;

/// How many looks an element must be missing from before its baseline may be forgotten.
const EXPIRY_LOOKS: u32 = 8;

/// One direction of an element. Ordered by packets, which grow with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Direction {
    packets: u64,
    bytes: u64,
}

impl Direction {
    const ZERO: Self = Self { packets: 0, bytes: 0 };

    /// What is new in it: the difference, or all of it where it fell.
    fn gained(self, last: Self) -> Self {
        match (self.packets.checked_sub(last.packets), self.bytes.checked_sub(last.bytes)) {
            (Some(packets), Some(bytes)) => Self { packets, bytes },
            _ => self,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    last: Direction,
    now: Direction,
    known: bool,
}

impl Track {
    /// Closes a look. Gives the credit and whether a baseline was laid instead.
    fn close(&mut self, baseline: bool) -> (Direction, bool) {
        let now = std::mem::take(&mut self.now);
        if now == Direction::ZERO {
            return (Direction::ZERO, false);
        }
        let lay = !self.known && baseline;
        let gained = if lay { Direction::ZERO } else { now.gained(self.last) };
        self.last = now;
        self.known = true;
        (gained, lay)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    edge: u32,
    seen_look: u32,
    seen: Timestamp,
    inward: Track,
    outward: Track,
}

#[derive(Clone, Debug)]
pub(crate) struct Readings {
    keyed: Keyed,
    limits: Limits,
    entries: Vec<Entry>,
    index: HashTable<u32>,
    touched: Vec<u32>,
    turned_away: u64,
    /// Complete looks that still only lay the baseline.
    pub(crate) baseline_looks: u8,
}

fn directions(counters: &Counters) -> (Direction, Direction) {
    (
        Direction { packets: counters.packets_in, bytes: counters.bytes_in },
        Direction { packets: counters.packets_out, bytes: counters.bytes_out },
    )
}

fn counters(inward: Direction, outward: Direction) -> Counters {
    Counters {
        bytes_in: inward.bytes,
        bytes_out: outward.bytes,
        packets_in: inward.packets,
        packets_out: outward.packets,
    }
}

impl Readings {
    pub(crate) fn new(keyed: Keyed, limits: Limits) -> Self {
        Self {
            keyed,
            limits,
            entries: Vec::new(),
            index: HashTable::new(),
            touched: Vec::new(),
            turned_away: 0,
            baseline_looks: BASELINE_LOOKS,
        }
    }

    /// Forgets all baselines: the readings to come belong to another origin.
    pub(crate) fn clear(&mut self, edges: &mut EdgeTable, at: Timestamp) {
        for entry in self.entries.drain(..) {
            edges.release(entry.edge, at);
        }
        self.index.clear();
        self.touched.clear();
    }

    pub(crate) fn read(
        &mut self,
        reading: &EdgeReading,
        look: u32,
        edges: &mut EdgeTable,
        losses: &mut Losses,
        at: Timestamp,
    ) {
        let Some(place) = self.admit(reading, edges, losses, at) else {
            self.turned_away += 1;
            return;
        };
        let found = usize::try_from(place).ok().and_then(|at| self.entries.get_mut(at));
        let Some(entry) = found else { return };
        entry.seen = at;
        entry.seen_look = look;
        if reading.counters.is_zero() {
            return;
        }
        if entry.inward.now == Direction::ZERO && entry.outward.now == Direction::ZERO {
            self.touched.push(place);
        }
        let (inward, outward) = directions(&reading.counters);
        entry.inward.now = entry.inward.now.max(inward);
        entry.outward.now = entry.outward.now.max(outward);
    }

    fn admit(
        &mut self,
        reading: &EdgeReading,
        edges: &mut EdgeTable,
        losses: &mut Losses,
        at: Timestamp,
    ) -> Option<u32> {
        let hash = self.keyed.place(&reading.edge, reading.place);
        let entries = &self.entries;
        let hash_of = |at: &u32| {
            usize::try_from(*at).ok().and_then(|at| entries.get(at)).map_or(0, |entry| entry.hash)
        };
        if let Some(place) = self.index.find(hash, |at| hash_of(at) == hash) {
            return Some(*place);
        }
        if self.entries.len() >= self.limits.readings() {
            return None;
        }
        let edge = edges.admit(&reading.edge, losses, at);
        edges.refer(edge);
        let place = u32::try_from(self.entries.len()).ok()?;
        self.index.insert_unique(hash, place, hash_of);
        self.entries.push(Entry {
            hash,
            edge,
            seen_look: 0,
            seen: at,
            inward: Track::default(),
            outward: Track::default(),
        });
        Some(place)
    }

    pub(crate) fn end_look(
        &mut self,
        complete: bool,
        first: bool,
        edges: &mut EdgeTable,
        losses: &mut Losses,
        at: Timestamp,
    ) {
        let baseline = self.baseline_looks > 0;
        let mut late = 0;
        for place in self.touched.drain(..) {
            let found = usize::try_from(place).ok().and_then(|at| self.entries.get_mut(at));
            let Some(entry) = found else { continue };
            let (inward, laid_in) = entry.inward.close(baseline);
            let (outward, laid_out) = entry.outward.close(baseline);
            edges.credit(entry.edge, &counters(inward, outward), at);
            late += u64::from(!first && (laid_in || laid_out));
        }
        losses.record(LossKind::EpochGap, late, 0, at);
        losses.record(LossKind::ReadingsUnfollowed, self.turned_away, 0, at);
        self.turned_away = 0;
        if complete {
            self.baseline_looks = self.baseline_looks.saturating_sub(1);
        }
    }

    /// Forgets the baselines of elements that were in no look for the expiry time.
    pub(crate) fn expire(&mut self, look: u32, edges: &mut EdgeTable, now: Timestamp) {
        let expiry = self.limits.edge_expiry;
        let before = self.entries.len();
        self.entries.retain(|entry| {
            let gone = now.since(entry.seen) >= expiry
                && look.wrapping_sub(entry.seen_look) >= EXPIRY_LOOKS;
            if gone {
                edges.release(entry.edge, entry.seen);
            }
            !gone
        });
        if self.entries.len() != before {
            self.reindex();
        }
    }

    fn reindex(&mut self) {
        self.index.clear();
        let entries = &self.entries;
        let hash_of = |at: &u32| {
            usize::try_from(*at).ok().and_then(|at| entries.get(at)).map_or(0, |entry| entry.hash)
        };
        for (place, entry) in (0_u32..).zip(entries) {
            self.index.insert_unique(entry.hash, place, hash_of);
        }
    }

    pub(crate) fn save(&self) -> Vec<ReadingState> {
        let state = |entry: &Entry| ReadingState {
            hash: entry.hash,
            edge: entry.edge,
            last: counters(entry.inward.last, entry.outward.last),
            known_in: entry.inward.known,
            known_out: entry.outward.known,
            seen: entry.seen,
            seen_look: entry.seen_look,
        };
        self.entries.iter().map(state).collect()
    }

    /// Takes up kept baselines; `place` gives where an edge of the state is now.
    pub(crate) fn load(
        &mut self,
        states: &[ReadingState],
        edges: &mut EdgeTable,
        place: impl Fn(u32) -> Option<u32>,
    ) {
        for state in states {
            let Some(edge) = place(state.edge) else { continue };
            edges.refer(edge);
            let (inward, outward) = directions(&state.last);
            self.entries.push(Entry {
                hash: state.hash,
                edge,
                seen_look: state.seen_look,
                seen: state.seen,
                inward: Track { last: inward, known: state.known_in, ..Track::default() },
                outward: Track { last: outward, known: state.known_out, ..Track::default() },
            });
        }
        self.reindex();
    }
}
