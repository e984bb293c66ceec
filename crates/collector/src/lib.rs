//! Gathers the samples of many agents.

mod agent_task;
pub mod claims;
mod collector;
pub mod config;
pub mod counters;
pub mod discovery;
mod error;
pub mod history;
pub mod losses;
mod metrics;
pub mod node;
pub mod ownership;
pub mod point;
pub mod scrape;
mod setup;
pub mod shard;
pub mod sink;
pub mod status;
pub mod target;
pub mod timing;

pub use collector::{Collector, Parts, Settings};
pub use error::Error;
pub use setup::start;
