//! A server and the collector within it, beside the calling thread.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use svcflow_agent::{Shared, metric_families, router};
use svcflow_collector::Gatherer;
use svcflow_query::Engine;
use svcflow_server::{Api, Error, Server, bind, system_clock};
use svcflow_store::{Options, PolicySpec, Rollup, Store};
use svcflow_topology::Names;
use svcflow_topology::sources::Source;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::collecting::Collecting;
use super::elsewhere;
use super::naming::Naming;
use super::serving::{Listen, listener, server_runtime, signal, signals};
use crate::exit::CliError;
use crate::output;
use crate::settings::ServerFile;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long the database that agents' samples go to keeps them, where it is made here.
const KEPT: Duration = DAY.saturating_mul(30);
/// The policy that keeps their sums after that, how long, and the width of a bucket.
const ROLLUPS: (&str, Duration, Duration) =
    ("year", DAY.saturating_mul(365), Duration::from_secs(600));

/// A running server.
pub(crate) struct History {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), Error>>,
    collecting: Collecting,
    naming: Option<Naming>,
    signalled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    runtime: Runtime,
}

/// Where names are published, and what else than the server's own file says them.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) names: Names,
    pub(crate) sources: Vec<Box<dyn Source>>,
}

impl History {
    /// Starts a server, with the page and its API. With an agent in this process its routes are served, too, and
    /// its samples collected.
    pub(crate) fn start(
        mut file: ServerFile,
        listen: &Listen,
        agent: Option<Arc<Shared>>,
        naming: Named,
    ) -> Result<Self, CliError> {
        let Named { names, mut sources } = naming;
        let own = file.names.sources()?;
        if let Some(twice) = own.iter().find(|it| sources.iter().any(|of| of.name() == it.name())) {
            return Err(CliError::NamesTwice { name: twice.name().to_owned() });
        }
        sources.extend(own);
        let runtime = server_runtime()?;
        let listener = runtime.block_on(bound(listen))?;
        let address = listener.local_addr().map_err(CliError::Start)?;
        if agent.is_some() {
            let itself = format!("http://{address}");
            file.collector.get_or_insert_default().agents.push(itself);
        }
        let named = !sources.is_empty();
        let store = open(&file, named)?;
        let engine = Engine::new(store.clone(), file.server.limits.clone());
        let server = Server::new(&file.server, store.clone(), Box::new(engine), system_clock())?;
        let within = runtime.enter();
        let collector = file.collector.clone().unwrap_or_default();
        let (naming, gatherer) = if file.collector.is_some() || named {
            let (naming, gatherer) =
                Naming::start(&store, &collector.database, names.clone(), sources)?;
            (Some(naming), gatherer)
        } else {
            (None, Gatherer::new(&[]).0)
        };
        let data = &file.server.data;
        let collecting = Collecting::start(file.collector.as_ref(), &store, data, gatherer)?;
        let server = with_agent(collecting.beside(server), agent);
        let server = server.with_api(Api {
            database: collector.database,
            interval: collector.interval,
            names,
            agents: collecting.agents(),
        });
        let server = match file.collector.as_ref().and_then(|collector| collector.store.as_ref()) {
            Some(remote) => server.with_data_elsewhere(elsewhere::of(remote)?),
            None => server,
        };
        let scheme = server.scheme();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = runtime.spawn(server.serve(listener, async { drop(stopped.await) }));
        drop(within);
        Ok(Self { address, scheme, stop, served, collecting, naming, signalled: None, runtime })
    }

    /// From now on an interrupt or a termination ends [`History::wait`], also where it comes before that.
    pub(crate) fn expect_signals(&mut self) -> Result<(), CliError> {
        let _within = self.runtime.enter();
        self.signalled = Some(Box::pin(signals()?));
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Waits for an interrupt, a termination, for `over`, or the server's own end.
    pub(crate) fn wait(&mut self, over: impl Future<Output = ()>) -> Result<(), CliError> {
        let served = &mut self.served;
        let expected = self.signalled.take();
        let signalled = async {
            match expected {
                Some(expected) => {
                    expected.await;
                    Ok(())
                }
                None => signal().await,
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                signalled = signalled => signalled,
                () = over => Ok(()),
                ended = served => ended.unwrap_or(Ok(())).map_err(CliError::Server),
            }
        })
    }

    /// Finishes writes under way, and ends.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let Self { stop, served, collecting, naming, runtime, .. } = self;
        let _ = stop.send(());
        runtime.block_on(async {
            collecting.shutdown().await;
            if let Some(naming) = naming {
                naming.finish().await;
            }
            if served.is_finished() {
                return Ok(());
            }
            served.await.unwrap_or(Ok(())).map_err(CliError::Server)
        })
    }
}

async fn bound(listen: &Listen) -> Result<TcpListener, CliError> {
    match listen {
        Listen::At(address) => Ok(bind(*address).await?),
        from @ Listen::From(_) => listener(from).await,
    }
}

fn with_agent(server: Server, agent: Option<Arc<Shared>>) -> Server {
    let Some(agent) = agent else { return server };
    let shown = Arc::clone(&agent);
    server.with_fallback(router(agent)).with_metrics(move || metric_families(&shown))
}

/// Opens the store, with the database that samples go to.
fn open(file: &ServerFile, named: bool) -> Result<Store, CliError> {
    let folder: &Path = &file.server.data;
    let failed = |source| Error::Store { folder: folder.to_owned(), source };
    let store = Store::open(folder, Options::default()).map_err(failed)?;
    // Nothing is lost silently.
    store.stats().damage.iter().for_each(|damage| output::say(&format!("damaged: {damage}")));
    // Names are kept here also where samples go elsewhere.
    if named || file.collector.is_some() {
        let collector = file.collector.clone().unwrap_or_default();
        create(&store, &collector.database).map_err(failed)?;
    }
    Ok(store)
}

/// A database that is there stays as its users have made it.
fn create(store: &Store, database: &str) -> Result<(), svcflow_store::Error> {
    if store.databases().iter().any(|name| **name == *database) {
        return Ok(());
    }
    store.create_database(database, PolicySpec::new("autogen", Some(KEPT)))?;
    let (into, kept, every) = ROLLUPS;
    store.create_policy(database, PolicySpec::new(into, Some(kept)), false)?;
    store.set_rollup(database, "autogen", Some(Rollup { into: into.to_owned(), every }))
}
