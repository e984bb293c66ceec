//! `GET /services` as Contiv's page reads it (contracts.md 3): services, their providers, labels, selectors.
//!
//! A provider stands there once, by its first address, as Netmaster lists it: a container with an IPv4 and
//! an IPv6 address is one provider. Of a service that somebody named the providers are those that its
//! source states, else those that bear its selectors; and in any case those that translation showed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use svcflow_model::{Cidr, Timestamp};

use crate::{Labels, Owner, Service, Snapshot};

/// Under this key the document lists all services.
const TOP_LEVEL: &str = "topLevel";

/// The document. Field names are Contiv's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServicesDocument {
    /// Each provider's services.
    #[serde(rename = "ancestors_struct")]
    pub ancestors: BTreeMap<IpAddr, BTreeSet<String>>,
    /// Each service's providers, maybe none. Serialised with one more key, `topLevel`: all services.
    #[serde(rename = "children_struct", serialize_with = "with_top_level")]
    pub children: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Each provider's labels.
    pub labels: BTreeMap<IpAddr, Labels>,
    /// Each service's selectors.
    #[serde(rename = "serviceSelectors")]
    pub selectors: BTreeMap<String, Labels>,
}

fn with_top_level<S: Serializer>(
    children: &BTreeMap<String, BTreeSet<IpAddr>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Value<'c> {
        Services(Vec<&'c String>),
        Providers(&'c BTreeSet<IpAddr>),
    }
    let services = (TOP_LEVEL, Value::Services(children.keys().collect()));
    let each = children.iter().map(|(name, all)| (name.as_str(), Value::Providers(all)));
    serializer.collect_map(each.filter(|(name, _)| *name != TOP_LEVEL).chain([services]))
}

/// The document of what was known at `at`, and of what translation shows (see
/// [`observed`](crate::observed)).
#[must_use]
pub fn services(names: &Snapshot, at: Timestamp, observed: &[Service]) -> ServicesDocument {
    let named = names.services_at(at);
    let mut writer = Writer {
        names,
        at,
        bearers: Bearers::of(names, at, &named),
        document: ServicesDocument::default(),
    };
    named.into_iter().for_each(|service| writer.named(service));
    observed.iter().for_each(|service| writer.observed(service));
    writer.document
}

struct Writer<'n> {
    names: &'n Snapshot,
    at: Timestamp,
    bearers: Bearers<'n>,
    document: ServicesDocument,
}

impl Writer<'_> {
    fn named(&mut self, service: &Service) {
        let providers = match &service.providers {
            Some(stated) => stated.iter().map(|address| self.first_address(*address)).collect(),
            None => self.bearers.of_all(&service.selectors),
        };
        let name = service.full_name();
        let selectors = self.document.selectors.entry(name.clone()).or_default();
        selectors.extend(&service.selectors);
        self.add(name, providers);
    }

    fn observed(&mut self, service: &Service) {
        let port = service.ports.first().map(|port| (port.port, port.protocol));
        let key = service.addresses.first().copied().zip(port);
        let named = key.and_then(|(address, (port, protocol))| {
            self.names.service(address, port, protocol, self.at)
        });
        let providers = service.providers.iter().flatten().copied();
        match named.map(|found| found.entity.full_name()) {
            Some(name) => {
                let providers = providers.map(|address| self.first_address(address)).collect();
                self.add(name, providers);
            }
            None => {
                self.document.selectors.entry(service.full_name()).or_default();
                self.add(service.full_name(), providers.collect());
            }
        }
    }

    /// The address that an address's owner is named by.
    fn first_address(&self, address: IpAddr) -> IpAddr {
        let owner = self.names.owner(address, self.at);
        owner.and_then(|found| first_address(found.entity)).unwrap_or(address)
    }

    fn add(&mut self, service: String, providers: BTreeSet<IpAddr>) {
        for provider in &providers {
            self.document.ancestors.entry(*provider).or_default().insert(service.clone());
            let owner = self.names.owner(*provider, self.at);
            let labels = owner.map(|found| found.entity.labels.clone()).unwrap_or_default();
            self.document.labels.insert(*provider, labels);
        }
        self.document.children.entry(service).or_default().extend(providers);
    }
}

fn first_address(owner: &Owner) -> Option<IpAddr> {
    owner.addresses.iter().find(|cidr| cidr.is_single()).map(|cidr| cidr.address)
}

type Pair<'n> = (&'n str, &'n str);

/// Who bears which label, of the labels that are asked for.
struct Bearers<'n>(HashMap<Pair<'n>, Vec<&'n Arc<Owner>>>);

impl<'n> Bearers<'n> {
    fn of(names: &'n Snapshot, at: Timestamp, services: &[&'n Arc<Service>]) -> Self {
        let unstated = services.iter().filter(|service| service.providers.is_none());
        let asked: HashSet<Pair<'n>> = unstated.flat_map(|it| it.selectors.iter()).collect();
        let mut bearers = HashMap::<Pair<'n>, Vec<_>>::new();
        if asked.is_empty() {
            return Self(bearers);
        }
        let mut seen = HashSet::new();
        let owners = names.owners_at(at).into_iter().filter(|(cidr, _)| Cidr::is_single(cidr));
        for (_, owner) in owners.filter(|(_, owner)| seen.insert(Arc::as_ptr(owner))) {
            for pair in owner.labels.iter().filter(|pair| asked.contains(pair)) {
                bearers.entry(pair).or_default().push(owner);
            }
        }
        Self(bearers)
    }

    /// The first addresses of those that bear all of these; of nobody where there are none.
    fn of_all(&self, selectors: &Labels) -> BTreeSet<IpAddr> {
        let bearers = selectors.iter().map(|pair| self.0.get(&pair).map_or(&[][..], Vec::as_slice));
        let fewest = bearers.min_by_key(|bearers| bearers.len()).unwrap_or_default();
        let all = fewest.iter().filter(|owner| owner.labels.include(selectors));
        all.filter_map(|owner| first_address(owner)).collect()
    }
}
