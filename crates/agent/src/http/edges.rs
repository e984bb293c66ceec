//! `/api/v1/edges`

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use svcflow_model::{EdgeRow, Protocol};

use super::QueryOf;
use super::failure::{Failure, parameter};
use crate::document::{EdgeDocument, EdgesDocument, Rate};
use crate::shared::{Command, Shared, Snapshot};

/// A look takes milliseconds; one that takes this long is answered with the last one.
const FRESH_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgesQuery {
    endpoint: Option<String>,
    service: Option<String>,
    provider: Option<String>,
    protocol: Option<String>,
    sort: Option<String>,
    limit: Option<String>,
    fresh: Option<String>,
    filter: Option<String>,
}

pub(super) async fn edges(
    State(shared): State<Arc<Shared>>,
    query: QueryOf<EdgesQuery>,
) -> Result<Json<EdgesDocument>, Failure> {
    let Query(query) = query?;
    let filter = Filter::of(&query)?;
    let named = svcflow_map::Filter::parse(query.filter.as_deref().unwrap_or_default());
    let named = named.map_err(|fault| {
        Failure::bad_request(format!("{fault} (after {} characters)", fault.position))
    })?;
    let sort = parameter::<Sort>("sort", query.sort.as_deref(), Sort::EXPECTED)?;
    let limit = parameter::<usize>("limit", query.limit.as_deref(), "a number of edges")?;
    let fresh = parameter::<Flag>("fresh", query.fresh.as_deref(), "1 or 0")?;
    let snapshot = match fresh {
        Some(Flag(true)) => fresh_snapshot(&shared).await,
        _ => shared.snapshot(),
    };
    let mut document = shared.edges(&snapshot);
    document.edges.retain(|edge| filter.takes(&edge.row));
    if !named.is_empty() {
        let names = shared.names.snapshot();
        let selects = |edge: &EdgeDocument| {
            named.selects(&edge.row.edge(), &snapshot.node, &names, snapshot.at)
        };
        document.edges.retain(selects);
    }
    if let Some(sort) = sort {
        sort.apply(&mut document.edges);
    }
    document.edges.truncate(limit.unwrap_or(usize::MAX));
    Ok(Json(document))
}

/// The snapshot of a look taken now, unless there was one within the last second.
async fn fresh_snapshot(shared: &Shared) -> Arc<Snapshot> {
    let (sender, answer) = tokio::sync::oneshot::channel();
    let reply = Box::new(move |snapshot| drop(sender.send(snapshot)));
    if shared.ask(Command::Look { force: false, reply }).is_err() {
        return shared.snapshot();
    }
    match tokio::time::timeout(FRESH_TIMEOUT, answer).await {
        Ok(Ok(snapshot)) => snapshot,
        _ => shared.snapshot(),
    }
}

/// `1`, `true`, `0` or `false`.
pub(super) struct Flag(pub(super) bool);

impl FromStr for Flag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "1" | "true" => Ok(Self(true)),
            "0" | "false" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// An address, with or without a port.
struct Target {
    address: IpAddr,
    port: Option<u16>,
}

impl Target {
    const EXPECTED: &str = "an address such as 10.1.1.5, 10.1.1.5:80 or [fd00::5]:80";

    fn is(&self, address: IpAddr, port: u16) -> bool {
        self.address == address && self.port.is_none_or(|wanted| wanted == port)
    }
}

impl FromStr for Target {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let alone = text.parse().map(|address| Self { address, port: None });
        let with_port = |_| {
            text.parse()
                .map(|socket: SocketAddr| Self { address: socket.ip(), port: Some(socket.port()) })
        };
        alone.or_else(with_port).map_err(|_| ())
    }
}

/// A service, or `none` for direct edges.
enum ServiceFilter {
    Direct,
    Service(Target),
}

impl FromStr for ServiceFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "none" { Ok(Self::Direct) } else { text.parse().map(Self::Service) }
    }
}

struct Filter {
    endpoint: Option<IpAddr>,
    service: Option<ServiceFilter>,
    provider: Option<Target>,
    protocol: Option<Protocol>,
}

impl Filter {
    fn of(query: &EdgesQuery) -> Result<Self, Failure> {
        let service = "an address, an address with port, or `none` for direct edges";
        Ok(Self {
            endpoint: parameter("endpoint", query.endpoint.as_deref(), "an address")?,
            service: parameter("service", query.service.as_deref(), service)?,
            provider: parameter("provider", query.provider.as_deref(), Target::EXPECTED)?,
            protocol: parameter("protocol", query.protocol.as_deref(), "a protocol such as TCP")?,
        })
    }

    fn takes(&self, row: &EdgeRow) -> bool {
        let service = |filter: &ServiceFilter| match (filter, row.service) {
            (ServiceFilter::Direct, service) => service.is_none(),
            (ServiceFilter::Service(target), Some(address)) => {
                target.is(address, row.service_port.unwrap_or(0))
            }
            (ServiceFilter::Service(_), None) => false,
        };
        self.endpoint.is_none_or(|endpoint| endpoint == row.endpoint)
            && self.service.as_ref().is_none_or(service)
            && self.provider.as_ref().is_none_or(|p| p.is(row.provider, row.provider_port))
            && self.protocol.is_none_or(|protocol| protocol == row.protocol)
    }
}

/// Numbers sort downwards, names upwards; equals stay in the edges' own order.
enum Sort {
    Rate,
    Bytes,
    Packets,
    Endpoint,
    Service,
    Provider,
}

impl FromStr for Sort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "rate" => Self::Rate,
            "bytes" => Self::Bytes,
            "packets" => Self::Packets,
            "endpoint" => Self::Endpoint,
            "service" => Self::Service,
            "provider" => Self::Provider,
            _ => return Err(()),
        })
    }
}

impl Sort {
    const EXPECTED: &str = "rate, bytes, packets, endpoint, service or provider";

    fn apply(&self, edges: &mut [EdgeDocument]) {
        let rate = |edge: &EdgeDocument| edge.rate.as_ref().map_or(0.0, Rate::bytes);
        let down = std::cmp::Reverse::<u64>;
        match self {
            Self::Rate => edges.sort_by(|a, b| rate(b).total_cmp(&rate(a))),
            Self::Bytes => {
                edges.sort_by_key(|e| down(e.row.bytes_in.saturating_add(e.row.bytes_out)));
            }
            Self::Packets => {
                edges.sort_by_key(|e| down(e.row.packets_in.saturating_add(e.row.packets_out)));
            }
            Self::Endpoint => edges.sort_by_key(|e| e.row.endpoint),
            Self::Service => edges.sort_by_key(|e| (e.row.service, e.row.service_port)),
            Self::Provider => edges.sort_by_key(|e| (e.row.provider, e.row.provider_port)),
        }
    }
}
