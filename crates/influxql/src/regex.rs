use std::fmt;

/// A regular expression as the statement wrote it, checked and ready to use.
///
/// Two are equal when they were written alike.
#[derive(Clone)]
pub struct Regex {
    pattern: String,
    compiled: regex::Regex,
}

impl Regex {
    /// Checks and compiles a pattern.
    ///
    /// # Errors
    /// The pattern isn't one, or is too large when compiled.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self { compiled: regex::Regex::new(pattern)?, pattern: pattern.to_owned() })
    }

    /// The pattern as written, without the slashes around it.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern is found anywhere in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.pattern)
    }
}
