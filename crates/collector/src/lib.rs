//! Gathers the samples of many agents.

pub mod claims;
pub mod counters;
pub mod discovery;
pub mod history;
pub mod losses;
pub mod node;
pub mod ownership;
pub mod point;
pub mod shard;
pub mod sink;
pub mod target;
pub mod timing;
