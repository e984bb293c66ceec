//! `SHOW …`: what there is, from the index alone.

mod cardinality;
mod keys;
mod measurements;
mod meta;
mod output;
mod scope;
mod series;
mod tags;

use svcflow_influxql::Show;
use svcflow_store::Store;

use crate::exec::Budget;
use crate::registry::Queries;
use crate::{QueryError, ResultSink, Session};

pub(crate) use keys::all_fields;
pub(crate) use scope::{Scoped, is_named};
pub(crate) use tags::matching;

/// What a statement is answered with.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a Store,
    pub(crate) session: &'a Session,
    pub(crate) budget: &'a Budget<'a>,
    pub(crate) queries: &'a Queries,
}

/// Answers a `SHOW`.
pub(crate) fn show(
    context: &Context<'_>,
    show: &Show,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    match show {
        Show::Databases => meta::databases(context, sink),
        Show::RetentionPolicies { database } => meta::policies(context, database.as_deref(), sink),
        Show::ContinuousQueries => meta::continuous_queries(context, sink),
        Show::Subscriptions => Ok(()),
        Show::Queries => meta::queries(context, sink),
        Show::Diagnostics { module } => meta::diagnostics(context, module.as_deref(), sink),
        Show::Measurements(show) => measurements::measurements(context, show, sink),
        Show::TagKeys(show) => keys::tag_keys(context, show, sink),
        Show::TagValues(show) => keys::tag_values(context, show, sink),
        Show::FieldKeys(show) => keys::field_keys(context, show, sink),
        Show::Series(show) => series::series(context, show, sink),
        Show::Cardinality(show) => cardinality::cardinality(context, show, sink),
        Show::Shards | Show::ShardGroups => Err(unsupported(
            "there are no shards: the store cuts time by itself, see SHOW RETENTION POLICIES",
        )),
        Show::Stats { .. } => {
            Err(unsupported("SHOW STATS isn't supported: the numbers are at /metrics"))
        }
        Show::Users | Show::Grants { .. } => {
            Err(unsupported("users are kept in the server's configuration"))
        }
    }
}

fn unsupported(text: &str) -> QueryError {
    QueryError::NotImplemented(text.into())
}
