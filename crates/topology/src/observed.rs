//! Services that translation shows and nobody named, from edges.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use svcflow_model::{Edge, Protocol};

use crate::{Port, Service};

type Seen = (BTreeSet<Port>, BTreeSet<IpAddr>);

/// What these edges' translation shows: each service by its address and port, with who answered. What a
/// provider of unknown address (0.0.0.0) stands for is no provider.
///
/// As many as the edges at most, which are capped where they are counted.
#[must_use]
pub fn services<'e>(edges: impl IntoIterator<Item = &'e Edge>) -> Vec<Service> {
    let mut all = BTreeMap::<(IpAddr, u16, Protocol), Seen>::new();
    for edge in edges {
        let Some(service) = edge.service.filter(|it| !it.address.is_unspecified()) else {
            continue;
        };
        let key = (service.address, service.port, edge.protocol);
        let (ports, providers) = all.entry(key).or_default();
        if edge.provider.is_unspecified() {
            continue;
        }
        providers.insert(edge.provider);
        ports.insert(Port {
            port: service.port,
            provider_port: edge.provider_port,
            protocol: edge.protocol,
        });
    }
    all.into_iter().map(service).collect()
}

fn service((key, (mut ports, providers)): ((IpAddr, u16, Protocol), Seen)) -> Service {
    let (address, port, protocol) = key;
    if ports.is_empty() {
        ports.insert(Port { port, provider_port: 0, protocol });
    }
    let name = SocketAddr::new(address, port).to_string();
    Service {
        identity: format!("{name}/{protocol}"),
        name,
        addresses: vec![address],
        ports: ports.into_iter().collect(),
        providers: Some(providers.into_iter().collect()),
        ..Service::default()
    }
}
