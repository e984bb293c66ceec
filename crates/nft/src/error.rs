use svcflow_netlink::DecodeError;

/// What can go wrong with the table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A netlink operation failed.
    #[error("nftables operation failed")]
    Netlink(#[from] svcflow_netlink::Error),
    /// Another living process owns the table.
    #[error("table {name} is owned by another running process")]
    Owned {
        /// The table's family and name.
        name: String,
    },
    /// No random number for the table's epoch.
    #[error("no random number for the table's epoch")]
    Random(#[source] std::io::Error),
    /// The options can't be met.
    #[error("{what}")]
    Options {
        /// Which, and why.
        what: &'static str,
    },
    /// The table that was just made isn't there: someone deleted it at once.
    #[error("table {name} vanished")]
    Vanished {
        /// The table's family and name.
        name: String,
    },
}

impl From<DecodeError> for Error {
    fn from(source: DecodeError) -> Self {
        Self::Netlink(source.into())
    }
}

impl Error {
    /// The kernel's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<rustix::io::Errno> {
        match self {
            Self::Netlink(source) => source.errno(),
            _ => None,
        }
    }
}
