//! The plan of a `SELECT`: levels, the outermost first, each over measurements or over another level.

use std::sync::Arc;

use svcflow_influxql as ql;

use super::condition::Bounds;
use super::node::{BinaryOp, Kind, LogicOp, Regex};
use super::tables::Table;
use crate::kernel::holt_winters::Forecast;
use crate::scalar_math::MathFunction;
use crate::{Scalar, Zone};

/// One `SELECT`, of the statement or within another.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) sources: Vec<LevelSource>,
    /// The statement's own bounds of time. `max` is there where the statement has buckets and is outermost.
    pub(crate) bounds: Bounds,
    /// The buckets, the statement's own or inherited.
    pub(crate) interval: Option<Interval>,
    pub(crate) ascending: bool,
    /// The tags by which the answer is grouped: those of the outermost statement, sorted. The same at all levels.
    pub(crate) dimensions: Arc<[Arc<str>]>,
    /// The tags by which rows are told apart at this level: its own and those of all levels around it, sorted.
    pub(crate) group_by: Arc<[Arc<str>]>,
    /// What is read of each source.
    pub(crate) inputs: Vec<Input>,
    /// Over the inputs.
    pub(crate) condition: Option<Eval>,
    pub(crate) body: Body,
    pub(crate) fill: ql::Fill,
    /// How many rows of each series at most; 0 is all.
    pub(crate) limit: u64,
    /// How many rows of each series are left out first.
    pub(crate) offset: u64,
    /// How many groups at most, and how many are left out first: this level's and those around it, added.
    pub(crate) series_limit: u64,
    pub(crate) series_offset: u64,
    /// The columns, without the one of times.
    pub(crate) outputs: Vec<Output>,
    pub(crate) zone: Option<Zone>,
}

/// Where a level's rows come from.
#[derive(Clone, Debug)]
pub(crate) enum LevelSource {
    Table(Arc<Table>),
    Subquery {
        level: Box<Level>,
        /// Where each input of the level around comes from.
        map: Vec<Mapped>,
    },
}

/// A column of a level, made of a row of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// The inner level's output, made this type.
    Output(usize, Option<Kind>),
    /// The tag that the inner level's rows are told apart by.
    Tag(Arc<str>),
    /// There is no such thing.
    Nothing,
}

/// Buckets of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Their width in nanoseconds; positive.
    pub(crate) every: i64,
    /// What they are shifted by.
    pub(crate) offset: i64,
}

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: Option<Kind>,
    /// Whether only the condition looks at it.
    pub(crate) for_condition: bool,
}

/// What is done with the rows.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing can come of it: no column has a type.
    Nothing,
    /// They are put out as they are. The inputs that are put out, sorted by name.
    Raw { columns: Vec<usize> },
    Calls {
        calls: Vec<CallPlan>,
        /// Inputs that are put out beside the only call, which picks rows; sorted by name.
        beside: Vec<usize>,
        /// Whether there is only one call, and it picks rows: their times are kept.
        selector: bool,
    },
}

/// A call: values of each bucket or of each row, and what is made of them from the inside to the outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallPlan {
    /// The input that the innermost function works on.
    pub(crate) input: usize,
    /// The innermost function; `None` where the next works on rows.
    pub(crate) aggregate: Option<Aggregate>,
    /// Functions around it, from the inside to the outside.
    pub(crate) transforms: Vec<Transform>,
    /// The type of its values; `None` where that is its input's, of which nothing is known.
    pub(crate) kind: Option<Kind>,
}

/// A function that makes one value, or some, of the rows of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Spread,
    Median,
    Mode,
    Stddev,
    /// Of a hundred.
    Percentile(f64),
    Sample(usize),
    Distinct,
    CountDistinct,
    /// So many of the greatest (or the least) values, of rows told apart by these tags, too.
    Top {
        count: usize,
        tags: Vec<Arc<str>>,
        least: bool,
    },
    /// Per so many nanoseconds.
    Integral {
        unit: i64,
    },
}

/// A function that goes along values in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Transform {
    /// Per so many nanoseconds.
    Derivative {
        unit: i64,
        non_negative: bool,
    },
    Difference {
        non_negative: bool,
    },
    /// In so many nanoseconds.
    Elapsed {
        unit: i64,
    },
    CumulativeSum,
    MovingAverage {
        window: usize,
    },
    HoltWinters {
        forecast: Forecast,
    },
}

impl Transform {
    /// Whether it looks at the bucket before the first.
    pub(crate) const fn looks_back(&self) -> bool {
        !matches!(self, Self::CumulativeSum | Self::HoltWinters { .. })
    }

    /// How many buckets before the first InfluxDB keeps ready for it.
    pub(crate) fn buckets_before(&self) -> i64 {
        match self {
            Self::MovingAverage { window } => i64::try_from(*window).unwrap_or(i64::MAX),
            Self::HoltWinters { .. } => 0,
            _ => 1,
        }
    }
}

/// A column of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its name, unlike all others.
    pub(crate) name: Arc<str>,
    /// Its name as a statement around this one knows it. Several may be alike.
    pub(crate) plain_name: String,
    /// Over the columns that the body makes: calls first, then what stands beside them.
    pub(crate) eval: Eval,
}

/// An expression to be calculated for many rows at once.
#[derive(Clone, Debug)]
pub(crate) enum Eval {
    Column(usize),
    Constant(Scalar),
    /// An integer over `i64::MAX`.
    Unsigned(u64),
    Null,
    Binary {
        op: BinaryOp,
        left: Box<Eval>,
        right: Box<Eval>,
    },
    Matches {
        text: Box<Eval>,
        regex: Regex,
        negated: bool,
    },
    Logic(LogicOp, Vec<Eval>),
    Math {
        function: MathFunction,
        args: Vec<Eval>,
    },
}
