use super::{
    AlterRetentionPolicy, ContinuousQuery, CreateDatabase, CreateRetentionPolicy,
    CreateSubscription, CreateUser, Delete, DropSeries, DropSubscription, Explain, Grant,
    OnDatabase, Select, SetPassword, Show,
};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `SELECT …`
    Select(Box<Select>),
    /// `EXPLAIN …`
    Explain(Explain),
    /// `SHOW …`
    Show(Show),
    /// `DELETE …`
    Delete(Delete),
    /// `DROP SERIES …`
    DropSeries(DropSeries),
    /// `DROP MEASUREMENT name`
    DropMeasurement {
        /// Its name.
        name: String,
    },
    /// `DROP SHARD id`
    DropShard {
        /// Its number.
        id: u64,
    },
    /// `CREATE DATABASE …`
    CreateDatabase(CreateDatabase),
    /// `DROP DATABASE name`
    DropDatabase {
        /// Its name.
        name: String,
    },
    /// `CREATE RETENTION POLICY …`
    CreateRetentionPolicy(CreateRetentionPolicy),
    /// `ALTER RETENTION POLICY …`
    AlterRetentionPolicy(AlterRetentionPolicy),
    /// `DROP RETENTION POLICY name ON db`
    DropRetentionPolicy(OnDatabase),
    /// `CREATE CONTINUOUS QUERY …`
    CreateContinuousQuery(ContinuousQuery),
    /// `DROP CONTINUOUS QUERY name ON db`
    DropContinuousQuery(OnDatabase),
    /// `CREATE SUBSCRIPTION …`
    CreateSubscription(CreateSubscription),
    /// `DROP SUBSCRIPTION …`
    DropSubscription(DropSubscription),
    /// `CREATE USER …`
    CreateUser(CreateUser),
    /// `DROP USER name`
    DropUser {
        /// The name.
        name: String,
    },
    /// `SET PASSWORD …`
    SetPassword(SetPassword),
    /// `GRANT privilege ON db TO user`
    Grant(Grant),
    /// `GRANT ALL [PRIVILEGES] TO user`
    GrantAdmin {
        /// Who becomes an administrator.
        user: String,
    },
    /// `REVOKE privilege ON db FROM user`
    Revoke(Grant),
    /// `REVOKE ALL [PRIVILEGES] FROM user`
    RevokeAdmin {
        /// Who no longer is an administrator.
        user: String,
    },
    /// `KILL QUERY id [ON host]`
    KillQuery {
        /// Its number, from `SHOW QUERIES`.
        id: u64,
        /// The node it runs on, where given.
        host: Option<String>,
    },
}
