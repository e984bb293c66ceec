//! What a statement needs, as InfluxDB 1.6.7 has it: reading and writing by database, the rest is the
//! administrator's.

use std::fmt;

use svcflow_influxql::{Measurement, Scope, Select, Show, Source, Statement};

use super::User;

/// What one must be allowed to run a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: the answer only shows what one may see.
    Nothing,
    /// To read all of these databases.
    Read(Vec<String>),
    /// To write to this database.
    Write(String),
    /// Everything.
    Admin,
}

impl Needs {
    /// What `user` lacks of it.
    pub(crate) fn lacking(&self, user: &User) -> Option<Lacking<'_>> {
        match self {
            Self::Nothing => None,
            Self::Read(databases) => {
                databases.iter().find(|name| !user.may_read(name)).map(|name| Lacking::Read(name))
            }
            Self::Write(name) if user.may_write(name) => None,
            Self::Write(name) => Some(Lacking::Write(name)),
            Self::Admin if user.is_admin() => None,
            Self::Admin => Some(Lacking::Admin),
        }
    }
}

/// What is lacking; prints as InfluxDB's errors end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lacking<'n> {
    Read(&'n str),
    Write(&'n str),
    Admin,
}

impl fmt::Display for Lacking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(name) => write!(f, "requires READ on {name}"),
            Self::Write(name) => write!(f, "requires WRITE on {name}"),
            Self::Admin => f.write_str("requires admin privilege"),
        }
    }
}

/// What a statement needs where the request names `database`.
pub(crate) fn needs(statement: &Statement, database: &str) -> Needs {
    match statement {
        Statement::Select(select) => read(select, database),
        Statement::Explain(explain) => read(&explain.select, database),
        Statement::Show(show) => show_needs(show, database),
        Statement::Delete(_) | Statement::DropSeries(_) => Needs::Write(database.to_owned()),
        _ => Needs::Admin,
    }
}

fn read(select: &Select, database: &str) -> Needs {
    // INTO is refused by whoever runs it; that it needs more is not left to that.
    if select.into.is_some() {
        return Needs::Admin;
    }
    let mut databases = Vec::new();
    collect(select, database, &mut databases);
    Needs::Read(databases)
}

fn collect(select: &Select, database: &str, databases: &mut Vec<String>) {
    for source in &select.from {
        match source {
            Source::Measurement(measurement) => {
                let name = measurement.database.as_deref().unwrap_or(database);
                if !databases.iter().any(|there| there == name) {
                    databases.push(name.to_owned());
                }
            }
            Source::Subquery(select) => collect(select, database, databases),
        }
    }
}

fn show_needs(show: &Show, database: &str) -> Needs {
    let on =
        |name: &Option<String>| Needs::Read(vec![name.as_deref().unwrap_or(database).to_owned()]);
    match show {
        Show::Databases => Needs::Nothing,
        Show::FieldKeys(show) => scope(&show.scope, database),
        Show::TagKeys(show) => scope(&show.scope, database),
        Show::TagValues(show) => scope(&show.scope, database),
        Show::Series(show) => scope(&show.scope, database),
        Show::Cardinality(show) => scope(&show.scope, database),
        Show::Measurements(show) => on(&show.database),
        Show::RetentionPolicies { database } => on(database),
        // Another user's queries hold what he looks for.
        _ => Needs::Admin,
    }
}

fn scope(scope: &Scope, database: &str) -> Needs {
    let here = scope.database.as_deref().unwrap_or(database);
    let named = |from: &Measurement| from.database.as_deref().unwrap_or(here).to_owned();
    let mut databases: Vec<_> = scope.from.iter().map(named).chain([here.to_owned()]).collect();
    databases.dedup();
    Needs::Read(databases)
}
