//! The sources of names that a configuration asks for.

use svcflow_topology::sources::{Settings, Source};

use crate::{Config, Error};

/// The sources, the first in precedence first; see [`Settings::sources`].
///
/// # Errors
/// Where the file of names can't be read or has faults, or an address is none. A source that doesn't answer
/// is no error: it is watched.
pub fn sources(config: &Config) -> Result<Vec<Box<dyn Source>>, Error> {
    let Config { names, netmaster, docker, .. } = config;
    let settings =
        Settings { file: names.clone(), netmaster: netmaster.clone(), docker: docker.clone() };
    Ok(settings.sources()?)
}
