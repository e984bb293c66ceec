use std::path::PathBuf;
use std::time::Duration;

/// Why nobody can be talked to. Messages name the remedy; sources are left out of Display.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file with a token, a certificate or a key can't be read.
    #[error("can't read {}: give an existing file that this user may read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A token file holds nothing usable.
    #[error("{} holds no token: write one line of visible characters, 16 at least (`openssl rand -hex 32`)", path.display())]
    TokenUnusable {
        /// Which file.
        path: PathBuf,
    },
    /// A PEM file holds nothing of the kind that was looked for.
    #[error("{} holds no {wanted} in PEM form", path.display())]
    NothingInPem {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// A PEM file is damaged.
    #[error("{} is no valid PEM file", path.display())]
    PemUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Certificates and key don't make a TLS configuration.
    #[error("the TLS settings don't fit together: certificate and key must belong to each other")]
    Tls(#[source] rustls::Error),
    /// A CA can't be used to verify others.
    #[error("{} can't be used to verify certificates: give a CA's certificate", path.display())]
    Verifier {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::server::VerifierBuilderError,
    },
    /// The host offers no CA certificates.
    #[error(
        "no CA certificates are installed on this host: install `ca-certificates` or name a CA file"
    )]
    NoRoots,
    /// Not an address that can be asked.
    #[error("`{0}` is no URL: write http://HOST:PORT or https://HOST:PORT")]
    BadUrl(String),
    /// Nobody answers, or the connection broke, or TLS refused the other side.
    #[error("{url} does not answer")]
    Unreachable {
        /// Who was asked.
        url: String,
        /// The transport's word.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer did not come in time.
    #[error("{url} did not answer within {after:?}")]
    TimedOut {
        /// Who was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer is longer than it may be.
    #[error("{url} answered more than {limit} bytes")]
    TooLong {
        /// Who was asked.
        url: String,
        /// The limit.
        limit: usize,
    },
}
