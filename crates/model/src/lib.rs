//! The words that every part of svcflow speaks: edges, counters, samples, losses, observations.
//!
//! Nothing here does I/O, reads a clock or knows where a number came from. "In" is always towards the
//! endpoint, "out" always from it; bytes are IP bytes as the counting hook saw them.

mod cidr;
mod counters;
mod edge;
mod loss;
mod observation;
mod protocol;
mod row;
mod sample;
mod time;

pub use cidr::{Cidr, ParseCidrError};
pub use counters::Counters;
pub use edge::{Edge, Service};
pub use loss::{Loss, LossKind, Losses};
pub use observation::{Baseline, Connection, EdgeReading, Observation, ObservationSink, Origin};
pub use protocol::{ParseProtocolError, Protocol};
pub use row::EdgeRow;
pub use sample::{Epoch, Interval, Marks, Relation, Sample};
pub use time::Timestamp;
