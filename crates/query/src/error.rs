use crate::cancel::CancelReason;

/// Whose fault it is that a statement wasn't answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What InfluxDB's parser refuses: the whole request is bad, HTTP 400.
    Syntax,
    /// The statement can't be answered by anyone. An error of the statement, within HTTP 200.
    Query,
    /// The statement may be fine, but names what isn't there, or goes beyond a limit.
    Parameters,
    /// svcflow can't do that.
    NotImplemented,
    /// svcflow's own.
    Internal,
}

/// Why a statement wasn't answered, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// What InfluxDB's parser refuses, but svcflow's lets through.
    #[error("error parsing query: {0}")]
    Syntax(String),
    /// The statement makes no sense; InfluxDB's words.
    #[error("{0}")]
    Invalid(String),
    /// No database was named, neither in the statement nor beside it.
    #[error("database name required")]
    DatabaseRequired,
    /// No such database.
    #[error("database not found: {0}")]
    DatabaseNotFound(String),
    /// No such retention policy.
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    /// Something that was to be made or changed can't be.
    #[error("{0}")]
    Refused(String),
    /// A limit was reached: which, what was needed, and what is allowed.
    #[error("{setting} limit exceeded: ({needed}/{limit})")]
    Limit {
        /// The setting's name in the configuration.
        setting: &'static str,
        /// How much was needed when it was noticed; there may be more.
        needed: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// It was stopped before its end.
    #[error("{0}")]
    Cancelled(CancelReason),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] svcflow_store::Error),
    /// svcflow has no such thing; says what to do instead where there is something.
    #[error("{0}")]
    NotImplemented(String),
}

impl QueryError {
    /// Whose fault it is.
    #[must_use]
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Syntax(_) => Blame::Syntax,
            Self::Invalid(_) => Blame::Query,
            Self::DatabaseRequired
            | Self::DatabaseNotFound(_)
            | Self::PolicyNotFound(_)
            | Self::Refused(_)
            | Self::Limit { .. }
            | Self::Cancelled(_) => Blame::Parameters,
            Self::Store(_) => Blame::Internal,
            Self::NotImplemented(_) => Blame::NotImplemented,
        }
    }
}
