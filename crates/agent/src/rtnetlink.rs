//! The addresses, links, routes and neighbours of the calling thread's network namespace.
//!
//! Constants and layouts are those of the kernel's `include/uapi/linux/rtnetlink.h`,
//! `if_addr.h`, `if_link.h` and `neighbour.h`.

use std::net::IpAddr;

use svcflow_netlink::{Attributes, Builder, Error, Message, Socket, flags};

use crate::Cidr;

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
const RTN_UNICAST: u8 = 1;
/// `NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP`: nobody answered, or nobody was asked.
const NUD_NOBODY: u16 = 0x01 | 0x20 | 0x40;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) bridge_or_veth: bool,
}

/// A route that leads to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) to: Option<Cidr>,
    pub(crate) interface: u32,
    pub(crate) gateway: bool,
}

/// What the kernel knows of who is where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) links: Vec<Link>,
    pub(crate) routes: Vec<Route>,
    pub(crate) neighbours: Vec<(u32, IpAddr)>,
}

impl Network {
    /// Asks the kernel, in the calling thread's network namespace.
    pub(crate) fn read() -> Result<Self, Error> {
        let mut network = Self::default();
        dump(RTM_GETLINK, |m| network.links.extend(link(m)))?;
        dump(RTM_GETADDR, |m| network.addresses.extend(address(m)))?;
        dump(RTM_GETROUTE, |m| routes(m, &mut network.routes))?;
        dump(RTM_GETNEIGH, |m| network.neighbours.extend(neighbour(m)))?;
        Ok(network)
    }
}

fn dump(kind: u16, mut each: impl FnMut(&Message<'_>)) -> Result<(), Error> {
    let mut socket = Socket::open_route()?;
    let mut request = Builder::new();
    request.begin(kind, flags::REQUEST | flags::DUMP, socket.next_sequence(), 0, 0);
    socket.dump("list the network", request.bytes(), |message| {
        each(message);
        Ok::<(), Error>(())
    })?;
    Ok(())
}

fn attributes<'a>(message: &Message<'a>, header: usize) -> impl Iterator<Item = (u16, &'a [u8])> {
    let rest = message.payload.get(header..).unwrap_or_default();
    Attributes::new(rest, 0).flatten().map(|attribute| (attribute.kind, attribute.payload))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// `struct ifinfomsg`, then `IFLA_LINKINFO` (18) with `IFLA_INFO_KIND` (1).
fn link(message: &Message<'_>) -> Option<Link> {
    let index = number(message.payload, 4)?;
    let information = attributes(message, 16).find(|(kind, _)| *kind == 18);
    let bridge_or_veth = information.is_some_and(|(_, nested)| {
        let mut inner = Attributes::new(nested, 0).flatten();
        let kind = inner.find(|attribute| attribute.kind == 1);
        kind.and_then(|kind| kind.text()).is_some_and(|text| matches!(text, "bridge" | "veth"))
    });
    Some(Link { index, bridge_or_veth })
}

/// `struct ifaddrmsg`, then `IFA_LOCAL` (2), which on IPv6 is absent, or `IFA_ADDRESS` (1).
fn address(message: &Message<'_>) -> Option<IpAddr> {
    let find = |wanted| attributes(message, 8).find(|(kind, _)| *kind == wanted);
    find(2).or_else(|| find(1)).and_then(|(_, bytes)| ip(bytes))
}

/// `struct rtmsg`, then `RTA_DST` (1), `RTA_OIF` (4), `RTA_GATEWAY` (5), `RTA_MULTIPATH` (9),
/// `RTA_VIA` (18).
fn routes(message: &Message<'_>, into: &mut Vec<Route>) {
    let [_, prefix, _, _, _, _, _, RTN_UNICAST, ..] = *message.payload else { return };
    let mut route = Route { to: None, interface: 0, gateway: false };
    let mut hops = Vec::new();
    for (kind, bytes) in attributes(message, 12) {
        match kind {
            1 => route.to = ip(bytes).map(|address| Cidr { address, prefix }),
            4 => route.interface = number(bytes, 0).unwrap_or(0),
            5 | 18 => route.gateway = true,
            9 => hops = next_hops(bytes),
            _ => {}
        }
    }
    if hops.is_empty() {
        into.push(route);
    }
    into.extend(hops.into_iter().map(|interface| Route { interface, gateway: true, ..route }));
}

/// The interfaces in a row of `struct rtnexthop`.
fn next_hops(mut bytes: &[u8]) -> Vec<u32> {
    let mut interfaces = Vec::new();
    while let (Some([l0, l1]), Some(interface)) = (bytes.first_chunk(), number(bytes, 4)) {
        interfaces.push(interface);
        let length = usize::from(u16::from_ne_bytes([*l0, *l1])).next_multiple_of(4).max(8);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    interfaces
}

/// `struct ndmsg`, then `NDA_DST` (1).
fn neighbour(message: &Message<'_>) -> Option<(u32, IpAddr)> {
    let interface = number(message.payload, 4)?;
    let state = message.payload.get(8..)?.first_chunk().map(|b| u16::from_ne_bytes(*b))?;
    let answered = state & NUD_NOBODY == 0;
    let (_, bytes) = attributes(message, 12).find(|(kind, _)| answered && *kind == 1)?;
    Some((interface, ip(bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_all_four_questions() {
        let network = Network::read().unwrap();
        assert!(!network.links.is_empty());
        assert!(network.addresses.contains(&IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn cut_or_hostile_answers_are_no_answers() {
        for length in 0..24 {
            let payload = vec![0xff_u8; length];
            let message = Message { kind: 0, flags: 0, sequence: 0, payload: &payload, offset: 0 };
            let (_, _, _) = (link(&message), address(&message), neighbour(&message));
            let mut found = Vec::new();
            routes(&message, &mut found);
            assert!(next_hops(&payload).len() <= length / 8 + 1);
        }
        assert_eq!(next_hops(&[0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0]), [7, 8]);
    }
}
