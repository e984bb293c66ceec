use std::num::NonZeroU64;

use super::{Expr, Reference, Source, Span, Target, Wildcard};
use crate::Regex;

/// `SELECT`, as a statement or as a subquery.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// What is asked for; at least one.
    pub fields: Vec<Field>,
    /// `INTO …`
    pub into: Option<Target>,
    /// `FROM …`; at least one.
    pub from: Vec<Source>,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `GROUP BY …`
    pub group_by: Vec<Dimension>,
    /// `fill(…)`
    pub fill: Fill,
    /// `ORDER BY time …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`: points of each series.
    pub rows: Page,
    /// `SLIMIT` and `SOFFSET`: series.
    pub series: Page,
    /// `tz('…')`: the name as written.
    pub time_zone: Option<String>,
    /// Where it stands, from `SELECT` on.
    pub span: Span,
}

/// One of the things asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What. Comparisons, `AND` and `OR` don't occur in it.
    pub expr: Expr,
    /// `AS …`, where given and not empty.
    pub alias: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// One of the things grouped by.
#[derive(Clone, Debug, PartialEq)]
pub enum Dimension {
    /// A tag. InfluxDB refuses a bare `time` here when it compiles the statement.
    Tag(Reference),
    /// `time(interval[, offset])`
    Time(TimeDimension),
    /// `*`: all tags.
    Wildcard(Wildcard),
    /// All tags whose key the pattern finds.
    Regex(Regex, Span),
    /// Anything else that the grammar lets through and that InfluxDB refuses when it compiles the
    /// statement: another function, `time()` with no or too many arguments, a constant, a sum.
    Other(Expr),
}

/// `time(interval[, offset])`. That the arguments are durations, and that there is only one of these, is
/// checked when a statement is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeDimension {
    /// The buckets' width: a duration, or something that reduces to one.
    pub interval: Expr,
    /// What the buckets are shifted by: a duration, `now()` or a time as text.
    pub offset: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// What stands in buckets without a point. Not said is [`Fill::Null`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fill {
    /// `fill(null)`
    #[default]
    Null,
    /// `fill(none)`: no row.
    None,
    /// `fill(previous)`
    Previous,
    /// `fill(linear)`
    Linear,
    /// `fill(0)`
    Integer(i64),
    /// `fill(0.5)`
    Number(f64),
}

/// The order of rows by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// A limit and an offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// At most so many; `None` is all, and so is the `LIMIT 0` of the text.
    pub limit: Option<NonZeroU64>,
    /// So many are left out first.
    pub offset: u64,
}

/// `EXPLAIN [ANALYZE] SELECT …`
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// Run it and say where the time went, too.
    pub analyze: bool,
    /// What is explained.
    pub select: Box<Select>,
}
