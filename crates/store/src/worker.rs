//! The threads behind an open store: one seals and retains, one merges.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::shared::Shared;
use crate::{Error, merge, retain, seal};

/// How often the threads look whether there is something to do without being told.
const TICK: Duration = Duration::from_secs(1);
/// How often expired partitions are looked for.
const RETAIN: Duration = Duration::from_secs(60);
/// Without a write for so long, the store is quiet.
const QUIET: Duration = Duration::from_secs(1);
/// How long a failed sealing or merging waits before the next attempt.
const AGAIN: Duration = Duration::from_secs(5);

/// Threads that end with the store.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Self, Error> {
        let mut workers = Self { shared: Arc::clone(shared), threads: Vec::new() };
        workers.spawn("store-seal", sealer)?;
        workers.spawn("store-merge", merger)?;
        Ok(workers)
    }

    fn spawn(&mut self, name: &str, work: fn(&Shared)) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared));
        let thread = thread.map_err(Error::io("start a thread for", &self.shared.folder.data()))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.pressure.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn sealer(shared: &Shared) {
    let mut retained = Instant::now();
    while shared.pressure.wait(&shared.options, TICK) {
        let wanted = shared.pressure.wants_sealing(&shared.options, || shared.density());
        let sealed = if wanted { seal::seal(shared) } else { Ok(()) };
        if let Err(fault) = sealed {
            tracing::error!(fault = %Chain(&fault), "can't seal; the log keeps the rows");
            shared.pressure.pause(AGAIN);
        }
        if retained.elapsed() >= RETAIN {
            retained = Instant::now();
            if let Err(fault) = retain::retain(shared, SystemTime::now()) {
                tracing::error!(fault = %Chain(&fault), "can't drop what has expired");
            }
        }
    }
}

fn merger(shared: &Shared) {
    let mut again = TICK;
    while shared.pressure.pause(again) {
        let merged = merge::merge(shared, shared.pressure.quiet_for(QUIET));
        again = match merged {
            Ok(true) => Duration::ZERO,
            Ok(false) => TICK,
            Err(fault) => {
                tracing::error!(fault = %Chain(&fault), "can't merge; the runs stay as they are");
                AGAIN
            }
        };
    }
}

/// An error with all that is behind it.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut fault = self.0.source();
        while let Some(source) = fault {
            write!(f, ": {source}")?;
            fault = source.source();
        }
        Ok(())
    }
}
