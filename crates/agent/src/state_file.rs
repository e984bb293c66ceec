//! Baselines over a restart: written beside and renamed, so that a crash leaves the old or the new.
//!
//! Not synced to the disk: after a power failure the kernel's counters, which the baselines belong to,
//! are gone as well, and a file cut short is found out and stated as a gap.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use svcflow_accounting::State;

/// Raised when the layout changes; another version is no state.
const VERSION: u32 = 1;
const NAME: &str = "agent-state.json";

/// What is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept<S> {
    version: u32,
    pub(crate) sequence: u64,
    pub(crate) accounting: S,
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join(NAME) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; `None` where nothing was.
    pub(crate) fn load(&self) -> io::Result<Option<Kept<State>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kept: Kept<State> = serde_json::from_reader(BufReader::new(file))?;
        if kept.version == VERSION {
            return Ok(Some(kept));
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("version {}", kept.version)))
    }

    /// Keeps a state. Where that fails the old one is removed: counters above it are about to be
    /// published, and going on from it would let them fall.
    pub(crate) fn save(&self, sequence: u64, state: &State) -> io::Result<()> {
        self.write(&Kept { version: VERSION, sequence, accounting: state }).inspect_err(|_| {
            let _ = fs::remove_file(&self.path);
        })
    }

    fn write(&self, kept: &Kept<&State>) -> io::Result<()> {
        let beside = self.path.with_extension("json.new");
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        // The state holds the hash seed: for the agent alone.
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let mut writer = BufWriter::new(file);
        serde_json::to_writer(&mut writer, kept)?;
        writer.flush()?;
        fs::rename(&beside, &self.path)
    }
}
