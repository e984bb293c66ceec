//! Every edge that there is, as numbers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use svcflow_model::{Edge, Protocol};

use crate::intern::{Id, Interner};

/// A node's place.
pub type NodeId = Id<Arc<str>>;
/// An address' place.
pub type AddressId = Id<IpAddr>;
/// A service's place.
pub type ServiceId = Id<ServiceAddress>;
/// An edge's place.
pub type EdgeId = Id<EdgeKey>;

/// Stands where an address is not known, as agents have it.
pub(crate) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAddress {
    /// The virtual address.
    pub address: IpAddr,
    /// The virtual port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// An edge on a node: 28 bytes, where its texts would be 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EdgeKey {
    /// Who counted it.
    pub node: NodeId,
    /// Who asked.
    pub endpoint: AddressId,
    /// What was asked; `None` on a direct edge.
    pub service: Option<ServiceId>,
    /// Who answered.
    pub provider: AddressId,
    /// The port that answered.
    pub provider_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Every node, address, service and edge that was ever seen, each known by a small number. Only grows.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    nodes: Interner<Arc<str>>,
    addresses: Interner<IpAddr>,
    services: Interner<ServiceAddress>,
    edges: Interner<EdgeKey>,
}

impl Catalogue {
    /// A node's place.
    pub fn add_node(&mut self, name: &str) -> NodeId {
        self.nodes.find(name).unwrap_or_else(|| self.nodes.intern(name.into()))
    }

    /// An edge's place.
    pub fn add(&mut self, node: &str, edge: &Edge) -> EdgeId {
        let key = EdgeKey {
            node: self.add_node(node),
            endpoint: self.addresses.intern(edge.endpoint),
            service: edge.service.map(|service| {
                let (address, port) = (service.address, service.port);
                self.services.intern(ServiceAddress { address, port, protocol: edge.protocol })
            }),
            provider: self.addresses.intern(edge.provider),
            provider_port: edge.provider_port,
            protocol: edge.protocol,
        };
        self.edges.intern(key)
    }

    /// The place of an edge that is here.
    #[must_use]
    pub fn find(&self, node: &str, edge: &Edge) -> Option<EdgeId> {
        let service = match edge.service {
            None => None,
            Some(service) => {
                let (address, port) = (service.address, service.port);
                let service = ServiceAddress { address, port, protocol: edge.protocol };
                Some(self.services.find(&service)?)
            }
        };
        self.edges.find(&EdgeKey {
            node: self.nodes.find(node)?,
            endpoint: self.addresses.find(&edge.endpoint)?,
            service,
            provider: self.addresses.find(&edge.provider)?,
            provider_port: edge.provider_port,
            protocol: edge.protocol,
        })
    }

    /// The nodes.
    #[must_use]
    pub const fn nodes(&self) -> &Interner<Arc<str>> {
        &self.nodes
    }

    /// The addresses.
    #[must_use]
    pub const fn addresses(&self) -> &Interner<IpAddr> {
        &self.addresses
    }

    /// The services.
    #[must_use]
    pub const fn services(&self) -> &Interner<ServiceAddress> {
        &self.services
    }

    /// The edges.
    #[must_use]
    pub const fn edges(&self) -> &Interner<EdgeKey> {
        &self.edges
    }

    /// A node's name; empty for a place of another catalogue.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &str {
        self.nodes.get(id).map_or("", |name| name)
    }

    /// An address; 0.0.0.0 for a place of another catalogue.
    #[must_use]
    pub fn address(&self, id: AddressId) -> IpAddr {
        self.addresses.get(id).copied().unwrap_or(NOWHERE)
    }

    /// A service's address; nowhere for a place of another catalogue.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> ServiceAddress {
        let nowhere = ServiceAddress { address: NOWHERE, port: 0, protocol: Protocol(0) };
        self.services.get(id).copied().unwrap_or(nowhere)
    }
}
