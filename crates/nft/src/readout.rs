use std::net::IpAddr;

/// Which way packets went, as conntrack sees the connection, or as a bridge's table learnt it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From who opened the connection (`ct direction original`).
    Out,
    /// Towards who opened it (`ct direction reply`).
    In,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets as the hook sees them: a segmented one is one.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
}

/// One direction of one edge in one set, cumulative since the element came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Which way.
    pub direction: Direction,
    /// Whether the destination was translated here (`ct status dnat`).
    pub translated: bool,
    /// Which of the table's places holds it: an edge's counters in several places add up.
    pub place: u32,
    /// IP protocol number.
    pub protocol: u8,
    /// Who opened the connection.
    pub original_source: IpAddr,
    /// What it connected to, before translation.
    pub original_destination: IpAddr,
    /// The port it connected to; 0 for protocols without ports.
    pub original_destination_port: u16,
    /// Who answered.
    pub reply_source: IpAddr,
    /// From which port; 0 for protocols without ports.
    pub reply_source_port: u16,
    /// Packets.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
}

/// What a read brought besides its elements. All counts are cumulative since the table was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readout {
    /// Elements handed over, repetitions included.
    pub elements: u32,
    /// The largest number of elements in one set that is still written to: see [`crate::Table::grow`].
    pub largest_set: u32,
    /// Not counted on an edge because its set was full: connections with translated destinations.
    pub turned_away_translated: Count,
    /// The same of direct connections.
    pub turned_away_direct: Count,
    /// ICMP errors about connections, which are no edge's traffic.
    pub related: Count,
    /// Packets that conntrack doesn't track or finds invalid; without neighbour discovery and
    /// multicast listener reports. On a bridge: TCP to or from no server that is known yet, and what a
    /// full set of learnt servers or flows leaves unknown; fragments but the first, which has the ports.
    pub unclassified: Count,
    /// The kernel said that a dump was inconsistent. It may be so unsaid.
    pub interrupted: bool,
}

impl Readout {
    /// All that full sets turned away.
    #[must_use]
    pub const fn turned_away(&self) -> Count {
        Count {
            packets: self.turned_away_translated.packets + self.turned_away_direct.packets,
            bytes: self.turned_away_translated.bytes + self.turned_away_direct.bytes,
        }
    }
}
