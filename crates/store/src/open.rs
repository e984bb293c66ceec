//! Opening a store: what is on disk becomes what is in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::damage::{DamageKind, Damages};
use crate::folder::Folder;
use crate::log::{self, Log};
use crate::run::{Identity, Run};
use crate::shared::{Databases, Shared};
use crate::{Error, Options};

/// Reads the catalog, then the log behind it; finds the runs.
pub(crate) fn open(path: &Path, options: Options) -> Result<Shared, Error> {
    let folder = Folder::open(path)?;
    let damages = Arc::new(Damages::default());
    let files = run_files(&folder.data())?;
    let catalog = match Catalog::read(&folder, &damages)? {
        Some(catalog) => catalog,
        None if files.is_empty() => {
            // Before there can be a run: a kill between the first run and the catalog that tells of it
            // must not look like a catalog that was lost.
            let empty = Catalog::default();
            empty.write(&folder)?;
            empty
        }
        None => {
            return Err(Error::Damaged(
                damages.emit(folder.catalog(), DamageKind::Catalogs).into(),
            ));
        }
    };
    let first = catalog.log;
    let mut databases = catalog.databases();
    let log = replay(&folder, first, &damages, &mut databases)?;
    let next_run = find_runs(files, &damages, &mut databases)?;
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
fn find_runs(
    files: Vec<PathBuf>,
    damages: &Damages,
    databases: &mut Databases,
) -> Result<u64, Error> {
    let mut runs: Vec<Run> = Vec::new();
    let mut next = 1;
    for path in files {
        // Of a file that can't be read the name is left; its number must not be given out again.
        let name = path.file_stem().and_then(|name| name.to_str());
        next = next.max(name.and_then(|name| name.parse().ok()).map_or(0, |id: u64| id + 1));
        runs.extend(Run::open(&path, damages)?);
    }
    let mut partitions: HashMap<_, Vec<Identity>> = HashMap::new();
    for run in &runs {
        let identity = run.identity.clone();
        partitions.entry(identity.place()).or_default().push(identity);
    }
    // They go last: until then they are needed, if this start is killed too.
    let mut marks = Vec::new();
    for run in runs {
        let identity = &run.identity;
        // A round whose catalog was never written: its rows are in the log too, but the run stays.
        databases.next.round = databases.next.round.max(identity.rounds.1);
        if run.is_mark() {
            run.discard();
            marks.push(run);
            continue;
        }
        let database = databases.by_name.values().find(|it| it.id == identity.database);
        let data = database.and_then(|database| database.data(identity.policy));
        let others = partitions.get(&identity.place());
        let replaced = others.into_iter().flatten().any(|other| other.replaces(identity));
        match data.filter(|_| !replaced) {
            Some(data) => drop(data.change(|tables| tables.add_run(Arc::new(run)))),
            None => run.discard(),
        }
    }
    Ok(next)
}
