use std::path::PathBuf;

use svcflow_settings::Faults;

use crate::history::HistoryError;

/// Why a collector can't start. Every message names the remedy; sources are left out of Display.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration has faults; all of them are listed.
    #[error("{0}")]
    Config(Faults),
    /// Tokens, certificates or keys can't be used.
    #[error("can't talk to agents or sinks as configured")]
    Security(#[source] svcflow_transport::Error),
    /// A file with a password or token of a sink can't be read.
    #[error("can't read {}: give an existing file that this user may read", path.display())]
    SecretUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file with a password or token of a sink holds nothing usable.
    #[error("{} holds no password or token: write it on the first line", path.display())]
    SecretUnusable {
        /// Which file.
        path: PathBuf,
    },
    /// A spool's folder can't be used.
    #[error("can't use the spool in {}: make it writable, or set `spool_dir`", folder.display())]
    Spool {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store can't be written to.
    #[error("can't use the store")]
    History(#[source] HistoryError),
    /// There is neither an embedded store nor another engine.
    #[error("there is no store: set `store = \"influxdb\"`, or run with a data folder")]
    NoStore,
}
