//! Gathers the samples of many agents.
//!
//! Agents are found ([`discovery`], [`shard`]), asked ([`scrape`], [`timing`]) and understood: one node's
//! answer becomes points ([`node`], [`point`]) whose counters never go down ([`counters`]) and of which each
//! belongs to one node ([`ownership`]). Points go to the store first ([`history`]), with the node's position
//! in the same commit, and then to any number of sinks ([`sink`]), each with a spool on disk. How every
//! agent and sink does is shown ([`status`]).
//!
//! The machines that decide are pure: [`counters`], [`ownership`], [`timing`], [`node`], [`claims`], [`losses`].
//!
//! ```no_run
//! # async fn run(store: svcflow_store::Store) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use svcflow_agent::SystemClock;
//! use svcflow_collector::config::Config;
//!
//! let config = Config::parse("[collector]\nagents = [\"10.0.0.1\"]", None)?;
//! let data = std::path::Path::new("/var/lib/svcflow");
//! let (names, _sources) = svcflow_collector::Gatherer::new(&[]);
//! let clock = Arc::new(SystemClock);
//! let collector = svcflow_collector::start(&config, Some(&store), data, clock, names)?;
//! println!("{:?}", collector.nodes());
//! collector.shutdown().await;
//! # Ok(())
//! # }
//! ```

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
pub mod names;
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
pub use names::Gatherer;
pub use setup::start;
