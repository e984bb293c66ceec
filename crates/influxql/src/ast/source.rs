use super::{Select, Span};
use crate::Regex;

/// What a `SELECT` reads from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A measurement, or several by pattern.
    Measurement(Measurement),
    /// `(SELECT …)`
    Subquery(Box<Select>),
}

/// A measurement: `m`, `rp.m`, `db.rp.m`, `db..m`, or a pattern in the last place.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The database, where given and not empty.
    pub database: Option<String>,
    /// The retention policy, where given and not empty.
    pub retention_policy: Option<String>,
    /// The name or the pattern.
    pub name: MeasurementName,
    /// Where it stands.
    pub span: Span,
}

impl Measurement {
    /// Whether its name is empty: `FROM ""`.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        matches!(&self.name, MeasurementName::Name(name) if name.is_empty())
    }
}

/// The last segment of a [`Measurement`].
#[derive(Clone, Debug, PartialEq)]
pub enum MeasurementName {
    /// One measurement. May be empty: `FROM ""` parses.
    Name(String),
    /// All whose name the pattern finds.
    Regex(Regex),
}

/// Where `INTO` writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The database, where given and not empty.
    pub database: Option<String>,
    /// The retention policy, where given and not empty.
    pub retention_policy: Option<String>,
    /// The measurement; `None` is `:MEASUREMENT`, each source's own name.
    pub measurement: Option<String>,
    /// Where it stands, from the first segment.
    pub span: Span,
}
