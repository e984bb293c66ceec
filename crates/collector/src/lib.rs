//! Gathers the samples of many agents.

pub mod counters;
pub mod history;
pub mod losses;
pub mod node;
pub mod ownership;
pub mod point;
pub mod shard;
pub mod timing;
