use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Faults;

/// What a source's opener may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the agent can't start. Every message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file can't be read.
    #[error("can't read {}: give an existing file with `--config`, or none for the defaults", path.display())]
    ConfigUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration has faults; all of them are listed.
    #[error("{0}")]
    Config(Faults),
    /// The HTTP address can't be bound.
    #[error(
        "can't listen on {address}: stop what holds the port (`ss -ltnp` names it) or set \
         `listen = \"127.0.0.1:PORT\"` to another"
    )]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A source of names can't be watched.
    #[error(transparent)]
    Names(#[from] svcflow_topology::sources::SettingsError),
    /// Tokens, certificates or keys can't be used.
    #[error("can't protect HTTP as configured")]
    Protection(#[source] svcflow_transport::Error),
    /// The thread that looks can't be made.
    #[error("can't start the look thread: raise the limit of threads (`ulimit -u`)")]
    Thread(#[source] std::io::Error),
    /// The traffic source can't be opened; its own message names the remedy.
    #[error("can't open the traffic source")]
    Source(#[source] BoxError),
    /// The look thread ended before it was ready.
    #[error("the look thread ended before its first look: see the log line before this one")]
    ThreadEnded,
    /// The kernel gave no random number for a new epoch.
    #[error("the kernel gave no random number for a new epoch: allow the `getrandom` system call")]
    Random(#[source] std::io::Error),
}
