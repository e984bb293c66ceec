//! Which statement it is.

use super::{Parser, Result};
use crate::keyword::Keyword;
use crate::token::{Kind, Symbol, Token};
use crate::{Explain, Statement};

impl Parser<'_> {
    /// All of the text.
    pub(super) fn statements(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while self.accept_symbol(Symbol::Semicolon) {}
            if self.peek().kind == Kind::End {
                return Ok(statements);
            }
            statements.push(self.statement()?);
            let after = self.peek();
            if !matches!(after.kind, Kind::End | Kind::Symbol(Symbol::Semicolon)) {
                return Err(Self::expected(&after, &[";"]));
            }
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        let first = self.next();
        match keyword(&first) {
            Some(Keyword::Select) => self.select(first.span).map(Statement::Select),
            Some(Keyword::Delete) => self.delete().map(Statement::Delete),
            Some(Keyword::Show) => self.show().map(Statement::Show),
            Some(Keyword::Create) => self.create(),
            Some(Keyword::Drop) => self.drop(),
            Some(Keyword::Explain) => self.explain().map(Statement::Explain),
            Some(Keyword::Grant) => self.grant(),
            Some(Keyword::Revoke) => self.revoke(),
            Some(Keyword::Alter) => self.alter(),
            Some(Keyword::Set) => self.set_password().map(Statement::SetPassword),
            Some(Keyword::Kill) => self.kill(),
            _ => Err(Self::expected(
                &first,
                &[
                    "SELECT", "DELETE", "SHOW", "CREATE", "DROP", "EXPLAIN", "GRANT", "REVOKE",
                    "ALTER", "SET", "KILL",
                ],
            )),
        }
    }

    fn explain(&mut self) -> Result<Explain> {
        let analyze = self.accept(Keyword::Analyze);
        let first = self.peek();
        self.expect(Keyword::Select)?;
        Ok(Explain { analyze, select: self.select(first.span)? })
    }

    fn create(&mut self) -> Result<Statement> {
        let word = self.next();
        match keyword(&word) {
            Some(Keyword::Continuous) => {
                self.expect(Keyword::Query)?;
                self.continuous_query().map(Statement::CreateContinuousQuery)
            }
            Some(Keyword::Database) => self.create_database().map(Statement::CreateDatabase),
            Some(Keyword::User) => self.create_user().map(Statement::CreateUser),
            Some(Keyword::Retention) => {
                self.expect(Keyword::Policy)?;
                self.create_policy().map(Statement::CreateRetentionPolicy)
            }
            Some(Keyword::Subscription) => {
                self.create_subscription().map(Statement::CreateSubscription)
            }
            _ => Err(Self::expected(
                &word,
                &["CONTINUOUS", "DATABASE", "USER", "RETENTION", "SUBSCRIPTION"],
            )),
        }
    }

    fn drop(&mut self) -> Result<Statement> {
        let word = self.next();
        match keyword(&word) {
            Some(Keyword::Continuous) => {
                self.expect(Keyword::Query)?;
                self.on_database().map(Statement::DropContinuousQuery)
            }
            Some(Keyword::Database) => Ok(Statement::DropDatabase { name: self.identifier()? }),
            Some(Keyword::Measurement) => {
                Ok(Statement::DropMeasurement { name: self.identifier()? })
            }
            Some(Keyword::Retention) => {
                self.expect(Keyword::Policy)?;
                self.on_database().map(Statement::DropRetentionPolicy)
            }
            Some(Keyword::Series) => self.drop_series().map(Statement::DropSeries),
            Some(Keyword::Shard) => Ok(Statement::DropShard { id: self.integer(0, u64::MAX)? }),
            Some(Keyword::Subscription) => {
                self.drop_subscription().map(Statement::DropSubscription)
            }
            Some(Keyword::User) => Ok(Statement::DropUser { name: self.identifier()? }),
            _ => Err(Self::expected(
                &word,
                &[
                    "CONTINUOUS",
                    "DATABASE",
                    "MEASUREMENT",
                    "RETENTION",
                    "SERIES",
                    "SHARD",
                    "SUBSCRIPTION",
                    "USER",
                ],
            )),
        }
    }

    fn alter(&mut self) -> Result<Statement> {
        self.expect(Keyword::Retention)?;
        self.expect(Keyword::Policy)?;
        self.alter_policy().map(Statement::AlterRetentionPolicy)
    }

    fn kill(&mut self) -> Result<Statement> {
        self.expect(Keyword::Query)?;
        let id = self.integer(0, u64::MAX)?;
        let host = if self.accept(Keyword::On) { Some(self.identifier()?) } else { None };
        Ok(Statement::KillQuery { id, host })
    }
}

/// The reserved word that a word is.
pub(super) fn keyword(token: &Token<'_>) -> Option<Keyword> {
    match token.kind {
        Kind::Keyword(keyword) => Some(keyword),
        _ => None,
    }
}
