//! Retention policies: how long data stays, and how wide its partitions are.

use std::time::Duration;

use crate::Error;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a policy shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySpec {
    /// Its name, unique within the database.
    pub name: String,
    /// How long data stays; `None` is for ever. At least an hour.
    pub duration: Option<Duration>,
    /// The width of a time partition, which is what is dropped at once. At least an hour.
    pub shard_duration: Duration,
    /// Only kept and shown: InfluxDB has it.
    pub replicas: u32,
}

impl PolicySpec {
    /// A policy with the partitions' width that InfluxDB would choose.
    #[must_use]
    pub fn new(name: &str, duration: Option<Duration>) -> Self {
        let shard_duration = default_shard_duration(duration);
        Self { name: name.to_owned(), duration, shard_duration, replicas: 1 }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let fault = if self.name.is_empty() || self.name.len() > MOST_NAME {
            "a retention policy's name is 1 to 255 bytes long"
        } else if self.duration.is_some_and(|duration| duration < HOUR) {
            "retention policy duration must be at least 1h0m0s"
        } else if self.shard_duration < HOUR {
            "shard duration must be at least 1h0m0s"
        } else if self.duration.is_some_and(|duration| duration < self.shard_duration) {
            "retention policy duration must be greater than the shard duration"
        } else if self.shard_duration > DAY * 36_500 {
            "shard duration must be at most 100 years"
        } else {
            return Ok(());
        };
        Err(Error::PolicyInvalid { what: fault })
    }
}

/// The longest name of a database or a policy, in bytes.
pub(crate) const MOST_NAME: usize = 255;

/// InfluxDB's choice (`shardGroupDuration` in its `services/meta`).
#[must_use]
pub fn default_shard_duration(duration: Option<Duration>) -> Duration {
    match duration {
        Some(duration) if duration < DAY * 2 => HOUR,
        Some(duration) if duration <= DAY * 180 => DAY,
        _ => DAY * 7,
    }
}

/// What shall change of a policy. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// How long data stays; `Some(None)` is for ever.
    pub duration: Option<Option<Duration>>,
    /// The width of partitions that are made from now on.
    pub shard_duration: Option<Duration>,
    /// Only kept and shown.
    pub replicas: Option<u32>,
    /// Makes it the default policy.
    pub default: bool,
}

/// A policy as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What it was made to be.
    pub spec: PolicySpec,
    /// Whether writes and queries that name no policy mean this one.
    pub default: bool,
}
