//! Who owns an address, which service is behind it, and when.
//!
//! [`Topology`] is the pure core: sources tell it what they know ([`Update`]), it merges them by a clear
//! precedence and keeps every owner's and service's interval of validity, so that an edge of the past has
//! the names of the past (design rule 10). Readers take an immutable [`Snapshot`] from [`Names`].
//!
//! ```
//! use svcflow_model::Timestamp;
//! use svcflow_topology::{Facts, Limits, Names, Owner, OwnerKind, Topology, Update};
//!
//! let mut topology = Topology::new(Limits::default());
//! let file = topology.add_source("static").unwrap();
//! let owner = Owner {
//!     identity: "web-1".to_owned(),
//!     name: "web-1".to_owned(),
//!     kind: OwnerKind::Named,
//!     addresses: vec!["10.1.1.1".parse().unwrap()],
//!     labels: [("tier", "web")].into_iter().collect(),
//!     node: None,
//!     since: None,
//! };
//! let facts = Facts { owners: vec![owner], ..Facts::default() };
//! topology.apply(file, Update::Listed { at: Timestamp(10), facts });
//! let names = Names::default();
//! names.publish(topology.snapshot());
//!
//! let snapshot = names.snapshot();
//! let address = "10.1.1.1".parse().unwrap();
//! assert_eq!(snapshot.owner(address, Timestamp(10)).unwrap().entity.name, "web-1");
//! assert!(snapshot.owner(address, Timestamp(9)).is_none(), "nobody said so of then");
//! ```

pub mod discovery;
pub mod document;
mod facts;
pub mod history;
mod journal;
mod labels;
mod ledger;
mod names;
pub mod observed;
mod owner;
mod selector;
mod service;
mod snapshot;
pub mod sources;
mod status;
mod tenure;
mod topology;

pub use document::ServicesDocument;
pub use facts::{Facts, Update};
pub use history::{Record, What};
pub use journal::{Journal, NamesDocument, Page};
pub use labels::Labels;
pub use ledger::Limits;
pub use names::Names;
pub use owner::{Owner, OwnerKind};
pub use selector::{ParseSelectorError, Selector};
pub use service::{ParsePortError, Port, Service};
pub use snapshot::{Found, Snapshot};
pub use status::{SourceState, SourceStatus};
pub use tenure::SourceId;
pub use topology::Topology;
