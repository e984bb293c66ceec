//! Who the addresses and services of a window are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use svcflow_model::{Cidr, Timestamp};
use svcflow_topology::{Found, Owner, Service, Snapshot};

use crate::catalogue::{AddressId, Catalogue, ServiceAddress, ServiceId};
use crate::intern::PerId;
use crate::readings::Readings;
use crate::time::Millis;

/// Which addresses live on which node, as the agents say.
#[derive(Clone, Debug, Default)]
pub struct Homes {
    /// `None` where several have it: every Docker host has 172.17.0.0/16.
    nodes: HashMap<Cidr, Option<Arc<str>>>,
    /// Prefix lengths there are, of IPv4 and of IPv6, the longest first.
    lengths: [Vec<u8>; 2],
}

impl Homes {
    /// Of networks and their nodes.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = (Cidr, Arc<str>)>) -> Self {
        let mut homes = Self::default();
        for (network, node) in networks {
            let network = Cidr::of(network.address, network.prefix);
            let [v4, v6] = &mut homes.lengths;
            let lengths = if network.address.is_ipv4() { v4 } else { v6 };
            if !lengths.contains(&network.prefix) {
                lengths.push(network.prefix);
            }
            let home = homes.nodes.entry(network).or_insert_with(|| Some(Arc::clone(&node)));
            if home.as_ref().is_some_and(|other| *other != node) {
                *home = None;
            }
        }
        homes.lengths.iter_mut().for_each(|lengths| lengths.sort_by(|a, b| b.cmp(a)));
        homes
    }

    /// The node that an address lives on, by the longest prefix; `None` also where that could be several.
    #[must_use]
    pub fn node(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.home(address)?.as_ref()
    }

    /// Whether an address lives on a node, be it not known on which.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.home(address).is_some()
    }

    fn home(&self, address: IpAddr) -> Option<&Option<Arc<str>>> {
        let [v4, v6] = &self.lengths;
        let mut lengths = if address.is_ipv4() { v4 } else { v6 }.iter();
        lengths.find_map(|length| self.nodes.get(&Cidr::of(address, *length)))
    }
}

/// Who it was, by whose word, and since when.
#[derive(Debug)]
pub(crate) struct Named<'s, T> {
    pub(crate) entity: &'s Arc<T>,
    pub(crate) source: &'s str,
    pub(crate) since: Millis,
    pub(crate) until: Option<Millis>,
}

impl<T> Clone for Named<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Named<'_, T> {}

impl<'s, T> From<Found<'s, T>> for Named<'s, T> {
    fn from(found: Found<'s, T>) -> Self {
        let Found { entity, source, from, until } = found;
        Self { entity, source: &source.name, since: millis(from), until: until.map(millis) }
    }
}

pub(crate) const fn millis(at: Timestamp) -> Millis {
    at.0.div_euclid(1_000_000)
}

pub(crate) const fn timestamp(at: Millis) -> Timestamp {
    Timestamp(at.saturating_mul(1_000_000))
}

/// Who is who in a window: as of the instant that rates are of, else as of when it was last counted, so
/// that what ended within the range keeps its name.
pub(crate) struct Naming<'s> {
    pub(crate) catalogue: &'s Catalogue,
    owners: PerId<IpAddr, Option<Named<'s, Owner>>>,
    services: PerId<ServiceAddress, Option<Named<'s, Service>>>,
    /// Where it isn't the address itself.
    parties: PerId<IpAddr, Option<IpAddr>>,
    homes: &'s Homes,
}

impl<'s> Naming<'s> {
    pub(crate) fn new(readings: &'s Readings, names: &'s Snapshot, homes: &'s Homes) -> Self {
        let catalogue = &*readings.catalogue;
        let at = readings.window.at;
        let mut naming = Self {
            catalogue,
            owners: PerId::filled(None, catalogue.addresses().len()),
            services: PerId::filled(None, catalogue.services().len()),
            parties: PerId::filled(None, catalogue.addresses().len()),
            homes,
        };
        let mut addresses = PerId::filled(None, catalogue.addresses().len());
        let mut services = PerId::filled(None, catalogue.services().len());
        for edge in &readings.edges {
            for address in [edge.key.endpoint, edge.key.provider] {
                latest(&mut addresses, address, edge.last);
            }
            if let Some(service) = edge.key.service {
                latest(&mut services, service, edge.last);
            }
        }
        for (id, last) in addresses.iter().filter_map(|(id, last)| Some((id, (*last)?))) {
            let address = catalogue.address(id);
            let find = |address, at| names.owner(address, timestamp(at)).map(Named::from);
            let then = if find(address, at).is_some() { at } else { last };
            let owner = find(address, then);
            let party = owner.and_then(|owner| first_address(address, owner.entity));
            // Another one may have got that address since, or have the last word on it.
            naming.parties.set(
                id,
                party.filter(|first| {
                    find(*first, then)
                        .zip(owner)
                        .is_some_and(|(a, b)| Arc::ptr_eq(a.entity, b.entity))
                }),
            );
            naming.owners.set(id, owner);
        }
        for (id, last) in services.iter().filter_map(|(id, last)| Some((id, (*last)?))) {
            let ServiceAddress { address, port, protocol } = catalogue.service(id);
            let find = |at| names.service(address, port, protocol, timestamp(at));
            naming.services.set(id, find(at).or_else(|| find(last)).map(Named::from));
        }
        naming
    }

    /// An address' owner.
    pub(crate) fn owner(&self, id: AddressId) -> Option<Named<'s, Owner>> {
        *self.owners.get(id)?
    }

    /// The owner's name; empty where there is none.
    pub(crate) fn owner_name(&self, id: AddressId) -> &'s str {
        self.owner(id).map_or("", |owner| owner.entity.name.as_str())
    }

    /// Whom an address stands for, as an address: its owner's first one. So a container with several addresses,
    /// such as one of IPv4 and one of IPv6, is one member of its card.
    pub(crate) fn party(&self, id: AddressId) -> IpAddr {
        let first = self.parties.get(id).copied().flatten();
        first.unwrap_or_else(|| self.catalogue.address(id))
    }

    /// A service, where somebody named it.
    pub(crate) fn service(&self, id: ServiceId) -> Option<Named<'s, Service>> {
        *self.services.get(id)?
    }

    /// The node that an address lives on: its owner's, else that of an agent that says so.
    pub(crate) fn node(&self, id: AddressId) -> Option<&'s str> {
        let owner = self.owner(id).and_then(|owner| owner.entity.node.as_deref());
        owner.or_else(|| self.homes.node(self.catalogue.address(id)).map(|node| &**node))
    }

    /// Whether it is one of ours: owned, or living on a node.
    pub(crate) fn is_ours(&self, id: AddressId) -> bool {
        self.owner(id).is_some() || self.homes.has(self.catalogue.address(id))
    }
}

/// The address to name an owner by, where this one is as good: both are hosts, not networks.
fn first_address(address: IpAddr, owner: &Owner) -> Option<IpAddr> {
    let first = owner.addresses.first().filter(|first| **first == first.address.into())?;
    owner.addresses.contains(&address.into()).then_some(first.address)
}

fn latest<T>(of: &mut PerId<T, Option<Millis>>, id: crate::intern::Id<T>, at: Millis) {
    if let Some(last) = of.get_mut(id) {
        *last = Some(last.map_or(at, |last| last.max(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_several_nodes_have_is_at_home_at_none_of_them() {
        let lives = |network: &str, node: &str| (network.parse().unwrap(), Arc::from(node));
        let homes = Homes::new([
            lives("172.17.0.0/16", "n1"),
            lives("172.17.0.0/16", "n2"),
            lives("172.17.0.0/16", "n1"),
            lives("172.17.0.9/32", "n2"),
            lives("192.0.2.7/32", "n1"),
        ]);
        let node = |address: &str| homes.node(address.parse().unwrap()).map(|node| &**node);
        assert_eq!((node("192.0.2.7"), node("172.17.0.9")), (Some("n1"), Some("n2")));
        assert_eq!((node("172.17.0.1"), node("192.0.2.8")), (None, None));
        let has = |address: &str| homes.has(address.parse().unwrap());
        assert!(has("172.17.0.1") && has("192.0.2.7") && !has("192.0.2.8"));
    }
}
