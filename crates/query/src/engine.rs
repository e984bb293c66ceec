//! Statements in, answers out.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use svcflow_influxql::Statement;
use svcflow_store::Store;

use crate::admin::change;
use crate::exec::{Budget, select};
use crate::registry::Queries;
use crate::show::{Context, show};
use crate::{Cancel, Limits, QueryError, ResultSink, Session};

/// Answers statements from a store. A clone is another handle of the same.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    limits: Limits,
    queries: Queries,
    held: Arc<AtomicU64>,
}

impl Engine {
    /// An engine over this store.
    #[must_use]
    pub fn new(store: Store, limits: Limits) -> Self {
        Self { store, limits, queries: Queries::default(), held: Arc::default() }
    }

    /// Answers one statement: the rows go to the sink as they are found.
    ///
    /// # Errors
    ///
    /// The statement can't be answered, or not to the end; what the sink was given until then is right.
    pub fn execute(
        &self,
        statement: &Statement,
        session: &Session,
        sink: &mut dyn ResultSink,
        cancel: &Cancel,
    ) -> Result<(), QueryError> {
        let text = match session.text.as_str() {
            "" => statement.to_string(),
            text => text.to_owned(),
        };
        let _running = self.queries.add(text, session.database.clone(), cancel.clone());
        let deadline = self.limits.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let bounded = deadline.map(|deadline| cancel.until(deadline));
        let budget = Budget::new(&self.limits, bounded.as_ref().unwrap_or(cancel), &self.held);
        let context =
            Context { store: &self.store, session, budget: &budget, queries: &self.queries };
        match statement {
            Statement::Select(statement) => select(&self.store, statement, session, &budget, sink),
            Statement::Show(statement) => show(&context, statement, sink),
            Statement::Explain(_) => {
                Err(QueryError::NotImplemented("EXPLAIN isn't supported".into()))
            }
            other => change(&context, other),
        }
    }
}
