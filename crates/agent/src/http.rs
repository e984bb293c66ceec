//! HTTP: reads what was published, never waits for a look unless asked to.

mod contiv;
mod edges;
mod failure;
mod metrics;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use svcflow_model::Epoch;
use svcflow_topology::NamesDocument;
use svcflow_transport::{ServerTls, TlsListener, Tokens, require_token};
use tokio::net::TcpListener;

use crate::document::SamplesDocument;
use crate::{Config, Error, Shared};
pub use contiv::{endpoint_address, endpoint_answer};
use failure::{Failure, parameter};
pub use metrics::families as metric_families;

type QueryOf<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// Binds the HTTP address.
///
/// # Errors
/// Where the port is taken or not ours; the message names the remedy.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

/// All routes of an agent.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/svcstats", get(contiv::svcstats))
        .route("/endpoints", get(contiv::all_endpoints))
        .route("/services", get(contiv::services))
        .route("/visualization/services", get(contiv::services))
        .route("/api/v1/edges", get(edges::edges))
        // Where a server answers at the same address, it has a table of all nodes' edges at the route above.
        .route("/api/v1/agent/edges", get(edges::edges))
        .route("/api/v1/samples", get(samples))
        .route("/api/v1/names", get(names))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health))
        .method_not_allowed_fallback(failure::method_not_allowed)
        .fallback(contiv::endpoint)
        .with_state(shared)
}

/// What callers must show, and whether the connection is TLS.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    tokens: Option<Arc<Tokens>>,
    tls: Option<ServerTls>,
}

impl Protection {
    /// Reads what a configuration names. They are read again when they change.
    ///
    /// # Errors
    /// Where a file can't be read or used.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let tokens = config.token_file.as_deref().map(Tokens::read).transpose();
        let pair = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
        let client_ca = config.tls_client_ca.as_deref();
        let tls = pair.map(|(chain, key)| ServerTls::read(chain, key, client_ca)).transpose();
        Ok(Self {
            tokens: tokens.map_err(Error::Protection)?.map(Arc::new),
            tls: tls.map_err(Error::Protection)?,
        })
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Serves until `shutdown` is there; requests under way are answered first.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    protection: &Protection,
    shutdown: impl Future<Output = ()> + Send,
) {
    let router = match &protection.tokens {
        None => router,
        Some(tokens) => router.layer(from_fn_with_state(Arc::clone(tokens), require_token)),
    };
    match &protection.tls {
        None => svcflow_transport::serve(listener, router, shutdown).await,
        Some(tls) => {
            svcflow_transport::serve(TlsListener::new(listener, tls), router, shutdown).await;
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SamplesQuery {
    after: Option<String>,
    epoch: Option<String>,
}

async fn samples(
    State(shared): State<Arc<Shared>>,
    query: QueryOf<SamplesQuery>,
) -> Result<Json<SamplesDocument>, Failure> {
    let Query(query) = query?;
    if query.after.as_deref() == Some("latest") {
        return Ok(Json(shared.greeting()));
    }
    let number = "a sequence number, or `latest`";
    let after = parameter("after", query.after.as_deref(), number)?.unwrap_or(0);
    let epoch = parameter("epoch", query.epoch.as_deref(), "an epoch's number")?.map(Epoch);
    Ok(Json(shared.samples(after, epoch)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamesQuery {
    run: Option<String>,
    after: Option<String>,
}

async fn names(
    State(shared): State<Arc<Shared>>,
    query: QueryOf<NamesQuery>,
) -> Result<Json<NamesDocument>, Failure> {
    let Query(query) = query?;
    let run = parameter("run", query.run.as_deref(), "a run's number")?;
    let after = parameter("after", query.after.as_deref(), "a record's number")?;
    Ok(Json(shared.names(run, after.unwrap_or(0))))
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let health = shared.health();
    let status = match health.reason {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health)).into_response()
}
