//! `GET /api/v1/topology`: services, owners and who says so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use svcflow_topology::{Snapshot, SourceState, SourceStatus};

use crate::catalogue::{NOWHERE, ServiceAddress};
use crate::document::{
    Owner, SourceHealth, Topology, TopologyPort, TopologyService, TopologySource,
};
use crate::map::{Context, labels, named};
use crate::naming::{Named, millis, timestamp};
use crate::place;
use crate::readings::Readings;
use crate::time::Millis;

/// The topology at an instant. Services that nobody named are those of `readings`.
#[must_use]
pub fn topology(
    context: &Context<'_>,
    at: Millis,
    started: Millis,
    readings: &Readings,
) -> Topology {
    let mut services = Vec::new();
    let seen = Seen::of(context.names, at, readings);
    for service in context.names.services_at(timestamp(at)) {
        if let Some(named) = named(context.names, service, timestamp(at)) {
            let name = service.full_name();
            let mut providers = seen.named.get(&name).cloned().unwrap_or_default();
            providers.extend(context.provided.children.get(&name).into_iter().flatten());
            services.push(service_of(&named, name, &providers));
        }
    }
    services.extend(seen.unnamed.iter().map(|(service, seen)| unnamed(service, seen)));
    services.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Topology {
        at,
        services,
        owners: owners(context.names, at),
        sources: context.names.sources().iter().map(|status| source(status, started)).collect(),
    }
}

type Behind = BTreeSet<(IpAddr, u16)>;

/// What translation showed.
#[derive(Default)]
struct Seen {
    named: BTreeMap<String, BTreeSet<IpAddr>>,
    unnamed: BTreeMap<ServiceAddress, Behind>,
}

impl Seen {
    fn of(names: &Snapshot, at: Millis, readings: &Readings) -> Self {
        let mut seen = Self::default();
        let catalogue = &readings.catalogue;
        for edge in &readings.edges {
            let Some(service) = edge.key.service.map(|service| catalogue.service(service)) else {
                continue;
            };
            let provider = catalogue.address(edge.key.provider);
            let ServiceAddress { address, port, protocol } = service;
            if address == NOWHERE || provider == NOWHERE {
                continue;
            }
            match names.service(address, port, protocol, timestamp(at)) {
                Some(found) => {
                    seen.named.entry(found.entity.full_name()).or_default().insert(provider);
                }
                None => {
                    let behind = seen.unnamed.entry(service).or_default();
                    behind.insert((provider, edge.key.provider_port));
                }
            }
        }
        seen
    }
}

fn service_of(
    named: &Named<'_, svcflow_topology::Service>,
    name: String,
    providers: &BTreeSet<IpAddr>,
) -> TopologyService {
    let service = named.entity;
    let port = |port: &svcflow_topology::Port| TopologyPort {
        service: port.port,
        provider: Some(port.provider_port),
        protocol: port.protocol.to_string(),
    };
    TopologyService {
        id: place::named_service(&name),
        name,
        source: named.source.to_owned(),
        addresses: service.addresses.iter().map(ToString::to_string).collect(),
        ports: service.ports.iter().map(port).collect(),
        selectors: labels(&service.selectors),
        labels: labels(&service.labels),
        providers: providers.iter().map(ToString::to_string).collect(),
    }
}

fn unnamed(service: &ServiceAddress, behind: &Behind) -> TopologyService {
    let ports: BTreeSet<u16> = behind.iter().map(|(_, port)| *port).collect();
    let port = |provider: &u16| TopologyPort {
        service: service.port,
        provider: Some(*provider),
        protocol: service.protocol.to_string(),
    };
    let providers: BTreeSet<IpAddr> = behind.iter().map(|(address, _)| *address).collect();
    TopologyService {
        id: place::unnamed_service(service),
        name: SocketAddr::new(service.address, service.port).to_string(),
        source: "observed".to_owned(),
        addresses: vec![service.address.to_string()],
        ports: ports.iter().map(port).collect(),
        selectors: BTreeMap::new(),
        labels: BTreeMap::new(),
        providers: providers.iter().map(ToString::to_string).collect(),
    }
}

fn owners(names: &Snapshot, at: Millis) -> Vec<Owner> {
    let mut all = Vec::new();
    for (network, owner) in names.owners_at(timestamp(at)) {
        let address = network.address;
        let text = if network.is_single() { address.to_string() } else { network.to_string() };
        // Found by its first address: where somebody else has that one, whose word it is stays open.
        let found = names.owner(address, timestamp(at));
        let found = found.filter(|found| Arc::ptr_eq(found.entity, owner)).map(Named::from);
        all.push(Owner {
            address: text,
            name: owner.name.clone(),
            labels: labels(&owner.labels),
            node: owner.node.clone(),
            source: found.map_or("", |found| found.source).to_owned(),
            since: found.map(|found| found.since).or(owner.since.map(millis)).unwrap_or(at),
            until: found.and_then(|found| found.until),
        });
    }
    all
}

fn source(status: &SourceStatus, started: Millis) -> TopologySource {
    let (state, since, message) = match &status.state {
        SourceState::Ok { at } => (SourceHealth::Ok, millis(*at), None),
        SourceState::Stale { since, error } => {
            (SourceHealth::Stale, millis(*since), Some(error.clone()))
        }
        SourceState::Failed { error } => (SourceHealth::Failed, started, Some(error.clone())),
        SourceState::Waiting => {
            (SourceHealth::Failed, started, Some("it has not been heard yet".to_owned()))
        }
    };
    TopologySource { name: status.name.clone(), state, since, message }
}
