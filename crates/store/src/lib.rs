//! The embedded time-series store: InfluxDB's data model, kept in a folder.
//!
//! A [`Store`] has databases, a database has retention policies and series, a series has rows in each
//! policy: an instant and values of typed fields. [`Store::batch`] writes, [`Store::read`] reads.
//!
//! ```
//! use svcflow_store::{
//!     Block, FieldType, FieldValue, Options, Order, PolicySpec, ScanRequest, Store, TimeRange,
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path(), Options::default())?;
//! store.create_database("telegraf", PolicySpec::new("autogen", None))?;
//!
//! let mut batch = store.batch("telegraf", None)?;
//! let series = batch.series("cpu", &[("host", "a")])?;
//! let idle = batch.field(series, "idle", FieldType::Integer)?;
//! batch.push(series, 1_000, &[(idle, FieldValue::Integer(99))])?;
//! batch.commit()?;
//!
//! let snapshot = store.read("telegraf")?;
//! let cpu = snapshot.measurement("cpu").ok_or("no such measurement")?;
//! let mut scan = snapshot.scan(&ScanRequest {
//!     policy: None,
//!     series: cpu.series_all(),
//!     fields: &[idle],
//!     range: TimeRange::ALL,
//!     order: Order::Ascending,
//! })?;
//! let mut block = Block::default();
//! while let Some(series) = scan.next_series()? {
//!     while let Some(chunk) = scan.next_chunk()? {
//!         chunk.decode(&mut block)?;
//!         assert_eq!(block.times, [1_000]);
//!         assert_eq!(cpu.tag(series, "host"), Some("a"));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod block;
mod catalog;
mod chunk;
mod chunker;
mod codec;
mod commit;
mod damage;
mod database;
mod error;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod index;
mod log;
mod memtable;
mod merge;
mod open;
mod pack;
mod piece;
mod policy;
mod pressure;
mod retain;
mod rollup;
mod run;
mod scan;
mod schema;
mod seal;
mod shared;
mod snapshot;
mod store;
mod summary;
mod symbols;
mod tables;
mod time;
mod value;
mod worker;

pub use batch::{Batch, Scope};
pub use block::{Bitmap, Block, Column, Validity, Values};
pub use codec::Malformed;
pub use damage::{Damage, DamageKind};
pub use error::Error;
pub use index::{MeasurementId, TagKeys};
pub use policy::{Policy, PolicyChange, PolicySpec, default_shard_duration};
pub use roaring::RoaringBitmap;
pub use rollup::Rollup;
pub use scan::{Chunk, Order, Scan, ScanRequest};
pub use snapshot::{Field, Measurement, Snapshot};
pub use store::{Options, Stats, Store};
pub use summary::{NumberSummary, Summary, ValueSummary};
pub use time::{FIRST_TIME, LAST_TIME, TimeRange};
pub use value::{FieldId, FieldType, FieldValue, SeriesId};
