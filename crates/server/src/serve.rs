//! From a configuration to a server, and its end.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::serve::Listener;
use svcflow_store::Store;
use svcflow_transport::{ServerTls, TlsListener, Watched};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::{Api, Config, Elsewhere, Engine, Error, Users, api, http};

/// What time it is, in nanoseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long requests under way may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(20);

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// Binds the HTTP address.
///
/// # Errors
/// Where the port is taken or not ours; the message names the remedy.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    // Connections inherit it: an answer's last, small packet must not wait for the one before to be acknowledged.
    rustix::net::sockopt::set_tcp_nodelay(&listener, true).map_err(|error| failed(error.into()))?;
    Ok(listener)
}

/// A server that isn't serving yet.
pub struct Server {
    app: Arc<App>,
    data: PathBuf,
    tls: Option<ServerTls>,
    more: Router,
    fallback: Option<Router>,
    endpoints: Option<Router>,
}

impl Server {
    /// Puts a server together: reads the users and the certificate that the configuration names.
    ///
    /// # Errors
    /// Where one of those files can't be read or used.
    pub fn new(
        config: &Config,
        store: Store,
        engine: Box<dyn Engine>,
        clock: Clock,
    ) -> Result<Self, Error> {
        config.validate()?;
        let users = config.users_file.clone().map(watched).transpose()?;
        let tls = |(certificate, key)| ServerTls::read(certificate, key, None).map_err(Error::Tls);
        let tls = config.tls().map(tls).transpose()?;
        let app = Arc::new(App::new(store, engine, users, config, clock));
        Ok(Self {
            app,
            data: config.data.clone(),
            tls,
            more: Router::new(),
            fallback: None,
            endpoints: None,
        })
    }

    /// Serves these routes, too: to users where there are some, to all otherwise.
    #[must_use]
    pub fn with_routes(mut self, routes: Router) -> Self {
        self.more = self.more.merge(http::for_users(routes, Arc::clone(&self.app)));
        self
    }

    /// Serves the JSON API and the page.
    #[must_use]
    pub fn with_api(mut self, api: Api) -> Self {
        let (routes, endpoints) = api::routers(Arc::clone(&self.app), api);
        self.more = self.more.merge(routes);
        self.endpoints = Some(endpoints);
        self
    }

    /// Has another engine keep the data: queries and writes are handed on to it.
    #[must_use]
    pub fn with_data_elsewhere(self, elsewhere: Elsewhere) -> Self {
        self.app.set_elsewhere(elsewhere);
        self
    }

    /// Has these routes answer what nothing else does: to users where there are some, to all otherwise.
    #[must_use]
    pub fn with_fallback(mut self, routes: Router) -> Self {
        self.fallback = Some(http::for_users(routes, Arc::clone(&self.app)));
        self
    }

    /// Says this in `/metrics`, too: families of OpenMetrics, without the closing `# EOF`.
    #[must_use]
    pub fn with_metrics(self, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.app.metrics.add(Box::new(metrics));
        self
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Serves until `shutdown` is there. Then no connection is taken any more, queries are ended, writes under way are
    /// finished, and the store is flushed: a start after it has no log to read.
    ///
    /// # Errors
    /// Where the store can't be flushed.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let mut router = self.more.merge(http::router(Arc::clone(&self.app), self.fallback));
        if let Some(endpoints) = self.endpoints {
            router = router.layer(from_fn_with_state(endpoints, api::endpoints_layer));
        }
        match &self.tls {
            Some(tls) => serve(TlsListener::new(listener, tls), router, &self.app, shutdown).await,
            None => serve(listener, router, &self.app, shutdown).await,
        }
        let (app, folder) = (self.app, self.data);
        let flushed = tokio::task::spawn_blocking(move || app.store().flush()).await;
        // A task that is gone was so with its runtime: what was acknowledged is in the log.
        flushed.unwrap_or(Ok(())).map_err(|source| Error::Store { folder, source })
    }
}

fn watched(users_file: PathBuf) -> Result<Watched<Users>, Error> {
    Watched::new(vec![users_file.clone()], move || Users::read(&users_file))
}

async fn serve<L: Listener>(
    listener: L,
    router: Router,
    app: &Arc<App>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stop, mut stopped) = watch::channel(false);
    let app = Arc::clone(app);
    let shutdown = async move {
        shutdown.await;
        app.stop();
        let _ = stop.send(true);
    };
    let over = async move {
        // An error is a sender that went with the shutdown's future: then serving is over anyway.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = svcflow_transport::serve(listener, router, shutdown) => {}
        () = over => {
            tracing::warn!("some requests took longer than {GRACE:?} to end and were broken off");
        }
    }
}
