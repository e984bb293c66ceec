//! Our own counting-only nftables table, over netlink: installed, read, adopted, repaired, removed.
//!
//! The kernel counts: dynamic sets hold an element with a counter per edge and direction, keyed by
//! conntrack's tuples (`ct original saddr . daddr . proto-dst . ct reply saddr . proto-src`), which are
//! right in both directions and tell service and provider whatever the NAT. No rule drops, accepts or
//! changes a packet, and no other table is touched. `nft list ruleset` shows everything and can load
//! it again. Packets pass `forward` at priority 10, `input` and `output` at 50: behind the filter, so
//! that only accepted ones count. Loopback traffic passes output and input with different packet
//! counts (segmentation), so it is counted once, on output.
//!
//! - **A dump is no snapshot.** While elements come in, one dump may repeat an element and miss
//!   another, unannounced. [`Table::read`] hands elements over as they come: merge them by key *and*
//!   [`Element::place`], take the maximum, and don't take absence for an end.
//! - **An edge may be in several places** after [`Table::grow`]: its counters there are independent
//!   and add up.
//! - **A set can be full.** Packets of edges turned away are counted exactly: [`Readout::turned_away`].
//! - **Same-bridge traffic** with `bridge-nf-call-iptables=0` doesn't pass family `inet` at all: a
//!   table of family `bridge` counts it ([`Placement::Bridge`]), without conntrack. It must not be there
//!   while that switch is on: packets would be counted in both.
//! - **Loading the `inet` table switches conntrack on** in its network namespace.

mod batch;
mod bridged;
mod decode;
mod error;
mod expression;
mod layout;
mod listing;
mod readout;
mod table;
mod uapi;

pub use error::Error;
pub use layout::Placement;
pub use listing::{flowtables, other_tables};
pub use readout::{Count, Direction, Element, Readout};
pub use table::{Health, Installed, Options, Origin, Table};
