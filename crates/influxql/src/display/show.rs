use std::fmt;

use super::names::{Identifier, Text};
use super::select::{OrderBy, Rows, Series};
use super::{Clause, Joined, List};
use crate::{Cardinality, Scope, Show, ShowCardinality, ShowTagKeys, TagKeyFilter};

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW ")?;
        match self {
            Self::ContinuousQueries => f.write_str("CONTINUOUS QUERIES"),
            Self::Databases => f.write_str("DATABASES"),
            Self::Diagnostics { module } => write!(f, "DIAGNOSTICS{}", Module(module)),
            Self::FieldKeys(it) => write!(
                f,
                "FIELD KEYS{}{}{}",
                ScopeClauses(&it.scope),
                OrderBy(it.order),
                Rows(it.page)
            ),
            Self::Grants { user } => write!(f, "GRANTS FOR {}", Identifier(user)),
            Self::Measurements(it) => {
                write!(f, "MEASUREMENTS{}", On(&it.database))?;
                write!(
                    f,
                    "{}{}",
                    Clause("WITH MEASUREMENT =", &it.with),
                    Clause("WHERE", &it.condition)
                )?;
                write!(f, "{}{}", OrderBy(it.order), Rows(it.page))
            }
            Self::Queries => f.write_str("QUERIES"),
            Self::RetentionPolicies { database } => {
                write!(f, "RETENTION POLICIES{}", On(database))
            }
            Self::Series(it) => {
                write!(f, "SERIES{}{}", ScopeClauses(&it.scope), Clause("WHERE", &it.condition))?;
                write!(f, "{}{}", OrderBy(it.order), Rows(it.page))
            }
            Self::Cardinality(it) => it.fmt(f),
            Self::ShardGroups => f.write_str("SHARD GROUPS"),
            Self::Shards => f.write_str("SHARDS"),
            Self::Stats { module } => write!(f, "STATS{}", Module(module)),
            Self::Subscriptions => f.write_str("SUBSCRIPTIONS"),
            Self::TagKeys(it) => it.fmt(f),
            Self::TagValues(it) => {
                write!(
                    f,
                    "TAG VALUES{} {}{}",
                    ScopeClauses(&it.scope),
                    it.with,
                    Clause("WHERE", &it.condition)
                )?;
                write!(f, "{}{}", OrderBy(it.order), Rows(it.page))
            }
            Self::Users => f.write_str("USERS"),
        }
    }
}

impl fmt::Display for ShowTagKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TAG KEYS{}{}", ScopeClauses(&self.scope), Clause("WHERE", &self.condition))?;
        write!(f, "{}{}{}", OrderBy(self.order), Rows(self.page), Series(self.series))
    }
}

impl fmt::Display for ShowCardinality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.of {
            Cardinality::Series => "SERIES",
            Cardinality::Measurement => "MEASUREMENT",
            Cardinality::TagKey => "TAG KEY",
            Cardinality::TagValues(_) => "TAG VALUES",
            Cardinality::FieldKey => "FIELD KEY",
        })?;
        write!(
            f,
            "{} CARDINALITY{}",
            if self.exact { " EXACT" } else { "" },
            ScopeClauses(&self.scope)
        )?;
        if let Cardinality::TagValues(filter) = &self.of {
            write!(f, " {filter}")?;
        }
        write!(f, "{}{}", Clause("WHERE", &self.condition), List("GROUP BY", &self.group_by))?;
        Rows(self.page).fmt(f)
    }
}

impl fmt::Display for TagKeyFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WITH KEY ")?;
        match self {
            Self::Equal(key) => write!(f, "= {}", Identifier(key)),
            Self::NotEqual(key) => write!(f, "!= {}", Identifier(key)),
            Self::In(keys) => {
                let keys: Vec<_> = keys.iter().map(|key| Identifier(key)).collect();
                write!(f, "IN ({})", Joined(&keys, ", "))
            }
            Self::Matches(regex) => write!(f, "=~ {regex}"),
            Self::NotMatches(regex) => write!(f, "!~ {regex}"),
        }
    }
}

/// `ON` and `FROM`, each with a blank before it.
struct ScopeClauses<'a>(&'a Scope);

impl fmt::Display for ScopeClauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", On(&self.0.database), List("FROM", &self.0.from))
    }
}

/// `ON`, with a blank before it.
struct On<'a>(&'a Option<String>);

impl fmt::Display for On<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Clause("ON", &self.0.as_deref().map(Identifier)).fmt(f)
    }
}

/// `FOR '…'`, with a blank before it.
struct Module<'a>(&'a Option<String>);

impl fmt::Display for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Clause("FOR", &self.0.as_deref().map(Text)).fmt(f)
    }
}
