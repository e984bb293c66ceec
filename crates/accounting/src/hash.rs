//! Keyed hashes that stand for edges, counting places and connections.
//!
//! Tables keep the 64-bit hash instead of the key. The seed is drawn at random and never leaves the
//! process but in [`State`](crate::State), so that nobody outside can aim at a collision; by chance two
//! of two million keys meet with a probability of about 1 in 10 million.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use foldhash::SharedSeed;
use foldhash::quality::{RandomState, SeedableRandomState};
use svcflow_model::{Connection, Edge, Epoch};

#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    seed: u64,
    state: SeedableRandomState,
}

impl Keyed {
    pub(crate) fn random(epoch: Epoch) -> Self {
        Self::seeded(RandomState::default().hash_one(epoch))
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self { seed, state: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()) }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn edge(&self, edge: &Edge) -> u64 {
        self.state.hash_one(edge)
    }

    pub(crate) fn place(&self, edge: &Edge, place: u32) -> u64 {
        let mut hasher = self.state.build_hasher();
        edge.hash(&mut hasher);
        hasher.write_u32(place);
        hasher.finish()
    }

    /// Both tuples, protocol, zone and the kernel's ID (design rule 2).
    pub(crate) fn connection(&self, connection: &Connection) -> u64 {
        let c = connection;
        let mut hasher = self.state.build_hasher();
        let ports = u64::from(c.original_source_port) << 48
            | u64::from(c.original_destination_port) << 32
            | u64::from(c.reply_source_port) << 16
            | u64::from(c.reply_destination_port);
        let rest = u64::from(c.id) << 32
            | u64::from(c.zone) << 16
            | u64::from(c.protocol.0) << 8
            | u64::from(c.original_source.is_ipv6()) << 1
            | u64::from(c.reply_source.is_ipv6());
        hasher.write_u64(ports);
        hasher.write_u64(rest);
        for address in
            [c.original_source, c.original_destination, c.reply_source, c.reply_destination]
        {
            match address {
                IpAddr::V4(v4) => hasher.write_u32(v4.to_bits()),
                IpAddr::V6(v6) => hasher.write_u128(v6.to_bits()),
            }
        }
        hasher.finish()
    }
}
