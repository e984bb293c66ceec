//! Opening a store: what is on disk becomes what is in memory.

use std::path::Path;

use crate::damage::Damages;
use crate::folder::Folder;
use crate::log::{self, Log};
use crate::shared::{Databases, Shared};
use crate::{Error, Options};

pub(crate) fn open(path: &Path, options: Options) -> Result<Shared, Error> {
    let folder = Folder::open(path)?;
    let damages = Damages::default();
    let mut databases = Databases::default();
    let files = log::files(&folder.log())?;
    let mut bytes = 0;
    for number in &files {
        let last = files.last() == Some(number);
        bytes += log::replay(&folder.log(), *number, last, &damages, |content| {
            Ok(databases.replay(content).unwrap_or(false))
        })?;
    }
    let next = files.last().map_or(1, |last| last + 1);
    let log = Log::begin(&folder.log(), next, bytes)?;
    Ok(Shared::new(folder, options, databases, damages, log))
}
