//! What a query may take, counted while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Cancel, Limits, QueryError};

/// Counts what a query takes against its limits. Shared by its threads.
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    cancel: &'a Cancel,
    points: AtomicU64,
    buckets: AtomicU64,
    memory: AtomicU64,
    of_all: &'a AtomicU64,
}

fn check(setting: &'static str, needed: u64, limit: Option<u64>) -> Result<(), QueryError> {
    match limit {
        Some(limit) if needed > limit => Err(QueryError::Limit { setting, needed, limit }),
        _ => Ok(()),
    }
}

/// Counts bytes as held, unless there is no room: who asks for too much must not take the room of others meanwhile.
fn take(
    setting: &'static str,
    held: &AtomicU64,
    bytes: u64,
    limit: Option<u64>,
) -> Result<(), QueryError> {
    let more = |held: u64| {
        let needed = held.saturating_add(bytes);
        (needed <= limit.unwrap_or(u64::MAX)).then_some(needed)
    };
    match held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
        Ok(_) => Ok(()),
        Err(held) => check(setting, held.saturating_add(bytes), limit),
    }
}

impl<'a> Budget<'a> {
    /// `of_all` counts the bytes that all queries hold.
    pub(crate) const fn new(limits: &'a Limits, cancel: &'a Cancel, of_all: &'a AtomicU64) -> Self {
        Self {
            limits,
            cancel,
            points: AtomicU64::new(0),
            buckets: AtomicU64::new(0),
            memory: AtomicU64::new(0),
            of_all,
        }
    }

    pub(crate) const fn threads(&self) -> usize {
        self.limits.threads
    }

    /// Whether the query is to go on.
    pub(crate) fn go_on(&self) -> Result<(), QueryError> {
        self.cancel.check()
    }

    /// So many series are to be read.
    pub(crate) fn series(&self, count: u64) -> Result<(), QueryError> {
        check("max-select-series", count, self.limits.series)
    }

    /// So many more rows were read. Also looks whether the query is to go on.
    pub(crate) fn rows(&self, count: usize) -> Result<(), QueryError> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let before = self.points.fetch_add(count, Ordering::Relaxed);
        check("max-select-point", before.saturating_add(count), self.limits.points)?;
        self.go_on()
    }

    /// So many more buckets are to be made.
    pub(crate) fn buckets(&self, count: u64) -> Result<(), QueryError> {
        check("max-select-buckets", count, self.limits.buckets)?;
        let before = self.buckets.fetch_add(count, Ordering::Relaxed);
        check("max-select-buckets", before.saturating_add(count), self.limits.buckets)
    }

    /// Memory that is to be held.
    pub(crate) const fn hold(&self) -> Held<'_> {
        Held { budget: self, bytes: 0 }
    }
}

/// Memory that is held until this goes.
pub(crate) struct Held<'a> {
    budget: &'a Budget<'a>,
    bytes: u64,
}

impl Held<'_> {
    /// So many more bytes; none where there is no room.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), QueryError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let limits = self.budget.limits;
        take("max-select-memory", &self.budget.memory, bytes, limits.memory)?;
        let taken = take("max-queries-memory", self.budget.of_all, bytes, limits.memory_of_all);
        match taken {
            Ok(()) => self.bytes += bytes,
            Err(_) => _ = self.budget.memory.fetch_sub(bytes, Ordering::Relaxed),
        }
        taken
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        for held in [&self.budget.memory, self.budget.of_all] {
            held.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let limits = Limits { memory: Some(10), points: Some(3), ..Limits::default() };
        let cancel = Cancel::default();
        let of_all = AtomicU64::new(0);
        let budget = Budget::new(&limits, &cancel, &of_all);
        {
            let mut held = budget.hold();
            held.add(6).unwrap();
            let text = held.add(6).unwrap_err().to_string();
            assert_eq!(text, "max-select-memory limit exceeded: (12/10)");
            held.add(4).unwrap();
        }
        budget.hold().add(10).unwrap();
        budget.rows(3).unwrap();
        assert!(budget.rows(1).is_err());
    }

    #[test]
    fn queries_share_what_all_may_hold() {
        let limits = Limits { memory: Some(10), memory_of_all: Some(15), ..Limits::default() };
        let (cancel, of_all) = (Cancel::default(), AtomicU64::new(0));
        let [first, second] = [(); 2].map(|()| Budget::new(&limits, &cancel, &of_all));
        let mut held = first.hold();
        held.add(10).unwrap();
        let text = second.hold().add(6).unwrap_err().to_string();
        assert_eq!(text, "max-queries-memory limit exceeded: (16/15)");
        drop(held);
        second.hold().add(6).unwrap();
        assert_eq!(of_all.load(Ordering::Relaxed), 0);
    }
}
