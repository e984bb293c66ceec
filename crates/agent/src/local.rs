//! Which addresses live on this node, and so how the node stands to an edge (design rule 4).

use std::collections::HashSet;
use std::net::IpAddr;

use svcflow_model::{Edge, Relation};

use crate::Cidr;
use crate::rtnetlink::Network;

/// The addresses that live on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locals {
    addresses: HashSet<IpAddr>,
    networks: Vec<Cidr>,
}

impl Locals {
    /// Those that a user named; the kernel isn't asked.
    #[must_use]
    pub fn named(networks: &[Cidr]) -> Self {
        Self { addresses: HashSet::new(), networks: networks.to_vec() }
    }

    /// Those that the kernel of the calling thread's network namespace knows.
    ///
    /// # Errors
    /// Where it doesn't answer.
    pub fn find() -> std::io::Result<Self> {
        Network::read().map(|network| Self::of(&network)).map_err(std::io::Error::other)
    }

    /// The node's own addresses; and what is directly connected through a bridge or veth, by route or
    /// by neighbour, but not through the default route's interface: there the other nodes are.
    fn of(network: &Network) -> Self {
        let is_default = |to: Option<Cidr>| to.is_none_or(|to| to.prefix == 0);
        let uplinks: HashSet<u32> = network
            .routes
            .iter()
            .filter(|route| is_default(route.to))
            .map(|route| route.interface)
            .collect();
        let inner: HashSet<u32> = network
            .links
            .iter()
            .filter(|link| link.bridge_or_veth && !uplinks.contains(&link.index))
            .map(|link| link.index)
            .collect();
        let connected = network
            .routes
            .iter()
            .filter(|route| !route.gateway && inner.contains(&route.interface));
        let neighbours = network.neighbours.iter().filter(|(link, _)| inner.contains(link));
        Self {
            networks: connected.filter_map(|route| route.to).collect(),
            addresses: network
                .addresses
                .iter()
                .copied()
                .chain(neighbours.map(|(_, address)| *address))
                .collect(),
        }
    }

    /// The networks, and the addresses outside of them, in order. Loopback and link-local ones say
    /// nothing to others and are left out.
    #[must_use]
    pub fn networks(&self) -> Vec<Cidr> {
        let outside = |a: &&IpAddr| !self.networks.iter().any(|network| network.contains(**a));
        let whole = |address: &IpAddr| Cidr { address: *address, prefix: bits(*address) };
        let mut all: Vec<Cidr> = self
            .networks
            .iter()
            .copied()
            .chain(self.addresses.iter().filter(outside).map(whole))
            .filter(|network| !is_host_only(network.address))
            .collect();
        all.sort_unstable_by_key(|network| (network.address, network.prefix));
        all.dedup();
        all
    }

    /// Whether an address lives here.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) || self.networks.iter().any(|n| n.contains(address))
    }

    /// How this node stands to an edge.
    #[must_use]
    pub fn relation(&self, edge: &Edge) -> Relation {
        if edge.service.is_some() {
            Relation::TranslatedHere
        } else if self.contains(edge.endpoint) {
            Relation::ClientNode
        } else if self.contains(edge.provider) {
            Relation::ProviderNode
        } else {
            Relation::Transit
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_host_only(address: IpAddr) -> bool {
    address.is_loopback()
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests {
    use svcflow_model::{Protocol, Service};

    use super::*;
    use crate::rtnetlink::{Link, Route};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn route(to: &str, interface: u32, gateway: bool) -> Route {
        Route { to: (to != "default").then(|| to.parse().unwrap()), interface, gateway }
    }

    fn network() -> Network {
        Network {
            addresses: vec![address("10.1.1.254"), address("192.168.0.1")],
            links: vec![
                Link { index: 1, bridge_or_veth: false },
                Link { index: 2, bridge_or_veth: true },
                Link { index: 3, bridge_or_veth: true },
            ],
            routes: vec![
                route("default", 3, true),
                route("192.168.0.0/24", 3, false),
                route("10.1.1.0/24", 2, false),
                route("10.9.0.0/16", 2, true),
                route("172.16.0.0/12", 1, false),
            ],
            neighbours: vec![(2, address("11.1.1.9")), (3, address("192.168.0.2"))],
        }
    }

    #[test]
    fn containers_live_here_and_the_uplinks_neighbours_do_not() {
        let locals = Locals::of(&network());
        for here in ["10.1.1.254", "192.168.0.1", "10.1.1.7", "11.1.1.9"] {
            assert!(locals.contains(address(here)), "{here}");
        }
        for elsewhere in ["192.168.0.2", "10.9.1.1", "172.16.1.1", "8.8.8.8"] {
            assert!(!locals.contains(address(elsewhere)), "{elsewhere}");
        }
    }

    #[test]
    fn others_are_told_networks_and_the_addresses_outside_of_them() {
        let mut network = network();
        network.addresses.extend(["127.0.0.1", "fe80::1", "10.1.1.254"].map(address));
        let told: Vec<_> =
            Locals::of(&network).networks().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.1.1.0/24", "11.1.1.9/32", "192.168.0.1/32"]);
    }

    #[test]
    fn one_relation_owns_an_edge() {
        let locals = Locals::named(&["10.1.1.0/24".parse().unwrap()]);
        let mut edge = Edge {
            endpoint: address("10.1.1.1"),
            service: None,
            provider: address("10.1.1.2"),
            provider_port: 80,
            protocol: Protocol::TCP,
        };
        assert_eq!(locals.relation(&edge), Relation::ClientNode);
        edge.endpoint = address("8.8.8.8");
        assert_eq!(locals.relation(&edge), Relation::ProviderNode);
        edge.provider = address("9.9.9.9");
        assert_eq!(locals.relation(&edge), Relation::Transit);
        edge.service = Some(Service { address: address("100.1.1.3"), port: 8080 });
        assert_eq!(locals.relation(&edge), Relation::TranslatedHere);
    }
}
