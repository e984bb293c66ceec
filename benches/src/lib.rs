//! svcflow beside the servers it takes the place of: the same data, the same questions, one run.
//!
//! [`Traffic`] makes the data, [`Target`] is a server that is measured through HTTP on one connection, and
//! [`Table`] shows what was measured beside its limits. `benches/store.rs` is the list of what is measured.

mod error;
mod table;
mod target;
mod traffic;

pub use error::{Error, Result};
pub use table::{Limit, Row, Table};
pub use target::{Ingest, Kind, Memory, Target, median};
pub use traffic::{Edge, Traffic};
