use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring::default_provider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use crate::secret::Digest;
use crate::watched::Watched;
use crate::{Error, pem};

/// Whom a caller believes to be the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whom the host's own CAs vouch for.
    #[default]
    System,
    /// Whom the CAs in this file vouch for.
    Ca(PathBuf),
    /// Who shows one of these very certificates; names and dates in them don't matter then.
    Pinned(Vec<Fingerprint>),
}

impl Trust {
    /// This CA, else the host's, where the connection is encrypted; without encryption there is nobody to believe,
    /// and a host that has no CAs can ask all the same.
    #[must_use]
    pub fn where_needed(encrypted: bool, ca: Option<&Path>) -> Self {
        match (encrypted, ca) {
            (true, Some(path)) => Self::Ca(path.to_owned()),
            (true, None) => Self::System,
            (false, _) => Self::Pinned(Vec::new()),
        }
    }
}

/// The SHA-256 of a certificate's DER form, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Text that is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256 fingerprint: write 64 hexadecimal digits, with or without colons")]
pub struct ParseFingerprintError(String);

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Digest::of(certificate).0)
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseFingerprintError(text.to_owned());
        let digits: Option<Vec<u32>> =
            text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(fault)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let value = pair.iter().fold(0, |value, digit| value * 16 + digit);
            *byte = u8::try_from(value).map_err(|_| fault())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A caller's side of TLS.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<Watched<ClientConfig>>,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// Reads what is needed to believe others, and, with `identity` (certificate and key), to be
    /// believed; files are read again once they change. `server_name` is the name expected in certificates instead of the URL's host: where
    /// agents are found by address, their certificates may all carry one name.
    ///
    /// # Errors
    /// Where a file can't be read, holds nothing usable, or the name is none.
    pub fn read(
        trust: &Trust,
        identity: Option<(&Path, &Path)>,
        server_name: Option<&str>,
    ) -> Result<Self, Error> {
        let trust = trust.clone();
        let identity = identity.map(|(chain, key)| (chain.to_owned(), key.to_owned()));
        let mut files = Vec::new();
        files.extend(if let Trust::Ca(path) = &trust { Some(path.clone()) } else { None });
        files.extend(identity.iter().flat_map(|(chain, key)| [chain.clone(), key.clone()]));
        let config = Watched::new(files, move || configuration(&trust, identity.as_ref()))?;
        let name = |name: &str| {
            ServerName::try_from(name.to_owned()).map_err(|_| Error::BadUrl(name.to_owned()))
        };
        Ok(Self { config: Arc::new(config), server_name: server_name.map(name).transpose()? })
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.config.get()
    }

    pub(crate) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }
}

fn configuration(
    trust: &Trust,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(Error::Tls)?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::Ca(path) => builder.with_root_certificates(roots(path)?),
        Trust::Pinned(pins) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pins { pins: pins.clone(), provider })),
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(pem::certificates(chain)?, pem::key(key)?)
            .map_err(Error::Tls),
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

pub(crate) fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path)? {
        roots.add(certificate).map_err(Error::Tls)?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(Error::NoRoots) } else { Ok(roots) }
}

/// Believes certificates by their fingerprint. The handshake's signature is still verified: who shows
/// a pinned certificate must hold its key.
#[derive(Debug)]
struct Pins {
    pins: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pins.contains(&Fingerprint::of(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_openssl_prints_them() {
        let plain = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        let read: Fingerprint = colons.parse().unwrap();
        assert_eq!(read, plain.parse().unwrap());
        assert_eq!(read.to_string(), plain);
        for wrong in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
