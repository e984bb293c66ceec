//! Answers as bytes, made once for all who ask the same within a moment.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::Mutex;

use super::fault::Fault;
use super::query::Query;
use super::state::{Shared, View};
use crate::http::weighted;

/// A shorter answer isn't worth compressing.
const GZIP_FROM: usize = 1_024;
/// Nobody waits longer for a turn.
const TURN: Duration = Duration::from_secs(10);

/// Values that are made once for all who want them at the same time, the last few kept.
pub(super) struct Slots<K, V> {
    slots: Mutex<Vec<(K, Slot<V>)>>,
    most: usize,
}

type Slot<V> = Arc<Mutex<Option<Arc<V>>>>;

impl<K: PartialEq, V> Slots<K, V> {
    /// Keeps so many.
    pub(super) const fn new(most: usize) -> Self {
        Self { slots: Mutex::new(Vec::new()), most }
    }

    /// The value of a key. Where somebody makes it already, waits for that; blocks.
    pub(super) fn get<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let slot = {
            let mut slots = self.slots.lock();
            let slot = match slots.iter().position(|(there, _)| *there == key) {
                Some(place) => slots.remove(place),
                None => (key, Slot::default()),
            };
            let value = Arc::clone(&slot.1);
            slots.push(slot);
            let past = slots.len().saturating_sub(self.most);
            slots.drain(..past);
            value
        };
        let mut value = slot.lock();
        match &*value {
            Some(value) => Ok(Arc::clone(value)),
            None => Ok(Arc::clone(value.insert(Arc::new(make()?)))),
        }
    }
}

/// What goes out.
pub(super) struct Answer {
    bytes: Bytes,
    gzip: bool,
    csv: bool,
}

/// A document as JSON, or text as CSV.
pub(super) enum Made {
    /// JSON.
    Json(Vec<u8>),
    /// CSV.
    Csv(String),
}

impl Made {
    /// A document.
    pub(super) fn json(document: &impl serde::Serialize) -> Result<Self, Fault> {
        serde_json::to_vec(document).map(Self::Json).map_err(|error| Fault::internal(&error))
    }

    fn answer(self, gzip: bool) -> Answer {
        let (bytes, csv) = match self {
            Self::Json(bytes) => (bytes, false),
            Self::Csv(text) => (text.into_bytes(), true),
        };
        match compressed(&bytes).filter(|_| gzip && bytes.len() >= GZIP_FROM) {
            Some(bytes) => Answer { bytes: bytes.into(), gzip: true, csv },
            None => Answer { bytes: bytes.into(), gzip: false, csv },
        }
    }
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// What is asked for, and in which form.
pub(super) struct Question {
    pub(super) query: Query,
    pub(super) csv: bool,
}

/// Answers on a thread that may block.
pub(super) async fn answer(
    shared: Arc<Shared>,
    route: &'static str,
    encoded: String,
    headers: &HeaderMap,
    make: impl FnOnce(&View<'_>, &Question) -> Result<Made, Fault> + Send + 'static,
) -> Response {
    let gzip = weighted(headers, ACCEPT_ENCODING).any(|coding| coding == "gzip");
    let csv = wants_csv(headers);
    let turn = tokio::time::timeout(TURN, Arc::clone(&shared.turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        let remedy = Some("Ask again in a moment, or for less.");
        return Fault::unavailable("too many answers are being made", remedy).into_response();
    };
    if shared.app.is_stopping() {
        return Fault::unavailable("the server is being stopped", None).into_response();
    }
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let view = shared.view()?;
        let key = view.key(format!("{route} {gzip} {csv} {encoded}"));
        let question = Question { query: Query::of(&encoded), csv };
        shared.answers.get(key, || make(&view, &question).map(|made| made.answer(gzip)))
    });
    match made.await {
        Ok(Ok(answer)) => answer.reply(),
        Ok(Err(fault)) => fault.into_response(),
        Err(error) => Fault::internal(&error).into_response(),
    }
}

impl Answer {
    fn reply(&self) -> Response {
        let kind = if self.csv { "text/csv; charset=utf-8" } else { "application/json" };
        let headers: [(HeaderName, HeaderValue); 3] = [
            (CONTENT_TYPE, HeaderValue::from_static(kind)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (VARY, HeaderValue::from_static("Accept, Accept-Encoding")),
        ];
        let mut response = (headers, self.bytes.clone()).into_response();
        if self.gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Whether CSV is wanted rather than JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let mut known = weighted(headers, ACCEPT).filter_map(|media| match media.as_str() {
        "text/csv" => Some(true),
        "application/json" | "application/*" | "*/*" => Some(false),
        _ => None,
    });
    known.next().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_many_want_at_once_is_made_once() {
        let slots = Slots::new(2);
        let made = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let make = || {
                        std::thread::sleep(Duration::from_millis(20));
                        Ok::<_, ()>(made.fetch_add(1, Ordering::SeqCst))
                    };
                    assert_eq!(*slots.get("a", make).unwrap(), 0);
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_last_few_are_kept_and_failures_are_not() {
        let slots = Slots::new(2);
        assert_eq!(slots.get("a", || Err::<u8, _>("no")), Err("no"));
        let get = |key, value| *slots.get(key, || Ok::<_, ()>(value)).unwrap();
        assert_eq!((get("a", 1), get("b", 2), get("a", 3)), (1, 2, 1));
        assert_eq!(
            (get("c", 4), get("a", 5), get("b", 6)),
            (4, 1, 6),
            "the one not used longest is gone"
        );
    }
}
