use super::{Dimension, Expr, Measurement, Page, SortOrder};
use crate::Regex;

/// `SHOW …`
#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// `SHOW CONTINUOUS QUERIES`
    ContinuousQueries,
    /// `SHOW DATABASES`
    Databases,
    /// `SHOW DIAGNOSTICS [FOR '…']`
    Diagnostics {
        /// The module asked for.
        module: Option<String>,
    },
    /// `SHOW FIELD KEYS`
    FieldKeys(ShowFieldKeys),
    /// `SHOW GRANTS FOR user`
    Grants {
        /// Whose.
        user: String,
    },
    /// `SHOW MEASUREMENTS`
    Measurements(ShowMeasurements),
    /// `SHOW QUERIES`
    Queries,
    /// `SHOW RETENTION POLICIES [ON db]`
    RetentionPolicies {
        /// The database, where given.
        database: Option<String>,
    },
    /// `SHOW SERIES`
    Series(ShowSeries),
    /// `SHOW SERIES [EXACT] CARDINALITY` and its four siblings.
    Cardinality(ShowCardinality),
    /// `SHOW SHARD GROUPS`
    ShardGroups,
    /// `SHOW SHARDS`
    Shards,
    /// `SHOW STATS [FOR '…']`
    Stats {
        /// The module asked for.
        module: Option<String>,
    },
    /// `SHOW SUBSCRIPTIONS`
    Subscriptions,
    /// `SHOW TAG KEYS`
    TagKeys(ShowTagKeys),
    /// `SHOW TAG VALUES`
    TagValues(ShowTagValues),
    /// `SHOW USERS`
    Users,
}

/// What a `SHOW` looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// `ON db`
    pub database: Option<String>,
    /// `FROM …`; empty is all measurements.
    pub from: Vec<Measurement>,
}

/// `SHOW FIELD KEYS [ON db] [FROM …] [ORDER BY …] [LIMIT …] [OFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowFieldKeys {
    /// Where to look.
    pub scope: Scope,
    /// `ORDER BY …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
}

/// `SHOW MEASUREMENTS [ON db] [WITH MEASUREMENT …] [WHERE …] [ORDER BY …] [LIMIT …] [OFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowMeasurements {
    /// `ON db`
    pub database: Option<String>,
    /// `WITH MEASUREMENT = m` or `=~ /…/`. InfluxDB takes either side after either operator.
    pub with: Option<Measurement>,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `ORDER BY …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
}

/// `SHOW SERIES [ON db] [FROM …] [WHERE …] [ORDER BY …] [LIMIT …] [OFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowSeries {
    /// Where to look.
    pub scope: Scope,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `ORDER BY …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
}

/// `SHOW TAG KEYS [ON db] [FROM …] [WHERE …] [ORDER BY …] [LIMIT …] [OFFSET …] [SLIMIT …] [SOFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowTagKeys {
    /// Where to look.
    pub scope: Scope,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `ORDER BY …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
    /// `SLIMIT` and `SOFFSET`
    pub series: Page,
}

/// `SHOW TAG VALUES [ON db] [FROM …] WITH KEY … [WHERE …] [ORDER BY …] [LIMIT …] [OFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowTagValues {
    /// Where to look.
    pub scope: Scope,
    /// `WITH KEY …`
    pub with: TagKeyFilter,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `ORDER BY …`
    pub order: SortOrder,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
}

/// `WITH KEY …`
#[derive(Clone, Debug, PartialEq)]
pub enum TagKeyFilter {
    /// `= key`
    Equal(String),
    /// `!= key`
    NotEqual(String),
    /// `IN (key, …)`; at least one.
    In(Vec<String>),
    /// `=~ /…/`
    Matches(Regex),
    /// `!~ /…/`
    NotMatches(Regex),
}

/// `SHOW … [EXACT] CARDINALITY [ON db] [FROM …] [WITH KEY …] [WHERE …] [GROUP BY …] [LIMIT …] [OFFSET …]`
#[derive(Clone, Debug, PartialEq)]
pub struct ShowCardinality {
    /// How many of what.
    pub of: Cardinality,
    /// `EXACT`: counted rather than estimated.
    pub exact: bool,
    /// Where to look.
    pub scope: Scope,
    /// `WHERE …`
    pub condition: Option<Expr>,
    /// `GROUP BY …`
    pub group_by: Vec<Dimension>,
    /// `LIMIT` and `OFFSET`
    pub page: Page,
}

/// What can be counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Cardinality {
    /// `SHOW SERIES CARDINALITY`
    Series,
    /// `SHOW MEASUREMENT CARDINALITY`
    Measurement,
    /// `SHOW TAG KEY CARDINALITY`
    TagKey,
    /// `SHOW TAG VALUES CARDINALITY … WITH KEY …`
    TagValues(TagKeyFilter),
    /// `SHOW FIELD KEY CARDINALITY`
    FieldKey,
}
