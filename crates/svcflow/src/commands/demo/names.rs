//! What the demo's addresses are called (contracts.md 7): its services, and its containers with their labels.

use std::net::Ipv4Addr;

use super::docker::Containers;
use svcflow_lab::{ServiceSpec, Topology as Lab, v6_of};
use svcflow_topology::sources::{Source, Teller, Watching};
use svcflow_topology::{Facts, Labels, Owner, OwnerKind, Port, Service, Update};

/// The names of a lab, which never change.
struct Demo(Facts);

/// The names of a lab as a source.
pub(super) fn source(lab: &Lab, containers: &Containers) -> Box<dyn Source> {
    let mut facts = facts(lab);
    for owner in &mut facts.owners {
        let first = owner.addresses.first().map(|cidr| cidr.address);
        if let Some(container) = first.and_then(|address| containers.at(address)) {
            owner.identity.clone_from(&container.id);
            owner.name.clone_from(&container.name);
        }
    }
    Box::new(Demo(facts))
}

impl Source for Demo {
    fn name(&self) -> &str {
        "demo"
    }

    fn watch(self: Box<Self>, teller: Teller) -> Watching {
        Box::pin(async move {
            teller.tell(Update::Listed { at: teller.now(), facts: self.0 }).await;
            std::future::pending::<()>().await;
        })
    }
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

/// A provider's labels.
pub(super) fn labels(service: &ServiceSpec) -> Labels {
    let labels = service.selectors.iter().cloned();
    labels.chain([("version".to_owned(), "1.0".to_owned())]).collect()
}

fn providers(service: &ServiceSpec) -> impl Iterator<Item = Owner> {
    let labels = labels(service);
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
    use svcflow_topology::{Limits, Topology, document};

    use super::*;

    #[test]
    fn the_demo_is_named_as_the_old_set_up_script_did() {
        let mut topology = Topology::new(Limits::default());
        let source = topology.add_source("demo").unwrap();
        let at = svcflow_model::Timestamp(1);
        topology.apply(source, Update::Listed { at, facts: facts(&Lab::demo()) });
        let document = document::services(&topology.snapshot(), at, &[]);
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
