//! Attribute and message numbers of the kernel's `include/uapi/linux/netfilter/nfnetlink_conntrack.h`.

/// `IPCTNL_MSG_CT_NEW`: a creation, an event, or an entry of a dump.
pub(crate) const MSG_NEW: u8 = 0;
/// `IPCTNL_MSG_CT_GET`
pub(crate) const MSG_GET: u8 = 1;
/// `IPCTNL_MSG_CT_DELETE`: a deletion, or the event of one.
pub(crate) const MSG_DELETE: u8 = 2;

/// `enum ctattr_type`
pub(crate) mod cta {
    pub(crate) const TUPLE_ORIG: u16 = 1;
    pub(crate) const TUPLE_REPLY: u16 = 2;
    pub(crate) const STATUS: u16 = 3;
    pub(crate) const PROTOINFO: u16 = 4;
    pub(crate) const TIMEOUT: u16 = 7;
    pub(crate) const MARK: u16 = 8;
    pub(crate) const COUNTERS_ORIG: u16 = 9;
    pub(crate) const COUNTERS_REPLY: u16 = 10;
    pub(crate) const USE: u16 = 11;
    pub(crate) const ID: u16 = 12;
    pub(crate) const ZONE: u16 = 18;
    pub(crate) const TIMESTAMP: u16 = 20;
    pub(crate) const MARK_MASK: u16 = 21;
    pub(crate) const STATUS_MASK: u16 = 26;
}

/// `enum ctattr_tuple`
pub(crate) mod tuple {
    pub(crate) const IP: u16 = 1;
    pub(crate) const PROTO: u16 = 2;
    pub(crate) const ZONE: u16 = 3;
}

/// `enum ctattr_ip`
pub(crate) mod ip {
    pub(crate) const V4_SRC: u16 = 1;
    pub(crate) const V4_DST: u16 = 2;
    pub(crate) const V6_SRC: u16 = 3;
    pub(crate) const V6_DST: u16 = 4;
}

/// `enum ctattr_l4proto`
pub(crate) mod proto {
    pub(crate) const NUM: u16 = 1;
    pub(crate) const SRC_PORT: u16 = 2;
    pub(crate) const DST_PORT: u16 = 3;
    pub(crate) const ICMP_ID: u16 = 4;
    pub(crate) const ICMP_TYPE: u16 = 5;
    pub(crate) const ICMP_CODE: u16 = 6;
    pub(crate) const ICMPV6_ID: u16 = 7;
    pub(crate) const ICMPV6_TYPE: u16 = 8;
    pub(crate) const ICMPV6_CODE: u16 = 9;
}

/// `enum ctattr_protoinfo`, and the state within each (`CTA_PROTOINFO_TCP_STATE`, ...).
pub(crate) mod protoinfo {
    pub(crate) const TCP: u16 = 1;
    pub(crate) const DCCP: u16 = 2;
    pub(crate) const SCTP: u16 = 3;
    pub(crate) const STATE: u16 = 1;
    /// `CTA_PROTOINFO_TCP_FLAGS_ORIGINAL`: a `struct nf_ct_tcp_flags`, flags and mask of 8 bits each.
    pub(crate) const TCP_FLAGS: u16 = 4;
    /// `IP_CT_TCP_FLAG_BE_LIBERAL` of `nf_conntrack_tcp.h`: set by `tcp_new` on what it picks up.
    pub(crate) const TCP_BE_LIBERAL: u8 = 8;
}

/// `enum ctattr_counters`
pub(crate) mod counters {
    pub(crate) const PACKETS: u16 = 1;
    pub(crate) const BYTES: u16 = 2;
    pub(crate) const PACKETS_32: u16 = 3;
    pub(crate) const BYTES_32: u16 = 4;
}

/// `enum ctattr_tstamp`
pub(crate) mod timestamp {
    pub(crate) const START: u16 = 1;
    pub(crate) const STOP: u16 = 2;
}
