//! What a statement means, worked out clause by clause before anything is read.

mod compile;
mod condition;
mod dimensions;
mod expand;
mod functions;
mod inputs;
mod level;
mod lower;
mod names;
mod node;
mod reduce;
mod resolve;
mod tables;
mod time_literal;
mod types;

pub(crate) use condition::{Bounds, MAX_TIME, MIN_TIME, Split, has_time, split};
pub(crate) use level::{
    Aggregate, Body, CallPlan, Eval, Input, Interval, Level, LevelSource, Mapped, Transform,
};
pub(crate) use node::{Binary, BinaryOp, Kind, LogicOp, Node, Reference, Regex, op_text};
pub(crate) use reduce::float_to_integer;
pub(crate) use tables::{Table, Tables};
#[cfg(test)]
pub(crate) use time_literal::parse_time;

use svcflow_influxql as ql;

use crate::QueryError;

/// In conditions it stands for the measurement's name, where no field is called that.
pub(crate) const MEASUREMENT_NAME: &str = "_name";

/// The plan of a statement.
#[derive(Debug)]
pub(crate) struct SelectPlan {
    pub(crate) level: Level,
    /// What the column of times is called.
    pub(crate) time_name: std::sync::Arc<str>,
}

/// Plans a statement.
pub(crate) fn plan(
    select: &ql::Select,
    now: i64,
    tables: &mut impl Tables,
) -> Result<SelectPlan, QueryError> {
    if select.into.is_some() {
        return Err(QueryError::NotImplemented(
            "SELECT … INTO isn't supported: write the answer back by /write".into(),
        ));
    }
    let compiled = compile::compile(select, now)?;
    let resolved = resolve::resolve(compiled, tables)?;
    let (level, time_name) = lower::lower(&resolved, now)?;
    Ok(SelectPlan { level, time_name })
}
