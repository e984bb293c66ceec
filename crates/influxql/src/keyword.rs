//! The reserved words. Bare, in whatever case, none of them is an identifier.

/// Makes the enum and the one table that both directions use.
macro_rules! keywords {
    ($($name:ident = $text:literal,)*) => {
        /// A reserved word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Keyword {
            $($name,)*
        }

        impl Keyword {
            const ALL: &[(Self, &'static str)] = &[$((Self::$name, $text),)*];

            /// As InfluxDB prints it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

keywords! {
    All = "ALL",
    Alter = "ALTER",
    Analyze = "ANALYZE",
    And = "AND",
    Any = "ANY",
    As = "AS",
    Asc = "ASC",
    Begin = "BEGIN",
    By = "BY",
    Cardinality = "CARDINALITY",
    Continuous = "CONTINUOUS",
    Create = "CREATE",
    Database = "DATABASE",
    Databases = "DATABASES",
    Default = "DEFAULT",
    Delete = "DELETE",
    Desc = "DESC",
    Destinations = "DESTINATIONS",
    Diagnostics = "DIAGNOSTICS",
    Distinct = "DISTINCT",
    Drop = "DROP",
    Duration = "DURATION",
    End = "END",
    Every = "EVERY",
    Exact = "EXACT",
    Explain = "EXPLAIN",
    False = "FALSE",
    Field = "FIELD",
    For = "FOR",
    From = "FROM",
    Grant = "GRANT",
    Grants = "GRANTS",
    Group = "GROUP",
    Groups = "GROUPS",
    In = "IN",
    Inf = "INF",
    Insert = "INSERT",
    Into = "INTO",
    Key = "KEY",
    Keys = "KEYS",
    Kill = "KILL",
    Limit = "LIMIT",
    Measurement = "MEASUREMENT",
    Measurements = "MEASUREMENTS",
    Name = "NAME",
    Offset = "OFFSET",
    On = "ON",
    Or = "OR",
    Order = "ORDER",
    Password = "PASSWORD",
    Policies = "POLICIES",
    Policy = "POLICY",
    Privileges = "PRIVILEGES",
    Queries = "QUERIES",
    Query = "QUERY",
    Read = "READ",
    Replication = "REPLICATION",
    Resample = "RESAMPLE",
    Retention = "RETENTION",
    Revoke = "REVOKE",
    Select = "SELECT",
    Series = "SERIES",
    Set = "SET",
    Shard = "SHARD",
    Shards = "SHARDS",
    Show = "SHOW",
    Slimit = "SLIMIT",
    Soffset = "SOFFSET",
    Stats = "STATS",
    Subscription = "SUBSCRIPTION",
    Subscriptions = "SUBSCRIPTIONS",
    Tag = "TAG",
    To = "TO",
    True = "TRUE",
    User = "USER",
    Users = "USERS",
    Values = "VALUES",
    Where = "WHERE",
    With = "WITH",
    Write = "WRITE",
}

impl Keyword {
    /// The longest.
    const LENGTH: usize = "SUBSCRIPTIONS".len();

    /// The reserved word that the text is, if it is one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut upper = [0; Self::LENGTH];
        let upper = upper.get_mut(..text.len())?;
        upper.copy_from_slice(text.as_bytes());
        upper.make_ascii_uppercase();
        let found = Self::ALL.binary_search_by(|(_, name)| name.as_bytes().cmp(upper)).ok()?;
        Self::ALL.get(found).map(|(keyword, _)| *keyword)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_in_whatever_case() {
        assert!(Keyword::ALL.is_sorted_by_key(|(_, name)| *name), "the search relies on it");
        for (keyword, name) in Keyword::ALL {
            assert_eq!(Keyword::of(name), Some(*keyword));
            assert_eq!(Keyword::of(&name.to_lowercase()), Some(*keyword));
            assert_eq!(Keyword::of(&format!("{name}S{name}")), None);
        }
        assert_eq!(Keyword::of("time"), None);
        assert_eq!(Keyword::of(""), None);
    }
}
