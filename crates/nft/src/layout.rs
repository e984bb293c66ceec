//! What the table is made of: one pair of sets per [`Kind`] and shard, and their names.
//!
//! A set's name says everything about it, so that the table can be adopted from its listing alone.

use crate::Direction;
use crate::uapi::{IPV4, IPV6, ct, meta};

/// Changes whenever chains, rules, sets or names do: a table of another layout is replaced.
pub(crate) const LAYOUT: u32 = 1;
/// More shards cost more system calls than they save.
pub(crate) const MAX_SHARDS: u32 = 64;

/// What a set counts: transport protocols with ports have sets of their own, because a concatenation
/// of six fields can't be listed by nft (its type has 32 bits, 6 for each field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ported(u8),
    Other,
}

/// Protocols whose conntrack tuple has ports, the commonest first: rules ask in this order.
pub(crate) const PROTOCOLS: [Protocol; 6] = [
    Protocol::Ported(6),
    Protocol::Ported(17),
    Protocol::Ported(132),
    Protocol::Ported(33),
    Protocol::Ported(136),
    Protocol::Other,
];

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
}

/// Family, protocol and whether the connection's destination was translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) family: u8,
    pub(crate) protocol: Protocol,
    pub(crate) translated: bool,
}

impl Kind {
    /// All kinds, in the order of their rules.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [IPV4, IPV6].into_iter().flat_map(|family| {
            PROTOCOLS.into_iter().flat_map(move |protocol| {
                [true, false].map(|translated| Self { family, protocol, translated })
            })
        })
    }

    pub(crate) fn chain(self) -> String {
        let translated = if self.translated { "nat" } else { "direct" };
        format!("{}_{}_{translated}", family_name(self.family), self.protocol.name())
    }

    pub(crate) fn leaf(self, place: Place) -> String {
        format!("{}_{}_{}", self.chain(), place.generation, place.shard)
    }

    pub(crate) fn set(self, place: Place, direction: Direction) -> String {
        let direction = match direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        format!("{}_{direction}", self.leaf(place))
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

    /// The fields of the key: both tuples of conntrack, as far as they name the edge.
    pub(crate) fn fields(self) -> Vec<Field> {
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

pub(crate) const fn family_name(family: u8) -> &'static str {
    if family == IPV6 { "ipv6" } else { "ipv4" }
}

/// Which of a kind's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) generation: u16,
    pub(crate) shard: u16,
}

impl Place {
    pub(crate) fn id(self) -> u32 {
        u32::from(self.generation) << 16 | u32::from(self.shard)
    }
}

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
    let translated = match parts.next()? {
        "nat" => true,
        "direct" => false,
        _ => return None,
    };
    let place =
        Place { generation: parts.next()?.parse().ok()?, shard: parts.next()?.parse().ok()? };
    let direction = match parts.next()? {
        "out" => Direction::Out,
        "in" => Direction::In,
        _ => return None,
    };
    parts.next().is_none().then_some((Kind { family, protocol, translated }, place, direction))
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

    #[test]
    fn a_set_is_known_by_its_name() {
        let place = Place { generation: 3, shard: 17 };
        for kind in Kind::all() {
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
        for kind in Kind::all() {
            let fields = kind.fields();
            assert!(fields.len() <= 5);
            assert!(fields.iter().map(|field| field.bytes.next_multiple_of(4)).sum::<u32>() <= 64);
        }
    }
}
