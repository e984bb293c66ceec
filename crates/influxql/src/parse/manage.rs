//! Databases, retention policies, continuous queries and subscriptions.

use super::{Failure, Parser, Result};
use crate::error::Fault;
use crate::keyword::Keyword;
use crate::parse::statement::keyword;
use crate::token::Symbol;
use crate::{
    AlterRetentionPolicy, ContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, DatabasePolicy, DestinationMode, DropSubscription, Duration, OnDatabase,
    Resample, RetentionDuration,
};

impl Parser<'_> {
    /// What follows `CREATE DATABASE`.
    pub(super) fn create_database(&mut self) -> Result<CreateDatabase> {
        let name = self.identifier()?;
        let policy = if self.accept(Keyword::With) { Some(self.database_policy()?) } else { None };
        Ok(CreateDatabase { name, policy })
    }

    /// Unlike `ALTER RETENTION POLICY`, this knows one order only.
    fn database_policy(&mut self) -> Result<DatabasePolicy> {
        let first = self.peek();
        let mut policy = DatabasePolicy::default();
        if self.accept(Keyword::Duration) {
            policy.duration = Some(self.retention()?);
        }
        if self.accept(Keyword::Replication) {
            policy.replication = Some(self.replication()?);
        }
        if self.accept(Keyword::Shard) {
            self.expect(Keyword::Duration)?;
            // InfluxDB takes INF here, and only here, and means its own choice.
            policy.shard_duration = Some(self.duration()?.unwrap_or_default());
        }
        if self.accept(Keyword::Name) {
            policy.name = Some(self.identifier()?);
        }
        if policy == DatabasePolicy::default() {
            return Err(Self::expected(&first, &["DURATION", "NAME", "REPLICATION", "SHARD"]));
        }
        Ok(policy)
    }

    /// What follows `CREATE RETENTION POLICY`.
    pub(super) fn create_policy(&mut self) -> Result<CreateRetentionPolicy> {
        let OnDatabase { name, database } = self.on_database()?;
        self.expect(Keyword::Duration)?;
        let duration = self.retention()?;
        self.expect(Keyword::Replication)?;
        let replication = self.replication()?;
        let shard_duration =
            if self.accept(Keyword::Shard) { Some(self.shard_duration()?) } else { None };
        let default = self.accept(Keyword::Default);
        Ok(CreateRetentionPolicy { name, database, duration, replication, shard_duration, default })
    }

    /// What follows `ALTER RETENTION POLICY`.
    pub(super) fn alter_policy(&mut self) -> Result<AlterRetentionPolicy> {
        let name =
            if self.accept(Keyword::Default) { "default".to_owned() } else { self.identifier()? };
        self.expect(Keyword::On)?;
        let database = self.identifier()?;
        let mut policy = AlterRetentionPolicy {
            name,
            database,
            duration: None,
            replication: None,
            shard_duration: None,
            default: false,
        };
        while self.alteration(&mut policy)? {}
        let AlterRetentionPolicy { duration, replication, shard_duration, default, .. } = &policy;
        if duration.is_none() && replication.is_none() && shard_duration.is_none() && !default {
            let expected = &["DURATION", "REPLICATION", "SHARD", "DEFAULT"];
            return Err(Self::expected(&self.peek(), expected));
        }
        Ok(policy)
    }

    /// Reads one option, if one is next.
    fn alteration(&mut self, policy: &mut AlterRetentionPolicy) -> Result<bool> {
        let word = self.peek();
        let Some(option) = keyword(&word) else { return Ok(false) };
        let given = match option {
            Keyword::Duration => policy.duration.is_some(),
            Keyword::Replication => policy.replication.is_some(),
            Keyword::Shard => policy.shard_duration.is_some(),
            Keyword::Default => policy.default,
            _ => return Ok(false),
        };
        if given {
            return Err(Failure::new(
                Fault::DuplicateOption { option: option.as_str() },
                word.span,
            ));
        }
        self.read(&word);
        match option {
            Keyword::Duration => policy.duration = Some(self.retention()?),
            Keyword::Replication => policy.replication = Some(self.replication()?),
            Keyword::Shard => policy.shard_duration = Some(self.shard_duration()?),
            _ => policy.default = true,
        }
        Ok(true)
    }

    fn retention(&mut self) -> Result<RetentionDuration> {
        Ok(match self.duration()? {
            None | Some(Duration(0)) => RetentionDuration::Infinite,
            Some(duration) => RetentionDuration::For(duration),
        })
    }

    fn replication(&mut self) -> Result<u32> {
        const MOST: u32 = i32::MAX.unsigned_abs();
        self.integer(1, MOST.into()).map(|copies| u32::try_from(copies).unwrap_or(MOST))
    }

    /// What follows `SHARD`.
    fn shard_duration(&mut self) -> Result<Duration> {
        self.expect(Keyword::Duration)?;
        let word = self.peek();
        self.duration()?.ok_or_else(|| Failure::new(Fault::InfiniteShard, word.span))
    }

    /// What follows `CREATE CONTINUOUS QUERY`. What InfluxDB checks of the query's interval isn't checked here.
    pub(super) fn continuous_query(&mut self) -> Result<ContinuousQuery> {
        let OnDatabase { name, database } = self.on_database()?;
        let resample = if self.accept(Keyword::Resample) { Some(self.resample()?) } else { None };
        self.expect(Keyword::Begin)?;
        let first = self.peek();
        self.expect(Keyword::Select)?;
        let select = self.select_into(first.span)?;
        self.expect(Keyword::End)?;
        Ok(ContinuousQuery { name, database, resample, select })
    }

    fn resample(&mut self) -> Result<Resample> {
        let every = if self.accept(Keyword::Every) { Some(self.finite()?) } else { None };
        let over = if self.accept(Keyword::For) { Some(self.finite()?) } else { None };
        if every.is_none() && over.is_none() {
            return Err(Self::expected(&self.peek(), &["EVERY", "FOR"]));
        }
        Ok(Resample { every, over })
    }

    /// Reads a duration that isn't `INF`.
    fn finite(&mut self) -> Result<Duration> {
        let word = self.peek();
        self.duration()?.ok_or_else(|| Self::expected(&word, &["duration"]))
    }

    /// What follows `CREATE SUBSCRIPTION`.
    pub(super) fn create_subscription(&mut self) -> Result<CreateSubscription> {
        let DropSubscription { name, database, retention_policy } = self.drop_subscription()?;
        self.expect(Keyword::Destinations)?;
        let word = self.next();
        let mode = match keyword(&word) {
            Some(Keyword::All) => DestinationMode::All,
            Some(Keyword::Any) => DestinationMode::Any,
            _ => return Err(Self::expected(&word, &["ALL", "ANY"])),
        };
        let mut destinations = vec![self.string()?];
        while self.accept_symbol(Symbol::Comma) {
            destinations.push(self.string()?);
        }
        Ok(CreateSubscription { name, database, retention_policy, mode, destinations })
    }

    /// Reads `name ON db.rp`.
    pub(super) fn drop_subscription(&mut self) -> Result<DropSubscription> {
        let OnDatabase { name, database } = self.on_database()?;
        if !self.accept_adjacent(Symbol::Dot) {
            return Err(Self::expected(&self.peek_raw(), &["."]));
        }
        Ok(DropSubscription { name, database, retention_policy: self.identifier()? })
    }
}
