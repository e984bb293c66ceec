//! The node loop and its HTTP interface.
//!
//! One thread owns the traffic source and the accounting: it listens until the next look is due, looks,
//! keeps its state on disk and publishes an immutable [`Snapshot`]. HTTP handlers only read what was
//! published, so a slow reader never delays a look. Source, clock, switches, listener and shutdown come
//! in as values.
//!
//! ```no_run
//! # async fn run() -> Result<(), svcflow_agent::Error> {
//! use svcflow_agent::{
//!     Config, Options, Protection, bind, kernel_source, router, serve, start_with,
//! };
//!
//! let config = Config::default();
//! let protection = Protection::load(&config)?;
//! let listener = bind(config.listen).await?;
//! let agent = start_with(kernel_source(config.source), Options::new(config))?;
//! serve(listener, router(agent.shared()), &protection, std::future::pending()).await;
//! agent.shutdown();
//! # Ok(())
//! # }
//! ```

mod clock;
pub mod config;
mod document;
mod error;
mod http;
mod local;
mod names;
mod node;
mod process;
mod ring;
mod rtnetlink;
mod shared;
mod state_file;
mod switches;

pub use clock::{Clock, ManualClock, SystemClock, next_aligned, rfc3339};
pub use config::Config;
pub use document::{
    EdgeDocument, EdgeNames, EdgesDocument, Gap, HealthDocument, IntervalDocument, Rate,
    SampleDocument, SamplesDocument, SourceDocument,
};
pub use error::{BoxError, Error};
pub use http::{
    Protection, bind, endpoint_address, endpoint_answer, metric_families, router, serve,
};
pub use local::Locals;
pub use names::sources as name_sources;
pub use node::{AgentHandle, Opener, Options, kernel_source, source_of, start, start_with};
pub use ring::{ANSWER_SAMPLES_MAX, RING_SAMPLES_MAX};
pub use shared::{EdgeView, Shared, Snapshot};
pub use svcflow_model::{Cidr, ParseCidrError};
pub use switches::{SwitchReport, Switches};
