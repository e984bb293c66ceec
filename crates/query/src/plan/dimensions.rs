//! `GROUP BY`, checked.

use svcflow_influxql as ql;

use super::node::{Node, Regex};
use super::reduce::{Reducer, saturated};
use crate::QueryError;

/// What rows are grouped by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grouping {
    /// The buckets' width in nanoseconds; 0 is none.
    pub(crate) interval: i64,
    /// What the buckets are shifted by; its absolute value is less than the width.
    pub(crate) offset: i64,
    /// The tags.
    pub(crate) tags: Vec<TagDimension>,
}

/// Tags that rows are grouped by.
#[derive(Clone, Debug)]
pub(crate) enum TagDimension {
    Tag(String),
    All,
    Matching(Regex),
}

/// Checks `GROUP BY`.
pub(crate) fn grouping(dimensions: &[ql::Dimension], now: i64) -> Result<Grouping, QueryError> {
    let mut grouping = Grouping::default();
    for dimension in dimensions {
        match dimension {
            ql::Dimension::Tag(tag) if tag.name.eq_ignore_ascii_case("time") => {
                return invalid("time() is a function and expects at least one argument");
            }
            ql::Dimension::Tag(tag) => grouping.tags.push(TagDimension::Tag(tag.name.clone())),
            ql::Dimension::Wildcard(_) => grouping.tags.push(TagDimension::All),
            ql::Dimension::Regex(regex, _) => {
                grouping.tags.push(TagDimension::Matching(regex.clone()));
            }
            ql::Dimension::Time(time) => {
                let interval = Node::try_from(&time.interval)?;
                let offset = time.offset.as_ref().map(Node::try_from).transpose()?;
                buckets(&mut grouping, &interval, offset.as_ref(), now)?;
            }
            ql::Dimension::Other(expr) => return other(&Node::try_from(expr)?),
        }
    }
    Ok(grouping)
}

fn buckets(
    grouping: &mut Grouping,
    interval: &Node,
    offset: Option<&Node>,
    now: i64,
) -> Result<(), QueryError> {
    let reducer = Reducer::default();
    let Node::Duration(interval) = reducer.reduce(interval) else {
        return invalid("time dimension must have duration argument");
    };
    if grouping.interval != 0 {
        return invalid("multiple time dimensions not allowed");
    }
    grouping.interval = interval;
    let Some(offset) = offset else { return Ok(()) };
    let wrong = "time dimension offset must be duration or now()";
    let offset = match reducer.reduce(offset) {
        Node::Duration(offset) => offset,
        Node::Time(time) => truncated(time, interval),
        Node::Call(call) if call.name != "now" => {
            return invalid("time dimension offset function must be now()");
        }
        Node::Call(call) if !call.args.is_empty() => {
            return invalid("time dimension offset now() function requires no arguments");
        }
        Node::Call(_) => truncated(i128::from(now), interval),
        // InfluxDB takes a text that is a time at first, and then doesn't know what to do with it.
        text @ Node::Text(_) => return invalid(&format!("invalid time dimension offset: {text}")),
        _ => return invalid(wrong),
    };
    grouping.offset = offset.checked_rem(interval).unwrap_or(0);
    Ok(())
}

/// Nanoseconds from 0001-01-01, from which Go counts when it truncates, to 1970-01-01.
const GO_ZERO: i128 = 62_135_596_800_000_000_000;

/// How far an instant lies behind the multiple of a width that is before it (Go's `t.Sub(t.Truncate(d))`).
fn truncated(time: i128, width: i64) -> i64 {
    if width <= 0 { 0 } else { saturated((time + GO_ZERO).rem_euclid(i128::from(width))) }
}

fn other(node: &Node) -> Result<Grouping, QueryError> {
    match Reducer::default().reduce(node) {
        Node::Call(call) if call.name == "time" => {
            invalid("time dimension expected 1 or 2 arguments")
        }
        Node::Call(_) => invalid("only time() calls allowed in dimensions"),
        _ => invalid("only time and tag dimensions allowed"),
    }
}

fn invalid<T>(text: &str) -> Result<T, QueryError> {
    Err(QueryError::Invalid(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(offset: &Node) -> Result<i64, QueryError> {
        let mut grouping = Grouping::default();
        buckets(&mut grouping, &Node::Duration(5), Some(offset), 3)?;
        Ok(grouping.offset)
    }

    #[test]
    fn offsets_are_durations_or_now() {
        assert_eq!(offset(&Node::Duration(12)).unwrap(), 2);
        let now = Node::Call(super::super::node::Call { name: "now".into(), args: vec![] });
        assert_eq!(offset(&now).unwrap(), 3);
        let text = Node::Text("1970-01-01T00:00:02Z".into());
        let fault = offset(&text).unwrap_err().to_string();
        assert_eq!(fault, "invalid time dimension offset: '1970-01-01T00:00:02Z'");
        assert!(offset(&Node::Integer(2)).is_err());
    }
}
