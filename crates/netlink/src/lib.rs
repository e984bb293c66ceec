//! Netlink for the netfilter families: framing and attributes read in place, requests built without
//! padding bugs, and a blocking socket.
//!
//! Codec below, socket above: [`Messages`] and [`Attributes`] are pure and never panic; only
//! [`Socket`] makes system calls. The formats are those of the kernel's `include/uapi/linux/netlink.h`
//! and `include/uapi/linux/netfilter/nfnetlink.h`. Headers are in host byte order, netfilter's
//! attribute values in network byte order.

mod attribute;
mod builder;
mod error;
mod message;
mod socket;

pub use attribute::{Attribute, Attributes};
pub use builder::{Builder, Nest};
pub use error::{DecodeError, Error};
pub use message::{Message, Messages};
pub use socket::{Dumped, Received, Socket};

/// Subsystem of connection tracking (`NFNL_SUBSYS_CTNETLINK`).
pub const SUBSYS_CTNETLINK: u8 = 1;
/// Subsystem of nftables (`NFNL_SUBSYS_NFTABLES`).
pub const SUBSYS_NFTABLES: u8 = 10;

/// Message flags of `include/uapi/linux/netlink.h`.
pub mod flags {
    /// `NLM_F_REQUEST`
    pub const REQUEST: u16 = 0x1;
    /// `NLM_F_MULTI`
    pub const MULTI: u16 = 0x2;
    /// `NLM_F_ACK`
    pub const ACK: u16 = 0x4;
    /// `NLM_F_ECHO`
    pub const ECHO: u16 = 0x8;
    /// `NLM_F_DUMP_INTR`: the dump was inconsistent.
    pub const DUMP_INTR: u16 = 0x10;
    /// `NLM_F_DUMP` (`ROOT | MATCH`)
    pub const DUMP: u16 = 0x300;
    /// `NLM_F_EXCL`: fail if it exists.
    pub const EXCL: u16 = 0x200;
    /// `NLM_F_CREATE`
    pub const CREATE: u16 = 0x400;
    /// `NLM_F_APPEND`
    pub const APPEND: u16 = 0x800;
}

/// A netfilter message type: subsystem in the upper, message in the lower byte.
#[must_use]
pub const fn message_type(subsystem: u8, message: u8) -> u16 {
    ((subsystem as u16) << 8) | message as u16
}
