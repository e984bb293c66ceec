use std::fmt::{self, Write};

use crate::keyword::Keyword;
use crate::lexer::is_name;
use crate::{Measurement, MeasurementName, OnDatabase, Source, Target};

/// A name, in double quotes where it needs them.
pub(crate) struct Identifier<'a>(pub(crate) &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.0.chars().all(is_name)
            && self.0.starts_with(|c: char| !c.is_ascii_digit())
            && Keyword::of(self.0).is_none();
        if bare { f.write_str(self.0) } else { quoted(f, self.0, '"') }
    }
}

/// A string in single quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(f, self.0, '\'')
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            _ if c == '\\' || c == quote => write!(f, "\\{c}")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

/// What stands before a measurement: `db.rp.`, `db..`, `rp.` or nothing.
struct Qualifiers<'a>(Option<&'a str>, Option<&'a str>);

impl fmt::Display for Qualifiers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(database), Some(policy)) => {
                write!(f, "{}.{}.", Identifier(database), Identifier(policy))
            }
            Self(Some(database), None) => write!(f, "{}..", Identifier(database)),
            Self(None, Some(policy)) => write!(f, "{}.", Identifier(policy)),
            Self(None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Qualifiers(self.database.as_deref(), self.retention_policy.as_deref()).fmt(f)?;
        match &self.name {
            MeasurementName::Name(name) => Identifier(name).fmt(f),
            MeasurementName::Regex(regex) => regex.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Qualifiers(self.database.as_deref(), self.retention_policy.as_deref()).fmt(f)?;
        match &self.measurement {
            Some(name) => Identifier(name).fmt(f),
            // The grammar wants a segment first.
            None if self.database.is_none() && self.retention_policy.is_none() => {
                f.write_str("\"\".:MEASUREMENT")
            }
            None => f.write_str(":MEASUREMENT"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measurement(measurement) => measurement.fmt(f),
            Self::Subquery(select) => write!(f, "({select})"),
        }
    }
}

impl fmt::Display for OnDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ON {}", Identifier(&self.name), Identifier(&self.database))
    }
}
