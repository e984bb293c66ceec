//! `store = "influxdb"`: the engine that keeps the data, as the server asks it.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use svcflow_collector::config::{Credentials, Remote};
use svcflow_server::Elsewhere;
use svcflow_transport::{Client, ClientTls, Trust};

use crate::exit::CliError;

const CONNECT: Duration = Duration::from_secs(5);

/// The engine that a collector's configuration names.
pub(crate) fn of(remote: &Remote) -> Result<Elsewhere, CliError> {
    let trust = Trust::where_needed(remote.url.starts_with("https:"), remote.tls_ca.as_deref());
    let client = Client::new(&ClientTls::read(&trust, None, None)?, CONNECT);
    let shown = match &remote.credentials {
        Credentials::None => None,
        Credentials::Token(path) => Some((path, format!("Token {}", secret(path)?))),
        Credentials::User(user, path) => {
            let pair = STANDARD.encode(format!("{user}:{}", secret(path)?));
            Some((path, format!("Basic {pair}")))
        }
    };
    let header = |(path, text): (&std::path::PathBuf, String)| {
        let value = HeaderValue::try_from(text);
        let mut value =
            value.map_err(|_| svcflow_collector::Error::SecretUnusable { path: path.clone() })?;
        value.set_sensitive(true);
        Ok::<_, CliError>(value)
    };
    Ok(Elsewhere::new(client, &remote.url, shown.map(header).transpose()?))
}

fn secret(path: &Path) -> Result<String, CliError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
