use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

/// Files are looked at no more often: a request in between costs no system call.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What was made of some files, made again once they change: certificates are renewed and tokens replaced while
/// everything runs. What can't be used changes nothing and is warned of once.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    state: Mutex<State<T>>,
}

struct State<T> {
    looked: Instant,
    stamps: Vec<Option<Stamp>>,
    value: Arc<T>,
}

/// When a file was written, and how long it is: another one, most likely, where either differs.
type Stamp = (SystemTime, u64);

impl<T> Watched<T> {
    /// Makes it now, and again whenever one of these files changes.
    ///
    /// # Errors
    /// As `make`.
    pub fn new<E: fmt::Display>(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // The stamps first: a file that changes while it is read is read once more.
        let stamps = stamps(&files);
        let state = State { looked: Instant::now(), stamps, value: Arc::new(make()?) };
        Ok(Self {
            files,
            make: Box::new(move || make().map_err(|error| error.to_string())),
            state: Mutex::new(state),
        })
    }

    /// As it is now.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Arc<T> {
        let mut state = self.state.lock();
        if now.saturating_duration_since(state.looked) >= LOOK_EVERY {
            state.looked = now;
            self.look(&mut state);
        }
        Arc::clone(&state.value)
    }

    fn look(&self, state: &mut State<T>) {
        let stamps = stamps(&self.files);
        if stamps == state.stamps {
            return;
        }
        state.stamps = stamps;
        match (self.make)() {
            Ok(value) => {
                state.value = Arc::new(value);
                tracing::info!("read again, since it changed: {}", self.names());
            }
            Err(error) => {
                tracing::warn!("what was read before stays in use, since {error}");
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        names.join(", ")
    }
}

impl<T: Send + Sync + Clone + 'static> Watched<T> {
    /// A value that no file changes.
    pub(crate) fn fixed(value: T) -> Self {
        let state =
            State { looked: Instant::now(), stamps: Vec::new(), value: value.clone().into() };
        Self {
            files: Vec::new(),
            make: Box::new(move || Ok(value.clone())),
            state: Mutex::new(state),
        }
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_a_faulty_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, "1").unwrap();
        let file = path.clone();
        let watched = Watched::new(vec![path.clone()], move || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            text.parse::<u32>()
        })
        .unwrap();
        let start = Instant::now();
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            *watched.at(start + LOOK_EVERY * looks)
        };
        assert_eq!(look(), 1);
        std::fs::write(&path, "22").unwrap();
        assert_eq!(*watched.get(), 1, "not yet looked at again");
        assert_eq!(look(), 22);
        std::fs::write(&path, "none").unwrap();
        assert_eq!(look(), 22);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(look(), 22);
        std::fs::write(&path, "3").unwrap();
        assert_eq!((look(), look()), (3, 3));
    }
}
