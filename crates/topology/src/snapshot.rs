use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use svcflow_model::{Cidr, Protocol, Timestamp};

use crate::ledger::{Entity, Index};
use crate::service::ServiceKey;
use crate::status::SourceStatus;
use crate::{Owner, Service};

/// The prefix lengths there are, of each family, the longest first: one look-up each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lengths {
    v4: Vec<u8>,
    v6: Vec<u8>,
}

impl Lengths {
    /// Family (IPv4 or not) and length of a network.
    pub(crate) fn of(cidr: &Cidr) -> (bool, u8) {
        (cidr.address.is_ipv4(), cidr.prefix)
    }

    pub(crate) fn new(all: BTreeSet<(bool, u8)>) -> Self {
        let of = |v4| all.iter().rev().filter(move |(is_v4, _)| *is_v4 == v4).map(|(_, it)| *it);
        Self { v4: of(true).collect(), v6: of(false).collect() }
    }

    fn networks(&self, address: IpAddr) -> impl Iterator<Item = Cidr> {
        let lengths = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        lengths.iter().map(move |length| Cidr::of(address, *length))
    }
}

/// Who had it, by whose word, and when.
#[derive(Debug)]
pub struct Found<'s, T> {
    /// Who.
    pub entity: &'s Arc<T>,
    /// Whose word it is.
    pub source: &'s SourceStatus,
    /// Since when all this is so.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub until: Option<Timestamp>,
}

/// What was known at one moment, of then and of the past. Never changes, so it is read without locks.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) owners: Index<Owner>,
    pub(crate) lengths: Lengths,
    pub(crate) services: Index<Service>,
    pub(crate) all: Vec<SourceStatus>,
    /// Those that are shown.
    pub(crate) sources: Vec<SourceStatus>,
    pub(crate) known_since: Option<Timestamp>,
}

impl Snapshot {
    /// Who had `address` at `at`: by the longest prefix, then by the first source.
    #[must_use]
    pub fn owner(&self, address: IpAddr, at: Timestamp) -> Option<Found<'_, Owner>> {
        self.lengths.networks(address).find_map(|network| self.find(&self.owners, network, at))
    }

    /// Which service was at an address and port at `at`; port 0 and a protocol without ports find a
    /// service of the whole address.
    #[must_use]
    pub fn service(
        &self,
        address: IpAddr,
        port: u16,
        protocol: Protocol,
        at: Timestamp,
    ) -> Option<Found<'_, Service>> {
        let exact = ServiceKey { address, port: Some((port, protocol)) };
        let whole = ServiceKey { address, port: None };
        let find = |key| self.find(&self.services, key, at);
        find(exact).or_else(|| find(whole))
    }

    /// Every owner at `at` with those of its addresses that it has by then, in the addresses' order.
    #[must_use]
    pub fn owners_at(&self, at: Timestamp) -> BTreeMap<Cidr, &Arc<Owner>> {
        let at = |(key, _): (&Cidr, _)| Some((*key, self.find(&self.owners, *key, at)?.entity));
        self.owners.iter().filter_map(at).collect()
    }

    /// Every service at `at`, by its full name.
    #[must_use]
    pub fn services_at(&self, at: Timestamp) -> Vec<&Arc<Service>> {
        let found = self.services.keys().filter_map(|key| self.find(&self.services, *key, at));
        let mut seen = HashSet::new();
        let entities = found.map(|found| found.entity);
        let mut all: Vec<_> = entities.filter(|it| seen.insert(Arc::as_ptr(it))).collect();
        all.sort_by_cached_key(|service| (service.full_name(), service.identity.clone()));
        all
    }

    /// How the sources are, in their order of precedence; not those that only have a history, nor
    /// [quiet](crate::Topology::add_quiet_source) ones that have said nothing.
    #[must_use]
    pub fn sources(&self) -> &[SourceStatus] {
        &self.sources
    }

    /// Before this instant some names were forgotten here, since more ended than are remembered; the
    /// stored history has them. `None` where nothing was forgotten.
    #[must_use]
    pub fn known_since(&self) -> Option<Timestamp> {
        self.known_since
    }

    fn find<'s, T: Entity>(
        &'s self,
        index: &'s Index<T>,
        key: T::Key,
        at: Timestamp,
    ) -> Option<Found<'s, T>> {
        let (source, tenure, until) = index.get(&key)?.at(at)?;
        let source = self.all.get(usize::from(source.0))?;
        Some(Found { entity: &tenure.entity, source, from: tenure.from, until })
    }
}
