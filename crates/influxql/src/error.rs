use std::fmt;

use crate::regex::RegexError;

/// Why a text is no InfluxQL, and where.
///
/// Displays as InfluxDB words it, always with the place: InfluxDB leaves it out of some errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing query: {fault} at line {line}, char {character}")]
pub struct Error {
    /// What is wrong.
    pub fault: Fault,
    /// The byte of the text where it is wrong.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1, as InfluxDB counts: one too many at the text's end, if a name or a
    /// blank is last, and one too few at a string or a regular expression. `offset` is exact.
    pub character: usize,
}

impl Error {
    /// The line of the text with a caret below the place, for a terminal. `text` is what was parsed.
    #[must_use]
    pub fn caret<'a>(&'a self, text: &'a str) -> impl fmt::Display + 'a {
        Caret { error: self, text }
    }
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something other than what the grammar allows there.
    #[error("found {found}, expected {}", expected.join(", "))]
    Expected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: Vec<&'static str>,
    },
    /// `$` without a name.
    #[error("empty bound parameter")]
    EmptyParameter,
    /// `$name` without a value.
    #[error("missing parameter: {name}")]
    MissingParameter {
        /// The parameter's name.
        name: String,
    },
    /// Parentheses, calls or subqueries in each other beyond [`MAX_NESTING`](crate::MAX_NESTING), or more
    /// operators in a row than [`MAX_HEIGHT`](crate::MAX_HEIGHT).
    #[error("expression nested too deeply")]
    TooDeep,
    /// A regular expression without its closing slash.
    #[error("bad regex: no closing slash on its line")]
    UnterminatedRegex,
    /// A regular expression that isn't one.
    #[error("error parsing regexp: {0}")]
    Regex(RegexError),
    /// An integer beyond 64 bits.
    #[error("unable to parse integer")]
    Integer,
    /// A number beyond a 64-bit float.
    #[error("unable to parse number")]
    Number,
    /// A negative integer beyond 64 bits.
    #[error("constant -{value} underflows int64")]
    Underflow {
        /// Without its sign.
        value: u64,
    },
    /// Not digits and a unit, or not that several times.
    #[error("invalid duration")]
    Duration,
    /// A duration beyond 292 years.
    #[error("overflowed duration {text}: choose a smaller duration or INF")]
    DurationOverflow {
        /// As written.
        text: String,
    },
    /// A number outside of what is allowed there.
    #[error("invalid value {value}: must be {least} <= n <= {most}")]
    OutOfRange {
        /// As written.
        value: String,
        /// The least allowed.
        least: u64,
        /// The greatest allowed.
        most: u64,
    },
    /// A negative `LIMIT` or the like, by way of a bound parameter.
    #[error("{clause} must be >= 0")]
    NegativeLimit {
        /// `LIMIT`, `OFFSET`, `SLIMIT` or `SOFFSET`.
        clause: &'static str,
    },
    /// A comparison, `AND` or `OR` among the fields.
    #[error("invalid operator {operator} in SELECT clause; operator is intended for WHERE clause")]
    OperatorInField {
        /// Which.
        operator: String,
    },
    /// More than `db.rp.m`.
    #[error("too many segments in {name}")]
    TooManySegments {
        /// The first four segments as InfluxQL.
        name: String,
    },
    /// `ORDER BY` something else.
    #[error("only ORDER BY time supported at this time")]
    OrderByTime,
    /// `fill` without parentheses.
    #[error("fill must be a function call")]
    FillCall,
    /// `fill()` with no or several arguments.
    #[error("fill requires an argument, e.g.: 0, null, none, previous, linear")]
    FillArgument,
    /// `fill()` of something unknown.
    #[error("expected number argument in fill()")]
    FillNumber,
    /// `tz` without parentheses.
    #[error("tz must be a function call")]
    ZoneCall,
    /// `tz()` with no or several arguments.
    #[error("tz requires exactly one argument")]
    ZoneArgument,
    /// `tz()` of something that is no string.
    #[error("expected string argument in tz()")]
    ZoneString,
    /// `tz()` of a name that [`Options::knows_zone`](crate::Options::knows_zone) doesn't know.
    #[error("unable to find time zone {name}")]
    UnknownZone {
        /// The name.
        name: String,
    },
    /// An option given twice.
    #[error("found duplicate {option} option")]
    DuplicateOption {
        /// Which.
        option: &'static str,
    },
    /// `SHARD DURATION INF`
    #[error("invalid duration INF for shard duration")]
    InfiniteShard,
    /// `DELETE` or `DROP SERIES` from another database.
    #[error("database not supported")]
    DatabaseNotSupported,
    /// `DELETE` or `DROP SERIES` from one retention policy.
    #[error("retention policy not supported")]
    PolicyNotSupported,
}

struct Caret<'a> {
    error: &'a Error,
    text: &'a str,
}

impl fmt::Display for Caret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.get(..self.error.offset).unwrap_or(self.text);
        let after = self.text.get(self.error.offset..).unwrap_or_default();
        let breaks = ['\n', '\r'];
        let head = before.rsplit(breaks).next().unwrap_or_default();
        let tail = after.split(breaks).next().unwrap_or_default();
        // A tab keeps its width only below a tab.
        let pad: String = head.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "{}\n  {head}{tail}\n  {pad}^", self.error)
    }
}
