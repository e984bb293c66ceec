//! Statements in, answers out.

use std::time::Instant;

use svcflow_influxql::Statement;
use svcflow_store::Store;

use crate::exec::{Budget, select};
use crate::{Cancel, Limits, QueryError, ResultSink, Session};

/// Answers statements from a store. A clone is another handle of the same.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    limits: Limits,
}

impl Engine {
    /// An engine over this store.
    #[must_use]
    pub const fn new(store: Store, limits: Limits) -> Self {
        Self { store, limits }
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
        let deadline = self.limits.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let bounded = deadline.map(|deadline| cancel.until(deadline));
        let budget = Budget::new(&self.limits, bounded.as_ref().unwrap_or(cancel));
        match statement {
            Statement::Select(statement) => select(&self.store, statement, session, &budget, sink),
            _ => Err(QueryError::NotImplemented("not implemented yet".into())),
        }
    }
}
