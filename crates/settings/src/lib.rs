//! Settings from TOML: every fault of a file at once, each with its line.
//!
//! A document is walked with its positions instead of through serde, because serde stops at the first fault and a
//! user then fixes a file one line a run. Whoever has settings walks the keys and converts each value with the
//! functions here; what is wrong with a value is said as what to write instead.
//!
//! ```
//! use svcflow_settings::{Faults, Walk, count, text};
//!
//! let (mut name, mut cores) = (String::new(), 1);
//! let faults = Walk::document("name = 3\ncore = 2\n", |_, key, value| match key {
//!     "name" => Ok(name = text(value)?.to_owned()),
//!     "cores" => Ok(cores = count(value)?.get()),
//!     _ => Err("unknown key; the keys are name, cores".to_owned()),
//! });
//! let faults = Faults { file: Some("x.toml".into()), faults };
//! assert_eq!(
//!     faults.to_string(),
//!     "x.toml:1: `name`: expected text in quotes\n\
//!      x.toml:2: `core`: unknown key; the keys are name, cores"
//! );
//! ```

mod value;

use std::fmt;
use std::path::{Path, PathBuf};

pub use toml::Spanned;
pub use toml::de::{DeTable, DeValue};
pub use value::{Parsed, address, bytes, count, duration, flag, parse_duration, text, texts};

/// One thing wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1; `None` where the value came from elsewhere.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Fault {
    /// A fault that no line is to blame for.
    #[must_use]
    pub fn of_all(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }
}

/// Everything wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Which file.
    pub file: Option<PathBuf>,
    /// The faults, in the file's order.
    pub faults: Vec<Fault>,
}

impl Faults {
    /// `value`, if there are no faults.
    ///
    /// # Errors
    /// The faults, if there are any.
    pub fn or<T>(value: T, faults: Vec<Fault>, file: Option<&Path>) -> Result<T, Self> {
        if faults.is_empty() {
            return Ok(value);
        }
        Err(Self { file: file.map(Path::to_owned), faults })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or("configuration".into(), Path::to_string_lossy);
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

/// A walk through a document that goes on after a fault.
#[derive(Debug)]
pub struct Walk<'t> {
    text: &'t str,
    faults: Vec<Fault>,
}

impl<'t> Walk<'t> {
    /// Walks the keys of a document's root; the faults, in the document's order.
    pub fn document(
        text: &'t str,
        set: impl FnMut(&mut Self, &str, &DeValue<'_>) -> Parsed<()>,
    ) -> Vec<Fault> {
        let mut walk = Self { text, faults: Vec::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            walk.fault(error.span().map(|span| span.start), error.message().to_owned());
        }
        walk.table(document.get_ref(), set);
        walk.faults.sort_by_key(|fault| fault.line);
        walk.faults
    }

    /// Walks the keys of a table. What `set` refuses becomes a fault at the key's line.
    pub fn table(
        &mut self,
        table: &DeTable<'_>,
        mut set: impl FnMut(&mut Self, &str, &DeValue<'_>) -> Parsed<()>,
    ) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            if let Err(remedy) = set(self, name, value.get_ref()) {
                self.fault(Some(key.span().start), format!("`{name}`: {remedy}"));
            }
        }
    }

    /// Notes a fault at a byte of the document.
    pub fn fault(&mut self, at: Option<usize>, message: String) {
        let before = at.and_then(|at| self.text.as_bytes().get(..at));
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        self.faults.push(Fault { line, message });
    }
}
