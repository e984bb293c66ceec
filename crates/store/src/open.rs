//! Opening a store: what is on disk becomes what is in memory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::damage::{DamageKind, Damages};
use crate::folder::Folder;
use crate::log::{self, Log};
use crate::run::Run;
use crate::shared::{Databases, Shared};
use crate::{Error, Options};

/// Reads the catalog, then the log behind it; finds the runs.
pub(crate) fn open(path: &Path, options: Options) -> Result<Shared, Error> {
    let folder = Folder::open(path)?;
    let damages = Arc::new(Damages::default());
    let catalog = Catalog::read(&folder, &damages)?;
    let files = run_files(&folder.data())?;
    if catalog.is_none() && !files.is_empty() {
        // Without a catalog there are no runs; so it is lost, and with it whose they are.
        return Err(Error::Damaged(damages.emit(folder.catalog(), DamageKind::Catalogs).into()));
    }
    let first = catalog.as_ref().map_or(0, |catalog| catalog.log);
    let mut databases = catalog.map(Catalog::databases).unwrap_or_default();
    let log = replay(&folder, first, &damages, &mut databases)?;
    let next_run = find_runs(files, &damages, &databases)?;
    let shared = Shared::new(folder, options, databases, damages, log, next_run);
    let bytes = shared.order().log.bytes();
    shared.pressure.wrote(&shared.options, shared.head_bytes(), bytes);
    Ok(shared)
}

/// Makes the changes of the log from this file on once more, and begins the next file.
fn replay(
    folder: &Folder,
    first: u64,
    damages: &Damages,
    databases: &mut Databases,
) -> Result<Log, Error> {
    let folder = folder.log();
    log::trim(&folder, first)?;
    let files = log::files(&folder)?;
    let mut bytes = 0;
    for number in &files {
        let last = files.last() == Some(number);
        bytes += log::replay(&folder, *number, last, damages, |content| {
            Ok(databases.replay(content).unwrap_or(false))
        })?;
    }
    let next = files.last().map_or(first, |last| last + 1).max(1);
    Log::begin(&folder, next, bytes)
}

/// The files of chunks, below the folder's databases, policies and partitions. Unfinished ones are
/// deleted.
fn run_files(data: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders = vec![data.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("run") => files.push(path),
                Some("new") => std::fs::remove_file(&path).map_err(Error::io("delete", &path))?,
                _ => {}
            }
        }
    }
    Ok(files)
}

/// Opens the runs and gives them to their policies. Deletes those that were replaced, or whose policy is
/// gone. Returns the number that the next run gets.
fn find_runs(files: Vec<PathBuf>, damages: &Damages, databases: &Databases) -> Result<u64, Error> {
    let mut runs = Vec::new();
    let mut next = 1;
    for path in files {
        // Of a file that can't be read the name is left; its number must not be given out again.
        let name = path.file_stem().and_then(|name| name.to_str());
        next = next.max(name.and_then(|name| name.parse().ok()).map_or(0, |id: u64| id + 1));
        runs.extend(Run::open(&path, damages)?);
    }
    let replaced: HashSet<u64> =
        runs.iter().flat_map(|run| &run.identity.replaces).copied().collect();
    for run in runs {
        let identity = &run.identity;
        let database = databases.by_name.values().find(|it| it.id == identity.database);
        let data = database.and_then(|database| database.data(identity.policy));
        match data.filter(|_| !replaced.contains(&identity.id)) {
            Some(data) => drop(data.change(|tables| tables.add_run(Arc::new(run)))),
            None => run.discard(),
        }
    }
    Ok(next)
}
