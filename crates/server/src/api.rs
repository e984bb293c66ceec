//! The JSON API of the page (`ui/openapi.yaml`), and the page itself.
//!
//! Every answer is made on a thread that may block, from the embedded store, the names and the agents' states
//! as they are then. The same question is answered once for all who ask it within a moment.

mod agents;
mod answer;
mod contiv;
mod fault;
mod live;
mod page;
mod query;
mod routes;
mod state;
mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use svcflow_topology::Names;

pub use agents::{Agent, Agents, Collected, NoAgents};
pub use routes::openapi;

use crate::app::App;
use crate::auth::Credentials;
use crate::http::{Parameters, own_pages};
use fault::Fault;
use state::Shared;

/// What the page may load, and from where: nothing from elsewhere, and no script that isn't a file of ours.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
     connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What the API is made of, besides the server's store and clock.
pub struct Api {
    /// The database that the collector writes to.
    pub database: String,
    /// Time between two looks of the agents.
    pub interval: Duration,
    /// Names of addresses and services.
    pub names: Names,
    /// How the agents are.
    pub agents: Arc<dyn Agents>,
}

pub(crate) use contiv::layer as endpoints_layer;

/// The API's routes and the page's; and what answers where a path is an endpoint's address.
pub(crate) fn routers(app: Arc<App>, api: Api) -> (Router, Router) {
    let readers = Guard { app: Arc::clone(&app), database: Some(api.database.as_str().into()) };
    let anybody = Guard { app: Arc::clone(&app), database: None };
    let shared = Arc::new(Shared::new(Arc::clone(&app), api));
    let api = Router::new()
        .route("/api/v1/map", get(routes::map))
        .route("/api/v1/series", get(routes::series))
        .route("/api/v1/edges", get(routes::edges))
        .route("/api/v1/graph", get(routes::graph))
        .route("/api/v1/topology", get(routes::topology))
        .route("/api/v1/nodes", get(routes::nodes))
        .route("/api/v1/live", get(live::live))
        .route("/services", get(contiv::services))
        .route("/visualization/services", get(contiv::services))
        .with_state(Arc::clone(&shared));
    let endpoints = Router::new().fallback(get(contiv::endpoint)).with_state(shared);
    let [api, endpoints] = [api, endpoints].map(|routes| {
        routes
            .layer(from_fn_with_state(readers.clone(), users_only))
            .layer(from_fn_with_state(Arc::clone(&app), own_pages))
    });
    // A link from elsewhere may lead to the page: it holds no data.
    let page = page::routes().layer(from_fn_with_state(anybody, users_only));
    (api.merge(page).layer(from_fn(headers)), endpoints.layer(from_fn(headers)))
}

/// Whom routes are for.
#[derive(Clone)]
struct Guard {
    app: Arc<App>,
    /// What one must be allowed to read; `None`: nothing.
    database: Option<Arc<str>>,
}

/// Lets users in, where there are some.
async fn users_only(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(users) = guard.app.users() else { return next.run(request).await };
    let url = Parameters::of_query(request.uri().query().unwrap_or_default());
    let user = Credentials::of(&url, request.headers()).and_then(|shown| shown.user(&users));
    match (user, &guard.database) {
        (Err(error), _) => Fault::unauthorized(&error).into_response(),
        (Ok(user), Some(database)) if !user.may_read(database) => {
            Fault::forbidden(user.name(), database).into_response()
        }
        (Ok(_), _) => next.run(request).await,
    }
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    protect(response.headers_mut());
    response
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
