//! What can go wrong in a measurement.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server could not be started.
    #[error("starting a server")]
    Start(#[source] svcflow_compat::Error),
    /// A request got no HTTP answer.
    #[error("{what}: no answer")]
    Http {
        /// What was asked.
        what: String,
        /// The client's reason.
        #[source]
        source: Box<ureq::Error>,
    },
    /// A server refused a request, or answered something else than was written to it.
    #[error("{what}: {answer}")]
    Answer {
        /// What was asked.
        what: String,
        /// What came back.
        answer: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
