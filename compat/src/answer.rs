//! What a server answered, as far as it is compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The headers that scenarios may look at. Others differ by nature (dates, ids of requests).
const HEADERS: [&str; 8] = [
    "allow",
    "content-encoding",
    "content-type",
    "location",
    "www-authenticate",
    "x-influxdb-build",
    "x-influxdb-error",
    "x-influxdb-version",
];

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that are compared, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; bytes that are no UTF-8 are replaced.
    pub body: String,
}

impl Answer {
    pub(crate) fn new(
        status: u16,
        headers: impl Iterator<Item = (String, String)>,
        body: String,
    ) -> Answer {
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| HEADERS.contains(&name.as_str()))
            .collect();
        Answer { status, headers, body }
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}
