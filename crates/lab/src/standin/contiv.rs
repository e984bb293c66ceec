//! Contiv's two programs, as contracts.md 1 and 2 describe them: Netplugin with its quirk, Netmaster.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};
use svcflow_model::{Counters, EdgeRow, Protocol};

use super::Reply;
use crate::topology::{ServiceSpec, Topology};

/// In which shape Netplugin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Keyed by endpoint address.
    Object,
    /// As older releases do.
    Array,
}

/// Netplugin's `GET /svcstats` for edges: outgoing counters of a service stand under the endpoint's own
/// address, incoming ones under the provider's. Direct edges have no place there.
#[must_use]
pub fn svcstats(rows: &[EdgeRow], shape: Shape) -> String {
    let mut endpoints = BTreeMap::<IpAddr, Vec<&EdgeRow>>::new();
    for row in rows.iter().filter(|row| row.service.is_some()) {
        endpoints.entry(row.endpoint).or_default().push(row);
    }
    let all: Vec<(String, Value)> = endpoints
        .into_iter()
        .map(|(address, rows)| (address.to_string(), endpoint(address, &rows)))
        .collect();
    match shape {
        Shape::Object => Value::Object(all.into_iter().collect()).to_string(),
        Shape::Array => Value::Array(all.into_iter().map(|(_, it)| it).collect()).to_string(),
    }
}

fn endpoint(address: IpAddr, rows: &[&EdgeRow]) -> Value {
    let mut services = BTreeMap::<(IpAddr, u16, Protocol), Vec<&EdgeRow>>::new();
    for row in rows {
        let Some(service) = row.edge().service else { continue };
        let key = (service.address, service.port, row.protocol);
        services.entry(key).or_default().push(row);
    }
    let mut map = Map::new();
    for ((service, port, protocol), rows) in services {
        let mut name = service.to_string();
        if map.contains_key(&name) {
            name = format!("{name}:{port}:{protocol}");
        }
        map.insert(name, service_of(address, service, port, &rows));
    }
    let total = sum(rows.iter().map(|row| row.counters()));
    json!({"EndpointIP": address, "VrfName": "default", "PortStats": stats(&total), "SvcStats": map})
}

fn service_of(endpoint: IpAddr, service: IpAddr, port: u16, rows: &[&EdgeRow]) -> Value {
    let mut providers = BTreeMap::<IpAddr, Counters>::new();
    for row in rows {
        let Counters { bytes_in, bytes_out, packets_in, packets_out } = row.counters();
        let incoming = Counters { bytes_in, packets_in, ..Counters::ZERO };
        let outgoing = Counters { bytes_out, packets_out, ..Counters::ZERO };
        providers.entry(row.provider).or_default().add(&incoming);
        providers.entry(endpoint).or_default().add(&outgoing);
    }
    let provider = |(address, counters): (IpAddr, Counters)| {
        let Counters { bytes_in, bytes_out, packets_in, packets_out } = counters;
        let value = json!({"ProviderIP": address, "ServiceIP": "", "ServiceVrf": "",
            "PacketsIn": packets_in, "BytesIn": bytes_in,
            "PacketsOut": packets_out, "BytesOut": bytes_out});
        (address.to_string(), value)
    };
    let providers: Map<String, Value> = providers.into_iter().map(provider).collect();
    json!({
        "ServiceIP": service, "ServiceVRF": "", "SvcPort": port.to_string(),
        "Protocol": rows.first().map(|row| row.protocol),
        "ProvPort": rows.first().map(|row| row.provider_port.to_string()),
        "SvcStats": stats(&sum(rows.iter().map(|row| row.counters()))), "ProvStats": providers,
    })
}

fn sum(all: impl Iterator<Item = Counters>) -> Counters {
    let mut total = Counters::ZERO;
    all.for_each(|counters| total.add(&counters));
    total
}

fn stats(counters: &Counters) -> Value {
    json!({"PacketsIn": counters.packets_in, "BytesIn": counters.bytes_in,
           "PacketsOut": counters.packets_out, "BytesOut": counters.bytes_out})
}

/// Netmaster's answers for a lab's services.
#[must_use]
pub fn netmaster(topology: &Topology, target: &str) -> Reply {
    if target == "/api/v1/serviceLBs/" {
        let all: Vec<Value> = topology.services.iter().map(config).collect();
        return Reply::ok(Value::Array(all).to_string());
    }
    let name =
        target.strip_prefix("/api/v1/inspect/serviceLBs/").map(|it| it.trim_end_matches('/'));
    match topology.services.iter().find(|service| Some(service.name.as_str()) == name) {
        Some(service) => Reply::ok(inspected(service).to_string()),
        None => Reply::status(404, "404 page not found"),
    }
}

fn config(service: &ServiceSpec) -> Value {
    let (tenant, name) = service.name.split_once(':').unwrap_or(("default", &service.name));
    let selectors = service.selectors.iter().map(|(key, value)| format!("{key}={value}"));
    json!({
        "key": service.name, "ipAddress": service.address, "networkName": "contiv-net",
        "ports": [format!("{}:{}:TCP", service.port, service.provider_port)],
        "selectors": selectors.collect::<Vec<_>>(), "serviceName": name, "tenantName": tenant,
    })
}

fn inspected(service: &ServiceSpec) -> Value {
    let mut labels: Vec<_> = service.selectors.clone();
    labels.push(("version".to_owned(), "1.0".to_owned()));
    labels.sort();
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let labels = format!("map[{}]", labels.join(" "));
    let provider = |address: &Ipv4Addr| {
        json!({"containerID": format!("id-{address}"), "containerName": format!("web-{address}"),
               "endpointID": format!("ep-{address}"), "homingHost": "node1",
               "ipAddress": [address, ""], "labels": labels, "network": "contiv-net",
               "serviceName": service.name})
    };
    let providers: Vec<Value> = service.providers.iter().map(provider).collect();
    json!({"Config": config(service), "Oper": {
        "numProviders": providers.len(), "serviceVip": service.address, "providers": providers}})
}
