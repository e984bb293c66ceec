//! Stored counters that never go down: a pure state machine, one per node (design rule 9).
//!
//! An agent's counters are cumulative within an epoch; what is stored is cumulative for good. Per edge
//! and epoch the two differ by a constant, the *offset*: `stored = offset + raw`. A new epoch moves the
//! offset to what is stored already. A batch is known by its epoch and sequence, so that one delivered
//! twice counts once (case 1), and because every raw value is cumulative, a batch that never comes costs
//! resolution and no byte.
//!
//! What is stored of an edge is split over two accounts ([`Account`]): each byte is in one of them.
//!
//! Assumed of agents: within an epoch counters do not fall and higher sequences are later. Where one
//! breaks that, the fall is stated ([`Applied::fell`]) and counting goes on from the lower value.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use svcflow_model::{Counters, Edge, Epoch, Sample};

/// Epochs that were left and are known not to come back. Past it the oldest is forgotten: an epoch that
/// returns after that many others would be taken for a new one.
pub const LEFT_MAX: usize = 16;

/// Where an increase is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// This node owns the connection: the account that may be summed over nodes.
    Owned,
    /// Another node owns it, or none does by itself: kept apart, never summed (case 3).
    Apart,
}

/// What is stored of an edge, and how it relates to the agent's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeMemory {
    /// The owned account; `None` where nothing was ever stored in it.
    pub owned: Option<Counters>,
    /// The account kept apart.
    pub apart: Option<Counters>,
    /// Both accounts together less the agent's counters, in the running epoch.
    pub offset: Counters,
}

impl EdgeMemory {
    /// The same where nothing was credited in the running epoch yet.
    #[must_use]
    pub fn before_its_epoch(self) -> Self {
        Self { offset: self.stored(), ..self }
    }

    fn stored(&self) -> Counters {
        let mut sum = self.owned.unwrap_or_default();
        sum.add(&self.apart.unwrap_or_default());
        sum
    }

    /// The agent's counters as they were when last credited. An offset above what is stored can't be
    /// (both are written together), and counts as nothing credited yet.
    fn raw(&self) -> Counters {
        self.stored().since(&self.offset).unwrap_or_default()
    }
}

/// Where a node's batches stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The running epoch.
    pub epoch: Epoch,
    /// The last interval that was applied.
    pub sequence: u64,
    /// Earlier epochs, the latest last.
    pub left: Vec<Epoch>,
}

/// How a batch relates to what was applied before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first ever of this node.
    First,
    /// Of the running epoch, and later.
    Next,
    /// Of the running epoch, but applied already: a second delivery.
    Repeated,
    /// Of an epoch not seen before: the agent began anew.
    NewEpoch,
    /// Of an epoch that was left: a late answer, or two agents that take turns.
    LeftEpoch,
}

/// An increase that was credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The edge.
    pub edge: Edge,
    /// Where the increase went.
    pub account: Account,
    /// The account's new value.
    pub stored: Counters,
    /// It is the account's first value.
    pub first: bool,
}

/// An edge whose offset is no longer what was last stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The edge.
    pub edge: Edge,
    /// The new offset.
    pub offset: Counters,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Increases, in the batch's order. An edge that did not increase is not among them.
    pub credits: Vec<Credit>,
    /// Offsets to be stored together with them.
    pub offsets: Vec<Offset>,
    /// Edges whose counters fell within an epoch: how much ran meanwhile is unknown.
    pub fell: u64,
}

/// One node's stored counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCounters {
    position: Option<Position>,
    edges: HashMap<Edge, EdgeMemory>,
}

impl NodeCounters {
    /// Goes on from what was stored.
    pub fn restore(
        position: Option<Position>,
        edges: impl IntoIterator<Item = (Edge, EdgeMemory)>,
    ) -> Self {
        Self { position, edges: edges.into_iter().collect() }
    }

    /// Where its batches stand; `None` before the first.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Every edge with what is stored of it.
    pub fn edges(&self) -> impl Iterator<Item = (&Edge, &EdgeMemory)> {
        self.edges.iter()
    }

    /// How many edges are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether no edge is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Takes up an edge that was forgotten, as it was stored; one that is known stays as it is.
    pub fn learn(&mut self, edge: Edge, memory: EdgeMemory) {
        self.edges.entry(edge).or_insert(memory);
    }

    /// Whether an edge is remembered.
    #[must_use]
    pub fn knows(&self, edge: &Edge) -> bool {
        self.edges.contains_key(edge)
    }

    /// Forgets edges: those that can be learnt again, or that nobody can read any more.
    pub fn forget(&mut self, forgotten: impl Fn(&Edge) -> bool) {
        self.edges.retain(|edge, _| !forgotten(edge));
    }

    /// How a batch relates to what was applied.
    #[must_use]
    pub fn standing(&self, epoch: Epoch, sequence: u64) -> Standing {
        match &self.position {
            None => Standing::First,
            Some(at) if at.epoch == epoch && sequence > at.sequence => Standing::Next,
            Some(at) if at.epoch == epoch => Standing::Repeated,
            Some(at) if at.left.contains(&epoch) => Standing::LeftEpoch,
            Some(_) => Standing::NewEpoch,
        }
    }

    /// Takes the agent's word that its sequence went back within the epoch, as a host restored from a
    /// snapshot does: later intervals count again. Only for an answer that can't be a late one.
    pub fn rewind(&mut self) {
        if let Some(at) = &mut self.position {
            at.sequence = 0;
        }
    }

    /// Credits one interval. Repeated ones and those of a left epoch change nothing.
    pub fn apply<'s>(
        &mut self,
        epoch: Epoch,
        sequence: u64,
        samples: impl IntoIterator<Item = (&'s Sample, Account)>,
    ) -> Applied {
        let mut applied = Applied::default();
        match self.standing(epoch, sequence) {
            Standing::Repeated | Standing::LeftEpoch => return applied,
            Standing::First | Standing::Next => {}
            Standing::NewEpoch => applied.offsets = self.carry_on(),
        }
        self.advance(epoch, sequence);
        for (sample, account) in samples {
            self.credit(sample, account, &mut applied);
        }
        applied
    }

    /// A new epoch: what is stored becomes the offset.
    fn carry_on(&mut self) -> Vec<Offset> {
        let moved = self.edges.iter_mut().filter_map(|(edge, memory)| {
            let offset = memory.stored();
            (std::mem::replace(&mut memory.offset, offset) != offset)
                .then_some(Offset { edge: *edge, offset })
        });
        moved.collect()
    }

    fn advance(&mut self, epoch: Epoch, sequence: u64) {
        let at = self.position.get_or_insert(Position { epoch, sequence, left: Vec::new() });
        if at.epoch != epoch {
            at.left.push(std::mem::replace(&mut at.epoch, epoch));
            let past = at.left.len().saturating_sub(LEFT_MAX);
            at.left.drain(..past);
        }
        at.sequence = sequence;
    }

    fn credit(&mut self, sample: &Sample, account: Account, applied: &mut Applied) {
        let memory = match self.edges.entry(sample.edge) {
            Entry::Occupied(known) => known.into_mut(),
            // An edge without traffic has nothing to be remembered by yet.
            Entry::Vacant(_) if sample.counters.is_zero() => return,
            Entry::Vacant(new) => new.insert(EdgeMemory::default()),
        };
        let raw = memory.raw();
        let increase = each(&sample.counters, &raw, u64::saturating_sub);
        if sample.counters.since(&raw).is_none() {
            // What rose is credited; the offset makes up for what fell.
            applied.fell += 1;
            let mut stored = memory.stored();
            stored.add(&increase);
            memory.offset = each(&stored, &sample.counters, u64::saturating_sub);
            applied.offsets.push(Offset { edge: sample.edge, offset: memory.offset });
        }
        if increase.is_zero() {
            return;
        }
        let place = match account {
            Account::Owned => &mut memory.owned,
            Account::Apart => &mut memory.apart,
        };
        let first = place.is_none();
        let stored = place.get_or_insert_default();
        stored.add(&increase);
        applied.credits.push(Credit { edge: sample.edge, account, stored: *stored, first });
    }
}

fn each(a: &Counters, b: &Counters, of: impl Fn(u64, u64) -> u64) -> Counters {
    Counters {
        bytes_in: of(a.bytes_in, b.bytes_in),
        bytes_out: of(a.bytes_out, b.bytes_out),
        packets_in: of(a.packets_in, b.packets_in),
        packets_out: of(a.packets_out, b.packets_out),
    }
}
