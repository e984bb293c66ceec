//! Another InfluxDB: the write interfaces of 1.x and 2.x.
//!
//! Field types are looked up before anything is written, because a database may have the counters as
//! floats (Telegraf writes them so), and one that refuses a type is asked again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::Value as Json;
use svcflow_transport::{Answer, Client, Limits};

use super::{NotSent, Sent, Target};
use crate::history::Later;
use crate::point::{Batch, write_lines};
use crate::scrape::chain;

const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 64 << 20 };
/// So much of an answer is shown.
const SHOWN_MAX: usize = 300;

/// Which of the write interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// `/write?db=&rp=`
    One {
        /// The database; made where it isn't there.
        database: String,
        /// The retention policy; the default one where there is none.
        policy: Option<String>,
    },
    /// `/api/v2/write?bucket=&org=`
    Two {
        /// The bucket.
        bucket: String,
        /// The organisation.
        org: String,
    },
}

/// An InfluxDB.
#[derive(Clone)]
pub struct InfluxTarget {
    /// Talks to it.
    pub client: Client,
    /// `http://HOST:PORT`
    pub url: String,
    /// Which interface.
    pub version: Version,
    /// The `Authorization` header: `Token …` or `Basic …`.
    pub authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for InfluxTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InfluxTarget")
            .field("url", &self.url)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A sink to one.
pub struct Influx {
    target: Arc<InfluxTarget>,
    /// Write the collector's memory too, so that it can be read back.
    memory: bool,
    types: Option<Types>,
}

/// Fields that must be written as floats. Where a field is there both ways (1.x has types per shard),
/// integers are tried first.
#[derive(Debug, Default)]
struct Types {
    floats: HashSet<(String, String)>,
    integers: HashSet<(String, String)>,
}

impl Types {
    fn is_float(&self, measurement: &str, field: &str) -> bool {
        let key = (measurement.to_owned(), field.to_owned());
        self.floats.contains(&key) && !self.integers.contains(&key)
    }
}

impl Influx {
    /// Writes points; with `memory` the collector's own too.
    #[must_use]
    pub fn new(target: Arc<InfluxTarget>, memory: bool) -> Self {
        Self { target, memory, types: None }
    }

    async fn try_send(&mut self, batches: &[Batch]) -> Result<Sent, NotSent> {
        let types = match &self.types {
            Some(types) => types,
            None => self.types.insert(self.target.types().await?),
        };
        let mut lines = String::new();
        for batch in batches {
            write_lines(&mut lines, batch, self.memory, &|m, field| types.is_float(m, field));
        }
        if lines.is_empty() {
            return Ok(Sent::default());
        }
        self.target.write(lines).await
    }
}

impl Target for Influx {
    fn kind(&self) -> &'static str {
        match self.target.version {
            Version::One { .. } => "influxdb",
            Version::Two { .. } => "influxdb2",
        }
    }

    fn send<'a>(&'a mut self, batches: &'a [Batch]) -> Later<'a, Result<Sent, NotSent>> {
        Box::pin(async move {
            match self.try_send(batches).await {
                Err(NotSent::Refused(why)) if is_type_conflict(&why) => {
                    // Somebody wrote the field meanwhile, or this shard has it otherwise.
                    match conflict(&why) {
                        Some((measurement, field, is_integer)) => {
                            let types = self.types.get_or_insert_default();
                            let key = (measurement, field);
                            if is_integer {
                                types.integers.insert(key);
                            } else {
                                types.integers.remove(&key);
                                types.floats.insert(key);
                            }
                        }
                        None => self.types = None,
                    }
                    self.try_send(batches).await
                }
                sent => sent,
            }
        })
    }
}

impl InfluxTarget {
    /// Runs an InfluxQL statement and gives the first result's series.
    ///
    /// # Errors
    /// Where there is no answer, or an error.
    pub async fn query(
        &self,
        statement: &str,
        database: Option<&str>,
    ) -> Result<Vec<Json>, NotSent> {
        let mut path = format!("/query?epoch=ns&q={}", percent(statement));
        if let Some(database) = database {
            path.push_str(&format!("&db={}", percent(database)));
        }
        let answer = self.ask("POST", &path, String::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(self.unusual(&answer));
        }
        let document: Json = serde_json::from_slice(&answer.body)
            .map_err(|error| NotSent::Later(format!("{}: {error}", self.url)))?;
        let result = document.get("results").and_then(|results| results.get(0));
        if let Some(error) = result.and_then(|result| result.get("error")).and_then(Json::as_str) {
            return Err(NotSent::Later(format!("{} says: {error}", self.url)));
        }
        let series = result.and_then(|result| result.get("series")).and_then(Json::as_array);
        Ok(series.cloned().unwrap_or_default())
    }

    /// The database that InfluxQL reads.
    #[must_use]
    pub fn database(&self) -> &str {
        match &self.version {
            Version::One { database, .. } => database,
            Version::Two { bucket, .. } => bucket,
        }
    }

    async fn types(&self) -> Result<Types, NotSent> {
        let asked = self.query("SHOW FIELD KEYS", Some(self.database())).await;
        let series = match (asked, &self.version) {
            (Ok(series), _) => series,
            (Err(NotSent::Later(why)), Version::One { database, .. })
                if why.contains("database not found") =>
            {
                let create = format!("CREATE DATABASE \"{}\"", database.replace('"', "\\\""));
                self.query(&create, None).await?;
                Vec::new()
            }
            // 2.x answers InfluxQL only for buckets that are mapped. Its own refusals of a type are
            // understood as well.
            (Err(NotSent::Refused(_)), Version::Two { .. }) => Vec::new(),
            (Err(error), _) => return Err(error),
        };
        let mut types = Types::default();
        for one in &series {
            let Some(measurement) = one.get("name").and_then(Json::as_str) else { continue };
            for row in one.get("values").and_then(Json::as_array).into_iter().flatten() {
                let text = |at| row.get(at).and_then(Json::as_str);
                let (Some(field), Some(kind)) = (text(0), text(1)) else { continue };
                let key = (measurement.to_owned(), field.to_owned());
                match kind {
                    "float" => drop(types.floats.insert(key)),
                    "integer" => drop(types.integers.insert(key)),
                    _ => {}
                }
            }
        }
        Ok(types)
    }

    async fn write(&self, lines: String) -> Result<Sent, NotSent> {
        let path = match &self.version {
            Version::One { database, policy } => {
                let policy = policy.as_ref().map(|p| format!("&rp={}", percent(p)));
                format!(
                    "/write?precision=ns&db={}{}",
                    percent(database),
                    policy.unwrap_or_default()
                )
            }
            Version::Two { bucket, org } => {
                let (bucket, org) = (percent(bucket), percent(org));
                format!("/api/v2/write?precision=ns&bucket={bucket}&org={org}")
            }
        };
        let answer = self.ask("POST", &path, lines).await?;
        if answer.status.is_success() {
            return Ok(Sent::default());
        }
        let said = said(&answer);
        match dropped(&said) {
            Some(refused)
                if answer.status == StatusCode::BAD_REQUEST && !is_type_conflict(&said) =>
            {
                tracing::warn!("{} took a batch but for {refused} points: {said}", self.url);
                Ok(Sent { refused })
            }
            _ => Err(self.unusual(&answer)),
        }
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> Result<Answer, NotSent> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(url);
        request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::from(body))
            .map_err(|error| NotSent::Later(format!("{} can't be asked: {error}", self.url)))?;
        let answer = self.client.fetch(request, LIMITS).await;
        answer.map_err(|error| NotSent::Later(chain(&error)))
    }

    /// What a status that is no success means. A refusal of who we are may be mended any time.
    fn unusual(&self, answer: &Answer) -> NotSent {
        let why = format!("{} answered {}: {}", self.url, answer.status, said(answer));
        match answer.status {
            StatusCode::PAYLOAD_TOO_LARGE => NotSent::TooMuch,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => NotSent::Refused(why),
            StatusCode::NOT_FOUND if matches!(self.version, Version::Two { .. }) => {
                NotSent::Refused(why)
            }
            _ => NotSent::Later(why),
        }
    }
}

fn said(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    text.take(SHOWN_MAX).collect()
}

fn is_type_conflict(why: &str) -> bool {
    why.contains("field type conflict")
}

/// Reads `input field "BytesIn" on measurement "m" is type integer, already exists as type float`:
/// measurement, field, and whether it exists as an integer. Quotes come escaped within JSON.
fn conflict(why: &str) -> Option<(String, String, bool)> {
    let plain = why.replace("\\\"", "\"");
    let field = plain.split_once("input field \"")?.1.split_once('"')?.0;
    let measurement = plain.split_once("on measurement \"")?.1.split_once('"')?.0;
    let exists = plain.split_once("already exists as type ")?.1;
    Some((measurement.to_owned(), field.to_owned(), exists.starts_with("integer")))
}

/// Reads `partial write: points beyond retention policy dropped=3`: the rest was taken.
fn dropped(why: &str) -> Option<u64> {
    let (_, behind) = why.split_once("partial write")?.1.split_once("dropped=")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Percent-encodes all but what never needs it.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_understood() {
        let why = r#"{"error":"partial write: field type conflict: input field \"BytesIn\" on measurement \"httpjson_svcstats\" is type integer, already exists as type float dropped=1"}"#;
        let expected = ("httpjson_svcstats".to_owned(), "BytesIn".to_owned(), false);
        assert_eq!(conflict(why), Some(expected));
        assert!(is_type_conflict(why));
        let late = r#"{"error":"partial write: points beyond retention policy dropped=3"}"#;
        assert_eq!(dropped(late), Some(3));
        assert_eq!(dropped("unable to parse dropped=3"), None);
        assert_eq!(percent("a b\"ü"), "a%20b%22%C3%BC");
    }
}
