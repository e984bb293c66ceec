//! What can go wrong around a comparison, as opposed to a difference found by one.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {doing}", path.display())]
    File {
        /// What was tried, as in "reading".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A scenario file is no YAML, or holds a key or type that scenarios don't have.
    #[error("{}: not a scenario", path.display())]
    Yaml {
        /// The scenario file.
        path: PathBuf,
        /// The place and the fault.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A scenario says something that has no meaning.
    #[error("{}: step {step}: {fault}", path.display())]
    Scenario {
        /// The scenario file.
        path: PathBuf,
        /// The number of the step, counted from 1.
        step: usize,
        /// What is wrong, with what was expected.
        fault: String,
    },
    /// A recorded answer can't be read, or belongs to another step.
    #[error("{}: {fault}; record again: cargo run -p svcflow-compat -- record", path.display())]
    Recorded {
        /// The recorded file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// A server program could not be started or did not answer in time.
    #[error("{program} did not start: {fault}")]
    Start {
        /// The program.
        program: String,
        /// What was seen, with the end of its output.
        fault: String,
    },
    /// A request got no HTTP answer at all.
    #[error("{url}: no answer")]
    Http {
        /// What was asked.
        url: String,
        /// The client's reason.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The server under test holds databases that the run would have to drop.
    #[error(
        "{url} holds databases ({names}), and a run drops all of them: give an empty server, or --wipe"
    )]
    NotEmpty {
        /// The server's base URL.
        url: String,
        /// The databases' names.
        names: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }
}
