//! Conditions of `SHOW` and `DROP` statements, which ask about tags only.

use std::collections::BTreeSet;

use svcflow_store::{Measurement, RoaringBitmap};

use crate::QueryError;
use crate::plan::{Binary, BinaryOp, LogicOp, MEASUREMENT_NAME, Node, Reference};

/// What stands for the keys of tags in the condition of `SHOW TAG VALUES`.
pub(super) const TAG_KEY: &str = "_tagKey";

/// The series of a measurement for which a condition holds. What it asks about fields holds for all of them,
/// and so does what it asks about something that isn't a text: InfluxDB's way.
pub(crate) fn matching(
    measurement: &Measurement,
    fields: &BTreeSet<String>,
    condition: &Node,
) -> Result<RoaringBitmap, QueryError> {
    let inner = |node: &Node| matching(measurement, fields, node);
    let all = || measurement.series_all().clone();
    match condition {
        Node::Paren(within) => inner(within),
        Node::Boolean(true) => Ok(all()),
        Node::Boolean(false) => Ok(RoaringBitmap::new()),
        Node::Logic(op, operands) => {
            let mut sets = operands.iter().map(inner);
            let mut joined = sets.next().unwrap_or_else(|| Ok(all()))?;
            for set in sets {
                match op {
                    LogicOp::And => joined &= set?,
                    LogicOp::Or => joined |= set?,
                }
            }
            Ok(joined)
        }
        Node::Binary(binary) => {
            let Some((tag, value)) = sides(binary) else { return Ok(all()) };
            if !is_tag_comparison(binary.op) {
                return Err(QueryError::Invalid("invalid tag comparison operator".into()));
            }
            if fields.contains(&tag.name) {
                return Ok(all());
            }
            if tag.name == MEASUREMENT_NAME {
                let holds = holds_for(condition, measurement.name());
                return Ok(if holds { all() } else { RoaringBitmap::new() });
            }
            compare(measurement, binary.op, tag, value)
        }
        other => Err(QueryError::Invalid(format!("invalid condition expression: {other}"))),
    }
}

/// The name and what it is compared with.
const fn sides(binary: &Binary) -> Option<(&Reference, &Node)> {
    match (&binary.left, &binary.right) {
        (Node::Reference(name), value) | (value, Node::Reference(name)) => Some((name, value)),
        _ => None,
    }
}

/// What is left of a condition where only comparisons of these names count; `None` is nothing.
pub(super) fn only(condition: &Node, counts: &impl Fn(&str) -> bool) -> Option<Node> {
    match condition {
        Node::Paren(within) => only(within, counts),
        Node::Logic(op, operands) => {
            let left: Vec<Node> = operands.iter().filter_map(|it| only(it, counts)).collect();
            (!left.is_empty()).then_some(Node::Logic(*op, left))
        }
        other => {
            let name = match other {
                Node::Binary(binary) => sides(binary).map_or("", |(name, _)| name.name.as_str()),
                _ => "",
            };
            counts(name).then(|| other.clone())
        }
    }
}

/// Whether a condition holds where all that it compares is this text.
pub(super) fn holds_for(condition: &Node, text: &str) -> bool {
    match condition {
        Node::Logic(LogicOp::And, operands) => operands.iter().all(|it| holds_for(it, text)),
        Node::Logic(LogicOp::Or, operands) => operands.iter().any(|it| holds_for(it, text)),
        Node::Binary(binary) => match (binary.op, sides(binary).map(|(_, value)| value)) {
            (BinaryOp::Equal, Some(Node::Text(wanted))) => wanted == text,
            (BinaryOp::NotEqual, Some(Node::Text(other))) => other != text,
            (BinaryOp::Matches, Some(Node::Regex(regex))) => regex.is_match(text),
            (BinaryOp::NotMatches, Some(Node::Regex(regex))) => !regex.is_match(text),
            _ => false,
        },
        _ => false,
    }
}

const fn is_tag_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Matches, NotEqual, NotMatches};
    matches!(op, Equal | NotEqual | Matches | NotMatches)
}

fn compare(
    measurement: &Measurement,
    op: BinaryOp,
    tag: &Reference,
    value: &Node,
) -> Result<RoaringBitmap, QueryError> {
    let all = measurement.series_all();
    let equal = match value {
        Node::Text(value) => measurement.series_with(&tag.name, value),
        Node::Regex(regex) => {
            let values = measurement.tag_values(&tag.name);
            let matching = values.filter(|(value, _)| regex.is_match(value));
            let mut those = matching.fold(RoaringBitmap::new(), |those, (_, more)| those | more);
            if regex.is_match("") {
                those |= measurement.series_with(&tag.name, "");
            }
            those
        }
        _ => return Ok(all.clone()),
    };
    let negated = matches!(op, BinaryOp::NotEqual | BinaryOp::NotMatches);
    Ok(if negated { all - equal } else { equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(name: &str, value: &str) -> Node {
        let name = Node::Reference(Reference { name: name.into(), kind: None });
        Node::binary(BinaryOp::Equal, name, Node::Text(value.into()))
    }

    #[test]
    fn conditions_are_taken_apart() {
        let either = Node::Logic(LogicOp::Or, vec![equal(TAG_KEY, "x"), equal("host", "a")]);
        let both = Node::Logic(LogicOp::And, vec![equal("rack", "1"), Node::Paren(either.into())]);
        let keys = only(&both, &|name| name == TAG_KEY).unwrap();
        assert!(holds_for(&keys, "x"));
        assert!(!holds_for(&keys, "host"));
        let rest = only(&both, &|name| name != TAG_KEY).unwrap();
        let host = Node::Logic(LogicOp::Or, vec![equal("host", "a")]);
        assert_eq!(rest, Node::Logic(LogicOp::And, vec![equal("rack", "1"), host]));
        assert_eq!(only(&both, &|name| name == MEASUREMENT_NAME), None);
    }
}
