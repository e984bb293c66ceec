//! `SHOW MEASUREMENTS`

use std::collections::BTreeSet;

use svcflow_influxql::ShowMeasurements;
use svcflow_store::{Measurement, Snapshot};

use super::Context;
use super::output::{Table, paged, texts};
use super::scope::{database_named, is_named};
use crate::plan::{Binary, BinaryOp, LogicOp, MEASUREMENT_NAME, Node, has_time, op_text};
use crate::{QueryError, ResultSink};

pub(super) fn measurements(
    context: &Context<'_>,
    show: &ShowMeasurements,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let condition = show.condition.as_ref().map(Node::try_from).transpose()?;
    if condition.as_ref().is_some_and(has_time) {
        let text = "SHOW MEASUREMENTS doesn't support time in WHERE clause";
        return Err(QueryError::Invalid(text.into()));
    }
    let database = database_named(context, show.database.as_deref())?;
    // InfluxDB finds nothing in a database that isn't there.
    let Ok(snapshot) = context.store.read(database) else { return Ok(()) };
    let mut names: BTreeSet<&str> = snapshot.measurements().collect();
    if let Some(with) = show.with.as_ref().filter(|with| !with.is_unnamed()) {
        names.retain(|name| is_named(with, name));
    }
    if let Some(condition) = &condition {
        let those = named(&snapshot, condition)?;
        names.retain(|name| those.contains(name));
    }
    let names = paged(names, &show.page);
    if names.is_empty() {
        return Ok(());
    }
    Table { name: "measurements", tags: &[], columns: &["name"], values: &[texts(names)] }
        .put_out(sink)
}

/// The measurements for which a condition holds: those that have a series with such a tag, or none.
fn named<'a>(snapshot: &'a Snapshot, condition: &Node) -> Result<BTreeSet<&'a str>, QueryError> {
    match condition {
        Node::Paren(within) => named(snapshot, within),
        Node::Logic(op, operands) => {
            let mut sets = operands.iter().map(|operand| named(snapshot, operand));
            let mut joined = sets.next().unwrap_or_else(|| Ok(BTreeSet::new()))?;
            for set in sets {
                let set = set?;
                match op {
                    LogicOp::And => joined.retain(|name| set.contains(name)),
                    LogicOp::Or => joined.extend(set),
                }
            }
            Ok(joined)
        }
        Node::Binary(binary) => compared(snapshot, binary),
        other => Err(QueryError::Invalid(format!("{other}"))),
    }
}

fn compared<'a>(snapshot: &'a Snapshot, binary: &Binary) -> Result<BTreeSet<&'a str>, QueryError> {
    let op = op_text(binary.op);
    let Node::Reference(tag) = &binary.left else {
        return invalid(format!("left side of '{op}' must be a tag key"));
    };
    match (binary.op, &binary.right) {
        (BinaryOp::Equal | BinaryOp::NotEqual, Node::Text(_))
        | (BinaryOp::Matches | BinaryOp::NotMatches, Node::Regex(_)) => {}
        (BinaryOp::Equal | BinaryOp::NotEqual, _) => {
            return invalid(format!("right side of '{op}' must be a tag value string"));
        }
        (BinaryOp::Matches | BinaryOp::NotMatches, _) => {
            return invalid(format!("right side of '{op}' must be a regular expression"));
        }
        _ => return invalid("invalid tag comparison operator".into()),
    }
    let is_meant = |value: &str| match &binary.right {
        Node::Text(wanted) => wanted == value,
        Node::Regex(regex) => regex.is_match(value),
        _ => false,
    };
    let has = |measurement: &Measurement| {
        measurement.tag_values(&tag.name).any(|(value, _)| is_meant(value))
    };
    let wanted = matches!(binary.op, BinaryOp::Equal | BinaryOp::Matches);
    let holds = |name: &&str| {
        if tag.name == MEASUREMENT_NAME {
            return is_meant(name) == wanted;
        }
        // A measurement without the tag matches nothing, not even that it is unlike something.
        snapshot.measurement(name).is_some_and(|measurement| {
            measurement.tag_keys().any(|key| key == tag.name) && has(&measurement) == wanted
        })
    };
    Ok(snapshot.measurements().filter(holds).collect())
}

fn invalid<T>(text: String) -> Result<T, QueryError> {
    Err(QueryError::Invalid(text))
}
