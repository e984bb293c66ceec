//! Work shared by threads, taken up in order and handed over in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::QueryError;

/// Runs numbered pieces of work on threads, and hands what comes of them to `take` in their order, on the
/// thread that called. No more than `ahead` pieces wait to be taken or are being worked on, so that memory is
/// bounded; a piece is begun only once those before it are.
pub(super) fn in_order<T: Send>(
    pieces: usize,
    threads: usize,
    ahead: usize,
    work: impl Fn(usize) -> Result<T, QueryError> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    if pieces <= 1 || threads <= 1 {
        return (0..pieces).try_for_each(|piece| take(piece, work(piece)?));
    }
    let queue = Queue { state: Mutex::default(), changed: Condvar::new(), pieces, ahead };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces) {
            scope.spawn(|| queue.work(&work));
        }
        // Lets the threads go, however this ends.
        let _end = End(&queue);
        for piece in 0..pieces {
            // `None`: a thread panicked, which the scope passes on.
            let Some(made) = queue.take(piece) else { return Ok(()) };
            take(piece, made?)?;
        }
        Ok(())
    })
}

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    pieces: usize,
    ahead: usize,
}

struct State<T> {
    /// The next piece to be begun.
    next: usize,
    /// How many were taken.
    taken: usize,
    done: BTreeMap<usize, Result<T, QueryError>>,
    /// Nothing more is to be begun.
    ended: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { next: 0, taken: 0, done: BTreeMap::new(), ended: false }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole between any two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a piece to be begun; `None` when there is none any more.
    fn begin(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.ended || state.next >= self.pieces {
                return None;
            }
            if state.next < state.taken + self.ahead.max(1) {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wait(state);
        }
    }

    fn work(&self, work: &(impl Fn(usize) -> Result<T, QueryError> + Sync)) {
        let panic = EndOnPanic(self);
        while let Some(piece) = self.begin() {
            let made = work(piece);
            let mut state = self.lock();
            state.done.insert(piece, made);
            drop(state);
            self.changed.notify_all();
        }
        std::mem::forget(panic);
    }

    fn take(&self, piece: usize) -> Option<Result<T, QueryError>> {
        let mut state = self.lock();
        loop {
            if let Some(made) = state.done.remove(&piece) {
                state.taken = piece + 1;
                drop(state);
                self.changed.notify_all();
                return Some(made);
            }
            if state.ended {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

struct End<'a, T>(&'a Queue<T>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Wakes whoever waits for a piece that never comes.
struct EndOnPanic<'a, T>(&'a Queue<T>);

impl<T> Drop for EndOnPanic<'_, T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn pieces_come_in_order_and_not_too_far_ahead() {
        let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut seen = Vec::new();
        let work = |piece: usize| {
            let ahead = begun.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
            assert!(ahead <= 4 + 1, "{ahead}");
            Ok(piece * 2)
        };
        in_order(100, 3, 4, work, |piece, made| {
            taken.fetch_add(1, Ordering::SeqCst);
            seen.push((piece, made));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..100).map(|it| (it, it * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_ends_it() {
        let fails = |piece: usize| match piece {
            7 => Err(QueryError::DatabaseRequired),
            other => Ok(other),
        };
        let mut seen = 0;
        let ended = in_order(100, 2, 4, fails, |_, _| {
            seen += 1;
            Ok(())
        });
        assert!(matches!(ended, Err(QueryError::DatabaseRequired)));
        assert_eq!(seen, 7);
        let refused = in_order(100, 2, 4, Ok, |_, _| Err(QueryError::DatabaseRequired));
        assert!(refused.is_err());
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let panics = |piece: usize| {
            assert!(piece != 3, "as asked");
            Ok(piece)
        };
        let _ = in_order(100, 2, 4, panics, |_, _| Ok(()));
    }
}
