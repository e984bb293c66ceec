//! Where this package's data lie.

use std::path::{Path, PathBuf};

/// `name` in this package's folder. Cargo and nextest say at run time where that is; what was compiled in may be
/// another clone's, since clones share a target folder.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).into(), PathBuf::from)
        .join(name)
}
