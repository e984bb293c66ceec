//! Numbers of the kernel that are states: newtypes, so that one we don't know is kept, not lost.

/// What the kernel says of an entry: bits of `enum ip_conntrack_status` in
/// `include/uapi/linux/netfilter/nf_conntrack_common.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// `IPS_EXPECTED`: a helper expected it.
    pub const EXPECTED: Self = Self(1);
    /// `IPS_SEEN_REPLY`: packets went both ways.
    pub const SEEN_REPLY: Self = Self(1 << 1);
    /// `IPS_ASSURED`: not dropped early when the table is full.
    pub const ASSURED: Self = Self(1 << 2);
    /// `IPS_CONFIRMED`: it is in the table.
    pub const CONFIRMED: Self = Self(1 << 3);
    /// `IPS_SRC_NAT`: its source is translated.
    pub const SRC_NAT: Self = Self(1 << 4);
    /// `IPS_DST_NAT`: its destination is translated.
    pub const DST_NAT: Self = Self(1 << 5);
    /// `IPS_DYING`: it has left the table.
    pub const DYING: Self = Self(1 << 9);
    /// `IPS_FIXED_TIMEOUT`: traffic doesn't renew its timeout.
    pub const FIXED_TIMEOUT: Self = Self(1 << 10);
    /// `IPS_OFFLOAD`: a flowtable forwards it, past the hooks that count.
    pub const OFFLOAD: Self = Self(1 << 14);
    /// `IPS_HW_OFFLOAD`: hardware forwards it.
    pub const HW_OFFLOAD: Self = Self(1 << 15);

    /// Whether all bits of `other` are set.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a flowtable or hardware forwards it, so that its counters may stand still.
    #[must_use]
    #[inline]
    pub const fn is_offloaded(self) -> bool {
        self.0 & (Self::OFFLOAD.0 | Self::HW_OFFLOAD.0) != 0
    }

    /// Both sets of bits.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOr for Status {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

/// State of a TCP connection: `enum tcp_conntrack` in
/// `include/uapi/linux/netfilter/nf_conntrack_tcp.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpState(pub u8);

impl TcpState {
    /// No state yet.
    pub const NONE: Self = Self(0);
    /// The client asked.
    pub const SYN_SENT: Self = Self(1);
    /// The server answered.
    pub const SYN_RECV: Self = Self(2);
    /// Both agreed.
    pub const ESTABLISHED: Self = Self(3);
    /// One side finished.
    pub const FIN_WAIT: Self = Self(4);
    /// The other side knows it.
    pub const CLOSE_WAIT: Self = Self(5);
    /// Both finished.
    pub const LAST_ACK: Self = Self(6);
    /// Over; kept for stragglers.
    pub const TIME_WAIT: Self = Self(7);
    /// Reset.
    pub const CLOSE: Self = Self(8);
    /// Both sides asked at once.
    pub const SYN_SENT2: Self = Self(9);

    /// The name that `conntrack` prints.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 10] = [
            "NONE",
            "SYN_SENT",
            "SYN_RECV",
            "ESTABLISHED",
            "FIN_WAIT",
            "CLOSE_WAIT",
            "LAST_ACK",
            "TIME_WAIT",
            "CLOSE",
            "SYN_SENT2",
        ];
        NAMES.get(usize::from(self.0)).copied()
    }
}

/// State of an SCTP association: `enum sctp_conntrack` in
/// `include/uapi/linux/netfilter/nf_conntrack_sctp.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SctpState(pub u8);

impl SctpState {
    /// The name that `conntrack` prints.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 10] = [
            "NONE",
            "CLOSED",
            "COOKIE_WAIT",
            "COOKIE_ECHOED",
            "ESTABLISHED",
            "SHUTDOWN_SENT",
            "SHUTDOWN_RECD",
            "SHUTDOWN_ACK_SENT",
            "HEARTBEAT_SENT",
            "HEARTBEAT_ACKED",
        ];
        NAMES.get(usize::from(self.0)).copied()
    }
}

/// State of a DCCP connection: `enum ct_dccp_states` in
/// `include/uapi/linux/netfilter/nf_conntrack_dccp.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DccpState(pub u8);

impl DccpState {
    /// The name that `conntrack` prints.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 10] = [
            "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
            "IGNORE", "INVALID",
        ];
        NAMES.get(usize::from(self.0)).copied()
    }
}
