use rustix::io::Errno;

/// Bytes that are not what they claim to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    /// What was wrong.
    pub what: &'static str,
    /// Where, from the start of the buffer that was handed in.
    pub offset: usize,
}

/// A netlink operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("netlink {operation} failed")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kernel answered a request with an error.
    #[error("the kernel refused {operation}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// Why, as the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// An answer that can't be read.
    #[error("unreadable netlink answer")]
    Decode(#[from] DecodeError),
}

impl Error {
    pub(crate) fn system(operation: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::System { operation, source: errno.into() }
    }

    /// The error number behind it, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::System { source, .. } | Self::Refused { source, .. } => {
                Errno::from_io_error(source)
            }
            Self::Decode(_) => None,
        }
    }
}
