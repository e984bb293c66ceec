//! Label selectors in Kubernetes' syntax (its manual, "Labels and Selectors"): requirements joined by
//! commas, all of which must hold.
//!
//! `tier=db`, `tier==db`, `tier!=db`, `tier in (db, web)`, `tier notin (db)`, `tier`, `!tier`. As there,
//! `!=` and `notin` hold where the key is absent. The `>` and `<` of node affinities aren't read. Unlike
//! there, keys and values may hold any character but white space and `,()=!<>`: Docker's labels are
//! freer than Kubernetes' are.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::Labels;

/// A parsed selector. The empty one takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    is: Condition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    There,
    Absent,
    OneOf(BTreeSet<String>),
    NoneOf(BTreeSet<String>),
}

impl Selector {
    /// Whether these labels fulfil every requirement.
    #[must_use]
    pub fn takes(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels.get(&requirement.key)))
    }

    /// Whether it requires nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        match &self.is {
            Condition::There => value.is_some(),
            Condition::Absent => value.is_none(),
            Condition::OneOf(values) => value.is_some_and(|value| values.contains(value)),
            Condition::NoneOf(values) => value.is_none_or(|value| !values.contains(value)),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Requirement { key, is }) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            match is {
                Condition::There => write!(f, "{separator}{key}")?,
                Condition::Absent => write!(f, "{separator}!{key}")?,
                Condition::OneOf(values) => list(f, separator, key, ["=", " in "], values)?,
                Condition::NoneOf(values) => list(f, separator, key, ["!=", " notin "], values)?,
            }
        }
        Ok(())
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    key: &str,
    [one, many]: [&str; 2],
    values: &BTreeSet<String>,
) -> fmt::Result {
    match values.first().filter(|_| values.len() == 1) {
        Some(value) => write!(f, "{separator}{key}{one}{value}"),
        None => {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            write!(f, "{separator}{key}{many}({})", values.join(","))
        }
    }
}

/// Text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at column {column} of `{text}`")]
pub struct ParseSelectorError {
    /// What should stand there.
    pub expected: &'static str,
    /// Where, in characters from 1.
    pub column: usize,
    /// The whole text.
    pub text: String,
}

impl FromStr for Selector {
    type Err = ParseSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = Reader { text, rest: text };
        let mut requirements = Vec::new();
        reader.skip_space();
        while !reader.rest.is_empty() {
            requirements.push(reader.requirement()?);
            if reader.rest.is_empty() {
                break;
            }
            reader.take(",", "`,` or an operator")?;
            if reader.rest.is_empty() {
                return Err(reader.expected("a key"));
            }
        }
        Ok(Self(requirements))
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

type Read<T> = Result<T, ParseSelectorError>;

impl<'t> Reader<'t> {
    fn requirement(&mut self) -> Read<Requirement> {
        if self.accept("!") {
            return Ok(Requirement { key: self.key()?, is: Condition::Absent });
        }
        let key = self.key()?;
        let is = if self.accept("!=") {
            Condition::NoneOf(BTreeSet::from([self.word().to_owned()]))
        } else if self.accept("==") || self.accept("=") {
            Condition::OneOf(BTreeSet::from([self.word().to_owned()]))
        } else {
            self.set()?
        };
        Ok(Requirement { key, is })
    }

    /// What follows a key that no sign follows: `in (…)`, `notin (…)` or nothing.
    fn set(&mut self) -> Read<Condition> {
        let before = self.rest;
        match self.word() {
            "in" => Ok(Condition::OneOf(self.values()?)),
            "notin" => Ok(Condition::NoneOf(self.values()?)),
            "" => Ok(Condition::There),
            _ => {
                self.rest = before;
                Err(self.expected("`,`, `=`, `!=`, `in` or `notin`"))
            }
        }
    }

    fn values(&mut self) -> Read<BTreeSet<String>> {
        self.take("(", "`(`")?;
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.word().to_owned());
            if self.accept(")") {
                return Ok(values);
            }
            self.take(",", "`,` or `)`")?;
        }
    }

    fn key(&mut self) -> Read<String> {
        let error = self.expected("a key");
        match self.word() {
            "" => Err(error),
            key => Ok(key.to_owned()),
        }
    }

    fn word(&mut self) -> &'t str {
        let ends = |c: char| c.is_whitespace() || ",()=!<>".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.skip_space();
        word
    }

    fn accept(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest;
        self.skip_space();
        true
    }

    fn take(&mut self, sign: &str, expected: &'static str) -> Read<()> {
        if self.accept(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expected(&self, expected: &'static str) -> ParseSelectorError {
        let read = self.text.chars().count() - self.rest.chars().count();
        ParseSelectorError { expected, column: read + 1, text: self.text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn takes(selector: &str, labels: &[(&str, &str)]) -> bool {
        selector.parse::<Selector>().unwrap().takes(&labels.iter().copied().collect())
    }

    #[test]
    fn requirements_hold_as_in_kubernetes() {
        let web = [("tier", "web"), ("env", "prod"), ("empty", "")];
        for selector in [
            "",
            "  ",
            "tier=web",
            "tier == web",
            "tier=web,env=prod",
            " tier in ( web , db ) , !gone",
            "tier notin (db)",
            "gone!=x",
            "gone notin (x,y)",
            "env",
            "empty=",
            "empty in (,x)",
            "tier!=db,env in (prod)",
        ] {
            assert!(takes(selector, &web), "{selector}");
        }
        for selector in [
            "tier=db",
            "tier!=web",
            "!env",
            "gone",
            "tier in (db,mail)",
            "env notin (prod)",
            "gone=",
        ] {
            assert!(!takes(selector, &web), "{selector}");
        }
        assert!(takes("com.docker.compose/x-y_z=1:2", &[("com.docker.compose/x-y_z", "1:2")]));
    }

    #[test]
    fn faults_name_the_column() {
        for (text, expected) in [
            ("=x", "expected a key at column 1"),
            ("a,,b", "expected a key at column 3"),
            ("a=b c", "expected `,` or an operator at column 5"),
            ("a in b", "expected `(` at column 6"),
            ("a in (b", "expected `,` or `)` at column 8"),
            ("a is b", "expected `,`, `=`, `!=`, `in` or `notin` at column 3"),
            ("a,", "expected a key at column 3"),
            ("!", "expected a key at column 2"),
            ("a>1", "expected `,` or an operator at column 2"),
            ("ä ö", "expected `,`, `=`, `!=`, `in` or `notin` at column 3"),
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(selector) = text.parse::<Selector>() {
                prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
            }
        }

        #[test]
        fn what_is_written_is_read_again(text in "(!?[a-c]|[a-c](=|!=)[a-c]?|[a-c] (in|notin) \\([a-c]?(,[a-c]){0,3}\\))(,!?[a-c]){0,2}") {
            let selector: Selector = text.parse().unwrap();
            prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
        }
    }
}
