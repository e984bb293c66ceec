//! What the old node server gave (contracts.md 3), for the whole cluster: `/services` and `/11.1.1.2`.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use svcflow_agent::{endpoint_address, endpoint_answer};
use svcflow_map::Asked;
use svcflow_model::{Edge, Service};
use svcflow_topology::{document, observed};
use tower::ServiceExt;

use super::answer::{Made, Question, answer};
use super::fault::Fault;
use super::state::{Shared, View};
use super::store::latest;

/// `GET /services`. A service that only translation shows has its address and port as its name.
pub(super) async fn services(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if shared.app.elsewhere().is_some() {
        // What translation shows is in the other engine; what is named is known here.
        return Json(document::services(&shared.names(), shared.timestamp(), &[])).into_response();
    }
    answer(shared, "services", String::new(), &headers, make_services).await
}

fn make_services(view: &View<'_>, _: &Question) -> Result<Made, Fault> {
    let now = view.known.clock.now;
    let until = view.known.clock.latest.unwrap_or(now);
    let reading = view.read(view.window(Asked { until: Some(until), ..Asked::default() })?)?;
    let catalogue = &reading.readings.catalogue;
    let edges = reading.readings.edges.iter().map(|seen| Edge {
        endpoint: catalogue.address(seen.key.endpoint),
        service: seen
            .key
            .service
            .map(|service| catalogue.service(service))
            .map(|service| Service { address: service.address, port: service.port }),
        provider: catalogue.address(seen.key.provider),
        provider_port: seen.key.provider_port,
        protocol: seen.key.protocol,
    });
    let seen = observed::services(&edges.collect::<Vec<_>>());
    Made::json(&document::services(&view.names, view.shared.timestamp(), &seen))
}

/// `GET /11.1.1.2`: what the store last had of each of an endpoint's edges, of all nodes.
pub(super) async fn endpoint(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let answered = tokio::task::spawn_blocking(move || {
        let view = shared.view()?;
        // Only addresses come here.
        let address = endpoint_address(&uri).ok_or_else(|| Fault::request("no address"))?;
        let samples = latest(&view.known, address)?;
        Ok::<_, Fault>(endpoint_answer(address, &uri, samples.iter()))
    });
    match answered.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => fault.into_response(),
        Err(error) => Fault::internal(&error).into_response(),
    }
}

/// Has `endpoints` answer where a path is an address. No route can say that.
pub(crate) async fn layer(
    State(endpoints): State<Router>,
    request: Request,
    next: Next,
) -> Response {
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    if !asks || endpoint_address(request.uri()).is_none() {
        return next.run(request).await;
    }
    match endpoints.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
