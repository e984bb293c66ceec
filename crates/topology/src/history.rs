//! The history of names: what is stored so that a past map has past names.
//!
//! A [`Record`] is one tenure: an owner or a service, unchanged in all that is known of it, from one
//! instant until another. It is written when the tenure begins, without an end, and again when it ends;
//! the second has the same key (source, kind, identity, from) and takes the first one's place. So as a
//! point of the measurement `svcflow_topology` it is
//!
//! | | |
//! |---|---|
//! | time | `from` |
//! | tags | `source`, `kind` (`owner` or `service`), `identity` |
//! | field `until` | integer, nanoseconds since 1970; absent while it lasts |
//! | field `body` | text: the owner or service as JSON, as [`Owner`] and [`Service`] serialise |
//!
//! where the second write only adds a field to the first one's point. A file holds the same as a line of
//! JSON each, the last of a key counts ([`latest`]).

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use svcflow_model::Timestamp;

use crate::{Owner, Service};

/// The measurement of the records.
pub const MEASUREMENT: &str = "svcflow_topology";

/// One tenure of an owner or a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose word it is.
    pub source: String,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who.
    #[serde(flatten)]
    pub what: What,
}

/// An owner or a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// An owner of addresses.
    Owner(Arc<Owner>),
    /// A service.
    Service(Arc<Service>),
}

type Key<'r> = (&'r str, &'static str, &'r str, Timestamp);

impl Record {
    fn key(&self) -> Key<'_> {
        (&self.source, self.kind(), self.identity(), self.from)
    }

    /// `owner` or `service`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Owner(_) => "owner",
            What::Service(_) => "service",
        }
    }

    /// What tells it from others of its source and kind.
    #[must_use]
    pub fn identity(&self) -> &str {
        match &self.what {
            What::Owner(owner) => &owner.identity,
            What::Service(service) => &service.identity,
        }
    }

    /// The owner or service as JSON.
    ///
    /// # Errors
    /// Never in practice: every part of it has a JSON form.
    pub fn body(&self) -> Result<String, serde_json::Error> {
        match &self.what {
            What::Owner(owner) => serde_json::to_string(owner),
            What::Service(service) => serde_json::to_string(service),
        }
    }

    /// A record from its point's parts; see the module.
    ///
    /// # Errors
    /// Where `body` is not an owner's or service's JSON, or `kind` is neither.
    pub fn from_point(
        source: &str,
        kind: &str,
        from: Timestamp,
        until: Option<Timestamp>,
        body: &str,
    ) -> Result<Self, serde_json::Error> {
        let what = match kind {
            "owner" => What::Owner(serde_json::from_str(body)?),
            "service" => What::Service(serde_json::from_str(body)?),
            _ => return Err(serde::de::Error::custom(format!("unknown kind `{kind}`"))),
        };
        Ok(Self { source: source.to_owned(), from, until, what })
    }

    /// The record as a line of InfluxDB's line protocol, with nanoseconds.
    ///
    /// # Errors
    /// As [`body`](Self::body).
    pub fn line(&self) -> Result<String, serde_json::Error> {
        let (source, identity) = (tag(&self.source), tag(self.identity()));
        let body = self.body()?.replace('\\', "\\\\").replace('"', "\\\"");
        let kind = self.kind();
        let mut line = format!(
            "{MEASUREMENT},identity={identity},kind={kind},source={source} body=\"{body}\""
        );
        if let Some(until) = self.until {
            let _ = write!(line, ",until={}i", until.0);
        }
        let _ = write!(line, " {}", self.from.0);
        Ok(line)
    }
}

/// A tag's value in line protocol. Line breaks, which a tag can't hold, become spaces, and a backslash at
/// the end, which would hide the separator, gets a space behind it; both only in names that no runtime gives.
fn tag(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ',' | '=' | ' ' => text.extend(['\\', c]),
            '\n' | '\r' => text.push_str("\\ "),
            _ => text.push(c),
        }
    }
    if text.is_empty() || text.ends_with('\\') {
        text.push_str("\\ ");
    }
    text
}

/// The last record of each key, in the order of their beginnings.
#[must_use]
pub fn latest(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let records: Vec<Record> = records.into_iter().collect();
    let mut last = HashMap::<Key<'_>, usize>::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        last.insert(record.key(), place);
    }
    let mut places: Vec<usize> = last.into_values().collect();
    places.sort_unstable();
    let mut kept: Vec<Record> =
        places.into_iter().filter_map(|place| records.get(place)).cloned().collect();
    kept.sort_by_key(|record| record.from);
    kept
}
