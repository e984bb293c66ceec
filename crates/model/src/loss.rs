use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What kind of traffic or knowledge went missing. Serialised in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// The kernel dropped events because our receive buffer was full (ENOBUFS). Count: how often.
    EventsDropped,
    /// A connection known from a look was gone at the next and no end was seen. Count: connections.
    EndedUnseen,
    /// A full set turned packets away. Count: packets; bytes where known.
    SetFull,
    /// Our table was gone or changed by another and had to be made anew. Count: how often.
    TableLost,
    /// The counters' origin changed, so what ran between the last look and the change is unknown.
    EpochGap,
    /// Edges past the cap, folded into the remainder edge. Count: edges folded; their traffic is kept.
    EdgesFolded,
    /// Connections past the cap that were not followed. Count: connections.
    ConnectionsUntracked,
    /// Readings past the cap whose baseline could not be kept. Count: readings, in every look anew.
    ReadingsUnfollowed,
    /// Connections without counters (accounting off). Count: connections.
    Uncounted,
    /// Messages from the kernel or a trace that could not be read. Count: messages.
    Unreadable,
    /// ICMP errors that belong to a connection but to no edge. Count: packets, with bytes.
    RelatedErrors,
    /// Packets that connection tracking did not classify, so no edge could be named. Count: packets.
    Unclassified,
}

/// One kind's total so far, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// How many; the unit is the kind's.
    pub count: u64,
    /// How many bytes are known to be missing from the edges; 0 where none or unknown.
    pub bytes: u64,
    /// When the first happened.
    pub first: Timestamp,
    /// When the last happened.
    pub last: Timestamp,
}

/// Everything that was lost since the counters' origin, by kind. Never goes down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Losses(BTreeMap<LossKind, Loss>);

impl Losses {
    /// Adds `count` (and `bytes`) to a kind. A count of 0 is no loss and leaves no trace.
    pub fn record(&mut self, kind: LossKind, count: u64, bytes: u64, at: Timestamp) {
        if count == 0 {
            return;
        }
        let loss = self.0.entry(kind).or_insert(Loss { count: 0, bytes: 0, first: at, last: at });
        loss.count = loss.count.saturating_add(count);
        loss.bytes = loss.bytes.saturating_add(bytes);
        loss.last = at;
    }

    /// The kinds that happened, in order.
    pub fn iter(&self) -> impl Iterator<Item = (LossKind, &Loss)> {
        self.0.iter().map(|(kind, loss)| (*kind, loss))
    }

    /// One kind's total.
    #[must_use]
    pub fn get(&self, kind: LossKind) -> Option<&Loss> {
        self.0.get(&kind)
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
