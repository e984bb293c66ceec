use std::fmt;
use std::path::{Path, PathBuf};

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1; `None` where the parser names none.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Everything wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Which file.
    pub file: Option<PathBuf>,
    /// The faults, in the file's order.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or("names".into(), Path::to_string_lossy);
        for (i, fault) in self.faults.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            match fault.line {
                Some(line) => write!(f, "{separator}{file}:{line}: {}", fault.message)?,
                None => write!(f, "{separator}{file}: {}", fault.message)?,
            }
        }
        Ok(())
    }
}
