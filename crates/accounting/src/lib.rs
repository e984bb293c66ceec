//! The rules of accounting as a pure state machine: observations in, edge counters and losses out.
//!
//! No clock, no I/O, no threads: time comes with each observation. Totals are cumulative since the
//! [`Epoch`](svcflow_model::Epoch) and never fall within it; whatever could not be counted is stated in
//! [`Losses`](svcflow_model::Losses). Where a choice must be made, too little is credited and said,
//! never too much.
//!
//! ```
//! use svcflow_accounting::{Accounting, Limits};
//! use svcflow_model::{Epoch, Observation, ObservationSink, Timestamp};
//!
//! let mut accounting = Accounting::new(Epoch(1), Limits::default());
//! accounting.observe(Timestamp(0), &Observation::LookBegan);
//! accounting.observe(Timestamp(1), &Observation::LookEnded { complete: true });
//! assert!(accounting.take_changes().is_empty());
//! ```

mod accounting;
mod connections;
mod edges;
mod hash;
mod limits;
mod readings;
mod state;

pub use accounting::Accounting;
pub use edges::remainder;
pub use limits::Limits;
pub use state::State;
