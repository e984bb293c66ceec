//! Names from a file (TOML), read again when it changes.
//!
//! ```toml
//! [[service]]
//! name = "app-svc"
//! tenant = "default"                     # optional
//! addresses = ["100.1.1.3"]
//! ports = ["8080:80:TCP"]                # none: every port of the addresses
//! selectors = { tier = "web" }           # who bears these labels is a provider …
//! providers = ["10.1.1.1", "10.1.1.2"]   # … or the providers are listed
//! labels = { team = "shop" }
//!
//! [[owner]]
//! name = "web-1"
//! addresses = ["10.1.1.1", "fd10::1"]    # or networks, such as 10.1.0.0/16
//! labels = { tier = "web" }
//! node = "node-1"
//! ```

mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Source, Teller, Watching, chain};
use svcflow_settings::Faults;

use crate::{Facts, Update};

/// How often the file is read. Reading beats being notified: it sees files that were replaced, linked
/// anew (as Kubernetes does) or are on another host.
const EVERY: Duration = Duration::from_secs(2);

/// Why a file gives no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It can't be read.
    #[error("can't read {}: give an existing file that this user may read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has faults; all of them are listed.
    #[error("{0}")]
    Faulty(Faults),
}

/// Reads a file.
///
/// # Errors
/// Where it can't be read, or has faults: all of them, each with its line.
pub fn load(path: &Path) -> Result<Facts, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    parse(&text, Some(path))
}

/// Reads text; `path` is only named in faults.
///
/// # Errors
/// Where it has faults: all of them, each with its line.
pub fn parse(text: &str, path: Option<&Path>) -> Result<Facts, Error> {
    let (facts, faults) = walk::read(text);
    Faults::or(facts, faults, path).map_err(Error::Faulty)
}

/// The file as a source, called `static`.
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    every: Duration,
}

impl File {
    /// Watches a file, which may come later.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, every: EVERY }
    }

    /// Reads it this often instead of every two seconds.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }
}

impl Source for File {
    fn name(&self) -> &str {
        super::STATIC
    }

    fn watch(self: Box<Self>, teller: Teller) -> Watching {
        Box::pin(async move {
            let mut last = None;
            loop {
                let at = teller.now();
                let path = self.path.clone();
                // A file on a host that is away may hang: not on a thread of the runtime.
                let read = tokio::task::spawn_blocking(move || read(&path)).await;
                let read = read.unwrap_or_else(|error| Err(error.to_string()));
                if last.as_ref() != Some(&read) {
                    teller.tell(update(&read, &self.path, at)).await;
                    last = Some(read);
                }
                tokio::time::sleep(self.every).await;
            }
        })
    }
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    std::fs::read_to_string(path).map_err(|error| chain(&unreadable(error)))
}

fn update(read: &Result<String, String>, path: &Path, at: svcflow_model::Timestamp) -> Update {
    let facts = match read {
        Ok(text) => parse(text, Some(path)).map_err(|error| chain(&error)),
        Err(error) => Err(error.clone()),
    };
    match facts {
        Ok(facts) => Update::Listed { at, facts },
        Err(error) => {
            tracing::warn!("names from a file stay as they were: {error}");
            Update::Failed { at, error }
        }
    }
}
