//! The routes, and their description as OpenAPI.

mod parameters;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use svcflow_map::document as doc;
use svcflow_map::{
    EdgesRequest, MapRequest, SeriesRequest, Window, csv, edges as table, graph as everything,
    map as drawn, nodes as listed, plan, topology as known_names,
};
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use self::parameters as params;
use super::answer::{Made, Question, answer};
use super::fault::Fault;
use super::state::{Shared, View};
use super::store::columns;

/// The map, grouped into cards and cut to what can be drawn.
///
/// Every selected edge goes into exactly one map edge, so the map edges' totals and `rest.unlinked` add up to
/// `all`. Cards past `limit` (by bytes within the range, both directions, as seen from either end) are folded
/// into one card `rest`; map edges past 1,000 are counted in `rest.unlinked`. Nodes and members come in a fixed
/// order (by kind, name, address), never by rate.
///
/// Members are owners, or addresses that nobody owns; an owner with several addresses (one of IPv4, one of IPv6)
/// is one member, named by the first. An address that provides a service (within the range) is a member of that service's card, also where it
/// asks: so tiers appear. With several services it is a member of each; what it asks, and what it answers past
/// them, is at the one with the smallest id. Other addresses that answer (direct edges) are in `providers`
/// where they are owned or live on a node, else in `outside-providers`; addresses that only ask are in `clients`
/// where they are owned or live on a node, else in `outside`. `folded` is what agents had to fold together past
/// their cap. So the map reads from left to right, also where nothing is translated.
#[utoipa::path(
    get, path = "/api/v1/map", operation_id = "map", tag = "traffic", params(params::Map),
    responses((status = 200, description = "The map", body = doc::Map), (status = "default", description = "What is wrong and what to do", body = doc::Error))
)]
pub(super) async fn map(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "map", query.unwrap_or_default(), &headers, make_map).await
}

fn make_map(view: &View<'_>, Question { query, .. }: &Question) -> Result<Made, Fault> {
    let window = view.window(query.asked()?)?;
    let request = MapRequest {
        filter: query.filter()?,
        group: query.group()?,
        expand: query.expand()?,
        limit: query.cards()?,
    };
    let reading = view.read(window)?;
    let provided = view.provided(window.at);
    let losses = view.notices(&window, &reading.faults);
    let context = view.context(&provided);
    Made::json(&drawn(&reading.readings, &context, &request, losses, view.waiting()))
}

/// One thing's history.
///
/// Four aligned columns over one column of times; all null where nothing is known in the range. The step is the
/// smallest of 1, 2, 5, 10, 15, 20, 30 s, 1, 2, 5, 10, 15, 30 min, 1, 2, 3, 6, 12 h, 1, 7 d that is a multiple of
/// the interval and gives at most `points` values.
#[utoipa::path(
    get, path = "/api/v1/series", operation_id = "series", tag = "traffic", params(params::Series),
    responses((status = 200, description = "The series", body = doc::Series), (status = "default", description = "What is wrong and what to do", body = doc::Error))
)]
pub(super) async fn series(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "series", query.unwrap_or_default(), &headers, make_series).await
}

fn make_series(view: &View<'_>, Question { query, .. }: &Question) -> Result<Made, Fault> {
    let (id, place) = query.id()?;
    let mut asked = query.asked()?;
    asked.at = None;
    let window = view.window(asked)?;
    let request = SeriesRequest {
        id,
        place,
        filter: query.filter()?,
        group: query.group()?,
        side: query.side()?,
        points: query.points()?,
        summed_in: view.known.summed_in().map(str::to_owned),
    };
    let reading = view.read(window)?;
    let provided = view.provided(window.at);
    let plan = plan(&reading.readings, &view.context(&provided), &request);
    let (columns, mut faults) = columns(&view.known, &plan.edges, plan.steps)?;
    faults.extend(reading.faults.iter().cloned());
    faults.sort();
    faults.dedup();
    let index = &view.known.index;
    let losses = |nodes: &[svcflow_map::NodeId]| {
        let names: Vec<&str> = nodes.iter().map(|node| index.catalogue.node(*node)).collect();
        let mut told = view.notices(&window, &faults);
        told.retain(|notice| match &notice.node {
            Some(node) => names.contains(&node.as_str()),
            None => notice.kind == "store",
        });
        told
    };
    Made::json(&plan.finish(&columns, |node| index.coverage(node), losses))
}

/// Edges as a table, one row each.
///
/// JSON, or CSV where `format=csv` or `Accept: text/csv` asks for it. CSV: RFC 4180, UTF-8, a header of the column
/// names, the columns of `EdgeRow` (`marks` joined by a space, times in RFC 3339, null is empty); text that a
/// spreadsheet would take for a formula (begins with `= + - @`, tab, CR) gets a `'` before it.
#[utoipa::path(
    get, path = "/api/v1/edges", operation_id = "edges", tag = "traffic", params(params::Edges),
    responses(
        (status = 200, description = "One page of rows", content((doc::Edges = "application/json"), (String = "text/csv"))),
        (status = "default", description = "What is wrong and what to do", body = doc::Error)
    )
)]
pub(super) async fn edges(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "edges", query.unwrap_or_default(), &headers, make_edges).await
}

fn make_edges(view: &View<'_>, Question { query, csv: wanted }: &Question) -> Result<Made, Fault> {
    let wants_csv = query.csv()?.unwrap_or(*wanted);
    let window = view.window(query.asked()?)?;
    let request = EdgesRequest {
        filter: query.filter()?,
        group: query.group()?,
        of: query.of_place()?,
        side: query.side()?,
        sort: query.sort()?,
        offset: query.offset()?,
        limit: query.rows(wants_csv)?,
    };
    let shown = query.columns()?;
    let reading = view.read(window)?;
    let provided = view.provided(window.at);
    let context = view.context(&provided);
    let document = table(&reading.readings, &context, &request, view.known.index.first());
    if wants_csv {
        return Ok(Made::Csv(csv(&document.rows, &shown)));
    }
    Made::json(&document)
}

/// Everything, in compact columns.
///
/// Vertices are services and addresses; an edge through a service gives two links (endpoint to service, service
/// to provider), a direct one gives one. No cut but the server's own limit of 50,000 links, the greatest first,
/// which `cut` counts.
#[utoipa::path(
    get, path = "/api/v1/graph", operation_id = "graph", tag = "traffic", params(params::Graph),
    responses((status = 200, description = "The graph", body = doc::Graph), (status = "default", description = "What is wrong and what to do", body = doc::Error))
)]
pub(super) async fn graph(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "graph", query.unwrap_or_default(), &headers, make_graph).await
}

fn make_graph(view: &View<'_>, Question { query, .. }: &Question) -> Result<Made, Fault> {
    let window = view.window(query.asked()?)?;
    let filter = query.filter()?;
    let reading = view.read(window)?;
    let provided = view.provided(window.at);
    Made::json(&everything(&reading.readings, &view.context(&provided), &filter))
}

/// Services, and who owns an address.
#[utoipa::path(
    get, path = "/api/v1/topology", operation_id = "topology", tag = "state", params(params::Topology),
    responses((status = 200, description = "The topology", body = doc::Topology), (status = "default", description = "What is wrong and what to do", body = doc::Error))
)]
pub(super) async fn topology(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "topology", query.unwrap_or_default(), &headers, make_topology).await
}

fn make_topology(view: &View<'_>, Question { query, .. }: &Question) -> Result<Made, Fault> {
    let at = query.at()?.unwrap_or(view.known.clock.now);
    // Services that nobody named are those that were asked shortly before.
    let until = at.clamp(i64::MIN / 2, view.known.clock.latest.unwrap_or(at));
    let asked = svcflow_map::Asked { until: Some(until), ..svcflow_map::Asked::default() };
    let reading = view.read(view.window(asked)?)?;
    let provided = view.provided(at);
    let started = view.shared.started;
    Made::json(&known_names(&view.context(&provided), at, started, &reading.readings))
}

/// Each agent's state.
///
/// Losses are those within the range; everything else is as of now.
#[utoipa::path(
    get, path = "/api/v1/nodes", operation_id = "nodes", tag = "state", params(params::Nodes),
    responses((status = 200, description = "The nodes, by name", body = doc::Nodes), (status = "default", description = "What is wrong and what to do", body = doc::Error))
)]
pub(super) async fn nodes(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(shared, "nodes", query.unwrap_or_default(), &headers, make_nodes).await
}

fn make_nodes(view: &View<'_>, Question { query, .. }: &Question) -> Result<Made, Fault> {
    let window: Window = view.window(query.asked()?)?;
    let hello = view.shared.hello(&view.known);
    let histories = view.known.index.histories();
    Made::json(&listed(&window, histories, view.agents.clone(), hello))
}

/// Server-sent events.
///
/// `hello` first, then `tick` whenever another interval is accounted: map, series, edges and nodes now have
/// something new and are asked for again. (The events carry no map: what a viewer sees depends on filter,
/// grouping and open cards, and one route for it is enough.) `ping` every 5 s at the latest, so that a silent
/// server is noticed. `retry: 2000` is set. Events have no id.
#[utoipa::path(
    get, path = "/api/v1/live", operation_id = "live", tag = "state",
    responses(
        (status = 200, description = "`event: hello`, `event: tick`, `event: ping`; `data:` holds the JSON of `Hello`, `Tick` and `Ping`", body = Event, content_type = "text/event-stream"),
        (status = "default", description = "What is wrong and what to do", body = doc::Error)
    )
)]
#[allow(dead_code, reason = "described here, served by `live`")]
fn live() {}

/// What an event of `live` holds.
#[derive(utoipa::ToSchema)]
#[schema(as = Event)]
#[allow(dead_code, reason = "it only describes")]
#[serde(untagged)]
enum Event {
    Hello(doc::Hello),
    Tick(doc::Tick),
    Ping(doc::Ping),
}

#[derive(OpenApi)]
#[openapi(
    info(title = "svcflow JSON API", version = "1", description = include_str!("openapi.md"), license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(map, series, edges, graph, topology, nodes, live),
    components(schemas(doc::LossKind)),
    security((), ("basic" = []), ("bearer" = [])),
    tags((name = "traffic"), (name = "state")),
    servers((url = "."))
)]
struct Description;

/// The API described as OpenAPI, pretty-printed JSON: `ui/openapi.json`.
///
/// # Errors
/// Never in practice: the description has a JSON form.
pub fn openapi() -> Result<String, serde_json::Error> {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    for (name, scheme) in [("basic", HttpAuthScheme::Basic), ("bearer", HttpAuthScheme::Bearer)] {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme(name, scheme);
    }
    let schemas = components.schemas.iter_mut();
    for (_, schema) in schemas.filter(|(name, _)| *name != "Fault") {
        require_all(schema);
    }
    description.to_pretty_json()
}

/// Null is written in full: every property is there. Only an error leaves out what it hasn't.
fn require_all(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema {
        object.required = object.properties.keys().cloned().collect();
    }
}
