//! The sources of names that a configuration asks for.

use std::time::Duration;

use svcflow_topology::sources::Source;
use svcflow_topology::sources::contiv::Netmaster;
use svcflow_topology::sources::docker::Engine;
use svcflow_topology::sources::file::{self, File};
use svcflow_transport::{Client, ClientTls, Trust};

use crate::{Config, Error};

/// Longest time for a connection to Netmaster.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The sources, the first in precedence first: what a person wrote, then what an orchestrator says, then
/// the engine.
///
/// # Errors
/// Where the file of names can't be read or has faults, or an address is none. A source that doesn't answer
/// is no error: it is watched.
pub fn sources(config: &Config) -> Result<Vec<Box<dyn Source>>, Error> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if let Some(path) = &config.names {
        file::load(path).map_err(Error::Names)?;
        sources.push(Box::new(File::new(path.clone())));
    }
    if let Some(url) = &config.netmaster {
        let client = Client::new(&tls(url)?, CONNECT_MAX);
        sources.push(Box::new(Netmaster::new(url, client).map_err(Error::Netmaster)?));
    }
    if let Some(socket) = &config.docker {
        sources.push(Box::new(Engine::at(socket)));
    }
    Ok(sources)
}

/// Whom the host's CAs vouch for; for plain HTTP no CAs are needed.
fn tls(url: &str) -> Result<ClientTls, Error> {
    let trust = if url.starts_with("https:") { Trust::System } else { Trust::Pinned(Vec::new()) };
    ClientTls::read(&trust, None, None).map_err(Error::Tls)
}
