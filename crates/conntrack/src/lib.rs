//! ctnetlink, the kernel's connection tracking over netlink: what `conntrack -L` and `conntrack -E`
//! show, as values.
//!
//! Codec below, socket above. [`Entry::decode`] and [`Entries`] are pure: they read a message where
//! it lies, allocate nothing, and meet hostile bytes with an error that has an offset.
//! [`Conntrack`] dumps, creates and deletes entries, [`Events`] follows their events; both stay in
//! the network namespace in which they were opened.
//!
//! ```no_run
//! use svcflow_conntrack::{Conntrack, Error, Filter};
//!
//! Conntrack::open()?.dump(&Filter::default(), |entry| {
//!     println!("{entry}");
//!     Ok::<_, Error>(())
//! })?;
//! # Ok::<_, Error>(())
//! ```
//!
//! Needs `CAP_NET_ADMIN` in the user namespace that owns the network namespace. Counters are only
//! there with `net.netfilter.nf_conntrack_acct=1`. A dump of a table that changes is no snapshot:
//! entries may come twice or not at all.
//!
//! The formats are those of `include/uapi/linux/netfilter/nfnetlink_conntrack.h` and
//! `nf_conntrack_common.h`.

mod attribute;
mod buffer;
mod create;
mod display;
mod entry;
mod events;
mod socket;
mod state;
mod tuple;

pub use buffer::{Entries, Event};
pub use create::NewEntry;
pub use entry::{Count, Counters, Entry, Timestamp};
pub use events::{Events, Groups};
pub use socket::{Conntrack, Dump, Filter, Summary};
pub use state::{DccpState, SctpState, Status, TcpState};
pub use svcflow_netlink::{DecodeError, Error, Received};
pub use tuple::{Family, Transport, Tuple, protocol};
