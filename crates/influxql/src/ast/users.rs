use std::fmt;

/// A password in the clear, which neither Debug nor Display writes.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Password({self})")
    }
}

impl fmt::Display for Password {
    /// A string that is the same for all, so that none gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'[REDACTED]'")
    }
}

/// `CREATE USER name WITH PASSWORD '…' [WITH ALL PRIVILEGES]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Password,
    /// `WITH ALL PRIVILEGES`
    pub admin: bool,
}

/// `SET PASSWORD FOR name = '…'`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPassword {
    /// Whose.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// What one may do with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// `READ`
    Read,
    /// `WRITE`
    Write,
    /// `ALL [PRIVILEGES]`
    All,
}

/// `GRANT privilege ON db TO user`, `REVOKE privilege ON db FROM user`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub privilege: Privilege,
    /// `ON db`
    pub database: String,
    /// Whose.
    pub user: String,
}
