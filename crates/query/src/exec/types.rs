//! Whether functions go with the types of what they work on. InfluxDB finds that out when it begins to read,
//! so only where there is something to be read.

use super::calls::{aggregate_name, transform_name, unsupported};
use super::node::{Node, NodeSource};
use super::scan::Leaf;
use crate::QueryError;
use crate::plan::{Aggregate, Body, CallPlan, Kind, Mapped, Transform};

/// Checks the calls of a level, and of those within whose rows it looks at.
pub(super) fn check(node: &Node<'_>, leaves: &[Leaf<'_>]) -> Result<(), QueryError> {
    let calls: &[CallPlan] = match &node.level.body {
        Body::Nothing => return Ok(()),
        Body::Raw { .. } => &[],
        Body::Calls { calls, .. } => calls,
    };
    let raw = calls.is_empty();
    for source in &node.sources {
        match source {
            NodeSource::Leaf(leaf) => {
                let Some(leaf) = leaves.get(*leaf) else { continue };
                let read =
                    |call: &&CallPlan| leaf.has(call.input) && !leaf.selection.series.is_empty();
                calls.iter().filter(read).try_for_each(|call| check_call(node, call))?;
            }
            NodeSource::Inner { node: inner, map } => {
                let read = |call: &&CallPlan| map.get(call.input) != Some(&Mapped::Nothing);
                if raw || calls.iter().any(|call| read(&call)) {
                    check(inner, leaves)?;
                }
                calls.iter().filter(read).try_for_each(|call| check_call(node, call))?;
            }
        }
    }
    Ok(())
}

fn check_call(node: &Node<'_>, call: &CallPlan) -> Result<(), QueryError> {
    let kind = node.level.inputs.get(call.input).and_then(|input| input.kind);
    let mut kind = match kind.unwrap_or(Kind::Float) {
        Kind::Tag => Kind::String,
        kind => kind,
    };
    if call.kind.is_none() {
        return Ok(());
    }
    if let Some(aggregate) = &call.aggregate {
        if !goes_with(aggregate, kind) {
            return Err(unsupported(aggregate_name(aggregate), Some(kind)));
        }
        kind = kind_after(aggregate, kind);
    }
    for transform in &call.transforms {
        let elapsed = matches!(transform, Transform::Elapsed { .. });
        if !elapsed && !matches!(kind, Kind::Float | Kind::Integer) {
            return Err(unsupported(transform_name(transform), Some(kind)));
        }
        kind = if elapsed { Kind::Integer } else { kind };
    }
    Ok(())
}

fn goes_with(aggregate: &Aggregate, kind: Kind) -> bool {
    let numbers = matches!(kind, Kind::Float | Kind::Integer);
    match aggregate {
        Aggregate::Count
        | Aggregate::CountDistinct
        | Aggregate::First
        | Aggregate::Last
        | Aggregate::Mode
        | Aggregate::Distinct
        | Aggregate::Sample(_) => true,
        Aggregate::Min | Aggregate::Max => numbers || kind == Kind::Boolean,
        _ => numbers,
    }
}

/// The type of an aggregate's values.
const fn kind_after(aggregate: &Aggregate, kind: Kind) -> Kind {
    match aggregate {
        Aggregate::Count | Aggregate::CountDistinct => Kind::Integer,
        Aggregate::Mean | Aggregate::Median | Aggregate::Stddev | Aggregate::Integral { .. } => {
            Kind::Float
        }
        _ => kind,
    }
}
