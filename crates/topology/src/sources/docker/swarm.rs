//! Networks, and what Swarm knows of them: services with their virtual addresses, tasks on any host.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use bollard::models::NetworkInspect;
use bollard::query_parameters::InspectNetworkOptionsBuilder;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use svcflow_model::Cidr;

use super::{Connected, Error, QUESTIONS_MAX, convert, status};
use crate::{Facts, Labels, Owner, OwnerKind, Service};

/// A service as a verbose network tells it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InNetwork {
    #[serde(rename = "VIP")]
    vip: Option<String>,
    tasks: Option<Vec<Task>>,
}

#[derive(Deserialize)]
struct Task {
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "EndpointID")]
    endpoint: Option<String>,
    #[serde(rename = "EndpointIP")]
    address: Option<String>,
    #[serde(rename = "Info")]
    info: Option<HashMap<String, String>>,
}

/// What a manager says of a service.
struct Known {
    id: String,
    labels: Labels,
    addresses: Vec<IpAddr>,
}

pub(super) async fn add(engine: &Connected, facts: &mut Facts) -> Result<(), Error> {
    let networks = engine.docker.list_networks(None).await;
    let networks = networks.map_err(engine.failed("listing networks"))?;
    let ids = networks.into_iter().filter_map(|network| network.id);
    let mut inspected = futures_util::stream::iter(ids)
        .map(|id| async move { inspect(engine, &id).await })
        .buffer_unordered(QUESTIONS_MAX);
    let mut swarm = Swarm::new(managed(engine, facts).await?, facts);
    while let Some(network) = inspected.next().await {
        if let Some(network) = network? {
            swarm.network(&network, facts);
        }
    }
    facts.services.extend(swarm.services.into_values());
    Ok(())
}

async fn inspect(engine: &Connected, id: &str) -> Result<Option<NetworkInspect>, Error> {
    let options = InspectNetworkOptionsBuilder::new().verbose(true).build();
    match engine.docker.inspect_network(id, Some(options)).await {
        Ok(network) => Ok(Some(network)),
        // It went between the listing and now.
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(engine.engine.failed("inspecting a network", error)),
    }
}

/// Services by name, where this node is a manager; elsewhere (503, or 406 before 1.24) none.
async fn managed(engine: &Connected, facts: &mut Facts) -> Result<BTreeMap<String, Known>, Error> {
    let services = match engine.docker.list_services(None).await {
        Ok(services) => services,
        Err(error) if matches!(status(&error), Some(503 | 406)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(engine.engine.failed("listing Swarm services", error)),
    };
    let mut known = BTreeMap::new();
    for service in services {
        let spec = service.spec.unwrap_or_default();
        let (Some(id), Some(name)) = (service.id, spec.name) else {
            facts.faults.push("a Swarm service has no ID or no name".to_owned());
            continue;
        };
        let addresses = service.endpoint.and_then(|endpoint| endpoint.virtual_ips);
        let addresses = addresses.into_iter().flatten().filter_map(|vip| vip.addr);
        let addresses = addresses.filter_map(|it| Some(convert::address(&it)?.address)).collect();
        let labels = spec.labels.unwrap_or_default().into_iter().collect();
        known.insert(name, Known { id, labels, addresses });
    }
    Ok(known)
}

struct Swarm {
    services: BTreeMap<String, Service>,
    /// Addresses that a container of this host is known to have.
    local: HashSet<Cidr>,
}

impl Swarm {
    fn new(known: BTreeMap<String, Known>, facts: &Facts) -> Self {
        let service = |(name, known): (String, Known)| {
            let service = Service {
                identity: known.id,
                name: name.clone(),
                addresses: known.addresses,
                labels: known.labels,
                providers: Some(Vec::new()),
                ..Service::default()
            };
            (name, service)
        };
        Self {
            services: known.into_iter().map(service).collect(),
            local: facts.owners.iter().flat_map(|it| it.addresses.iter().copied()).collect(),
        }
    }

    fn network(&mut self, network: &NetworkInspect, facts: &mut Facts) {
        facts.owners.extend(convert::network(network));
        facts.owners.extend(convert::balancers(network));
        let mut services: Vec<_> = network.services.iter().flatten().collect();
        services.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in services.into_iter().filter(|(name, _)| !name.is_empty()) {
            match serde_json::from_value::<InNetwork>(Value::clone(value)) {
                Ok(it) => self.service(name, it, facts),
                Err(error) => {
                    facts.faults.push(format!("the Swarm service {name} can't be read: {error}"));
                }
            }
        }
    }

    fn service(&mut self, name: &str, seen: InNetwork, facts: &mut Facts) {
        let service = self.services.entry(name.to_owned()).or_insert_with(|| Service {
            identity: name.to_owned(),
            name: name.to_owned(),
            providers: Some(Vec::new()),
            ..Service::default()
        });
        let vip = seen.vip.as_deref().and_then(convert::address).map(|cidr| cidr.address);
        service.addresses.extend(vip.filter(|vip| !service.addresses.contains(vip)));
        for task in seen.tasks.into_iter().flatten() {
            let Some(cidr) = task.address.as_deref().and_then(convert::address) else { continue };
            if let Some(providers) = &mut service.providers
                && !providers.contains(&cidr.address)
            {
                providers.push(cidr.address);
                providers.sort_unstable();
            }
            if !self.local.contains(&cidr) {
                facts.owners.push(owner(task, cidr, name));
            }
        }
    }
}

/// A task that is no container of this host, as far as this host knows.
fn owner(task: Task, cidr: Cidr, service: &str) -> Owner {
    let labels = [("com.docker.swarm.service.name", service)].into_iter().collect();
    let name = task.name.unwrap_or_else(|| service.to_owned());
    Owner {
        identity: task.endpoint.unwrap_or_else(|| name.clone()),
        name,
        kind: OwnerKind::Task,
        addresses: vec![cidr],
        labels,
        node: task.info.and_then(|mut info| info.remove("Host IP")),
        since: None,
    }
}
