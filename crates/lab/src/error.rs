use std::io;
use std::net::IpAddr;

/// What can keep the lab from being built or its count from being exact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host forbids unprivileged user namespaces.
    #[error(
        "unprivileged user namespaces are forbidden here ({setting}); run it as root: `sudo svcflow demo`"
    )]
    Forbidden {
        /// The setting that forbids them.
        setting: String,
    },
    /// A system call failed.
    #[error("cannot {what}")]
    System {
        /// The operation and its subject.
        what: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// A program that the lab runs is not installed.
    #[error("`{0}` is not installed; `apt install iproute2 nftables`")]
    Missing(&'static str),
    /// `ip` or `nft` refused its input.
    #[error("`{program}` failed: {message}")]
    Program {
        /// Which program.
        program: &'static str,
        /// Its own words.
        message: String,
    },
    /// The plan names an address that the lab does not have.
    #[error("the lab has no {role} {address}; take one from its topology")]
    Unknown {
        /// Client or provider.
        role: &'static str,
        /// The address asked for.
        address: IpAddr,
    },
    /// The plan names a service that the lab does not have.
    #[error("the lab has no service `{0}`; take one from `Lab::services`")]
    UnknownService(String),
    /// The packet count lost packets, so nothing exact can be said.
    #[error("the packet count lost {0} packets; run it again with less traffic at once")]
    Dropped(u64),
    /// Packets kept coming, so the count is of no one moment.
    #[error("packets kept coming for 5 s after the traffic; stop other traffic in the lab first")]
    Unsettled,
    /// A node's connection table was full, so connections failed.
    #[error(
        "a connection table turned {0} packets away; raise net.netfilter.nf_conntrack_max on the host"
    )]
    TableFull(u64),
    /// A thread of the lab panicked.
    #[error("a lab thread panicked; please report it with the output above")]
    Thread,
}

/// A result of the lab.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::System { what: what(), source: error.into() })
    }
}
