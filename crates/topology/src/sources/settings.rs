//! Which sources a person asked for, from a table of settings.

use std::path::PathBuf;
use std::time::Duration;

use svcflow_settings::{DeValue, Parsed, text};
use svcflow_transport::{Client, ClientTls, Trust};

use super::Source;
use super::contiv::{self, Netmaster};
use super::docker::Engine;
use super::file::{self, File};

/// Longest time for a connection to Netmaster.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What a table `[names]` may hold.
const KEYS: &str = "file, netmaster, docker";

/// Why a source can't even be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of names can't be used; all its faults are listed.
    #[error(transparent)]
    File(#[from] file::Error),
    /// Netmaster's address is none.
    #[error(transparent)]
    Netmaster(#[from] contiv::Error),
    /// Netmaster can't be asked over TLS.
    #[error("can't ask over TLS")]
    Tls(#[source] svcflow_transport::Error),
}

/// The sources that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A file that names services and owners of addresses.
    pub file: Option<PathBuf>,
    /// Contiv's Netmaster, `http://HOST:PORT`.
    pub netmaster: Option<String>,
    /// The Unix socket of a Docker engine.
    pub docker: Option<String>,
}

impl Settings {
    /// Takes one key of a table over.
    ///
    /// # Errors
    /// Where there is no such key or its value is wrong; says what to write instead.
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        match name {
            "file" => self.file = Some(PathBuf::from(text(value)?)),
            "netmaster" => self.netmaster = Some(text(value)?.to_owned()),
            "docker" => self.docker = Some(text(value)?.to_owned()),
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }

    /// The sources, the first in precedence first: what a person wrote, then what an orchestrator says,
    /// then the engine.
    ///
    /// # Errors
    /// Where the file of names can't be read or has faults, or an address is none. A source that doesn't
    /// answer is no error: it is watched.
    pub fn sources(&self) -> Result<Vec<Box<dyn Source>>, Error> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if let Some(path) = &self.file {
            file::load(path)?;
            sources.push(Box::new(File::new(path.clone())));
        }
        if let Some(url) = &self.netmaster {
            let client = Client::new(&tls(url)?, CONNECT_MAX);
            sources.push(Box::new(Netmaster::new(url, client)?));
        }
        if let Some(socket) = &self.docker {
            sources.push(Box::new(Engine::at(socket)));
        }
        Ok(sources)
    }
}

/// Whom the host's CAs vouch for; for plain HTTP no CAs are needed.
fn tls(url: &str) -> Result<ClientTls, Error> {
    let trust = Trust::where_needed(url.starts_with("https:"), None);
    ClientTls::read(&trust, None, None).map_err(Error::Tls)
}
