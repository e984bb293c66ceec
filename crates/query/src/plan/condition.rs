//! `WHERE`, taken apart: the range of time, and what is left (InfluxDB's `ConditionExpr`).

use svcflow_store::{FIRST_TIME, LAST_TIME};

use super::node::{Binary, BinaryOp, LogicOp, Node, op_text, time_text};
use super::reduce::{Reducer, float_to_integer, logic, saturated};
use super::time_literal::{TimeLiteralError, parse_time};
use crate::{QueryError, Zone};

/// The earliest time that InfluxDB knows: one before the earliest that can be stored. Stands for "no bound".
pub(crate) const MIN_TIME: i64 = FIRST_TIME;
/// The latest time that InfluxDB knows.
pub(crate) const MAX_TIME: i64 = LAST_TIME;

/// Bounds of time, both included; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl Bounds {
    /// What lies within both.
    pub(crate) fn intersect(self, other: Self) -> Self {
        let both = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        Self { min: both(self.min, other.min, i64::max), max: both(self.max, other.max, i64::min) }
    }
}

/// A condition without its comparisons of `time`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Split {
    /// What is left; `None` is always true.
    pub(crate) condition: Option<Node>,
    pub(crate) bounds: Bounds,
}

/// Takes a condition apart. Comparisons of `time` bound the whole, even below an `OR`: InfluxDB's way.
pub(crate) fn split(
    condition: Option<&Node>,
    now: i64,
    zone: Option<&Zone>,
) -> Result<Split, QueryError> {
    let Some(condition) = condition else { return Ok(Split::default()) };
    let reducer = Reducer { now: Some(now), zone, math: false };
    let mut split = inner(condition, &reducer)?;
    split.condition = match split.condition {
        Some(Node::Paren(within)) => Some(*within),
        other => other,
    };
    if split.condition == Some(Node::Boolean(true)) {
        split.condition = None;
    }
    Ok(split)
}

fn inner(condition: &Node, reducer: &Reducer<'_>) -> Result<Split, QueryError> {
    match condition {
        Node::Logic(op, operands) => joined(*op, operands, reducer),
        Node::Binary(binary) => compared(condition, binary, reducer),
        Node::Paren(within) => {
            let split = inner(within, reducer)?;
            let condition = split.condition.map(|it| match it {
                Node::Binary(_) | Node::Logic(..) => Node::Paren(Box::new(it)),
                other => other,
            });
            Ok(Split { condition, ..split })
        }
        Node::Boolean(_) => {
            Ok(Split { condition: Some(condition.clone()), bounds: Bounds::default() })
        }
        other => Err(QueryError::Invalid(format!("invalid condition expression: {other}"))),
    }
}

fn joined(op: LogicOp, operands: &[Node], reducer: &Reducer<'_>) -> Result<Split, QueryError> {
    let mut bounds = Bounds::default();
    let mut left = Vec::with_capacity(operands.len());
    for operand in operands {
        let split = inner(operand, reducer)?;
        bounds = bounds.intersect(split.bounds);
        left.extend(split.condition);
    }
    let condition = (!left.is_empty()).then(|| logic(op, left.into_iter()));
    Ok(Split { condition, bounds })
}

fn compared(node: &Node, binary: &Binary, reducer: &Reducer<'_>) -> Result<Split, QueryError> {
    let is_time = |node: &Node| matches!(node, Node::Reference(name) if name.is_time());
    let bounds = if is_time(&binary.left) {
        bounds_of(binary.op, &binary.right, reducer)?
    } else if is_time(&binary.right) {
        bounds_of(mirrored(binary.op), &binary.left, reducer)?
    } else {
        return Ok(Split { condition: Some(reducer.inner(node)), bounds: Bounds::default() });
    };
    Ok(Split { condition: None, bounds })
}

const fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        other => other,
    }
}

fn bounds_of(op: BinaryOp, other: &Node, reducer: &Reducer<'_>) -> Result<Bounds, QueryError> {
    let value = instant(other, reducer)?;
    let (min, max) = match op {
        BinaryOp::Greater => (Some(value.saturating_add(1)), None),
        BinaryOp::GreaterOrEqual => (Some(value), None),
        BinaryOp::Less => (None, Some(value.saturating_sub(1))),
        BinaryOp::LessOrEqual => (None, Some(value)),
        BinaryOp::Equal => (Some(value), Some(value)),
        _ => {
            let text = op_text(op);
            return Err(QueryError::Invalid(format!("invalid time comparison operator: {text}")));
        }
    };
    Ok(Bounds { min, max })
}

/// Whether `time` is compared with something.
pub(crate) fn has_time(condition: &Node) -> bool {
    let mut found = false;
    condition.walk(&mut |node| {
        let left = if let Node::Binary(binary) = node { &binary.left } else { return };
        found |= matches!(left, Node::Reference(name) if name.is_time());
    });
    found
}

/// What `time` is compared with.
fn instant(node: &Node, reducer: &Reducer<'_>) -> Result<i64, QueryError> {
    if let Node::Text(text) = node {
        match parse_time(text, reducer.zone) {
            Ok(time) => return in_range(time),
            Err(TimeLiteralError::Invalid) => {
                return Err(QueryError::Invalid("invalid timestamp string".into()));
            }
            Err(TimeLiteralError::NotATime) => {}
        }
    }
    match reducer.reduce(node) {
        Node::Time(time) => in_range(time),
        Node::Duration(value) | Node::Integer(value) => Ok(value),
        Node::Float(value) => Ok(float_to_integer(value)),
        other => {
            let kind = go_type(&other);
            Err(QueryError::Invalid(format!(
                "invalid operation: time and {kind} are not compatible"
            )))
        }
    }
}

fn in_range(time: i128) -> Result<i64, QueryError> {
    let beyond = if time > i128::from(MAX_TIME) {
        "overflows"
    } else if time < i128::from(MIN_TIME) + 1 {
        "underflows"
    } else {
        return Ok(saturated(time));
    };
    Err(QueryError::Invalid(format!("time {} {beyond} time literal", time_text(time))))
}

/// What InfluxDB's errors call an expression's type.
pub(crate) const fn go_type(node: &Node) -> &'static str {
    match node {
        Node::Reference(_) => "*influxql.VarRef",
        Node::Float(_) => "*influxql.NumberLiteral",
        Node::Integer(_) => "*influxql.IntegerLiteral",
        Node::Unsigned(_) => "*influxql.UnsignedLiteral",
        Node::Text(_) => "*influxql.StringLiteral",
        Node::Boolean(_) => "*influxql.BooleanLiteral",
        Node::Duration(_) => "*influxql.DurationLiteral",
        Node::Time(_) => "*influxql.TimeLiteral",
        Node::Nil => "*influxql.nilLiteral",
        Node::Regex(_) => "*influxql.RegexLiteral",
        Node::Wildcard(_) => "*influxql.Wildcard",
        Node::Call(_) => "*influxql.Call",
        Node::Binary(_) | Node::Logic(..) => "*influxql.BinaryExpr",
        Node::Paren(_) => "*influxql.ParenExpr",
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::{Call, Reference};
    use super::*;

    fn name(name: &str) -> Node {
        Node::Reference(Reference { name: name.into(), kind: None })
    }

    fn at(condition: &Node) -> Split {
        split(Some(condition), 1_000, None).unwrap()
    }

    #[test]
    fn times_become_bounds() {
        let now = Node::Call(Call { name: "now".into(), args: vec![] });
        let ago = Node::binary(BinaryOp::Subtract, now, Node::Duration(100));
        let after = Node::binary(BinaryOp::Greater, name("time"), ago);
        let before = Node::binary(BinaryOp::Greater, Node::Integer(950), name("TIME"));
        let host = Node::binary(BinaryOp::Equal, name("host"), Node::Text("a".into()));
        let all = at(&Node::Logic(LogicOp::And, vec![after, host.clone(), before]));
        assert_eq!(all.bounds, Bounds { min: Some(901), max: Some(949) });
        assert_eq!(all.condition, Some(host));
    }

    #[test]
    fn an_or_of_times_is_their_intersection() {
        let after = Node::binary(BinaryOp::Greater, name("time"), Node::Integer(5));
        let before = Node::binary(BinaryOp::Less, name("time"), Node::Integer(3));
        let either = at(&Node::Logic(LogicOp::Or, vec![after, before]));
        assert_eq!(either.bounds, Bounds { min: Some(6), max: Some(2) });
        assert_eq!(either.condition, None);
    }

    #[test]
    fn what_is_no_condition() {
        let fault = |node: &Node| split(Some(node), 0, None).unwrap_err().to_string();
        assert_eq!(fault(&name("v")), "invalid condition expression: v");
        let unequal = Node::binary(BinaryOp::NotEqual, name("time"), Node::Integer(5));
        assert_eq!(fault(&unequal), "invalid time comparison operator: !=");
        let text = Node::binary(BinaryOp::Less, name("time"), Node::Text("x".into()));
        assert_eq!(
            fault(&text),
            "invalid operation: time and *influxql.StringLiteral are not compatible"
        );
    }
}
