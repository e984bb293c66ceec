//! InfluxQL statements answered from the store, as InfluxDB 1.6.7 answers them.

mod admin;
mod cancel;
mod column;
mod engine;
mod error;
mod exec;
mod kernel;
mod limits;
mod plan;
mod registry;
mod scalar_math;
mod session;
mod show;
mod sink;
mod zone;

pub use admin::changes;
pub use cancel::{Cancel, CancelReason};
pub use column::{Column, Scalar, Validity, Values};
pub use engine::Engine;
pub use error::{Blame, QueryError};
pub use limits::Limits;
pub use session::Session;
pub use sink::{ResultSink, SeriesFrame, SinkClosed};
pub use zone::{Zone, write_time};
