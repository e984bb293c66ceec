//! What names measurements: `db.rp.m`, patterns, lists of both.

use super::{Failure, Parser, Result};
use crate::display::Identifier;
use crate::error::Fault;
use crate::keyword::Keyword;
use crate::token::{Kind, Symbol};
use crate::{Measurement, MeasurementName, OnDatabase, Scope, Source, Span, Target};

/// Names with dots between, and whether a dot follows the last of them.
pub(super) struct Segments {
    pub(super) names: Vec<String>,
    pub(super) span: Span,
    pub(super) trailing_dot: bool,
}

impl Parser<'_> {
    /// Reads `a`, `a.b`, `a..b` or `a.b.c`. A dot before a slash or a colon ends it: what follows is no name.
    pub(super) fn segments(&mut self) -> Result<Segments> {
        let start = self.peek().span;
        let mut names = vec![self.identifier()?];
        let mut trailing_dot = false;
        while self.accept_adjacent(Symbol::Dot) {
            match self.peek_raw().kind {
                Kind::Symbol(Symbol::Slash | Symbol::Colon | Symbol::DoubleColon) => {
                    trailing_dot = true;
                    break;
                }
                Kind::Symbol(Symbol::Dot) => names.push(String::new()),
                _ => names.push(self.identifier()?),
            }
            if names.len() > 3 {
                let names: Vec<_> = names.iter().map(|name| Identifier(name).to_string()).collect();
                return Err(Failure::new(Fault::TooManySegments { name: names.join(".") }, start));
            }
        }
        Ok(Segments { names, span: self.span_from(start), trailing_dot })
    }

    /// Reads a measurement, or several by pattern.
    pub(super) fn measurement(&mut self) -> Result<Measurement> {
        if let Some((regex, span)) = self.regex()? {
            let name = MeasurementName::Regex(regex);
            return Ok(Measurement { database: None, retention_policy: None, name, span });
        }
        let Segments { mut names, span, trailing_dot } = self.segments()?;
        let name = if trailing_dot && names.len() < 3 {
            MeasurementName::Regex(self.expect_regex()?.0)
        } else {
            MeasurementName::Name(names.pop().unwrap_or_default())
        };
        let (database, retention_policy) = qualifiers(names);
        Ok(Measurement { database, retention_policy, name, span: self.span_from(span) })
    }

    /// Reads measurements with commas between.
    pub(super) fn measurements(&mut self) -> Result<Vec<Measurement>> {
        let mut measurements = vec![self.measurement()?];
        while self.accept_symbol(Symbol::Comma) {
            measurements.push(self.measurement()?);
        }
        Ok(measurements)
    }

    /// Reads `[FROM …]` of measurements; none is all.
    pub(super) fn restricted_to(&mut self) -> Result<Vec<Measurement>> {
        if self.accept(Keyword::From) { self.measurements() } else { Ok(Vec::new()) }
    }

    /// Reads what a `SELECT` reads from.
    pub(super) fn sources(&mut self) -> Result<Vec<Source>> {
        let mut sources = vec![self.source()?];
        while self.accept_symbol(Symbol::Comma) {
            sources.push(self.source()?);
        }
        Ok(sources)
    }

    fn source(&mut self) -> Result<Source> {
        if !self.accept_symbol(Symbol::LeftParen) {
            return self.measurement().map(Source::Measurement);
        }
        self.nested(|parser| {
            let first = parser.peek();
            parser.expect(Keyword::Select)?;
            let select = parser.select(first.span)?;
            parser.expect_symbol(Symbol::RightParen)?;
            Ok(Source::Subquery(select))
        })
    }

    /// Reads what follows `INTO`.
    pub(super) fn target(&mut self) -> Result<Target> {
        let Segments { mut names, span, trailing_dot } = self.segments()?;
        let measurement = if trailing_dot && names.len() < 3 {
            self.expect_symbol(Symbol::Colon)?;
            self.expect(Keyword::Measurement)?;
            None
        } else {
            names.pop()
        };
        let (database, retention_policy) = qualifiers(names);
        Ok(Target { database, retention_policy, measurement, span: self.span_from(span) })
    }

    /// Reads `[ON db]`.
    pub(super) fn on(&mut self) -> Result<Option<String>> {
        if self.accept(Keyword::On) { self.identifier().map(Some) } else { Ok(None) }
    }

    /// Reads `[ON db] [FROM …]`.
    pub(super) fn scope(&mut self) -> Result<Scope> {
        Ok(Scope { database: self.on()?, from: self.restricted_to()? })
    }

    /// Reads `name ON db`.
    pub(super) fn on_database(&mut self) -> Result<OnDatabase> {
        let name = self.identifier()?;
        self.expect(Keyword::On)?;
        Ok(OnDatabase { name, database: self.identifier()? })
    }
}

/// The database and the retention policy that stand before a measurement. Empty ones are none.
fn qualifiers(mut names: Vec<String>) -> (Option<String>, Option<String>) {
    let policy = names.pop().filter(|name| !name.is_empty());
    let database = names.pop().filter(|name| !name.is_empty());
    (database, policy)
}
