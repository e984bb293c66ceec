//! Who may talk to whom: bearer tokens and TLS, for listeners and for callers.
//!
//! A listener takes a [`ServerTls`] (optionally demanding client certificates) and a set of
//! [`Tokens`]; a caller takes a [`ClientTls`] (a CA, or pinned fingerprints) and a [`Token`]. Nothing
//! listens beyond loopback without both unless told `insecure`: see [`exposure`].
//!
//! Files are read again when they change; see each constructor.
//!
//! Cryptography is rustls with `ring`; nothing here invents any.

mod client;
mod client_tls;
mod error;
mod exposure;
mod listener;
mod pem;
mod secret;
mod serve;
mod server_tls;
mod token;
mod watched;

pub use client::{Answer, Client, Limits};
pub use client_tls::{ClientTls, Fingerprint, ParseFingerprintError, Trust};
pub use error::Error;
pub use exposure::{Exposure, exposure, is_loopback};
pub use listener::TlsListener;
pub use secret::{Digest, SECRET_MIN, is_secret};
pub use serve::serve;
pub use server_tls::ServerTls;
pub use token::{Token, Tokens, require_token};
pub use watched::Watched;
