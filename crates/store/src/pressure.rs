//! How much waits in memory, and who waits for it to become less.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{Error, Options};

/// After so long without a write, heads with so many rows a series are worth sealing. A row takes ten times as much
/// in the log as in a chunk; chunks with few rows have to be merged later.
const WORTH_SEALING: [(Duration, usize); 2] =
    [(Duration::from_secs(5), 64), (Duration::from_secs(30), 8)];
/// After so long everything is sealed, so that heads don't keep what retention would drop.
const OLD: Duration = Duration::from_secs(2 * 3600);

/// Less is never worth sealing, whatever the options say, in bytes.
const LEAST: u64 = 4096;

/// Shared by whoever writes and the threads that seal and merge.
#[derive(Debug)]
pub(crate) struct Pressure {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Memory of the heads that are written to, in bytes.
    bytes: usize,
    /// Bytes of the log.
    log: u64,
    last_write: Instant,
    /// When the heads got their first row.
    first_write: Option<Instant>,
    stopping: bool,
    /// Why the last sealing failed.
    failed: Option<Arc<Error>>,
}

impl Pressure {
    pub(crate) fn new() -> Self {
        let state = State {
            bytes: 0,
            log: 0,
            last_write: Instant::now(),
            first_write: None,
            stopping: false,
            failed: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Notes what there is after a write.
    pub(crate) fn wrote(&self, options: &Options, bytes: usize, log: u64) {
        let mut state = self.state.lock();
        (state.bytes, state.log) = (bytes, log);
        state.last_write = Instant::now();
        state.first_write.get_or_insert(Instant::now());
        if state.is_high(options) {
            self.changed.notify_all();
        }
    }

    /// Notes what there is after a sealing.
    pub(crate) fn sealed(&self, bytes: usize, log: u64, result: &Result<(), Error>) {
        let mut state = self.state.lock();
        (state.bytes, state.log) = (bytes, log);
        state.failed = result.as_ref().err().cloned().map(Arc::new);
        if state.failed.is_none() {
            state.first_write = (bytes > 0).then(Instant::now);
        }
        self.changed.notify_all();
    }

    /// Waits until there is room for another batch.
    ///
    /// # Errors
    ///
    /// There is none, and sealing fails.
    pub(crate) fn wait_for_room(&self, options: &Options) -> Result<(), Error> {
        let mut state = self.state.lock();
        while options.background && state.bytes >= options.head_bytes * 2 && !state.stopping {
            if let Some(fault) = &state.failed {
                return Err(Error::Full(Arc::clone(fault)));
            }
            self.changed.wait(&mut state);
        }
        Ok(())
    }

    /// Waits until there is much to seal, for so long at most. Returns whether the store stays open.
    pub(crate) fn wait(&self, options: &Options, most: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.stopping && !state.is_high(options) {
            self.changed.wait_for(&mut state, most);
        }
        !state.stopping
    }

    /// Waits, for so long at most, until the store is closed. Returns whether it stays open.
    pub(crate) fn pause(&self, most: Duration) -> bool {
        let until = Instant::now() + most;
        let mut state = self.state.lock();
        while !state.stopping && !self.changed.wait_until(&mut state, until).timed_out() {}
        !state.stopping
    }

    /// Whether it is time to seal. `density` counts rows a series, which takes some time.
    pub(crate) fn wants_sealing(&self, options: &Options, density: impl FnOnce() -> usize) -> bool {
        let state = self.state.lock();
        let old = state.first_write.is_some_and(|first| first.elapsed() >= OLD);
        let idle = if state.bytes > 0 { state.last_write.elapsed() } else { Duration::ZERO };
        let high = state.is_high(options);
        drop(state);
        let worth = WORTH_SEALING.iter().filter(|(time, _)| idle >= *time).map(|(_, rows)| *rows);
        high || old || worth.min().is_some_and(|rows| density() >= rows)
    }

    /// Whether nothing was written for so long.
    pub(crate) fn quiet_for(&self, time: Duration) -> bool {
        self.state.lock().last_write.elapsed() >= time
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }
}

impl State {
    fn is_high(&self, options: &Options) -> bool {
        let (head, log) = (options.head_bytes as u64, options.log_bytes);
        let high = |there: u64, limit: u64| there >= LEAST && there >= limit;
        high(self.bytes as u64, head) || high(self.log, log)
    }
}
