/// `CREATE USER name WITH PASSWORD '…' [WITH ALL PRIVILEGES]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUser {
    /// The name.
    pub name: String,
    /// The password in the clear. Display writes `[REDACTED]` instead, as InfluxDB does.
    pub password: String,
    /// `WITH ALL PRIVILEGES`
    pub admin: bool,
}

/// `SET PASSWORD FOR name = '…'`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPassword {
    /// Whose.
    pub user: String,
    /// The password in the clear. Display writes `[REDACTED]` instead, as InfluxDB does.
    pub password: String,
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
