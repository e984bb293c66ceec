//! Conditions of `SHOW` and `DROP` statements, which ask about tags only.

use std::collections::BTreeSet;

use svcflow_store::{Measurement, RoaringBitmap};

use crate::QueryError;
use crate::plan::{BinaryOp, LogicOp, Node, Reference};

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
            let (tag, value) = match (&binary.left, &binary.right) {
                (Node::Reference(tag), value) | (value, Node::Reference(tag)) => (tag, value),
                _ => return Ok(all()),
            };
            if !is_tag_comparison(binary.op) {
                return Err(QueryError::Invalid("invalid tag comparison operator".into()));
            }
            if fields.contains(&tag.name) {
                return Ok(all());
            }
            compare(measurement, binary.op, tag, value)
        }
        other => Err(QueryError::Invalid(format!("invalid condition expression: {other}"))),
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
