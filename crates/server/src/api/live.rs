//! `GET /api/v1/live`: server-sent events.
//!
//! One task looks for new intervals while anybody listens, and tells all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use parking_lot::Mutex;
use svcflow_map::Millis;
use svcflow_map::document::{Ping, Tick};
use tokio::sync::watch;
use tokio::time::timeout;

use super::fault::Fault;
use super::state::Shared;

/// Between two looks for a new interval.
const LOOK: Duration = Duration::from_millis(250);
/// A client that hears nothing for longer takes the server for gone.
const PING: Duration = Duration::from_secs(4);
/// How long a client waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Proxies must hand events on at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The end of the last accounted interval, for those who listen. Closed when the server stops.
#[derive(Default)]
pub(super) struct Ticks(Mutex<Option<watch::Sender<Option<Millis>>>>);

impl Ticks {
    /// Listens; begins to look where nobody did.
    fn listen(shared: &Arc<Shared>, latest: Option<Millis>) -> watch::Receiver<Option<Millis>> {
        let mut sender = shared.ticks.0.lock();
        if let Some(sender) = sender.as_ref() {
            return sender.subscribe();
        }
        let (new, listener) = watch::channel(latest);
        *sender = Some(new);
        tokio::spawn(look(Arc::clone(shared)));
        listener
    }

    /// Tells those who listen; `false` where nobody does any more, and then nobody is looking any more.
    fn tell(&self, latest: Option<Millis>) -> bool {
        let mut sender = self.0.lock();
        let heard = sender.as_ref().is_some_and(|sender| sender.receiver_count() > 0);
        if !heard {
            *sender = None;
        }
        if let Some(sender) = sender.as_ref() {
            sender.send_if_modified(|there| std::mem::replace(there, latest) != latest);
        }
        heard
    }

    fn close(&self) {
        *self.0.lock() = None;
    }
}

async fn look(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if shared.app.is_stopping() {
            return shared.ticks.close();
        }
        let at_work = Arc::clone(&shared);
        let known = tokio::task::spawn_blocking(move || at_work.known().map(|it| it.clock.latest));
        // A store that fails was said by the log; listeners see that no tick comes.
        let Ok(Ok(latest)) = known.await else { continue };
        if !shared.ticks.tell(latest) {
            return;
        }
    }
}

/// The route.
pub(super) async fn live(State(shared): State<Arc<Shared>>) -> Response {
    let at_work = Arc::clone(&shared);
    let hello =
        tokio::task::spawn_blocking(move || at_work.known().map(|known| at_work.hello(&known)));
    let hello = match hello.await {
        Ok(Ok(hello)) => hello,
        Ok(Err(fault)) => return fault.into_response(),
        Err(error) => return Fault::internal(&error).into_response(),
    };
    let latest = hello.latest;
    let mut ticks = Ticks::listen(&shared, latest);
    ticks.mark_unchanged();
    let first = event("hello", &hello).map(|event| event.retry(RETRY));
    let mut response = Sse::new(events(first, Listener { shared, ticks, latest })).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}

struct Listener {
    shared: Arc<Shared>,
    ticks: watch::Receiver<Option<Millis>>,
    /// What was told last.
    latest: Option<Millis>,
}

impl Listener {
    /// The next event; `None` where the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            // What was there already when this one began to listen counts, too.
            let there = *self.ticks.borrow_and_update();
            if let Some(latest) = there.filter(|_| there != self.latest) {
                self.latest = there;
                return event("tick", &Tick { latest, now: self.shared.now() });
            }
            match timeout(PING, self.ticks.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return event("ping", &Ping { now: self.shared.now() }),
            }
        }
    }
}

fn events(
    first: Option<Event>,
    listener: Listener,
) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold((first, listener), async |(first, mut listener)| {
        let event = match first {
            Some(first) => first,
            None => listener.next().await?,
        };
        Some((Ok(event), (None, listener)))
    })
}

/// `None` never comes in practice: every document has a JSON form.
fn event(name: &'static str, document: &impl serde::Serialize) -> Option<Event> {
    Event::default().event(name).json_data(document).ok()
}
