//! Whether a statement makes sense, whatever the database holds: InfluxDB's checks, in its order and words.

use super::condition::{Bounds, Split, split};
use super::dimensions::{Grouping, grouping};
use super::functions::Checker;
use super::node::{Call, Node};
use super::reduce::Reducer;
use svcflow_influxql as ql;

use crate::scalar_math::MathFunction;
use crate::{QueryError, Zone};

/// One of the things asked for.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) node: Node,
    pub(crate) alias: Option<String>,
}

/// What a source is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Measurement(ql::Measurement),
    Subquery(Box<Compiled>),
}

/// A statement whose sense was checked.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) fields: Vec<Field>,
    /// What the column of times is called.
    pub(crate) time_name: String,
    pub(crate) sources: Vec<Source>,
    pub(crate) condition: Option<Node>,
    /// The statement's own bounds of time, without those of statements around it.
    pub(crate) bounds: Bounds,
    pub(crate) grouping: Grouping,
    pub(crate) fill: ql::Fill,
    pub(crate) ascending: bool,
    pub(crate) rows: ql::Page,
    pub(crate) series: ql::Page,
    pub(crate) zone: Option<Zone>,
}

/// What a statement inherits from the one around it.
#[derive(Clone, Copy, Debug)]
struct Outer {
    interval: i64,
    ascending: bool,
}

/// Checks a statement and those within it.
pub(crate) fn compile(select: &ql::Select, now: i64) -> Result<Compiled, QueryError> {
    compile_within(select, now, None)
}

fn compile_within(
    select: &ql::Select,
    now: i64,
    outer: Option<Outer>,
) -> Result<Compiled, QueryError> {
    let zone = select.time_zone.as_deref().map(zone).transpose()?;
    let Split { condition, bounds } = {
        let condition = select.condition.as_ref().map(Node::try_from).transpose()?;
        split(condition.as_ref(), now, zone.as_ref())?
    };
    if let Some(condition) = &condition {
        check_condition(condition)?;
    }
    let grouping = grouping(&select.group_by, now)?;
    let ascending = order(select, outer)?;
    let inherited = grouping.interval == 0 && outer.is_some_and(|outer| outer.interval != 0);
    let interval =
        if inherited { outer.map_or(0, |outer| outer.interval) } else { grouping.interval };

    let (fields, time_name) = fields(select)?;
    Checker::new(select, interval, inherited).check(&fields)?;
    let within = Outer { interval, ascending };
    let sources = select
        .from
        .iter()
        .map(|source| compile_source(source, now, within))
        .collect::<Result<_, _>>()?;
    Ok(Compiled {
        fields,
        time_name,
        sources,
        condition,
        bounds,
        grouping,
        fill: select.fill,
        ascending,
        rows: select.rows,
        series: select.series,
        zone,
    })
}

fn compile_source(source: &ql::Source, now: i64, outer: Outer) -> Result<Source, QueryError> {
    Ok(match source {
        ql::Source::Measurement(measurement) => Source::Measurement(measurement.clone()),
        ql::Source::Subquery(select) => {
            Source::Subquery(Box::new(compile_within(select, now, Some(outer))?))
        }
    })
}

/// The statement's order, which a statement within another takes from that.
fn order(select: &ql::Select, outer: Option<Outer>) -> Result<bool, QueryError> {
    match (select.order, outer) {
        (order, None) => Ok(order == ql::SortOrder::Ascending),
        (ql::SortOrder::Descending, Some(Outer { ascending: true, .. })) => {
            Err(QueryError::Invalid(
                "subqueries must be ordered in the same direction as the query itself".into(),
            ))
        }
        (_, Some(outer)) => Ok(outer.ascending),
    }
}

fn zone(name: &str) -> Result<Zone, QueryError> {
    Zone::named(name).ok_or_else(|| QueryError::Syntax(format!("unable to find time zone {name}")))
}

/// The fields without `time`, which is always there, and what `time` is to be called.
fn fields(select: &ql::Select) -> Result<(Vec<Field>, String), QueryError> {
    let reducer = Reducer { now: None, zone: None, math: true };
    let mut time_name = "time".to_owned();
    let mut fields = Vec::with_capacity(select.fields.len());
    for field in &select.fields {
        let node = Node::try_from(&field.expr)?;
        if let Node::Reference(reference) = &node
            && reference.name == "time"
        {
            if let Some(alias) = &field.alias {
                time_name.clone_from(alias);
            }
            continue;
        }
        fields.push(Field { node: reducer.reduce(&node), alias: field.alias.clone() });
    }
    Ok((fields, time_name))
}

/// In a condition only mathematical functions make sense.
fn check_condition(condition: &Node) -> Result<(), QueryError> {
    let mut fault = None;
    condition.walk(&mut |node| {
        if let (Node::Call(call), None) = (node, &fault) {
            fault = check_condition_call(call).err();
        }
    });
    fault.map_or(Ok(()), Err)
}

fn check_condition_call(call: &Call) -> Result<(), QueryError> {
    let Some(function) = MathFunction::named(&call.name) else {
        let text = Node::Call(call.clone());
        return Err(QueryError::Invalid(format!("invalid function call in condition: {text}")));
    };
    // InfluxDB forgets here that `log` takes two.
    let expected = if function == MathFunction::Log { 1 } else { function.arguments() };
    super::functions::check_count(&call.name, expected, call.args.len())
}
