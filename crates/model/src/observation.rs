//! What a traffic source tells accounting.
//!
//! Two shapes, for the two ways of counting. Where the kernel counts edges (nftables), a look yields
//! [`EdgeReading`]s. Where it counts connections (conntrack), a look yields [`Connection`]s, and their
//! ends arrive between and during looks.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Counters, Edge, LossKind, Protocol, Service, Timestamp};

/// Where cumulative readings began to count: the same origin means that readings can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Random, made when the counters were created, kept with them in the kernel.
    pub id: u64,
    /// The kernel's own handle of the object; differs after a save and load of the same id.
    pub handle: u64,
}

/// What the first reading of something unknown is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Counting began at zero under our eyes: the first reading is all credit.
    Zero,
    /// It ran before we looked: the first reading is the baseline and credits nothing.
    FirstReading,
    /// It ran before we looked, and a complete look misses nothing: what the first one shows is the
    /// baseline, what comes later began at zero.
    FirstLook,
}

/// One reading of an edge's cumulative counters, as one counting place (a set) holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeReading {
    /// The edge.
    pub edge: Edge,
    /// Which counting place: the counters of one edge in two places are independent and add up.
    pub place: u32,
    /// Cumulative since the origin. Directions that the place doesn't count are 0.
    pub counters: Counters,
}

/// One connection as connection tracking holds it: both tuples, and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The kernel's conntrack ID. Reused, so never an identity alone.
    pub id: u32,
    /// Conntrack zone.
    pub zone: u16,
    /// IP protocol.
    pub protocol: Protocol,
    /// Original direction: from the endpoint …
    pub original_source: IpAddr,
    /// … to the service (or the provider, on a direct connection).
    pub original_destination: IpAddr,
    /// Port (or ICMP id) of the original source.
    pub original_source_port: u16,
    /// Port of the original destination; 0 where the protocol has none.
    pub original_destination_port: u16,
    /// Reply direction: from the provider …
    pub reply_source: IpAddr,
    /// … to the endpoint, or to the address it was masqueraded as.
    pub reply_destination: IpAddr,
    /// Port of the reply's source; 0 where the protocol has none.
    pub reply_source_port: u16,
    /// Port of the reply's destination.
    pub reply_destination_port: u16,
    /// Whether the destination was translated on this node (`IPS_DST_NAT`).
    pub destination_translated: bool,
    /// Whether packets bypass the counters (flowtable or hardware offload).
    pub offloaded: bool,
    /// Whether tracking did not see it begin, so that its ends may be swapped.
    pub direction_unknown: bool,
    /// What was counted so far; `None` where accounting was off when it began: unknown, not zero.
    pub counters: Option<Counters>,
}

impl Connection {
    /// The edge this connection belongs to. The service is the original destination only where this
    /// node translated it (design rule 3).
    #[must_use]
    pub fn edge(&self) -> Edge {
        let port = |port| if self.protocol.has_ports() { port } else { 0 };
        Edge {
            endpoint: self.original_source,
            service: self.destination_translated.then_some(Service {
                address: self.original_destination,
                port: port(self.original_destination_port),
            }),
            provider: self.reply_source,
            provider_port: port(self.reply_source_port),
            protocol: self.protocol,
        }
    }
}

/// One thing that a source saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The counters' origin, before the first reading and whenever it changes.
    ///
    /// `baseline` says what first readings under a *new* origin are worth.
    Origin {
        /// The origin that the readings to come belong to.
        origin: Origin,
        /// What a first reading is worth.
        baseline: Baseline,
    },
    /// A look begins: what follows up to `LookEnded` is one dump, maybe incomplete, maybe repeating.
    LookBegan,
    /// An edge's counters. Only between `LookBegan` and `LookEnded`.
    Edge(EdgeReading),
    /// Among this edge's connections is one that tracking did not see begin: its ends may be swapped.
    DirectionUnknown(Edge),
    /// What the endpoint sends to this edge's provider and to others could not be told apart.
    Unsplit(Edge),
    /// A connection that lives. Only between `LookBegan` and `LookEnded`.
    Connection(Connection),
    /// A connection ended; its counters are final. At any time, during a look too.
    ConnectionEnded(Connection),
    /// A look ended. `complete` is false where the dump was cut off: absence then means nothing.
    LookEnded {
        /// Whether the dump came to its end.
        complete: bool,
    },
    /// Something was lost.
    Lost {
        /// What kind.
        kind: LossKind,
        /// How many; the unit is the kind's.
        count: u64,
        /// Bytes known to be missing.
        bytes: u64,
    },
}

/// Takes observations: accounting, a recorder, a test.
pub trait ObservationSink {
    /// Takes one observation, seen at `at`.
    fn observe(&mut self, at: Timestamp, observation: &Observation);
}

impl<F: FnMut(Timestamp, &Observation)> ObservationSink for F {
    fn observe(&mut self, at: Timestamp, observation: &Observation) {
        self(at, observation);
    }
}
