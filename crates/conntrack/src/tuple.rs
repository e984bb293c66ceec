use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use svcflow_netlink::{Attribute, DecodeError};

use crate::attribute::{ip, proto, tuple};

/// IP protocol numbers that connection tracking knows more of than the number.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// GRE.
    pub const GRE: u8 = 47;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDPLITE: u8 = 136;
}

/// Address family of an entry, as `nfgenmsg.nfgen_family` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// `AF_INET`
    V4 = 2,
    /// `AF_INET6`
    V6 = 10,
}

/// What tells connections between the same addresses apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, UDP, UDP-Lite, SCTP, DCCP, and any protocol that the kernel gives ports for.
    Ports {
        /// Port of the sender.
        source: u16,
        /// Port of the receiver.
        destination: u16,
    },
    /// ICMP and ICMPv6.
    Icmp {
        /// Identifier.
        id: u16,
        /// Type; the reply tuple holds the answer's.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// GRE.
    Gre {
        /// Key of the sender.
        source_key: u16,
        /// Key of the receiver.
        destination_key: u16,
    },
    /// A protocol that the kernel tracks by its addresses only.
    #[default]
    None,
}

/// One direction of a connection: who sends what to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Address of the sender.
    pub source: IpAddr,
    /// Address of the receiver.
    pub destination: IpAddr,
    /// IP protocol; see [`protocol`].
    pub protocol: u8,
    /// Ports and the like.
    pub transport: Transport,
    /// Zone that only this direction is in (`CTA_TUPLE_ZONE`), 0 where there is none.
    pub zone: u16,
}

impl Tuple {
    /// Port of the sender, where the protocol has ports.
    #[must_use]
    #[inline]
    pub const fn source_port(&self) -> Option<u16> {
        match self.transport {
            Transport::Ports { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Port of the receiver, where the protocol has ports.
    #[must_use]
    #[inline]
    pub const fn destination_port(&self) -> Option<u16> {
        match self.transport {
            Transport::Ports { destination, .. } => Some(destination),
            _ => None,
        }
    }

    /// The family of its addresses.
    #[must_use]
    #[inline]
    pub const fn family(&self) -> Family {
        match self.source {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    #[inline]
    pub(crate) fn decode(nest: &Attribute<'_>) -> Result<Self, DecodeError> {
        let mut addresses = None;
        let mut transport = None;
        let mut zone = 0;
        for attribute in nest.nested() {
            let attribute = attribute?;
            match attribute.kind {
                tuple::IP => addresses = Some(decode_addresses(&attribute)?),
                tuple::PROTO => transport = Some(decode_transport(&attribute)?),
                tuple::ZONE => zone = attribute.be_u16()?,
                _ => {}
            }
        }
        let fault = |what| DecodeError { what, offset: nest.offset };
        let (source, destination) = addresses.ok_or(fault("tuple without addresses"))?;
        let (protocol, transport) = transport.ok_or(fault("tuple without protocol"))?;
        Ok(Self { source, destination, protocol, transport, zone })
    }
}

#[inline]
fn decode_addresses(nest: &Attribute<'_>) -> Result<(IpAddr, IpAddr), DecodeError> {
    let mut source = None;
    let mut destination = None;
    for attribute in nest.nested() {
        let attribute = attribute?;
        match attribute.kind {
            ip::V4_SRC => source = Some(v4(&attribute)?),
            ip::V4_DST => destination = Some(v4(&attribute)?),
            ip::V6_SRC => source = Some(v6(&attribute)?),
            ip::V6_DST => destination = Some(v6(&attribute)?),
            _ => {}
        }
    }
    match (source, destination) {
        (Some(source), Some(destination)) if source.is_ipv4() == destination.is_ipv4() => {
            Ok((source, destination))
        }
        _ => Err(DecodeError { what: "tuple without two addresses", offset: nest.offset }),
    }
}

#[inline]
fn v4(attribute: &Attribute<'_>) -> Result<IpAddr, DecodeError> {
    Ok(IpAddr::V4(Ipv4Addr::from(attribute.array::<4>()?)))
}

#[inline]
fn v6(attribute: &Attribute<'_>) -> Result<IpAddr, DecodeError> {
    Ok(IpAddr::V6(Ipv6Addr::from(attribute.array::<16>()?)))
}

#[inline]
fn decode_transport(nest: &Attribute<'_>) -> Result<(u8, Transport), DecodeError> {
    let mut number = None;
    let (mut source, mut destination) = (None, None);
    let (mut id, mut kind, mut code) = (None, 0, 0);
    for attribute in nest.nested() {
        let attribute = attribute?;
        match attribute.kind {
            proto::NUM => number = Some(attribute.u8()?),
            proto::SRC_PORT => source = Some(attribute.be_u16()?),
            proto::DST_PORT => destination = Some(attribute.be_u16()?),
            proto::ICMP_ID | proto::ICMPV6_ID => id = Some(attribute.be_u16()?),
            proto::ICMP_TYPE | proto::ICMPV6_TYPE => kind = attribute.u8()?,
            proto::ICMP_CODE | proto::ICMPV6_CODE => code = attribute.u8()?,
            _ => {}
        }
    }
    let number =
        number.ok_or(DecodeError { what: "tuple without protocol number", offset: nest.offset })?;
    let transport = match (source, destination, id) {
        (Some(source_key), Some(destination_key), _) if number == protocol::GRE => {
            Transport::Gre { source_key, destination_key }
        }
        (Some(source), Some(destination), _) => Transport::Ports { source, destination },
        (_, _, Some(id)) => Transport::Icmp { id, kind, code },
        _ => Transport::None,
    };
    Ok((number, transport))
}
