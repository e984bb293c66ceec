//! The collector within a server.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use svcflow_agent::SystemClock;
use svcflow_collector::config::Config;
use svcflow_collector::{Collector, start};
use svcflow_server::Server;
use svcflow_store::Store;

use crate::exit::CliError;

/// A running collector, if there is one; what answers requests shares it.
#[derive(Clone, Default)]
pub(crate) struct Collecting(Arc<Mutex<Option<Collector>>>);

impl Collecting {
    /// Starts to collect, on the running tokio runtime; nothing without a configuration.
    pub(crate) fn start(
        config: Option<&Config>,
        store: &Store,
        data: &Path,
    ) -> Result<Self, CliError> {
        let Some(config) = config else { return Ok(Self::default()) };
        let collector = start(config, Some(store), data, Arc::new(SystemClock))?;
        Ok(Self(Arc::new(Mutex::new(Some(collector)))))
    }

    /// Shows what it does where the server shows what it does.
    pub(crate) fn beside(&self, server: Server) -> Server {
        if self.with(|_| ()).is_none() {
            return server;
        }
        let (nodes, metrics) = (self.clone(), self.clone());
        let nodes = async move || -> Response {
            match nodes.with(Collector::nodes) {
                Some(document) => Json(document).into_response(),
                None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        };
        let routes = Router::new().route("/api/v1/nodes", get(nodes));
        server
            .with_routes(routes)
            .with_metrics(move || metrics.with(Collector::metrics).unwrap_or_default())
    }

    /// Stops collecting; answers that are being stored are stored first.
    pub(crate) async fn shutdown(&self) {
        let collector = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(collector) = collector {
            collector.shutdown().await;
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&Collector) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }
}
