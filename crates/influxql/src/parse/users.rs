//! Users and what they may do.

use super::{Parser, Result};
use crate::keyword::Keyword;
use crate::parse::statement::keyword;
use crate::token::Symbol;
use crate::{CreateUser, Grant, Password, Privilege, SetPassword, Statement};

impl Parser<'_> {
    /// What follows `CREATE USER`.
    pub(super) fn create_user(&mut self) -> Result<CreateUser> {
        let name = self.identifier()?;
        self.expect(Keyword::With)?;
        self.expect(Keyword::Password)?;
        let password = Password(self.string()?);
        let admin = self.accept(Keyword::With);
        if admin {
            self.expect(Keyword::All)?;
            self.expect(Keyword::Privileges)?;
        }
        Ok(CreateUser { name, password, admin })
    }

    /// What follows `SET`.
    pub(super) fn set_password(&mut self) -> Result<SetPassword> {
        self.expect(Keyword::Password)?;
        self.expect(Keyword::For)?;
        let user = self.identifier()?;
        self.expect_symbol(Symbol::Equal)?;
        Ok(SetPassword { user, password: Password(self.string()?) })
    }

    /// What follows `GRANT`.
    pub(super) fn grant(&mut self) -> Result<Statement> {
        match self.privilege(Keyword::To, &["ON", "TO"])? {
            Some((privilege, database)) => {
                self.expect(Keyword::To)?;
                Ok(Statement::Grant(Grant { privilege, database, user: self.identifier()? }))
            }
            None => Ok(Statement::GrantAdmin { user: self.identifier()? }),
        }
    }

    /// What follows `REVOKE`.
    pub(super) fn revoke(&mut self) -> Result<Statement> {
        match self.privilege(Keyword::From, &["ON", "FROM"])? {
            Some((privilege, database)) => {
                self.expect(Keyword::From)?;
                Ok(Statement::Revoke(Grant { privilege, database, user: self.identifier()? }))
            }
            None => Ok(Statement::RevokeAdmin { user: self.identifier()? }),
        }
    }

    /// Reads a privilege and its database. `None` is all privileges on everything: then the word between it
    /// and the user was next, and is read.
    fn privilege(
        &mut self,
        user_word: Keyword,
        on_or_user: &[&'static str],
    ) -> Result<Option<(Privilege, String)>> {
        let word = self.next();
        let privilege = match keyword(&word) {
            Some(Keyword::Read) => Privilege::Read,
            Some(Keyword::Write) => Privilege::Write,
            Some(Keyword::All) => {
                self.accept(Keyword::Privileges);
                Privilege::All
            }
            _ => return Err(Self::expected(&word, &["READ", "WRITE", "ALL [PRIVILEGES]"])),
        };
        if privilege == Privilege::All && self.accept(user_word) {
            return Ok(None);
        }
        if !self.accept(Keyword::On) {
            let expected = if privilege == Privilege::All { on_or_user } else { &["ON"] };
            return Err(Self::expected(&self.peek(), expected));
        }
        Ok(Some((privilege, self.identifier()?)))
    }
}
