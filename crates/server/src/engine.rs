//! What answers statements.

use svcflow_influxql::Statement;
use svcflow_query::{Cancel, QueryError, ResultSink, Session};

/// Answers statements: the embedded store's queries, or those of another engine.
///
/// Called from threads that may block, several at a time.
pub trait Engine: Send + Sync + 'static {
    /// Runs one statement; its rows go to `sink`, which may hold it up.
    ///
    /// # Errors
    /// Whatever kept it from being answered to its end.
    fn execute(
        &self,
        statement: &Statement,
        session: &Session,
        cancel: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError>;
}

impl Engine for svcflow_query::Engine {
    fn execute(
        &self,
        statement: &Statement,
        session: &Session,
        cancel: &Cancel,
        sink: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        Self::execute(self, statement, session, sink, cancel)
    }
}
