//! Owners and services by a few words.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::IpAddr;

use svcflow_model::Timestamp;
use svcflow_topology::{Facts, Limits, Owner, OwnerKind, Service, Snapshot, SourceId, Topology};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000_000)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn owner(identity: &str, addresses: &[&str]) -> Owner {
    Owner {
        identity: identity.to_owned(),
        name: format!("{identity}-name"),
        kind: OwnerKind::Container,
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        labels: [("tier", "web")].into_iter().collect(),
        node: None,
        since: None,
    }
}

pub(crate) fn service(name: &str, address: &str, ports: &[&str]) -> Service {
    Service {
        identity: name.to_owned(),
        tenant: "default".to_owned(),
        name: name.to_owned(),
        addresses: vec![ip(address)],
        ports: ports.iter().map(|text| text.parse().unwrap()).collect(),
        ..Service::default()
    }
}

pub(crate) fn owners(owners: impl IntoIterator<Item = Owner>) -> Facts {
    Facts { owners: owners.into_iter().collect(), ..Facts::default() }
}

/// Who has an address, by identity.
pub(crate) fn who(snapshot: &Snapshot, address: &str, time: Timestamp) -> Option<String> {
    snapshot.owner(ip(address), time).map(|found| found.entity.identity.clone())
}

pub(crate) fn one_source() -> (Topology, SourceId) {
    let mut topology = Topology::new(Limits::default());
    let source = topology.add_source("docker").unwrap();
    (topology, source)
}
