//! Which node owns a connection that several saw (design rule 4, cases 2 to 4): pure, over all nodes.
//!
//! Who translated it owns it, else the client's node. So of the rest
//! - a client-side direct edge whose target is a service that another node translated for that client
//!   is that other node's connection, seen before translation;
//! - a provider's side, or what a node forwards, is another's connection wherever the client lives on
//!   another node that reports, or another node translated it. Where neither holds, no other node sees
//!   it (a client from outside), and the one witness owns it.
//!
//! What another node owns is kept in an account apart ([`Account::Apart`]), never summed. "In that
//! interval" allows a window on both sides: two nodes' looks don't cut the same packets.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use svcflow_model::{Edge, Marks, Protocol, Relation, Timestamp};

use crate::counters::Account;

/// Cap of remembered translations, some 100 MB. Past it new ones are not remembered, which is counted
/// ([`Witnesses::unremembered`]); what they would have put apart is then summed twice.
pub const TRANSLATIONS_MAX: usize = 1_000_000;

/// A node, as this collector numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Why an edge is kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Why {
    /// Another node translated it: this is the connection before its translation.
    TranslatedElsewhere,
    /// This is the provider's side of what another node counts.
    ProviderSide,
    /// This node forwards what another node counts.
    Forwarded,
}

impl Why {
    /// As it is stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TranslatedElsewhere => "translated-elsewhere",
            Self::ProviderSide => "provider-side",
            Self::Forwarded => "forwarded",
        }
    }
}

/// A client's reach for an address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reach {
    client: IpAddr,
    target: IpAddr,
    port: u16,
    protocol: Protocol,
}

/// When a node was seen at something.
#[derive(Clone, Copy, Debug)]
struct Seen {
    node: NodeId,
    first: Timestamp,
    last: Timestamp,
}

/// What all nodes together tell about who owns what.
#[derive(Debug)]
pub struct Witnesses {
    window: Duration,
    /// By the service's address, before translation.
    services: HashMap<Reach, Vec<Seen>>,
    /// By the provider's address, after it.
    providers: HashMap<Reach, Vec<Seen>>,
    /// Which node alone forwards an edge that nobody else owns.
    forwarders: HashMap<Edge, Seen>,
    homes: Homes,
    unremembered: u64,
}

impl Witnesses {
    /// Two looks that lie less than `window` apart may have seen the same packets.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            services: HashMap::new(),
            providers: HashMap::new(),
            forwarders: HashMap::new(),
            homes: Homes::default(),
            unremembered: 0,
        }
    }

    /// The networks whose addresses live on a node; replaces what it said before.
    pub fn lives(&mut self, node: NodeId, networks: &[(IpAddr, u8)]) {
        self.homes.set(node, networks);
    }

    /// A node reports no longer: what it translated ages, what lives on it is nobody's.
    pub fn left(&mut self, node: NodeId) {
        self.homes.set(node, &[]);
    }

    /// Remembers what a node translated. To be told before [`Self::account`] is asked for the
    /// other nodes' edges of the same interval.
    pub fn saw(&mut self, node: NodeId, at: Timestamp, edge: &Edge) {
        let Some(service) = edge.service else { return };
        let reach =
            |target, port| Reach { client: edge.endpoint, target, port, protocol: edge.protocol };
        let kept = remember(&mut self.services, reach(service.address, service.port), node, at)
            && remember(&mut self.providers, reach(edge.provider, edge.provider_port), node, at);
        self.unremembered += u64::from(!kept);
    }

    /// Translations that were not remembered because of the cap.
    #[must_use]
    pub fn unremembered(&self) -> u64 {
        self.unremembered
    }

    /// How many translations are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.services.len().max(self.providers.len())
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a node's increase of an edge belongs, and why where that is apart.
    pub fn account(
        &mut self,
        node: NodeId,
        at: Timestamp,
        edge: &Edge,
        relation: Relation,
        marks: Marks,
    ) -> (Account, Option<Why>) {
        let why = match relation {
            // The remainder stands for many edges; nobody else reports them for this node.
            _ if marks.remainder => None,
            Relation::TranslatedHere => None,
            Relation::ClientNode => {
                self.translated(&self.services, node, at, edge).then_some(Why::TranslatedElsewhere)
            }
            Relation::ProviderNode => {
                let elsewhere = self.translated(&self.providers, node, at, edge)
                    || self.homes.elsewhere(edge.endpoint, node);
                elsewhere.then_some(Why::ProviderSide)
            }
            Relation::Transit => self.forwarded(node, at, edge).then_some(Why::Forwarded),
        };
        (if why.is_some() { Account::Apart } else { Account::Owned }, why)
    }

    /// Forgets what was last seen before `before`.
    pub fn prune(&mut self, before: Timestamp) {
        for map in [&mut self.services, &mut self.providers] {
            map.retain(|_, seen| {
                seen.retain(|seen| seen.last >= before);
                !seen.is_empty()
            });
        }
        self.forwarders.retain(|_, seen| seen.last >= before);
    }

    fn translated(
        &self,
        map: &HashMap<Reach, Vec<Seen>>,
        node: NodeId,
        at: Timestamp,
        edge: &Edge,
    ) -> bool {
        let reach = Reach {
            client: edge.endpoint,
            target: edge.provider,
            port: edge.provider_port,
            protocol: edge.protocol,
        };
        map.get(&reach).is_some_and(|seen| seen.iter().any(|s| s.node != node && self.near(s, at)))
    }

    /// Whether another node counts what this one forwards. Among several that only forward it, the
    /// one that said so first keeps it while it goes on saying so.
    fn forwarded(&mut self, node: NodeId, at: Timestamp, edge: &Edge) -> bool {
        if self.translated(&self.services, node, at, edge)
            || self.translated(&self.providers, node, at, edge)
            || self.homes.elsewhere(edge.endpoint, node)
            || self.homes.elsewhere(edge.provider, node)
        {
            return true;
        }
        let other = self.forwarders.get(edge).is_some_and(|s| s.node != node && self.near(s, at));
        if !other
            && (self.forwarders.len() < TRANSLATIONS_MAX || self.forwarders.contains_key(edge))
        {
            let first = Seen { node, first: at, last: at };
            let seen = self.forwarders.entry(*edge).or_insert(first);
            *seen = if seen.node == node { stretch(*seen, at) } else { first };
        }
        other
    }

    fn near(&self, seen: &Seen, at: Timestamp) -> bool {
        at.since(seen.last) <= self.window && seen.first.since(at) <= self.window
    }
}

fn stretch(seen: Seen, at: Timestamp) -> Seen {
    Seen { first: seen.first.min(at), last: seen.last.max(at), ..seen }
}

fn remember(
    map: &mut HashMap<Reach, Vec<Seen>>,
    reach: Reach,
    node: NodeId,
    at: Timestamp,
) -> bool {
    if map.len() >= TRANSLATIONS_MAX && !map.contains_key(&reach) {
        return false;
    }
    let all = map.entry(reach).or_default();
    match all.iter_mut().find(|seen| seen.node == node) {
        Some(seen) => *seen = stretch(*seen, at),
        None => all.push(Seen { node, first: at, last: at }),
    }
    true
}

/// Which addresses live on which nodes.
#[derive(Debug, Default)]
struct Homes {
    by_network: HashMap<(IpAddr, u8), BTreeSet<NodeId>>,
    by_node: HashMap<NodeId, Vec<(IpAddr, u8)>>,
    /// How many networks there are of each prefix length: few lengths, so few look-ups.
    prefixes: BTreeSet<u8>,
}

impl Homes {
    fn set(&mut self, node: NodeId, networks: &[(IpAddr, u8)]) {
        // An address of every host's own kind says nothing about where it lives.
        let usual = networks.iter().filter(|(address, _)| !is_everywhere(*address));
        let networks: Vec<_> = usual.map(|(address, prefix)| masked(*address, *prefix)).collect();
        if self.by_node.get(&node) == Some(&networks) {
            return;
        }
        for network in self.by_node.remove(&node).unwrap_or_default() {
            if let Some(nodes) = self.by_network.get_mut(&network) {
                nodes.remove(&node);
            }
        }
        for network in &networks {
            self.by_network.entry(*network).or_default().insert(node);
        }
        self.by_node.insert(node, networks);
        self.by_network.retain(|_, nodes| !nodes.is_empty());
        self.prefixes = self.by_network.keys().map(|(_, prefix)| *prefix).collect();
    }

    /// Whether the address lives on another node than this.
    fn elsewhere(&self, address: IpAddr, node: NodeId) -> bool {
        self.prefixes.iter().any(|prefix| {
            let nodes = self.by_network.get(&masked(address, *prefix));
            nodes.is_some_and(|nodes| nodes.iter().any(|other| *other != node))
        })
    }
}

fn is_everywhere(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    address.is_loopback() || address.is_unspecified() || link_local || address.is_multicast()
}

/// The network of an address. A prefix longer than the address has bits is the address itself.
fn masked(address: IpAddr, prefix: u8) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(address) => {
            let prefix = prefix.min(32);
            let mask = u32::MAX.checked_shl(u32::from(32 - prefix)).unwrap_or(0);
            (IpAddr::V4((address.to_bits() & mask).into()), prefix)
        }
        IpAddr::V6(address) => {
            let prefix = prefix.min(128);
            let mask = u128::MAX.checked_shl(u32::from(128 - prefix)).unwrap_or(0);
            (IpAddr::V6((address.to_bits() & mask).into()), prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use svcflow_model::Service;

    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const P: NodeId = NodeId(3);

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    fn edge(endpoint: &str, service: Option<&str>, provider: &str, provider_port: u16) -> Edge {
        let service = service.map(|a| Service { address: a.parse().unwrap(), port: 8080 });
        Edge {
            endpoint: endpoint.parse().unwrap(),
            service,
            provider: provider.parse().unwrap(),
            provider_port,
            protocol: Protocol::TCP,
        }
    }

    fn ask(w: &mut Witnesses, node: NodeId, at: i64, e: &Edge, r: Relation) -> Option<Why> {
        let (account, why) = w.account(node, seconds(at), e, r, Marks::default());
        assert_eq!(account == Account::Apart, why.is_some());
        why
    }

    fn witnesses() -> Witnesses {
        let mut witnesses = Witnesses::new(Duration::from_secs(20));
        witnesses.lives(A, &[("11.1.1.0".parse().unwrap(), 24)]);
        witnesses.lives(P, &[("10.1.1.0".parse().unwrap(), 24), ("::1".parse().unwrap(), 128)]);
        witnesses
    }

    /// Client on A, translated by B, provider on P: one connection, counted once.
    #[test]
    fn three_nodes_see_one_connection_and_the_translator_owns_it() {
        let mut w = witnesses();
        let translated = edge("11.1.1.2", Some("100.1.1.3"), "10.1.1.5", 80);
        w.saw(B, seconds(100), &translated);
        assert_eq!(ask(&mut w, B, 100, &translated, Relation::TranslatedHere), None);
        let before = edge("11.1.1.2", None, "100.1.1.3", 8080);
        let client = ask(&mut w, A, 110, &before, Relation::ClientNode);
        assert_eq!(client, Some(Why::TranslatedElsewhere));
        let after = edge("11.1.1.2", None, "10.1.1.5", 80);
        let provider = ask(&mut w, P, 100, &after, Relation::ProviderNode);
        assert_eq!(provider, Some(Why::ProviderSide));
        let router = NodeId(9);
        for side in [&before, &after] {
            let why = ask(&mut w, router, 100, side, Relation::Transit);
            assert_eq!(why, Some(Why::Forwarded));
        }
    }

    #[test]
    fn another_client_port_time_or_node_is_another_connection() {
        let mut w = witnesses();
        w.saw(B, seconds(100), &edge("11.1.1.2", Some("100.1.1.3"), "10.1.1.5", 80));
        let mut owned = |node, at, endpoint, port| {
            let direct = edge(endpoint, None, "100.1.1.3", port);
            ask(&mut w, node, at, &direct, Relation::ClientNode).is_none()
        };
        assert!(!owned(A, 100, "11.1.1.2", 8080));
        assert!(owned(A, 100, "11.1.1.3", 8080), "another client");
        assert!(owned(A, 100, "11.1.1.2", 8081), "another port");
        assert!(owned(A, 121, "11.1.1.2", 8080), "long after");
        assert!(owned(A, 79, "11.1.1.2", 8080), "long before");
        assert!(!owned(A, 120, "11.1.1.2", 8080) && !owned(A, 80, "11.1.1.2", 8080));
        assert!(owned(B, 100, "11.1.1.2", 8080), "what a node translated it knows itself");
    }

    #[test]
    fn a_direct_connection_is_its_clients_nodes_and_an_outsiders_its_only_witnesss() {
        let mut w = witnesses();
        let direct = edge("11.1.1.2", None, "10.1.1.5", 80);
        assert_eq!(ask(&mut w, A, 100, &direct, Relation::ClientNode), None);
        let provider = ask(&mut w, P, 100, &direct, Relation::ProviderNode);
        assert_eq!(provider, Some(Why::ProviderSide));
        let outside = edge("8.8.8.8", None, "10.1.1.5", 80);
        assert_eq!(ask(&mut w, P, 100, &outside, Relation::ProviderNode), None);
        w.left(A);
        assert_eq!(ask(&mut w, P, 100, &direct, Relation::ProviderNode), None);
    }

    #[test]
    fn of_two_that_only_forward_one_counts() {
        let mut w = Witnesses::new(Duration::from_secs(20));
        let passing = edge("8.8.8.8", None, "9.9.9.9", 443);
        assert_eq!(ask(&mut w, A, 100, &passing, Relation::Transit), None);
        assert_eq!(ask(&mut w, B, 100, &passing, Relation::Transit), Some(Why::Forwarded));
        assert_eq!(ask(&mut w, A, 110, &passing, Relation::Transit), None);
        assert_eq!(ask(&mut w, B, 200, &passing, Relation::Transit), None, "the first went away");
        assert_eq!(ask(&mut w, A, 200, &passing, Relation::Transit), Some(Why::Forwarded));
    }

    #[test]
    fn loopback_lives_everywhere_and_the_remainder_is_its_nodes_own() {
        let mut w = witnesses();
        let own = edge("::1", None, "10.1.1.5", 80);
        assert_eq!(ask(&mut w, B, 100, &own, Relation::ProviderNode), None);
        let marks = Marks { remainder: true, ..Marks::default() };
        let rest = edge("11.1.1.2", None, "10.1.1.5", 80);
        let account = w.account(P, seconds(100), &rest, Relation::Transit, marks);
        assert_eq!(account, (Account::Owned, None));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let mut w = witnesses();
        w.saw(B, seconds(100), &edge("11.1.1.2", Some("100.1.1.3"), "10.1.1.5", 80));
        w.prune(seconds(100));
        assert_eq!(w.len(), 1);
        w.prune(seconds(101));
        assert!(w.is_empty());
    }

    #[test]
    fn networks_are_masked_in_both_families() {
        let masked = |text: &str, prefix| masked(text.parse().unwrap(), prefix).0.to_string();
        assert_eq!(masked("10.1.2.3", 16), "10.1.0.0");
        assert_eq!(masked("10.1.2.3", 0), "0.0.0.0");
        assert_eq!(masked("10.1.2.3", 99), "10.1.2.3");
        assert_eq!(masked("fd00::1:2", 112), "fd00::1:0");
        assert_eq!(masked("fd00::1", 0), "::");
    }
}
