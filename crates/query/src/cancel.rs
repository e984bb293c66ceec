//! Ending a query from outside.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// Why a query ended before its end. The texts are InfluxDB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The client is gone, or has had enough.
    Client = 1,
    /// `KILL QUERY`
    Killed = 2,
    /// It took longer than the setting `query-timeout` allows.
    TimedOut = 3,
    /// The server is being stopped.
    Shutdown = 4,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "query interrupted",
            Self::Killed => "query killed",
            Self::TimedOut => "query-timeout limit exceeded",
            Self::Shutdown => "server shutting down",
        })
    }
}

/// A handle that ends a query. Clones end the same query.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    state: Arc<AtomicU8>,
    deadline: Option<Instant>,
}

impl Cancel {
    /// Ends the query at its next look, unless it has been ended already.
    pub fn cancel(&self, reason: CancelReason) {
        // Whoever was first is told; nothing else is published through this.
        let _ = self.state.compare_exchange(0, reason as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Why the query is to end, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        match self.state.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(CancelReason::Client),
            2 => Some(CancelReason::Killed),
            3 => Some(CancelReason::TimedOut),
            _ => Some(CancelReason::Shutdown),
        }
    }

    /// The same handle, which also ends the query at that instant, or at an earlier one set before.
    #[must_use]
    pub(crate) fn until(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |there| there.min(deadline));
        Self { state: Arc::clone(&self.state), deadline: Some(deadline) }
    }

    /// Looks at both the handle and the clock.
    pub(crate) fn check(&self) -> Result<(), crate::QueryError> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.cancel(CancelReason::TimedOut);
        }
        match self.reason() {
            None => Ok(()),
            Some(reason) => Err(crate::QueryError::Cancelled(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let cancel = Cancel::default();
        assert!(cancel.check().is_ok());
        let other = cancel.clone();
        other.cancel(CancelReason::Killed);
        cancel.cancel(CancelReason::Client);
        assert_eq!(cancel.reason(), Some(CancelReason::Killed));
        assert_eq!(cancel.check().unwrap_err().to_string(), "query killed");
    }

    #[test]
    fn a_deadline_ends_it() {
        let cancel = Cancel::default();
        let now = Instant::now();
        let bounded = cancel.until(now);
        assert!(cancel.check().is_ok());
        assert_eq!(bounded.until(now + Duration::from_secs(60)).deadline, Some(now));
        assert!(bounded.check().is_err());
        assert_eq!(cancel.reason(), Some(CancelReason::TimedOut));
    }
}
