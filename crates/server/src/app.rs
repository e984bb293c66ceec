//! What all requests share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use svcflow_query::{Cancel, CancelReason};
use svcflow_store::Store;
use svcflow_transport::Watched;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::Users;
use crate::cancels::{Cancels, Registered};
use crate::elsewhere::Elsewhere;
use crate::engine::Engine;
use crate::http::Metrics;
use crate::ingest::{Ingest, Outcome, Target, WriteError};
use crate::{Clock, Config};

/// Memory for bodies of requests under way. Whoever finds none left waits, which slows senders down instead of
/// refusing them.
const BODIES_MEMORY: usize = 512 << 20;
/// The unit in which that memory is handed out; a semaphore counts in 32 bits.
const MEMORY_UNIT: usize = 4 << 10;

pub(crate) struct App {
    store: Store,
    ingest: Ingest,
    engine: Box<dyn Engine>,
    elsewhere: OnceLock<Elsewhere>,
    users: Option<Watched<Users>>,
    origins: Vec<String>,
    body_max: usize,
    memory: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    running: Cancels,
    stopping: AtomicBool,
    clock: Clock,
    pub(crate) metrics: Metrics,
}

impl App {
    pub(crate) fn new(
        store: Store,
        engine: Box<dyn Engine>,
        users: Option<Watched<Users>>,
        config: &Config,
        clock: Clock,
    ) -> Self {
        let body_max = usize::try_from(config.max_body_size).unwrap_or(usize::MAX);
        // One request must always find enough.
        let memory = units(BODIES_MEMORY.max(body_max)) as usize;
        Self {
            ingest: Ingest::new(store.clone()),
            store,
            engine,
            elsewhere: OnceLock::new(),
            users,
            origins: config.allow_origins.clone(),
            body_max,
            memory: Arc::new(Semaphore::new(memory)),
            queries: Arc::new(Semaphore::new(config.max_concurrent_queries.get())),
            running: Cancels::default(),
            stopping: AtomicBool::new(false),
            clock,
            metrics: Metrics::default(),
        }
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The engine that keeps the data instead of the embedded store, if there is one.
    pub(crate) fn elsewhere(&self) -> Option<&Elsewhere> {
        self.elsewhere.get()
    }

    /// Has another engine keep the data; the first one stays.
    pub(crate) fn set_elsewhere(&self, elsewhere: Elsewhere) {
        let _ = self.elsewhere.set(elsewhere);
    }

    /// As their file says now; `None`: everybody may do everything.
    pub(crate) fn users(&self) -> Option<Arc<Users>> {
        self.users.as_ref().map(Watched::get)
    }

    pub(crate) fn origins(&self) -> &[String] {
        &self.origins
    }

    pub(crate) fn body_max(&self) -> usize {
        self.body_max
    }

    /// Nanoseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    pub(crate) fn has_database(&self, name: &str) -> bool {
        self.store.generation(name).is_ok()
    }

    /// Writes lines and returns once they are durable; blocks.
    pub(crate) fn write(&self, target: Target<'_>, body: &[u8]) -> Result<Outcome, WriteError> {
        let began = std::time::Instant::now();
        let outcome = self.ingest.write(target, body);
        self.metrics.written(body.len(), outcome.as_ref().ok(), began.elapsed());
        outcome
    }

    /// Drops a database by `drop`, while nothing is written.
    pub(crate) fn dropping<T>(&self, database: &str, drop: impl FnOnce() -> T) -> T {
        self.ingest.dropping(database, drop)
    }

    /// Memory for a body; waits until there is some. `None` where the server is being stopped.
    pub(crate) async fn claim_memory(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).acquire_many_owned(units(bytes)).await.ok()
    }

    /// A turn for a query; waits for one. `None` where the server is being stopped.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.queries).acquire_owned().await.ok()
    }

    /// A handle that ends a query when its client goes or the server stops.
    pub(crate) fn register(&self) -> Registered {
        let registered = self.running.register();
        if self.is_stopping() {
            registered.cancel().cancel(CancelReason::Shutdown);
        }
        registered
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Ends queries; writes go on to their end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.queries.close();
        self.running.each(|cancel: &Cancel| cancel.cancel(CancelReason::Shutdown));
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX >> 3)
}
