use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use crate::error::{Error, Result};
use crate::namespace::Namespace;
use crate::server;
use crate::setup::{self, Port};
use crate::topology::{ServiceSpec, Topology, v6_of};

const CLIENTS: &str = "br-clients";
const PROVIDERS: &str = "br-providers";

/// A router: a node of the cluster, where an agent can run.
#[derive(Clone, Debug)]
pub struct Node {
    /// `node1` or `node2`.
    pub name: String,
    namespace: Namespace,
}

impl Node {
    /// The node's namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

/// A client or a provider.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its IPv4 address.
    pub address: Ipv4Addr,
    /// The index of its node.
    pub node: usize,
    namespace: Namespace,
}

impl Host {
    /// The host's namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The host's port on its node's bridge.
    #[must_use]
    pub fn port_name(&self) -> String {
        setup::port_name(self.address)
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        address == self.address || address == v6_of(self.address)
    }
}

/// A running network; dropped, or its process dead, nothing is left of it.
#[derive(Debug)]
pub struct Lab {
    topology: Topology,
    nodes: Vec<Node>,
    clients: Vec<Host>,
    providers: Vec<Host>,
    _servers: server::Servers,
}

impl Lab {
    /// Builds the network and starts the providers' servers. Call [`crate::enter`] first.
    ///
    /// # Errors
    /// Where the kernel, `ip` or `nft` refuses.
    pub fn build(topology: Topology) -> Result<Self> {
        Self::build_around(topology, &BTreeMap::new())
    }

    /// The same, with hosts that are there already by their addresses: containers without a network, which get
    /// theirs here. Their own processes serve what they provide ([`crate::serve_here`]).
    ///
    /// # Errors
    /// Where the kernel, `ip` or `nft` refuses.
    pub fn build_around(topology: Topology, there: &BTreeMap<Ipv4Addr, Namespace>) -> Result<Self> {
        let nodes = (1..=topology.nodes.clamp(1, 2))
            .map(|n| Ok(Node { name: format!("node{n}"), namespace: Namespace::new()? }))
            .collect::<Result<Vec<_>>>()?;
        let host = |address: Ipv4Addr, node| {
            let namespace = there.get(&address).cloned().map_or_else(Namespace::new, Ok)?;
            Ok(Host { address, node, namespace })
        };
        let clients = topology.clients.iter().map(|c| host(c.address, c.node));
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let mut addresses: Vec<Ipv4Addr> =
            topology.services.iter().flat_map(|s| s.providers.iter().copied()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let providers = addresses.into_iter().map(|a| host(a, 0)).collect::<Result<Vec<_>>>()?;
        for (index, node) in nodes.iter().enumerate() {
            build_node(&topology, index, node, &clients, &providers)?;
        }
        if let [first, second] = nodes.as_slice() {
            setup::join(&first.namespace, &second.namespace)?;
        }
        nodes.iter().try_for_each(|node| setup::carrying(&node.namespace))?;
        let own = providers.iter().filter(|host| !there.contains_key(&host.address));
        let servers = server::Servers::start(own, &topology.services)?;
        Ok(Self { topology, nodes, clients, providers, _servers: servers })
    }

    /// What was built.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The routers.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The clients.
    #[must_use]
    pub fn clients(&self) -> &[Host] {
        &self.clients
    }

    /// The providers, each address once.
    #[must_use]
    pub fn providers(&self) -> &[Host] {
        &self.providers
    }

    /// The services.
    #[must_use]
    pub fn services(&self) -> &[ServiceSpec] {
        &self.topology.services
    }

    /// The client with this IPv4 or IPv6 address.
    ///
    /// # Errors
    /// Where there is none.
    pub fn client(&self, address: IpAddr) -> Result<&Host> {
        let found = self.clients.iter().find(|host| host.has(address));
        found.ok_or(Error::Unknown { role: "client", address })
    }

    /// The provider with this IPv4 or IPv6 address.
    ///
    /// # Errors
    /// Where there is none.
    pub fn provider(&self, address: IpAddr) -> Result<&Host> {
        let found = self.providers.iter().find(|host| host.has(address));
        found.ok_or(Error::Unknown { role: "provider", address })
    }

    /// The service with this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn service(&self, name: &str) -> Result<&ServiceSpec> {
        let found = self.services().iter().find(|service| service.name == name);
        found.ok_or_else(|| Error::UnknownService(name.to_owned()))
    }

    pub(crate) fn node_name(&self, host: &Host) -> String {
        self.nodes.get(host.node).map_or_else(String::new, |node| node.name.clone())
    }
}

fn build_node(
    topology: &Topology,
    index: usize,
    node: &Node,
    clients: &[Host],
    providers: &[Host],
) -> Result<()> {
    let first = index == 0;
    let one_bridge = first && topology.same_bridge;
    let client_bridge = if one_bridge { PROVIDERS } else { CLIENTS };
    let mut ports: Vec<Port<'_>> = Vec::new();
    for (hosts, bridge) in [(clients, client_bridge), (providers, PROVIDERS)] {
        for host in hosts.iter().filter(|host| host.node == index) {
            ports.push(Port { address: host.address, bridge, namespace: &host.namespace });
        }
    }
    let third = if first { 1 } else { 2 };
    let mut bridges = vec![(CLIENTS, Ipv4Addr::new(11, 1, third, 254))];
    if first {
        bridges.push((PROVIDERS, Ipv4Addr::new(10, 1, 1, 254)));
    }
    setup::router(&node.namespace, topology.bridge_nf_call)?;
    setup::bridges(&node.namespace, &bridges)?;
    all(&ports, |port| setup::quieten(port.namespace))?;
    setup::ports(&node.namespace, &ports)?;
    all(&ports, setup::host)?;
    setup::nft(&node.namespace, &setup::translation(&topology.services))?;
    setup::conntrack(&node.namespace)
}

fn all(ports: &[Port<'_>], f: impl Fn(&Port<'_>) -> Result<()> + Sync) -> Result<()> {
    let half = ports.len().div_ceil(4).max(1);
    thread::scope(|scope| {
        let f = &f;
        let work = |part| scope.spawn(move || <[Port<'_>]>::iter(part).try_for_each(f));
        let parts: Vec<_> = ports.chunks(half).map(work).collect();
        parts.into_iter().try_for_each(|part| part.join().map_err(|_| Error::Thread)?)
    })
}
