use std::time::Duration;

use serde::{Deserialize, Serialize};
use svcflow_model::Timestamp;

/// How a source is, and how much it knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name, such as `contiv` or `docker`.
    pub name: String,
    /// Whether its word is fresh.
    #[serde(flatten)]
    pub state: SourceState,
    /// Owners that it names now.
    pub owners: usize,
    /// Services that it names now.
    pub services: usize,
    /// Owners and services that were refused in and since its last listing: it named too many.
    pub refused: usize,
    /// What could not be read or asked for in its last listing: each one sentence.
    pub faults: Vec<String>,
}

/// Whether a source's word is fresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SourceState {
    /// It was never heard.
    Waiting,
    /// It answered when it was last asked.
    Ok {
        /// When it last answered.
        at: Timestamp,
    },
    /// It answered once, but not when it was last asked: its names are as old as `since`.
    Stale {
        /// When it last answered.
        since: Timestamp,
        /// Why it doesn't now.
        error: String,
    },
    /// It was asked and never answered.
    Failed {
        /// Why.
        error: String,
    },
}

impl SourceState {
    /// How old the names of a stale source are; `None` where they are fresh or there are none.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Stale { since, .. } => Some(now.since(*since)),
            Self::Waiting | Self::Ok { .. } | Self::Failed { .. } => None,
        }
    }

    /// It said all that it knows.
    pub(crate) fn listed(&mut self, now: Timestamp) {
        *self = Self::Ok { at: self.last().map_or(now, |last| last.max(now)) };
    }

    /// It said one thing. That alone makes no stale source fresh: what it said before may be over.
    pub(crate) fn heard(&mut self, now: Timestamp) {
        if let Self::Ok { at } = self {
            *at = now.max(*at);
        }
    }

    pub(crate) fn failed(&mut self, error: String) {
        *self = match self.last() {
            Some(since) => Self::Stale { since, error },
            None => Self::Failed { error },
        };
    }

    fn last(&self) -> Option<Timestamp> {
        match self {
            Self::Ok { at: last } | Self::Stale { since: last, .. } => Some(*last),
            Self::Waiting | Self::Failed { .. } => None,
        }
    }
}

impl SourceStatus {
    /// What is wrong with it, in one sentence; `None` where nothing is.
    #[must_use]
    pub fn fault(&self, now: Timestamp) -> Option<String> {
        let name = &self.name;
        let age = self.state.age(now).map_or(0, |age| age.as_secs());
        match &self.state {
            SourceState::Failed { error } => Some(format!("no names from `{name}`: {error}")),
            SourceState::Stale { error, .. } => {
                Some(format!("names from `{name}` are {age} s old: {error}"))
            }
            SourceState::Waiting | SourceState::Ok { .. } => self.partial_fault(),
        }
    }

    fn partial_fault(&self) -> Option<String> {
        let name = &self.name;
        let refused = (self.refused > 0).then(|| {
            format!("{} names from `{name}` are past the cap and not known", self.refused)
        });
        let (first, more) = (self.faults.first(), self.faults.len().saturating_sub(1));
        let unread = first.map(|first| match more {
            0 => format!("names from `{name}`: {first}"),
            more => format!("names from `{name}`: {first}; and {more} more"),
        });
        refused.or(unread)
    }

    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: SourceState::Waiting,
            owners: 0,
            services: 0,
            refused: 0,
            faults: Vec::new(),
        }
    }
}
