//! Gathers the samples of many agents.

pub mod counters;
pub mod ownership;
pub mod shard;
pub mod timing;
