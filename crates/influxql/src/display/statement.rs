use std::fmt;

use super::names::Identifier;
use super::{Clause, List};
use crate::{Delete, DropSeries, Grant, Privilege, Statement};

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(it) => it.fmt(f),
            Self::Explain(it) => it.fmt(f),
            Self::Show(it) => it.fmt(f),
            Self::Delete(it) => it.fmt(f),
            Self::DropSeries(it) => it.fmt(f),
            Self::DropMeasurement { name } => write!(f, "DROP MEASUREMENT {}", Identifier(name)),
            Self::DropShard { id } => write!(f, "DROP SHARD {id}"),
            Self::CreateDatabase(it) => it.fmt(f),
            Self::DropDatabase { name } => write!(f, "DROP DATABASE {}", Identifier(name)),
            Self::CreateRetentionPolicy(it) => it.fmt(f),
            Self::AlterRetentionPolicy(it) => it.fmt(f),
            Self::DropRetentionPolicy(it) => write!(f, "DROP RETENTION POLICY {it}"),
            Self::CreateContinuousQuery(it) => it.fmt(f),
            Self::DropContinuousQuery(it) => write!(f, "DROP CONTINUOUS QUERY {it}"),
            Self::CreateSubscription(it) => it.fmt(f),
            Self::DropSubscription(it) => it.fmt(f),
            Self::CreateUser(it) => it.fmt(f),
            Self::DropUser { name } => write!(f, "DROP USER {}", Identifier(name)),
            Self::SetPassword(it) => it.fmt(f),
            Self::Grant(it) => grant(f, ["GRANT", "TO"], it),
            Self::GrantAdmin { user } => write!(f, "GRANT ALL PRIVILEGES TO {}", Identifier(user)),
            Self::Revoke(it) => grant(f, ["REVOKE", "FROM"], it),
            Self::RevokeAdmin { user } => {
                write!(f, "REVOKE ALL PRIVILEGES FROM {}", Identifier(user))
            }
            Self::KillQuery { id, host } => {
                write!(f, "KILL QUERY {id}{}", Clause("ON", &host.as_deref().map(Identifier)))
            }
        }
    }
}

fn grant(f: &mut fmt::Formatter<'_>, [verb, preposition]: [&str; 2], grant: &Grant) -> fmt::Result {
    let Grant { privilege, database, user } = grant;
    write!(f, "{verb} {privilege} ON {} {preposition} {}", Identifier(database), Identifier(user))
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::All => "ALL PRIVILEGES",
        })
    }
}

impl fmt::Display for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DELETE{}{}", List("FROM", &self.from), Clause("WHERE", &self.condition))
    }
}

impl fmt::Display for DropSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DROP SERIES{}{}", List("FROM", &self.from), Clause("WHERE", &self.condition))
    }
}
