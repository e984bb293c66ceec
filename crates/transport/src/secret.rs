//! Secrets that callers show: long enough not to be guessed, kept as digests, compared in constant time.
//!
//! A plain digest is enough for them: a slow hash protects passwords that people choose, and costs every request.

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq};

/// How many characters a secret has at least; shorter ones can be guessed.
pub const SECRET_MIN: usize = 16;

/// Whether a text may be a secret: visible ASCII characters, [`SECRET_MIN`] at least.
#[must_use]
pub fn is_secret(text: &str) -> bool {
    text.len() >= SECRET_MIN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A SHA-256 digest.
#[derive(Clone, Copy)]
pub struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(sum)
    }
}

impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}
