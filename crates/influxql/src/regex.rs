mod class;
mod error;
mod translate;

use std::fmt;

pub use error::RegexError;

/// What a compiled pattern may take, in bytes. Each is tried in turn.
const SIZES: [usize; 4] = [16 << 10, 128 << 10, 1 << 20, 10 << 20];

/// What searching may keep in memory for each thread, in bytes. Beyond, it is slower.
const DFA_SIZE: usize = 256 << 10;

/// A regular expression as the statement wrote it, checked and ready to use.
///
/// The syntax and its meaning are Go's, which InfluxDB uses: `\d`, `\w`, `\s` and `\b` know ASCII only,
/// `[a&&b]` is three characters. Two are equal when they were written alike.
#[derive(Clone)]
pub struct Regex {
    pattern: String,
    /// On bytes, since only there `\B` may be ASCII's.
    compiled: regex::bytes::Regex,
}

impl Regex {
    /// Checks and compiles a pattern in Go's syntax.
    ///
    /// # Errors
    /// The pattern isn't one, or takes more than 10 MB when compiled.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let mut unlimited = usize::MAX;
        Self::within(pattern, &mut unlimited)
    }

    /// The same, out of a budget of bytes that it takes its part of.
    pub(crate) fn within(pattern: &str, budget: &mut usize) -> Result<Self, RegexError> {
        let translated = translate::translate(pattern)?;
        // What it takes can't be asked, only limited.
        for size in SIZES {
            let left = budget.checked_sub(size).ok_or(RegexError::TooLarge)?;
            let built = regex::bytes::RegexBuilder::new(&translated)
                .size_limit(size)
                .dfa_size_limit(DFA_SIZE)
                .build();
            match built.map_err(RegexError::from) {
                Err(RegexError::TooLarge) => {}
                Err(error) => return Err(error),
                Ok(compiled) => {
                    *budget = left;
                    return Ok(Self { pattern: pattern.to_owned(), compiled });
                }
            }
        }
        Err(RegexError::TooLarge)
    }

    /// The pattern as written, without the slashes around it and the backslashes before those within.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern is found anywhere in the text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text.as_bytes())
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
        write!(f, "{self}")
    }
}

impl fmt::Display for Regex {
    /// Between slashes, as InfluxQL. A backslash at the end and line ends, which only a bound parameter can
    /// bring in, are written in another way that means the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = match self.pattern.strip_suffix("\\\\") {
            Some(start) => (start, "\\x5c"),
            None => (self.pattern.as_str(), ""),
        };
        let start = start.replace('/', "\\/").replace('\n', "\\n").replace('\r', "\\r");
        write!(f, "/{start}{end}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(pattern: &str, yes: &[&str], no: &[&str]) {
        let regex = Regex::new(pattern).unwrap();
        for text in yes {
            assert!(regex.is_match(text), "{pattern} finds nothing in {text}");
        }
        for text in no {
            assert!(!regex.is_match(text), "{pattern} finds something in {text}");
        }
    }

    #[test]
    fn classes_are_ascii() {
        finds(r"^\d$", &["7"], &["٣", "x"]);
        finds(r"^\D$", &["٣", "é"], &["7"]);
        finds(r"^\w+$", &["aZ_9"], &["é"]);
        finds(r"^[\w-]+$", &["a-b"], &["é"]);
        finds(r"^[\D]$", &["é"], &["1"]);
        finds(r"\bé", &["aé"], &["é", " é"]);
        finds(r"\s", &["\t"], &["\u{a0}", "\u{b}"]);
        finds("^.$", &["é"], &["\n", "ab"]);
    }

    #[test]
    fn brackets_know_no_sets() {
        finds("^[a&&b]$", &["a", "&", "b"], &["c"]);
        finds("^[[a]$", &["[", "a"], &["]"]);
        finds("^[]a]$", &["]", "a"], &["["]);
        finds("^[^]a]$", &["b"], &["]", "a"]);
        finds("^[a-c-z]$", &["b", "-", "z"], &["y"]);
        finds("^[+--]$", &["+", ",", "-"], &["."]);
        finds("^[~~#]$", &["~", "#"], &["a"]);
        finds("^[[:alpha:]_]$", &["a", "_"], &[":", "1"]);
        finds("^[[:^alpha:]]$", &["1", ":"], &["a"]);
        finds(r"^[\x41-\x{43}\n\052]$", &["B", "\n", "*"], &["D", "x"]);
        finds(r"^[\pL\d]$", &["é", "1"], &["-"]);
    }

    #[test]
    fn escapes() {
        finds(r"^\<\>\-\_\/$", &["<>-_/"], &[]);
        finds(r"^\101\x42\x{43}$", &["ABC"], &[]);
        finds(r"^\Qa.b[\E+$", &["a.b[", "a.b[["], &["axb["]);
        finds(r"^\Qa.b", &["a.b"], &["acb"]);
        finds(r"^\p{Greek}\p{^Greek}\P{^Greek}$", &["αaα"], &["aaa"]);
        finds(r"\Aa\z", &["a"], &["a\n"]);
    }

    #[test]
    fn braces_and_repetitions() {
        finds("^a{2}$", &["aa"], &["a"]);
        finds("^a{2,3}?$", &["aaa"], &["a"]);
        finds("^a{,2}$", &["a{,2}"], &["aa"]);
        finds("^{a}$", &["{a}"], &[]);
        finds("^a{02}$", &["a{02}"], &["aa"]);
        finds("^(a|b)*?c+$", &["abc", "c"], &[]);
        finds("(?i)^(?P<x>B)(?s:.)$", &["b\n"], &["b"]);
        finds("", &["", "a"], &[]);
    }

    #[test]
    fn every_pattern_can_be_written() {
        for (pattern, written) in [
            ("a/b", r"/a\/b/"),
            (r"\\/", r"/\\\//"),
            (r"a\\", r"/a\x5c/"),
            (r"\\\\", r"/\\\x5c/"),
            ("a\n\r", r"/a\n\r/"),
            ("", "//"),
        ] {
            assert_eq!(Regex::new(pattern).unwrap().to_string(), written);
            let query = format!("SELECT a FROM {written}");
            assert_eq!(crate::parse(&query).unwrap()[0].to_string(), query);
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "a**",
            "a*+",
            "a{2}{3}",
            "a*??",
            "*",
            "a{1001}",
            "a{3,2}",
            "(",
            ")",
            "a)",
            "[a",
            "[",
            "[b-a]",
            "[[:foo:]]",
            r"\1",
            r"\8",
            r"\C",
            r"\Z",
            r"\E",
            r"\h",
            r"\é",
            r"\",
            r"\x",
            r"\x4",
            r"\x{}",
            r"\x{110000}",
            r"[\b]",
            r"[a-\d]",
            r"\p",
            r"\p{Nonsense}",
            "(?x)a",
            "(?u:a)",
            "(?",
            "(?P<a",
            "(?P<>a)",
            "(?P=a)",
            "(?=a)",
        ] {
            assert!(Regex::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn errors_say_what() {
        for (pattern, error) in [
            ("a[", "missing closing ]: `[`"),
            ("a{2000}", "invalid repeat count: `{2000}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            ("[b-a]", "invalid character class range: `b-a`"),
            ("(a", "unclosed group"),
        ] {
            assert_eq!(Regex::new(pattern).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_pattern_too_large_is_refused() {
        let error = Regex::new("((a{1000}){1000}){1000}").unwrap_err();
        assert_eq!(error, RegexError::TooLarge);
    }
}
