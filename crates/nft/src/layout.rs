//! What the table is made of: one pair of sets per [`Kind`] and [`Place`], and their names.
//!
//! A set's name says everything about it, so that the table can be adopted from its listing alone.

use crate::Direction;
use crate::uapi::{BRIDGE, INET, IPV4, IPV6, ct, meta, payload};

/// Changes whenever chains, rules, sets or names do: a table of another layout is replaced.
pub(crate) const LAYOUT: u32 = 1;
/// More shards cost more system calls than they save.
pub(crate) const MAX_SHARDS: u32 = 64;

/// Where a table counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Family `inet`: what this host routes, sends and receives, as conntrack sees it.
    #[default]
    Inet,
    /// Family `bridge`: what passes from port to port of a bridge, which family `inet` sees only where
    /// `bridge-nf-call-iptables` is on. Directions are learnt, all edges direct.
    Bridge,
}

impl Placement {
    pub(crate) const fn family(self) -> u8 {
        match self {
            Self::Inet => INET,
            Self::Bridge => BRIDGE,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Bridge => "bridge",
        }
    }

    /// What its sets tell apart besides protocols and families.
    const fn paths(self) -> &'static [Path] {
        match self {
            Self::Inet => &[Path::Translated, Path::Direct],
            Self::Bridge => &[Path::Bridged],
        }
    }

    /// The protocols with sets of their own.
    pub(crate) const fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::Inet => &PROTOCOLS,
            Self::Bridge => &[TCP, UDP],
        }
    }
}

/// How the packets of a set's edges come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The connection's destination was translated.
    Translated,
    Direct,
    /// From port to port of a bridge.
    Bridged,
}

impl Path {
    const fn name(self) -> &'static str {
        match self {
            Self::Translated => "nat",
            Self::Direct => "direct",
            Self::Bridged => "bridge",
        }
    }
}

pub(crate) const TCP: Protocol = Protocol::Ported(6);
pub(crate) const UDP: Protocol = Protocol::Ported(17);

/// What a set counts: transport protocols with ports have sets of their own, because a concatenation
/// of six fields can't be listed by nft (its type has 32 bits, 6 for each field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ported(u8),
    Other,
}

/// Protocols whose conntrack tuple has ports, the commonest first: rules ask in this order.
const PROTOCOLS: [Protocol; 6] =
    [TCP, UDP, Protocol::Ported(132), Protocol::Ported(33), Protocol::Ported(136), Protocol::Other];

impl Protocol {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ported(6) => "tcp",
            Self::Ported(17) => "udp",
            Self::Ported(132) => "sctp",
            Self::Ported(33) => "dccp",
            Self::Ported(_) => "udplite",
            Self::Other => "other",
        }
    }
}

/// One field of a key, as it is loaded and as nft names its type (`enum datatypes` in nftables'
/// `include/datatype.h`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) source: FieldSource,
    pub(crate) data_type: u32,
    pub(crate) bytes: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldSource {
    /// A conntrack key and its direction (0 original, 1 reply).
    Conntrack(u32, u8),
    Meta(u32),
    /// Of a packet's header: which header, from which byte.
    Payload(u32, u32),
}

/// Family, protocol and way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) family: u8,
    pub(crate) protocol: Protocol,
    pub(crate) path: Path,
}

impl Kind {
    /// All kinds of a placement, in the order of their rules.
    pub(crate) fn all(placement: Placement) -> impl Iterator<Item = Self> {
        [IPV4, IPV6].into_iter().flat_map(move |family| {
            placement.protocols().iter().flat_map(move |&protocol| {
                placement.paths().iter().map(move |&path| Self { family, protocol, path })
            })
        })
    }

    pub(crate) fn chain(self) -> String {
        format!("{}_{}", protocol_chain(self.family, self.protocol), self.path.name())
    }

    pub(crate) fn leaf(self, place: Place) -> String {
        format!("{}_{}_{}", self.chain(), place.generation, place.shard)
    }

    pub(crate) fn set(self, place: Place, direction: Direction) -> String {
        format!("{}_{}", self.leaf(place), direction_name(direction))
    }

    pub(crate) const fn address_bytes(self) -> u32 {
        if self.family == IPV4 { 4 } else { 16 }
    }

    const fn address(self, source: bool, direction: u8) -> Field {
        let key = match (self.family == IPV4, source) {
            (true, true) => ct::SRC_IP,
            (true, false) => ct::DST_IP,
            (false, true) => ct::SRC_IP6,
            (false, false) => ct::DST_IP6,
        };
        Field {
            source: FieldSource::Conntrack(key, direction),
            data_type: if self.family == IPV4 { 7 } else { 8 },
            bytes: self.address_bytes(),
        }
    }

    /// An address in the header of a packet on a bridge.
    pub(crate) const fn header_address(self, source: bool) -> Field {
        let offset = match (self.family == IPV4, source) {
            (true, true) => 12,
            (true, false) => 16,
            (false, true) => 8,
            (false, false) => 24,
        };
        Field { source: FieldSource::Payload(payload::NETWORK, offset), ..self.address(source, 0) }
    }

    /// The fields of the key: both tuples of conntrack, as far as they name the edge. On a bridge
    /// client, server and the server's port, which stand in the header according to direction.
    pub(crate) fn fields(self, direction: Direction) -> Vec<Field> {
        if self.path == Path::Bridged {
            let out = direction == Direction::Out;
            return vec![self.header_address(out), self.header_address(!out), header_port(!out)];
        }
        let port = |key, direction| Field {
            source: FieldSource::Conntrack(key, direction),
            data_type: 13,
            bytes: 2,
        };
        let protocol = Field { source: FieldSource::Meta(meta::L4PROTO), data_type: 12, bytes: 1 };
        let [from, to, by] = self.addresses();
        match self.protocol {
            Protocol::Ported(_) => {
                vec![from, to, port(ct::PROTO_DST, 0), by, port(ct::PROTO_SRC, 1)]
            }
            Protocol::Other => vec![from, to, by, protocol],
        }
    }

    /// What the hash that chooses a shard is made of.
    pub(crate) const fn addresses(self) -> [Field; 3] {
        [self.address(true, 0), self.address(false, 0), self.address(true, 1)]
    }
}

/// TCP's or UDP's port in the header of a packet on a bridge.
pub(crate) const fn header_port(source: bool) -> Field {
    let offset = if source { 0 } else { 2 };
    Field { source: FieldSource::Payload(payload::TRANSPORT, offset), data_type: 13, bytes: 2 }
}

pub(crate) fn protocol_chain(family: u8, protocol: Protocol) -> String {
    format!("{}_{}", family_name(family), protocol.name())
}

pub(crate) const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "out",
        Direction::In => "in",
    }
}

pub(crate) const fn family_name(family: u8) -> &'static str {
    if family == IPV6 { "ipv6" } else { "ipv4" }
}

/// Which of a kind's sets. Generations from 0x8000 up are a bridge table's, so an edge's places differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) generation: u16,
    pub(crate) shard: u16,
}

impl Place {
    pub(crate) fn id(self) -> u32 {
        u32::from(self.generation) << 16 | u32::from(self.shard)
    }

    /// A bridge table's only place, which changes with the table: its counters are then new ones,
    /// whatever else goes on under the same origin.
    pub(crate) const fn of_bridge(epoch: u64) -> Self {
        let [a, b, c, d, ..] = epoch.to_le_bytes();
        let generation = u16::from_le_bytes([a, b]) | FIRST_OF_BRIDGE;
        Self { generation, shard: u16::from_le_bytes([c, d]) }
    }
}

/// Generations of [`Place`] below this are of family `inet`.
pub(crate) const FIRST_OF_BRIDGE: u16 = 0x8000;

/// Reads a set's name; `None` for sets that aren't ours.
pub(crate) fn parse_set(name: &str) -> Option<(Kind, Place, Direction)> {
    let mut parts = name.split('_');
    let family = match parts.next()? {
        "ipv4" => IPV4,
        "ipv6" => IPV6,
        _ => return None,
    };
    let protocol = parts.next()?;
    let protocol = PROTOCOLS.into_iter().find(|known| known.name() == protocol)?;
    let path = parts.next()?;
    let path =
        [Path::Translated, Path::Direct, Path::Bridged].into_iter().find(|p| p.name() == path)?;
    let place =
        Place { generation: parts.next()?.parse().ok()?, shard: parts.next()?.parse().ok()? };
    if (path == Path::Bridged) != (place.generation >= FIRST_OF_BRIDGE) {
        return None;
    }
    let direction = match parts.next()? {
        "out" => Direction::Out,
        "in" => Direction::In,
        _ => return None,
    };
    parts.next().is_none().then_some((Kind { family, protocol, path }, place, direction))
}

/// The counters' names, in the order of [`crate::Readout`].
pub(crate) const RELATED: &str = "related";
pub(crate) const UNCLASSIFIED: &str = "unclassified";
pub(crate) const TURNED_AWAY_TRANSLATED: &str = "turned_away_nat";
pub(crate) const TURNED_AWAY_DIRECT: &str = "turned_away_direct";
pub(crate) const COUNTERS: [&str; 4] =
    [RELATED, UNCLASSIFIED, TURNED_AWAY_TRANSLATED, TURNED_AWAY_DIRECT];

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> impl Iterator<Item = Kind> {
        [Placement::Inet, Placement::Bridge].into_iter().flat_map(Kind::all)
    }

    #[test]
    fn a_set_is_known_by_its_name() {
        for kind in everything() {
            let inet = Place { generation: 3, shard: 17 };
            let bridge = Place::of_bridge(u64::MAX / 3);
            let (place, other) =
                if kind.path == Path::Bridged { (bridge, inet) } else { (inet, bridge) };
            assert_eq!(parse_set(&kind.set(other, Direction::In)), None);
            for direction in [Direction::Out, Direction::In] {
                let name = kind.set(place, direction);
                assert_eq!(parse_set(&name), Some((kind, place, direction)), "{name}");
                assert_eq!(parse_set(&format!("{name}_x")), None);
            }
        }
        assert_eq!(parse_set("__map0"), None);
        assert_eq!(parse_set("ipv4_tcp_nat_70000_0_out"), None);
    }

    #[test]
    fn keys_fit_the_kernel_and_nft() {
        for kind in everything() {
            let fields = kind.fields(Direction::In);
            assert!(fields.len() <= 5);
            assert!(fields.iter().map(|field| field.bytes.next_multiple_of(4)).sum::<u32>() <= 64);
        }
    }
}
