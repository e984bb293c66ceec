//! The engine's answers as owners.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EndpointSettings, NetworkInspect,
};
use svcflow_model::{Cidr, Timestamp};

use crate::{Labels, Owner, OwnerKind};

/// A container that runs and has an address of its own (one in its host's network has none).
pub(super) fn container(container: ContainerInspectResponse) -> Option<Owner> {
    let state = container.state.filter(|state| state.running == Some(true))?;
    let identity = container.id?;
    let networks = container.network_settings.and_then(|settings| settings.networks);
    let addresses = container_addresses(networks.unwrap_or_default());
    let name = container.name.unwrap_or_default();
    let labels = container.config.and_then(|config| config.labels).unwrap_or_default();
    (!addresses.is_empty()).then(|| Owner {
        name: name.trim_start_matches('/').to_owned(),
        identity,
        kind: OwnerKind::Container,
        addresses,
        labels: labels.into_iter().collect::<Labels>(),
        node: None,
        since: state.started_at.as_deref().and_then(timestamp),
    })
}

/// Whether a line of the list says nothing new of what is known from an inspection.
pub(super) fn is_still(line: &ContainerSummary, known: &Owner) -> bool {
    let networks = line.network_settings.as_ref().and_then(|settings| settings.networks.clone());
    let names = line.names.iter().flatten().map(|name| name.trim_start_matches('/'));
    names.into_iter().any(|name| name == known.name)
        && container_addresses(networks.unwrap_or_default()) == known.addresses
}

/// In the networks' order by name, IPv4 first.
fn container_addresses(networks: HashMap<String, EndpointSettings>) -> Vec<Cidr> {
    let mut networks: Vec<_> = networks.into_iter().collect();
    networks.sort_by(|(a, _), (b, _)| a.cmp(b));
    let of = |(_, it): &(String, EndpointSettings)| {
        [it.ip_address.clone(), it.global_ipv6_address.clone()]
    };
    let addresses = networks.iter().flat_map(of).flatten();
    let mut addresses: Vec<IpAddr> = addresses.filter_map(|it| it.parse().ok()).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.into_iter().map(Cidr::from).collect()
}

/// A network: whoever has an address of it that nobody else is known to have.
pub(super) fn network(network: &NetworkInspect) -> Option<Owner> {
    let (id, name) = (network.id.as_deref()?, network.name.as_deref()?);
    let ipam = network.ipam.as_ref().and_then(|ipam| ipam.config.as_deref());
    let subnets = ipam.unwrap_or_default().iter().filter_map(|it| it.subnet.as_deref());
    let addresses: Vec<Cidr> = subnets.filter_map(|it| it.parse().ok()).collect();
    (!addresses.is_empty()).then(|| Owner {
        identity: format!("network/{id}"),
        name: format!("network {name}"),
        kind: OwnerKind::Named,
        addresses,
        labels: network.labels.clone().unwrap_or_default().into_iter().collect(),
        node: None,
        since: None,
    })
}

/// The engine's own endpoints in a Swarm network: what comes from them are others' connections, whose
/// clients can't be told any more (case 15).
pub(super) fn balancers(network: &NetworkInspect) -> impl Iterator<Item = Owner> {
    let id = network.id.clone().unwrap_or_default();
    let name = network.name.clone().unwrap_or_default();
    network.containers.iter().flatten().filter_map(move |(key, endpoint)| {
        let named = match key.as_str() {
            "ingress-sbox" => "via ingress".to_owned(),
            key if key.starts_with("lb-") => format!("via the load balancer of {name}"),
            _ => return None,
        };
        let addresses = [endpoint.ipv4_address.as_deref(), endpoint.ipv6_address.as_deref()];
        let addresses: Vec<Cidr> = addresses.into_iter().flatten().filter_map(address).collect();
        (!addresses.is_empty()).then(|| Owner {
            identity: format!("balancer/{id}"),
            name: named,
            kind: OwnerKind::Ingress,
            addresses,
            labels: Labels::default(),
            node: None,
            since: None,
        })
    })
}

/// `10.0.1.2/24` is the address 10.0.1.2.
pub(super) fn address(text: &str) -> Option<Cidr> {
    let text = text.split('/').next()?;
    text.parse::<IpAddr>().ok().filter(|it| !it.is_unspecified()).map(Cidr::from)
}

/// RFC 3339 in UTC, as Go prints it; year 1 stands for never.
fn timestamp(text: &str) -> Option<Timestamp> {
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    Some(Timestamp::from(time)).filter(|time| time.0 > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_addresses_are_read_or_unknown() {
        let expected = Timestamp(1_767_225_600_500_000_000);
        assert_eq!(timestamp("2026-01-01T00:00:00.5Z"), Some(expected));
        for never in ["0001-01-01T00:00:00Z", "", "yesterday"] {
            assert_eq!(timestamp(never), None, "{never}");
        }
        assert_eq!(address("10.0.1.2/24").unwrap().to_string(), "10.0.1.2/32");
        assert!(address("").is_none() && address("x/24").is_none() && address("0.0.0.0").is_none());
    }

    #[test]
    fn a_container_without_an_address_or_that_does_not_run_owns_nothing() {
        let read = |text: &str| container(serde_json::from_str(text).unwrap());
        let running = r#"{"Id":"a","Name":"/web","State":{"Running":true,"StartedAt":"2026-01-01T00:00:00Z"},
            "Config":{"Labels":{"tier":"web"}},"NetworkSettings":{"Networks":
            {"b":{"IPAddress":"10.2.0.2","GlobalIPv6Address":"fd10::2"},"a":{"IPAddress":"10.1.0.2"},"c":null}}}"#;
        let owner = read(&running.replace(",\"c\":null", "")).unwrap();
        let addresses: Vec<_> = owner.addresses.iter().map(|it| it.address.to_string()).collect();
        assert_eq!(addresses, ["10.1.0.2", "10.2.0.2", "fd10::2"]);
        assert_eq!((owner.name.as_str(), owner.labels.get("tier")), ("web", Some("web")));
        assert!(read(&running.replace(",\"c\":null", "").replace("true", "false")).is_none());
        assert!(read(r#"{"Id":"a","State":{"Running":true}}"#).is_none());
        assert!(read("{}").is_none());
    }
}
