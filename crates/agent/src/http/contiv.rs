//! The routes that Contiv's tools already speak (contracts.md 1 and 3). Field names are theirs.
//!
//! Edges whose counters are unknown (accounting off) are left out here: these formats can only say
//! zero, which would be a wrong number.

use std::collections::BTreeMap;
use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use svcflow_model::{Counters, Edge, Protocol, Sample};
use svcflow_topology::ServicesDocument;

use super::QueryOf;
use super::edges::Flag;
use super::failure::{Failure, parameter};
use crate::shared::{Shared, Snapshot};

#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stats {
    packets_in: u64,
    bytes_in: u64,
    packets_out: u64,
    bytes_out: u64,
}

impl From<Counters> for Stats {
    fn from(counters: Counters) -> Self {
        let Counters { bytes_in, bytes_out, packets_in, packets_out } = counters;
        Self { packets_in, bytes_in, packets_out, bytes_out }
    }
}

#[derive(Serialize)]
pub(super) struct Endpoint {
    #[serde(rename = "EndpointIP")]
    endpoint: IpAddr,
    #[serde(rename = "VrfName")]
    vrf: &'static str,
    #[serde(rename = "PortStats")]
    port_stats: Stats,
    #[serde(rename = "SvcStats")]
    services: BTreeMap<String, Service>,
}

#[derive(Serialize)]
struct Service {
    #[serde(rename = "ServiceIP")]
    address: IpAddr,
    #[serde(rename = "ServiceVRF")]
    vrf: &'static str,
    #[serde(rename = "Protocol")]
    protocol: Protocol,
    #[serde(rename = "SvcPort")]
    port: String,
    #[serde(rename = "ProvPort")]
    provider_port: String,
    #[serde(rename = "SvcStats")]
    stats: Stats,
    #[serde(rename = "ProvStats")]
    providers: BTreeMap<IpAddr, Provider>,
}

#[derive(Serialize)]
struct Provider {
    #[serde(rename = "ProviderIP")]
    address: IpAddr,
    #[serde(rename = "ServiceIP")]
    service: &'static str,
    #[serde(rename = "ServiceVrf")]
    vrf: &'static str,
    #[serde(flatten)]
    stats: Stats,
}

/// `GET /svcstats`
pub(super) async fn svcstats(
    State(shared): State<Arc<Shared>>,
) -> Json<BTreeMap<IpAddr, Endpoint>> {
    Json(endpoints(&shared.snapshot()))
}

/// One service of one endpoint: address, port, protocol.
type ServiceKey = (IpAddr, u16, Protocol);

fn known(snapshot: &Snapshot) -> impl Iterator<Item = &Sample> {
    snapshot.edges.iter().filter(|v| !v.is_unknown()).map(|v| &v.sample)
}

fn endpoints(snapshot: &Snapshot) -> BTreeMap<IpAddr, Endpoint> {
    let mut groups = BTreeMap::<IpAddr, BTreeMap<ServiceKey, Vec<&Sample>>>::new();
    for sample in known(snapshot) {
        let Some(service) = sample.edge.service else { continue };
        let key = (service.address, service.port, sample.edge.protocol);
        groups.entry(sample.edge.endpoint).or_default().entry(key).or_default().push(sample);
    }
    groups
        .into_iter()
        .map(|(address, services)| (address, endpoint_of(address, &services)))
        .collect()
}

/// The lowest port of an address has the address as its key, every other `IP:PORT:PROTO`.
fn endpoint_of(endpoint: IpAddr, groups: &BTreeMap<ServiceKey, Vec<&Sample>>) -> Endpoint {
    let mut services = BTreeMap::new();
    let mut total = Counters::ZERO;
    let mut last = None;
    for (key @ (address, port, protocol), samples) in groups {
        let name = if last == Some(*address) {
            format!("{}:{protocol}", SocketAddr::new(*address, *port))
        } else {
            address.to_string()
        };
        last = Some(*address);
        samples.iter().for_each(|sample| total.add(&sample.counters));
        services.insert(name, service_of(endpoint, key, samples));
    }
    Endpoint { endpoint, vrf: "default", port_stats: total.into(), services }
}

/// Outgoing counters stand under the endpoint's own address, incoming ones under the provider's.
fn service_of(
    endpoint: IpAddr,
    (address, port, protocol): &ServiceKey,
    samples: &[&Sample],
) -> Service {
    let mut total = Counters::ZERO;
    let mut rows = BTreeMap::<IpAddr, Counters>::new();
    for Sample { edge, counters, .. } in samples {
        total.add(counters);
        let Counters { bytes_in, bytes_out, packets_in, packets_out } = *counters;
        let incoming = Counters { bytes_in, packets_in, ..Counters::ZERO };
        let outgoing = Counters { bytes_out, packets_out, ..Counters::ZERO };
        // Nobody known has received it: what was sent has its row all the same.
        if !edge.provider.is_unspecified() {
            rows.entry(edge.provider).or_default().add(&incoming);
        }
        rows.entry(endpoint).or_default().add(&outgoing);
    }
    let provider = |(address, counters): (IpAddr, Counters)| {
        (address, Provider { address, service: "", vrf: "", stats: counters.into() })
    };
    Service {
        address: *address,
        vrf: "",
        protocol: *protocol,
        port: port.to_string(),
        provider_port: samples.first().map_or(0, |s| s.edge.provider_port).to_string(),
        stats: total.into(),
        providers: rows.into_iter().map(provider).collect(),
    }
}

/// `GET /services`. A service that only translation shows has its address and port as its name.
pub(super) async fn services(State(shared): State<Arc<Shared>>) -> Json<ServicesDocument> {
    Json(shared.services())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointQuery {
    service: Option<String>,
    provider: Option<String>,
    ports: Option<String>,
}

/// What tells the rows of one endpoint apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowKey {
    endpoint: IpAddr,
    service: Option<IpAddr>,
    provider: IpAddr,
    ports: Option<(Option<u16>, u16, Protocol)>,
}

#[derive(Serialize)]
pub(super) struct Row {
    #[serde(rename = "EndpointIP")]
    endpoint: IpAddr,
    #[serde(rename = "ServiceIP", skip_serializing_if = "Option::is_none")]
    service: Option<IpAddr>,
    #[serde(rename = "ProviderIP")]
    provider: IpAddr,
    #[serde(rename = "ServicePort", skip_serializing_if = "Option::is_none")]
    service_port: Option<String>,
    #[serde(rename = "ProviderPort", skip_serializing_if = "Option::is_none")]
    provider_port: Option<String>,
    #[serde(rename = "Protocol", skip_serializing_if = "Option::is_none")]
    protocol: Option<Protocol>,
    #[serde(flatten)]
    stats: Stats,
}

/// `GET /11.1.1.2`, and the answer to every route that isn't there.
pub(super) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    query: QueryOf<EndpointQuery>,
) -> Result<Json<Value>, Failure> {
    let endpoint = endpoint_address(&uri).ok_or_else(|| {
        Failure::not_found(
            "no such route: ask for an endpoint's address such as /11.1.1.2, or for /svcstats, \
             /endpoints, /services, /api/v1/edges, /api/v1/samples, /api/v1/names, /metrics, /healthz",
        )
    })?;
    one_endpoint(endpoint, query, known(&shared.snapshot()))
}

/// The endpoint that a route such as `/11.1.1.2` asks for.
#[must_use]
pub fn endpoint_address(uri: &Uri) -> Option<IpAddr> {
    let path = uri.path().trim_start_matches('/').replace("%3A", ":").replace("%3a", ":");
    path.parse().ok()
}

/// The answer to `GET /11.1.1.2` over these samples, of any number of nodes.
pub fn endpoint_answer<'s>(
    endpoint: IpAddr,
    uri: &Uri,
    samples: impl Iterator<Item = &'s Sample>,
) -> Response {
    one_endpoint(endpoint, Query::try_from_uri(uri), samples).into_response()
}

fn one_endpoint<'s>(
    endpoint: IpAddr,
    query: QueryOf<EndpointQuery>,
    samples: impl Iterator<Item = &'s Sample>,
) -> Result<Json<Value>, Failure> {
    let Query(query) = query?;
    let mut rows = Wanted::read(Some(endpoint), &query)?.rows(samples);
    match rows.pop() {
        None => Err(Failure::not_found(format!(
            "no counted traffic of endpoint {endpoint} with these filters; /api/v1/edges lists all \
             edges, also those whose counters are unknown"
        ))),
        Some(only) if rows.is_empty() => Ok(Json(json!(only))),
        Some(last) => {
            rows.push(last);
            Ok(Json(json!(rows)))
        }
    }
}

/// `GET /endpoints`: the rows of all endpoints, always an array: one question a node for Telegraf.
pub(super) async fn all_endpoints(
    State(shared): State<Arc<Shared>>,
    query: QueryOf<EndpointQuery>,
) -> Result<Json<Vec<Row>>, Failure> {
    let Query(query) = query?;
    Ok(Json(Wanted::read(None, &query)?.rows(known(&shared.snapshot()))))
}

struct Wanted {
    endpoint: Option<IpAddr>,
    service: Option<WantedService>,
    provider: Option<IpAddr>,
    ports: bool,
}

/// A service's address, or `none`: direct edges.
struct WantedService(Option<IpAddr>);

impl FromStr for WantedService {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|it| Self(Some(it))) }
    }
}

impl Wanted {
    fn read(endpoint: Option<IpAddr>, query: &EndpointQuery) -> Result<Self, Failure> {
        let service = parameter("service", query.service.as_deref(), "an address or none")?;
        let provider = parameter("provider", query.provider.as_deref(), "an address")?;
        let ports = parameter("ports", query.ports.as_deref(), "1 or 0")?;
        Ok(Self { endpoint, service, provider, ports: matches!(ports, Some(Flag(true))) })
    }

    fn takes(&self, edge: &Edge) -> bool {
        let service = edge.service.map(|service| service.address);
        self.endpoint.is_none_or(|endpoint| edge.endpoint == endpoint)
            && self.service.as_ref().is_none_or(|wanted| wanted.0 == service)
            && self.provider.is_none_or(|provider| provider == edge.provider)
    }

    fn rows<'s>(&self, samples: impl Iterator<Item = &'s Sample>) -> Vec<Row> {
        let mut sums = BTreeMap::<RowKey, Counters>::new();
        for Sample { edge, counters, .. } in samples.filter(|s| self.takes(&s.edge)) {
            let port = edge.service.map(|service| service.port);
            let key = RowKey {
                endpoint: edge.endpoint,
                service: edge.service.map(|service| service.address),
                provider: edge.provider,
                ports: self.ports.then_some((port, edge.provider_port, edge.protocol)),
            };
            sums.entry(key).or_default().add(counters);
        }
        let row = |(key, counters): (RowKey, Counters)| Row {
            endpoint: key.endpoint,
            service: key.service,
            provider: key.provider,
            service_port: key.ports.and_then(|(port, _, _)| port).map(|port| port.to_string()),
            provider_port: key.ports.map(|(_, port, _)| port.to_string()),
            protocol: key.ports.map(|(_, _, protocol)| protocol),
            stats: counters.into(),
        };
        sums.into_iter().map(row).collect()
    }
}
