//! The store's folder: its lock, its format, and files that are there as a whole or not at all.
//!
//! ```text
//! FORMAT          the layout's name and version
//! LOCK            locked by the process that has the store open
//! catalog         databases, policies, fields and series, as they were when the log's first file began
//! catalog.copy    the same, for when `catalog` is damaged
//! log/            what was written since
//! data/           sealed chunks
//! ```

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// What `FORMAT` holds. Another number is another layout.
const FORMAT: &str = "svcflow-store 2\n";

/// An open folder. As long as it lives, no other process opens the store.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it isn't there, locks it and looks at its format.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(Error::io("create the folder", path))?;
        let lock_path = path.join("LOCK");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(Error::io("open for writing", &lock_path))?;
        lock.try_lock().map_err(|fault| match fault {
            TryLockError::WouldBlock => Error::Locked { path: lock_path.clone() },
            TryLockError::Error(source) => Error::io("lock", &lock_path)(source),
        })?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.check_format()?;
        for name in ["log", "data"] {
            let path = folder.path.join(name);
            std::fs::create_dir_all(&path).map_err(Error::io("create the folder", &path))?;
        }
        sync_folder(&folder.path)?;
        Ok(folder)
    }

    fn check_format(&self) -> Result<(), Error> {
        let path = self.path.join("FORMAT");
        match std::fs::read_to_string(&path) {
            Ok(found) if found == FORMAT => Ok(()),
            Ok(found) => {
                Err(Error::Format { path, found: found.trim().chars().take(40).collect() })
            }
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                write_whole(&path, FORMAT.as_bytes())
            }
            Err(fault) => Err(Error::io("read", &path)(fault)),
        }
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.path.join("catalog")
    }

    pub(crate) fn catalog_copy(&self) -> PathBuf {
        self.path.join("catalog.copy")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }
}

/// Makes the folder's entries durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = File::open(path).map_err(Error::io("open", path))?;
    folder.sync_all().map_err(Error::io("sync", path))
}

/// Writes a file so that after any crash the old or the new content is there, durable on return.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = File::create(&new).map_err(Error::io("create", &new))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(Error::io("write", &new))?;
    std::fs::rename(&new, path).map_err(Error::io("rename", &new))?;
    path.parent().map_or(Ok(()), sync_folder)
}
