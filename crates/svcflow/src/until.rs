//! When a view ends that goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// At an instant, if there is one, or once it is told to, whichever comes first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Until {
    at: Option<Instant>,
    told: Arc<AtomicBool>,
}

impl Until {
    /// So long after now; without a duration, not by itself.
    pub(crate) fn after(duration: Option<Duration>) -> Self {
        let at = duration.and_then(|duration| Instant::now().checked_add(duration));
        Self { at, told: Arc::default() }
    }

    /// Ends it, for all clones.
    pub(crate) fn tell(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.told.load(Ordering::Relaxed) || self.at.is_some_and(|at| Instant::now() >= at)
    }
}
