use super::{Duration, Select};

/// How long a retention policy keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionDuration {
    /// `INF`, or a duration of nothing.
    Infinite,
    /// So long; never zero.
    For(Duration),
}

/// `CREATE DATABASE name [WITH …]`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDatabase {
    /// Its name.
    pub name: String,
    /// `WITH …`: its first retention policy. `None` leaves that to the server.
    pub policy: Option<DatabasePolicy>,
}

/// `WITH [DURATION …] [REPLICATION …] [SHARD DURATION …] [NAME …]`; at least one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabasePolicy {
    /// `DURATION …`
    pub duration: Option<RetentionDuration>,
    /// `REPLICATION n`: 1 to `i32::MAX`.
    pub replication: Option<u32>,
    /// `SHARD DURATION …`; zero leaves it to the server, like `None`.
    pub shard_duration: Option<Duration>,
    /// `NAME …`
    pub name: Option<String>,
}

/// `CREATE RETENTION POLICY name ON db DURATION … REPLICATION n [SHARD DURATION …] [DEFAULT]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRetentionPolicy {
    /// Its name.
    pub name: String,
    /// `ON db`
    pub database: String,
    /// `DURATION …`
    pub duration: RetentionDuration,
    /// `REPLICATION n`: 1 to `i32::MAX`.
    pub replication: u32,
    /// `SHARD DURATION …`; zero leaves it to the server, like `None`.
    pub shard_duration: Option<Duration>,
    /// `DEFAULT`
    pub default: bool,
}

/// `ALTER RETENTION POLICY name ON db [DURATION …] [REPLICATION n] [SHARD DURATION …] [DEFAULT]`, in any
/// order; at least one of the four.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterRetentionPolicy {
    /// Its name.
    pub name: String,
    /// `ON db`
    pub database: String,
    /// `DURATION …`
    pub duration: Option<RetentionDuration>,
    /// `REPLICATION n`: 1 to `i32::MAX`.
    pub replication: Option<u32>,
    /// `SHARD DURATION …`; zero is the server's choice.
    pub shard_duration: Option<Duration>,
    /// `DEFAULT`
    pub default: bool,
}

/// Something that a database has, by name: `name ON db`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDatabase {
    /// Its name.
    pub name: String,
    /// The database.
    pub database: String,
}

/// `CREATE CONTINUOUS QUERY name ON db [RESAMPLE …] BEGIN SELECT … INTO … END`
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuousQuery {
    /// Its name.
    pub name: String,
    /// `ON db`
    pub database: String,
    /// `RESAMPLE …`
    pub resample: Option<Resample>,
    /// What is run; has an `INTO`.
    pub select: Box<Select>,
}

/// `RESAMPLE [EVERY …] [FOR …]`; at least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resample {
    /// `EVERY …`
    pub every: Option<Duration>,
    /// `FOR …`
    pub over: Option<Duration>,
}

/// `CREATE SUBSCRIPTION name ON db.rp DESTINATIONS ALL|ANY '…', …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateSubscription {
    /// Its name.
    pub name: String,
    /// The database.
    pub database: String,
    /// The retention policy.
    pub retention_policy: String,
    /// Whether each destination gets each point.
    pub mode: DestinationMode,
    /// Where to; at least one.
    pub destinations: Vec<String>,
}

/// Which destinations of a subscription get a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationMode {
    /// `ALL` of them.
    All,
    /// `ANY` one of them.
    Any,
}

/// `DROP SUBSCRIPTION name ON db.rp`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropSubscription {
    /// Its name.
    pub name: String,
    /// The database.
    pub database: String,
    /// The retention policy.
    pub retention_policy: String,
}
