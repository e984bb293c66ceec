//! What the demo's addresses are called (contracts.md 7): its services, and its containers with their labels.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use svcflow_lab::{ServiceSpec, Topology as Lab, v6_of};
use svcflow_topology::{
    Facts, Labels, Limits, Names, Owner, OwnerKind, Port, Service, Topology, Update,
};

/// Publishes the names of a lab, which never change.
pub(super) fn publish(lab: &Lab, names: &Names) {
    let mut topology = Topology::new(Limits::default());
    if let Some(source) = topology.add_source("demo") {
        let at = SystemTime::now().into();
        topology.apply(source, Update::Listed { at, facts: facts(lab) });
    }
    names.publish(topology.snapshot());
}

/// The names of a lab.
pub(super) fn facts(lab: &Lab) -> Facts {
    let clients = (1..).zip(&lab.clients).map(|(n, client)| {
        let node = format!("node{}", client.node.saturating_add(1));
        owner(format!("client-{n}"), client.address, Labels::default(), node)
    });
    let providers = lab.services.iter().flat_map(providers);
    Facts {
        owners: clients.chain(providers).collect(),
        services: lab.services.iter().map(service).collect(),
        faults: Vec::new(),
    }
}

fn providers(service: &ServiceSpec) -> impl Iterator<Item = Owner> {
    let labels = service.selectors.iter().cloned();
    let labels: Labels = labels.chain([("version".to_owned(), "1.0".to_owned())]).collect();
    let (_, name) = service.name.split_once(':').unwrap_or(("", &service.name));
    (1..).zip(&service.providers).map(move |(n, address)| {
        owner(format!("{name}-{n}"), *address, labels.clone(), "node1".to_owned())
    })
}

fn owner(name: String, address: Ipv4Addr, labels: Labels, node: String) -> Owner {
    Owner {
        identity: name.clone(),
        name,
        kind: OwnerKind::Container,
        addresses: vec![
            std::net::IpAddr::from(address).into(),
            std::net::IpAddr::from(v6_of(address)).into(),
        ],
        labels,
        node: Some(node),
        since: None,
    }
}

fn service(spec: &ServiceSpec) -> Service {
    let (tenant, name) = spec.name.split_once(':').unwrap_or(("", &spec.name));
    let port = |protocol| Port { port: spec.port, provider_port: spec.provider_port, protocol };
    Service {
        identity: spec.name.clone(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        addresses: vec![spec.address.into(), spec.address6.into()],
        ports: vec![
            port(svcflow_model::Protocol::TCP),
            // The lab's traffic goes there by UDP, too.
            port(svcflow_model::Protocol::UDP),
        ],
        selectors: spec.selectors.iter().cloned().collect(),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use svcflow_topology::document;

    use super::*;

    #[test]
    fn the_demo_is_named_as_the_old_set_up_script_did() {
        let names = Names::default();
        publish(&Lab::demo(), &names);
        let now = SystemTime::now().into();
        let document = document::services(&names.snapshot(), now, &[]);
        let document = serde_json::to_value(document).unwrap();
        let children = &document["children_struct"];
        assert_eq!(children["topLevel"], json!(["default:app-db", "default:app-svc"]));
        assert_eq!(children["default:app-svc"].as_array().unwrap().len(), 14);
        let db = json!(["10.1.1.15", "10.1.1.16", "10.1.1.17"]);
        assert_eq!(children["default:app-db"], db);
        let selectors = json!({"tier": "web", "release": "stable", "environment": "prod"});
        assert_eq!(document["serviceSelectors"]["default:app-svc"], selectors);
        let labels =
            json!({"tier": "db", "release": "stable", "environment": "prod", "version": "1.0"});
        assert_eq!(document["labels"]["10.1.1.15"], labels);
        assert_eq!(document["ancestors_struct"]["10.1.1.15"], json!(["default:app-db"]));
    }
}
