//! HTTP and signals for the commands that run until they are told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use svcflow_agent::{AgentHandle, Protection, bind, router, serve};
use svcflow_topology::sources::{Hub, Source, system_now};
use svcflow_topology::{Journal, Names};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::exit::CliError;

/// How many ports above the usual one are tried when that is taken.
const PORTS_TRIED: u16 = 100;

/// HTTP on its own runtime; ends when dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    // Before the runtime: serving ends, then its threads do.
    _stop: oneshot::Sender<()>,
    runtime: Runtime,
}

/// Where to listen.
pub(crate) enum Listen {
    /// Here or nowhere.
    At(SocketAddr),
    /// On the first free port from this one.
    From(SocketAddr),
}

impl Serving {
    /// Serves an agent beside the calling thread.
    pub(crate) fn start(
        agent: &AgentHandle,
        listen: &Listen,
        protection: Protection,
    ) -> Result<Self, CliError> {
        let runtime = runtime()?;
        let listener = runtime.block_on(listener(listen))?;
        let address = listener.local_addr().map_err(CliError::Start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let routes = router(agent.shared());
        let scheme = protection.scheme();
        runtime.spawn(async move {
            let done = async { drop(stopped.await) };
            serve(listener, routes, &protection, done).await;
        });
        Ok(Self { address, scheme, _stop: stop, runtime })
    }

    /// Watches these sources of names for as long as it serves. What became of them is told to the server that asks.
    pub(crate) fn watch(&self, sources: Vec<Box<dyn Source>>, names: Names, journal: Journal) {
        if !sources.is_empty() {
            let keep = move |records| journal.note(records);
            self.runtime.spawn(Hub::new(sources, names, system_now()).run(keep));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Waits for an interrupt, a termination, or the end of `duration`.
    pub(crate) fn wait(&self, duration: Option<Duration>) -> Result<(), CliError> {
        self.runtime.block_on(async {
            match duration {
                Some(duration) => tokio::time::timeout(duration, signal()).await.unwrap_or(Ok(())),
                None => signal().await,
            }
        })
    }
}

/// A flag that an interrupt or a termination sets; the runtime must be kept.
pub(crate) fn interrupt_flag() -> Result<(Arc<AtomicBool>, Runtime), CliError> {
    let runtime = runtime()?;
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    runtime.spawn(async move {
        let _ = signal().await;
        set.store(true, Ordering::Relaxed);
    });
    Ok((flag, runtime))
}

/// A thread for each core: connections, not computation.
pub(crate) fn server_runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Start)
}

pub(crate) fn runtime() -> Result<Runtime, CliError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().map_err(CliError::Start)
}

pub(crate) async fn listener(listen: &Listen) -> Result<TcpListener, CliError> {
    let (mut address, tries) = match listen {
        Listen::At(address) => (*address, 1),
        Listen::From(address) => (*address, PORTS_TRIED),
    };
    let mut refused = None;
    for _ in 0..tries {
        match bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = refused.or(Some(error)),
        }
        address.set_port(address.port().saturating_add(1));
    }
    Err(refused
        .map_or_else(|| CliError::Start(std::io::ErrorKind::AddrInUse.into()), CliError::from))
}

pub(crate) async fn signal() -> Result<(), CliError> {
    signals()?.await;
    Ok(())
}

/// The same, from now on: a signal that comes before it is waited for is not lost, and doesn't kill. Within a
/// runtime.
pub(crate) fn signals() -> Result<impl Future<Output = ()> + Send, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Start)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Start)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
