//! The collector within a server.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use svcflow_agent::SystemClock;
use svcflow_collector::config::Config;
use svcflow_collector::{Collector, Gatherer, start};
use svcflow_server::{Agents, Collected, Server};
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
        names: Gatherer,
    ) -> Result<Self, CliError> {
        let Some(config) = config else { return Ok(Self::default()) };
        let collector = start(config, Some(store), data, Arc::new(SystemClock), names)?;
        Ok(Self(Arc::new(Mutex::new(Some(collector)))))
    }

    /// Shows what it does where the server shows what it does.
    pub(crate) fn beside(&self, server: Server) -> Server {
        if self.with(|_| ()).is_none() {
            return server;
        }
        let metrics = self.clone();
        server.with_metrics(move || metrics.with(Collector::metrics).unwrap_or_default())
    }

    /// How its agents are, for the API.
    pub(crate) fn agents(&self) -> Arc<dyn Agents> {
        let asked = self.clone();
        Arc::new(Collected::new(move || asked.with(Collector::nodes)))
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
