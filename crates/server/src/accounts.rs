//! Statements on users. Users are kept in a file, so statements show them and don't change them.

use std::sync::Arc;

use svcflow_influxql::{Show, Statement};
use svcflow_query::{Column, QueryError, ResultSink, SeriesFrame, Validity, Values};

use crate::auth::{User, Users};

/// Answers a statement if it is one on users.
pub(crate) fn execute(
    statement: &Statement,
    users: Option<&Users>,
    sink: &mut dyn ResultSink,
) -> Option<Result<(), QueryError>> {
    match statement {
        Statement::Show(Show::Users) => Some(show_users(users, sink)),
        Statement::Show(Show::Grants { user }) => Some(show_grants(users, user, sink)),
        Statement::CreateUser(_)
        | Statement::DropUser { .. }
        | Statement::SetPassword(_)
        | Statement::Grant(_)
        | Statement::GrantAdmin { .. }
        | Statement::Revoke(_)
        | Statement::RevokeAdmin { .. } => {
            let message = "users are kept in the file that `users_file` names: change that, and it is read again";
            Some(Err(QueryError::NotImplemented(message.to_owned())))
        }
        _ => None,
    }
}

fn show_users(users: Option<&Users>, sink: &mut dyn ResultSink) -> Result<(), QueryError> {
    let users: Vec<&User> = users.into_iter().flat_map(Users::iter).collect();
    let names = users.iter().map(|user| user.name().into()).collect();
    let admins = users.iter().map(|user| user.is_admin()).collect();
    table(sink, ["user", "admin"], [Values::String(names), Values::Boolean(admins)])
}

fn show_grants(
    users: Option<&Users>,
    name: &str,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let user = users.into_iter().flat_map(Users::iter).find(|user| user.name() == name);
    let user = user.ok_or_else(|| QueryError::Invalid("user not found".to_owned()))?;
    let (databases, privileges) =
        user.grants().map(|(database, privilege)| (database.into(), privilege.into())).unzip();
    table(sink, ["database", "privilege"], [Values::String(databases), Values::String(privileges)])
}

fn table(
    sink: &mut dyn ResultSink,
    columns: [&str; 2],
    values: [Values; 2],
) -> Result<(), QueryError> {
    let rows = values.first().map_or(0, Values::len);
    let columns: [Arc<str>; 2] = columns.map(Into::into);
    let values = values.map(|values| Column { values, validity: Validity::All });
    let frame = SeriesFrame {
        name: "",
        tags: &[],
        columns: &columns,
        values: &values,
        rows: 0..rows,
        continues: false,
        zone: None,
    };
    sink.frame(&frame).map_err(|_| QueryError::Cancelled(svcflow_query::CancelReason::Client))
}
