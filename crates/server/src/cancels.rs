//! The queries under way, so that they can be ended from outside.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use svcflow_query::{Cancel, CancelReason};

#[derive(Clone, Debug, Default)]
pub(crate) struct Cancels(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: AtomicU64,
    running: Mutex<HashMap<u64, Cancel>>,
}

/// A query's place among those under way. Dropped, it ends the query: nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Registered {
    id: u64,
    cancel: Cancel,
    among: Cancels,
}

impl Cancels {
    pub(crate) fn register(&self) -> Registered {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let cancel = Cancel::default();
        self.0.running.lock().insert(id, cancel.clone());
        Registered { id, cancel, among: self.clone() }
    }

    pub(crate) fn each(&self, act: impl Fn(&Cancel)) {
        self.0.running.lock().values().for_each(act);
    }
}

impl Registered {
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.cancel.cancel(CancelReason::Client);
        self.among.0.running.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_nobody_waits_for_is_ended() {
        let cancels = Cancels::default();
        let (kept, dropped) = (cancels.register(), cancels.register());
        let cancel = dropped.cancel().clone();
        drop(dropped);
        assert_eq!(cancel.reason(), Some(CancelReason::Client));
        assert_eq!(kept.cancel().reason(), None);
        cancels.each(|cancel| cancel.cancel(CancelReason::Shutdown));
        assert_eq!(kept.cancel().reason(), Some(CancelReason::Shutdown));
    }
}
