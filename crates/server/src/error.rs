use std::net::SocketAddr;
use std::path::PathBuf;

use svcflow_settings::Faults;

/// Why the server can't start or go on. Every message names the remedy.
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
    /// A file has faults; all of them are listed.
    #[error("{0}")]
    Config(Faults),
    /// The users file can't be read.
    #[error("can't read {}: give a file that this user may read with `users_file`", path.display())]
    UsersUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others may read the secrets.
    #[error("{} can be read by others, and holds secrets: `chmod 600` it", path.display())]
    UsersExposed {
        /// Which file.
        path: PathBuf,
    },
    /// Certificate and key can't be used; its own message names the remedy.
    #[error("TLS can't be set up")]
    Tls(#[source] svcflow_transport::Error),
    /// The HTTP address can't be bound.
    #[error(
        "can't listen on {address}: stop what holds the port (`ss -ltnp` names it; InfluxDB's is 8086, too) or \
         give another with `--listen 127.0.0.1:PORT`"
    )]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store can't be opened or flushed; its own message names the remedy.
    #[error("the store in {} can't be used", folder.display())]
    Store {
        /// Its folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: svcflow_store::Error,
    },
}
