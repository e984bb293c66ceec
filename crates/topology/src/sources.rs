//! Where names come from, each watched live and failing alone.

pub mod contiv;
pub mod docker;
pub mod file;
mod hub;
mod settings;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use svcflow_model::Timestamp;
use tokio::sync::mpsc;

use crate::{SourceId, Update};

pub use hub::Hub;
pub use settings::{Error as SettingsError, Settings};

/// The name of the source that reads a file.
pub const STATIC: &str = "static";
/// The name of the source that asks Netmaster.
pub const CONTIV: &str = "contiv";
/// The name of the source that asks a Docker engine.
pub const DOCKER: &str = "docker";

/// The time of day.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The host's time of day.
#[must_use]
pub fn system_now() -> Now {
    Arc::new(|| SystemTime::now().into())
}

/// What a source does until it is dropped.
pub type Watching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A place that names come from.
pub trait Source: Send {
    /// What it is called, also in the stored history: keep it the same.
    fn name(&self) -> &str;

    /// Whether it may well have nothing to say, so that nobody waits for it.
    fn is_quiet(&self) -> bool {
        false
    }

    /// Watches and tells. Never ends by itself: a failure is told, and tried again.
    fn watch(self: Box<Self>, teller: Teller) -> Watching;
}

/// By this a source tells what it knows.
#[derive(Clone)]
pub struct Teller {
    source: SourceId,
    updates: mpsc::Sender<(SourceId, Update)>,
    now: Now,
}

impl Teller {
    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Tells, and waits where many words wait already: none is dropped.
    pub async fn tell(&self, update: Update) {
        // Where nobody listens any more the source is about to be dropped too.
        let _ = self.updates.send((self.source, update)).await;
    }

    /// Tells why it can't be asked.
    pub async fn failed(&self, error: String) {
        self.tell(Update::Failed { at: self.now(), error }).await;
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line
}
