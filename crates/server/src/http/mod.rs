//! The routes of InfluxDB 1.x, and what all of them share.

mod body;
mod context;
mod failure;
mod metrics;
mod origin;
mod parameters;
mod ping;
mod query;
mod request_id;
mod run;
mod unread;
mod write;
mod write_v2;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, options, post};

use crate::app::App;
use context::Context;
pub(crate) use context::weighted;
pub(crate) use failure::chain;
pub(crate) use metrics::Metrics;
pub(crate) use origin::layer as own_pages;
pub(crate) use parameters::Parameters;

/// Whose interface this is. Clients choose what they send by it.
pub(crate) const INFLUXDB_VERSION: &str = "1.6.7";

const VERSION: HeaderName = HeaderName::from_static("x-influxdb-version");
const BUILD: HeaderName = HeaderName::from_static("x-influxdb-build");

/// All routes; `fallback` answers whatever isn't one of them.
pub(crate) fn router(app: Arc<App>, fallback: Option<Router>) -> Router {
    let influxdb = Router::new()
        .route("/ping", get(ping::ping).head(ping::ping))
        .route("/status", get(ping::status).head(ping::status))
        .route("/write", post(write::write).merge(options(preflight)))
        .route("/query", queries())
        // As contiv-ui asks it.
        .route("/visualization/influx/query", queries())
        .route("/api/v2/write", post(write_v2::write).merge(options(preflight)))
        .route("/health", get(ping::health))
        .route("/metrics", get(metrics::metrics))
        .route_layer(from_fn(unread::layer))
        .route_layer(from_fn(request_id::layer))
        .route_layer(from_fn_with_state(Arc::clone(&app), origin::layer))
        .route_layer(from_fn_with_state(Arc::clone(&app), metrics::layer));
    let influxdb = influxdb
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn(versions))
        .with_state(app);
    match fallback {
        None => influxdb,
        Some(others) => influxdb.fallback_service(others),
    }
}

fn queries() -> MethodRouter<Arc<App>> {
    get(query::get).post(query::post).head(no_head).merge(options(preflight))
}

/// Keeps routes of others for users, where there are some, and from pages of other origins.
pub(crate) fn for_users(routes: Router, app: Arc<App>) -> Router {
    routes
        .layer(from_fn_with_state(Arc::clone(&app), users_only))
        .layer(from_fn_with_state(app, origin::layer))
}

async fn users_only(
    State(app): State<Arc<App>>,
    context: Context,
    request: Request,
    next: Next,
) -> Response {
    match context.caller(&app) {
        Ok(_) => next.run(request).await,
        Err(failure) => context.fail(&failure),
    }
}

async fn preflight() -> StatusCode {
    StatusCode::OK
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

async fn method_not_allowed(_: Method) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n").into_response()
}

/// Where `GET` is served, `HEAD` is too, unless it is refused: a query's rows are its point.
async fn no_head() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, POST, OPTIONS")]).into_response()
}

async fn versions(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(INFLUXDB_VERSION));
    headers.insert(BUILD, HeaderValue::from_static("svcflow"));
    response
}
