use std::fmt;

use super::names::{Identifier, Text};
use super::{Clause, Joined, List};
use crate::{Dimension, Explain, Field, Fill, Literal, Page, Select, SortOrder, TimeDimension};

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {}{}", Joined(&self.fields, ", "), Clause("INTO", &self.into))?;
        write!(f, "{}{}", List("FROM", &self.from), Clause("WHERE", &self.condition))?;
        write!(f, "{}{}", List("GROUP BY", &self.group_by), FillClause(self.fill))?;
        write!(f, "{}{}{}", OrderBy(self.order), Rows(self.rows), Series(self.series))?;
        match &self.time_zone {
            Some(name) => write!(f, " TZ({})", Text(name)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, Clause("AS", &self.alias.as_deref().map(Identifier)))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(it) => it.fmt(f),
            Self::Time(it) => it.fmt(f),
            Self::Wildcard(it) => it.fmt(f),
            Self::Regex(it, _) => it.fmt(f),
            Self::Other(it) => it.fmt(f),
        }
    }
}

impl fmt::Display for TimeDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.offset {
            Some(offset) => write!(f, "time({}, {offset})", self.interval),
            None => write!(f, "time({})", self.interval),
        }
    }
}

/// With a blank before it; nothing where the text may leave it out.
struct FillClause(Fill);

impl fmt::Display for FillClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fill::Null => Ok(()),
            Fill::None => f.write_str(" fill(none)"),
            Fill::Previous => f.write_str(" fill(previous)"),
            Fill::Linear => f.write_str(" fill(linear)"),
            Fill::Integer(value) => write!(f, " fill({})", Literal::Integer(value)),
            Fill::Number(value) => write!(f, " fill({})", Literal::Number(value)),
        }
    }
}

/// `ORDER BY`, likewise.
pub(super) struct OrderBy(pub(super) SortOrder);

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SortOrder::Ascending => Ok(()),
            SortOrder::Descending => f.write_str(" ORDER BY time DESC"),
        }
    }
}

/// `LIMIT` and `OFFSET`, likewise.
pub(super) struct Rows(pub(super) Page);

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page(f, self.0, ["LIMIT", "OFFSET"])
    }
}

/// `SLIMIT` and `SOFFSET`, likewise.
pub(super) struct Series(pub(super) Page);

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        page(f, self.0, ["SLIMIT", "SOFFSET"])
    }
}

fn page(f: &mut fmt::Formatter<'_>, page: Page, [limit, offset]: [&str; 2]) -> fmt::Result {
    if let Some(most) = page.limit {
        write!(f, " {limit} {most}")?;
    }
    if page.offset != 0 {
        write!(f, " {offset} {}", page.offset)?;
    }
    Ok(())
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EXPLAIN {}{}", if self.analyze { "ANALYZE " } else { "" }, self.select)
    }
}
