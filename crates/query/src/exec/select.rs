//! A `SELECT`, from its plan to the sink.

use std::sync::Arc;

use svcflow_influxql as ql;
use svcflow_store::Store;

use super::batch::Batch;
use super::budget::{Budget, Held};
use super::calls::CallsGathered;
use super::node::Query;
use super::pieces::{Made, Piece};
use super::tables::StoreTables;
use super::work::in_order;
use crate::plan::plan;
use crate::{QueryError, ResultSink, SeriesFrame, Session};

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
    let output = Output { query: &query, names, sink, before: None };
    output.run()
}

/// Puts an answer out.
struct Output<'q, 's> {
    query: &'q Query<'q>,
    names: Vec<Arc<str>>,
    sink: &'s mut dyn ResultSink,
    /// The group whose rows were put out last.
    before: Option<usize>,
}

impl<'q> Output<'q, '_> {
    fn run(mut self) -> Result<(), QueryError> {
        let mut whole: Option<(CallsGathered<'q>, Vec<Held<'q>>)> = None;
        let query = self.query;
        self.pieces(&query.pieces(), &mut |output, made| match made {
            Made::Rows(batches, _held) => output.all(&batches),
            Made::Cut(pieces) => output.pieces(&pieces, &mut |output, made| match made {
                Made::Rows(batches, _held) => output.all(&batches),
                // Pieces are cut only once.
                _ => Ok(()),
            }),
            Made::Part { group, gathered, last, held } => {
                match &mut whole {
                    Some((all, all_held)) => {
                        all.absorb(gathered);
                        all_held.push(held);
                    }
                    None => whole = Some((gathered, vec![held])),
                }
                if last && let Some((all, _held)) = whole.take() {
                    let (batch, _held) = query.put_together(group, all)?;
                    output.batch(&batch)?;
                }
                Ok(())
            }
        })
    }

    /// Works pieces out and hands what they come to over in their order.
    fn pieces(
        &mut self,
        pieces: &[Piece],
        take: &mut dyn FnMut(&mut Self, Made<'q>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let (query, threads) = (self.query, self.query.budget.threads());
        let work = |at: usize| match pieces.get(at) {
            Some(piece) => query.work(piece),
            None => Ok(Made::Rows(Vec::new(), query.budget.hold())),
        };
        in_order(pieces.len(), threads, threads * 2, work, |_, made| take(self, made))
    }

    fn all(&mut self, batches: &[Batch]) -> Result<(), QueryError> {
        batches.iter().try_for_each(|batch| self.batch(batch))
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), QueryError> {
        for (at, rows) in &batch.groups {
            let Some(group) = self.query.groups.groups.get(*at).filter(|_| !rows.is_empty()) else {
                continue;
            };
            let (name, tags) = self.query.tags(group);
            let frame = SeriesFrame {
                name,
                tags: &tags,
                columns: &self.names,
                values: &batch.columns,
                rows: rows.clone(),
                continues: self.before == Some(*at),
                zone: self.query.root.level.zone.as_ref(),
            };
            self.before = Some(*at);
            self.sink
                .frame(&frame)
                .map_err(|_| QueryError::Cancelled(crate::CancelReason::Client))?;
        }
        Ok(())
    }
}
