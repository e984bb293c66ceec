/// What stands beside a statement in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The database that is meant where the statement names none: `db=`. Empty is none.
    pub database: String,
    /// The retention policy that is meant where the statement names none: `rp=`. Empty is the database's
    /// default.
    pub retention_policy: String,
    /// What `now()` is: nanoseconds since 1970-01-01 UTC. The same for all statements of a request.
    pub now: i64,
    /// The request's text, for `SHOW QUERIES`.
    pub text: String,
}
