//! A `SELECT`, from its plan to the sink.

use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store::Store;

use super::budget::Budget;
use super::node::{EVERYTHING, Query};
use super::tables::StoreTables;
use crate::plan::plan;
use crate::{Column, QueryError, ResultSink, SeriesFrame, Session, Values};

/// Answers a `SELECT`.
pub(crate) fn select(
    store: &Store,
    statement: &ql::Select,
    session: &Session,
    budget: &Budget<'_>,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let mut tables = StoreTables::new(store, session);
    let plan = plan(statement, session.now, &mut tables)?;
    let names: Vec<Arc<str>> = std::iter::once(&plan.time_name)
        .chain(plan.level.outputs.iter().map(|output| &output.name))
        .cloned()
        .collect();
    let seed = u64::from_ne_bytes(session.now.to_ne_bytes()) ^ 0x9e37_79b9_7f4a_7c15;
    let query = Query::new(&plan.level, &tables.tables, budget, seed)?;
    for group in &query.groups.groups {
        let rows = query.rows(&query.root, group, EVERYTHING)?;
        if rows.times.is_empty() {
            continue;
        }
        let (name, tags) = query.tags(group);
        let count = rows.times.len();
        let time = Column::valid(Values::Time(rows.times));
        let values: Vec<Column> = std::iter::once(time).chain(rows.columns).collect();
        let frame = SeriesFrame {
            name: &name,
            tags: &tags,
            columns: &names,
            values: &values,
            rows: count,
            continues: false,
            zone: plan.level.zone.as_ref(),
        };
        sink.frame(&frame).map_err(|_| QueryError::Cancelled(crate::CancelReason::Client))?;
    }
    Ok(())
}
