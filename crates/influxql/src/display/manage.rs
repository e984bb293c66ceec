use std::fmt;

use super::names::{Identifier, Text};
use super::{Clause, Joined};
use crate::{
    AlterRetentionPolicy, ContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, CreateUser, DatabasePolicy, DestinationMode, DropSubscription, Resample,
    RetentionDuration, SetPassword,
};

impl fmt::Display for RetentionDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infinite => f.write_str("INF"),
            Self::For(duration) => duration.fmt(f),
        }
    }
}

impl fmt::Display for CreateDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE DATABASE {}", Identifier(&self.name))?;
        let Some(DatabasePolicy { duration, replication, shard_duration, name }) = &self.policy
        else {
            return Ok(());
        };
        write!(f, " WITH{}{}", Clause("DURATION", duration), Clause("REPLICATION", replication))?;
        write!(f, "{}", Clause("SHARD DURATION", shard_duration))?;
        write!(f, "{}", Clause("NAME", &name.as_deref().map(Identifier)))
    }
}

impl fmt::Display for CreateRetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CREATE RETENTION POLICY {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        write!(f, " DURATION {} REPLICATION {}", self.duration, self.replication)?;
        write!(f, "{}", Clause("SHARD DURATION", &self.shard_duration))?;
        f.write_str(if self.default { " DEFAULT" } else { "" })
    }
}

impl fmt::Display for AlterRetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ALTER RETENTION POLICY {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        write!(f, "{}", Clause("DURATION", &self.duration))?;
        write!(f, "{}", Clause("REPLICATION", &self.replication))?;
        write!(f, "{}", Clause("SHARD DURATION", &self.shard_duration))?;
        f.write_str(if self.default { " DEFAULT" } else { "" })
    }
}

impl fmt::Display for ContinuousQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CREATE CONTINUOUS QUERY {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        if let Some(Resample { every, over }) = &self.resample {
            write!(f, " RESAMPLE{}{}", Clause("EVERY", every), Clause("FOR", over))?;
        }
        write!(f, " BEGIN {} END", self.select)
    }
}

impl fmt::Display for CreateSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CREATE SUBSCRIPTION {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        let mode = match self.mode {
            DestinationMode::All => "ALL",
            DestinationMode::Any => "ANY",
        };
        let destinations: Vec<_> = self.destinations.iter().map(|it| Text(it)).collect();
        write!(f, ".{} DESTINATIONS {mode} ", Identifier(&self.retention_policy))?;
        Joined(&destinations, ", ").fmt(f)
    }
}

impl fmt::Display for DropSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DROP SUBSCRIPTION {} ON {}",
            Identifier(&self.name),
            Identifier(&self.database)
        )?;
        write!(f, ".{}", Identifier(&self.retention_policy))
    }
}

impl fmt::Display for CreateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE USER {} WITH PASSWORD {}", Identifier(&self.name), self.password)?;
        f.write_str(if self.admin { " WITH ALL PRIVILEGES" } else { "" })
    }
}

impl fmt::Display for SetPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SET PASSWORD FOR {} = {}", Identifier(&self.user), self.password)
    }
}
