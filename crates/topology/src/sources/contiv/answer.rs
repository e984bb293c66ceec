//! Netmaster's documents. Every field but the names may be missing or null; an entry that can't be read is
//! a fault and takes no other with it.

use std::collections::HashSet;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;
use svcflow_model::Cidr;

use super::go_map;
use crate::{Facts, Labels, Owner, OwnerKind, Service};

/// One service of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    service_name: String,
    tenant_name: Option<String>,
    ip_address: Option<String>,
    ports: Option<Vec<Option<String>>>,
    selectors: Option<Vec<Option<String>>>,
}

impl Listed {
    pub(super) fn full_name(&self) -> String {
        format!("{}:{}", self.tenant(), self.service_name)
    }

    fn tenant(&self) -> &str {
        self.tenant_name.as_deref().unwrap_or("default")
    }
}

/// One service, inspected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    oper: Option<Oper>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oper {
    service_vip: Option<String>,
    providers: Option<Vec<Value>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    #[serde(rename = "containerID")]
    container_id: Option<String>,
    container_name: Option<String>,
    #[serde(rename = "endpointID")]
    endpoint_id: Option<String>,
    homing_host: Option<String>,
    ip_address: Option<Value>,
    labels: Option<Value>,
}

/// The list's services; what can't be read of it is added to the faults.
pub(super) fn listed(list: Option<Vec<Value>>, faults: &mut Vec<String>) -> Vec<Listed> {
    let read = |value: Value| match serde_json::from_value(value) {
        Ok(listed) => Some(listed),
        Err(error) => {
            faults.push(format!("a service of the list can't be read: {error}"));
            None
        }
    };
    list.unwrap_or_default().into_iter().filter_map(read).collect()
}

/// Facts in the making.
#[derive(Default)]
pub(super) struct Assembly {
    pub(super) facts: Facts,
    /// A provider of two services is listed with both.
    owners: HashSet<String>,
}

impl Assembly {
    /// Adds a service and its providers.
    pub(super) fn add(&mut self, listed: &Listed, inspected: &Inspected) {
        let name = listed.full_name();
        let faults = &mut self.facts.faults;
        let mut service = service(listed, inspected, faults);
        let providers = inspected.oper.as_ref().and_then(|oper| oper.providers.as_deref());
        let mut behind = Vec::new();
        for provider in providers.unwrap_or_default() {
            match owner(provider, faults) {
                Ok(owner) => {
                    behind.extend(owner.addresses.first().map(|cidr| cidr.address));
                    if self.owners.insert(owner.identity.clone()) {
                        self.facts.owners.push(owner);
                    }
                }
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        service.providers = Some(behind);
        self.facts.services.push(service);
    }
}

fn service(listed: &Listed, inspected: &Inspected, faults: &mut Vec<String>) -> Service {
    let name = listed.full_name();
    let vip = inspected.oper.as_ref().and_then(|oper| oper.service_vip.as_deref());
    let addresses = [vip, listed.ip_address.as_deref()];
    let mut service = Service {
        identity: name.clone(),
        tenant: listed.tenant().to_owned(),
        name: listed.service_name.clone(),
        addresses: addresses.into_iter().flatten().filter_map(|it| it.parse().ok()).collect(),
        ..Service::default()
    };
    service.addresses.dedup();
    for text in texts(listed.ports.as_deref()) {
        match text.parse() {
            Ok(port) => service.ports.push(port),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    for text in texts(listed.selectors.as_deref()) {
        match Labels::from_pairs([text]) {
            Ok(pair) => service.selectors.extend(&pair),
            Err(_) => faults.push(format!("{name}: `{text}` is no selector")),
        }
    }
    service
}

fn texts(list: Option<&[Option<String>]>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().iter().flatten().map(String::as_str).filter(|it| !it.is_empty())
}

fn owner(value: &Value, faults: &mut Vec<String>) -> Result<Owner, String> {
    let read = |error| format!("a provider can't be read: {error}");
    let provider: Provider = serde_json::from_value(value.clone()).map_err(read)?;
    let addresses = addresses(provider.ip_address.as_ref());
    let first = addresses.first().ok_or("a provider has no address")?;
    let labels = labels(provider.labels.as_ref()).unwrap_or_else(|fault| {
        faults.push(format!("{first}: {fault}"));
        Labels::default()
    });
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let identity = filled(&provider.endpoint_id).or_else(|| filled(&provider.container_id));
    let name = filled(&provider.container_name).or_else(|| filled(&provider.container_id));
    Ok(Owner {
        identity: identity.unwrap_or_else(|| first.to_string()),
        name: name.unwrap_or_else(|| first.to_string()),
        kind: OwnerKind::Container,
        labels,
        node: filled(&provider.homing_host),
        since: None,
        addresses: addresses.into_iter().map(Cidr::from).collect(),
    })
}

/// `["10.1.1.1", ""]`, or one address as text.
fn addresses(value: Option<&Value>) -> Vec<IpAddr> {
    let parse = |value: &Value| value.as_str()?.parse().ok();
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(parse).collect(),
        Some(one) => parse(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Go's print of a map, or a JSON object.
fn labels(value: Option<&Value>) -> Result<Labels, String> {
    match value {
        None | Some(Value::Null) => Ok(Labels::default()),
        Some(Value::String(text)) => go_map::parse(text).map_err(|error| error.to_string()),
        Some(Value::Object(map)) => {
            let pair =
                |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            Ok(map.iter().filter_map(pair).collect())
        }
        Some(_) => Err("a provider's labels are neither text nor an object".to_owned()),
    }
}
