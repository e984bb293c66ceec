//! Gathers the samples of many agents.

mod agent_task;
pub mod claims;
mod collector;
pub mod counters;
pub mod discovery;
pub mod history;
pub mod losses;
mod metrics;
pub mod node;
pub mod ownership;
pub mod point;
pub mod scrape;
pub mod shard;
pub mod sink;
pub mod status;
pub mod target;
pub mod timing;

pub use collector::{Collector, Parts, Settings};
