use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;

use crate::watched::Watched;
use crate::{Error, client_tls, pem};

/// A listener's side of TLS.
#[derive(Clone)]
pub struct ServerTls(Arc<Watched<Arc<ServerConfig>>>);

impl ServerTls {
    /// Reads a certificate chain and its key, and again once a file changes: new connections get the new one. With
    /// `client_ca`, callers must show a certificate that it signed.
    ///
    /// # Errors
    /// Where a file can't be read or they don't belong to each other.
    pub fn read(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, Error> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let client_ca = client_ca.map(Path::to_owned);
        let files = [Some(certificate.clone()), Some(key.clone()), client_ca.clone()];
        let files: Vec<PathBuf> = files.into_iter().flatten().collect();
        let make = move || configuration(&certificate, &key, client_ca.as_deref()).map(Arc::new);
        Ok(Self(Arc::new(Watched::new(files, make)?)))
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&*self.0.get())
    }
}

fn configuration(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, Error> {
    let (chain, key) = (pem::certificates(certificate)?, pem::key(key)?);
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(Error::Tls)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(client_tls::roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|source| Error::Verifier { path: path.to_owned(), source })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(Error::Tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(..)")
    }
}
