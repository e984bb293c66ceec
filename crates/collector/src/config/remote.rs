//! Where samples go elsewhere: an engine as the store, and sinks.

use std::path::PathBuf;

use svcflow_settings::{DeTable, DeValue, Parsed, Walk, bytes, text};

use super::path;
use crate::sink::Version;

const SPOOL_MAX: u64 = 1 << 30;
const KEYS: &str = "name, type, url, database, policy, bucket, org, username, password_file, \
                    token_file, tls_ca, path, spool_max";

/// An InfluxDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `http://HOST:PORT`
    pub url: String,
    /// Which of the interfaces, and where in it.
    pub version: Version,
    /// Who we are there.
    pub credentials: Credentials,
    /// The CA that vouches for it; the host's own by default.
    pub tls_ca: Option<PathBuf>,
}

/// Who we are to another server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// Whoever has the token on this file's first line.
    Token(PathBuf),
    /// This user, with the password on this file's first line.
    User(String, PathBuf),
}

/// One sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its name, and that of its spool's folder.
    pub name: String,
    /// Where it goes.
    pub place: Place,
    /// Bytes that wait on disk at most.
    pub spool_max: u64,
}

/// Where a sink goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Another InfluxDB.
    Influx(Remote),
    /// A receiver of Prometheus' remote write.
    Prometheus {
        /// The whole URL.
        url: String,
        /// Who we are there.
        credentials: Credentials,
        /// The CA that vouches for it.
        tls_ca: Option<PathBuf>,
    },
    /// A file of line protocol.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What one table says, before it is known what it must say.
#[derive(Default)]
struct Raw {
    name: Option<String>,
    kind: Option<String>,
    url: Option<String>,
    database: Option<String>,
    policy: Option<String>,
    bucket: Option<String>,
    org: Option<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    tls_ca: Option<PathBuf>,
    path: Option<PathBuf>,
    spool_max: Option<u64>,
}

impl Raw {
    fn read(walk: &mut Walk<'_>, table: &DeTable<'_>) -> Self {
        let mut raw = Self::default();
        walk.table(table, |_, key, value| raw.set(key, value));
        raw
    }

    fn set(&mut self, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        let owned = || Ok::<_, String>(Some(text(value)?.to_owned()));
        match name {
            "name" => self.name = owned()?,
            "type" => self.kind = owned()?,
            "url" => self.url = owned()?,
            "database" => self.database = owned()?,
            "policy" => self.policy = owned()?,
            "bucket" => self.bucket = owned()?,
            "org" => self.org = owned()?,
            "username" => self.username = owned()?,
            "password_file" => self.password_file = Some(path(value)?),
            "token_file" => self.token_file = Some(path(value)?),
            "tls_ca" => self.tls_ca = Some(path(value)?),
            "path" => self.path = Some(path(value)?),
            "spool_max" => self.spool_max = Some(bytes(value)?),
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }

    fn url(&mut self) -> Parsed<String> {
        let url = self.url.take().ok_or("has no `url`: write url = \"http://HOST:PORT\"")?;
        let usable = url.starts_with("http://") || url.starts_with("https://");
        match usable && url.parse::<http::Uri>().is_ok() {
            true => Ok(url),
            false => Err(format!("`{url}` is no URL: write \"http://HOST:PORT\"")),
        }
    }

    fn credentials(&mut self) -> Parsed<Credentials> {
        match (self.token_file.take(), self.username.take(), self.password_file.take()) {
            (None, None, None) => Ok(Credentials::None),
            (Some(token), None, None) => Ok(Credentials::Token(token)),
            (None, Some(user), Some(password)) => Ok(Credentials::User(user, password)),
            _ => Err("give `token_file`, or `username` and `password_file`".to_owned()),
        }
    }

    fn influx_one(&mut self) -> Parsed<Remote> {
        Ok(Remote {
            url: self.url()?,
            version: Version::One {
                database: self.database.take().unwrap_or_else(|| "telegraf".to_owned()),
                policy: self.policy.take(),
            },
            credentials: self.credentials()?,
            tls_ca: self.tls_ca.take(),
        })
    }

    fn place(&mut self) -> Parsed<Place> {
        let kind = self.kind.take();
        Ok(match kind.as_deref() {
            Some("influxdb") => Place::Influx(self.influx_one()?),
            Some("influxdb2") => Place::Influx(Remote {
                url: self.url()?,
                version: Version::Two {
                    bucket: self.bucket.take().ok_or("has no `bucket`")?,
                    org: self.org.take().ok_or("has no `org`")?,
                },
                credentials: self.credentials()?,
                tls_ca: self.tls_ca.take(),
            }),
            Some("prometheus") => Place::Prometheus {
                url: self.url()?,
                credentials: self.credentials()?,
                tls_ca: self.tls_ca.take(),
            },
            Some("file") => Place::File(self.path.take().ok_or("has no `path`")?),
            Some("stdout") => Place::Stdout,
            other => {
                let other = other.unwrap_or_default();
                return Err(format!(
                    "`{other}` is no type: write \"influxdb\", \"influxdb2\", \"prometheus\", \
                     \"file\" or \"stdout\""
                ));
            }
        })
    }

    /// What was said and is of no use for its type.
    fn left_over(&self) -> Parsed<()> {
        let said = [
            ("database", self.database.is_some()),
            ("policy", self.policy.is_some()),
            ("bucket", self.bucket.is_some()),
            ("org", self.org.is_some()),
            ("url", self.url.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
            ("token_file", self.token_file.is_some()),
            ("tls_ca", self.tls_ca.is_some()),
            ("path", self.path.is_some()),
        ];
        match said.iter().find(|(_, is_said)| *is_said) {
            Some((name, _)) => Err(format!("`{name}` means nothing for this type")),
            None => Ok(()),
        }
    }

    fn sink(mut self) -> Parsed<SinkSettings> {
        let name = self.name.take().ok_or("has no `name`")?;
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(usual) {
            return Err(format!("`{name}` is no name: use letters, digits, - and _"));
        }
        let place = self.place()?;
        self.left_over()?;
        Ok(SinkSettings { name, place, spool_max: self.spool_max.unwrap_or(SPOOL_MAX) })
    }
}

/// `[collector.influxdb]`: a 1.x interface, since it must answer InfluxQL too.
pub(super) fn influxdb(walk: &mut Walk<'_>, value: &DeValue<'_>) -> Parsed<Remote> {
    let table = value.as_table().ok_or("expected a table: write `[collector.influxdb]`")?;
    let mut raw = Raw::read(walk, table);
    let remote = raw.influx_one()?;
    raw.left_over()?;
    Ok(remote)
}

/// `[[collector.sinks]]`
pub(super) fn sinks(walk: &mut Walk<'_>, value: &DeValue<'_>) -> Parsed<Vec<SinkSettings>> {
    let array = value.as_array().ok_or("expected tables: write `[[collector.sinks]]`")?;
    let (mut sinks, mut faults) = (Vec::new(), Vec::new());
    for (number, value) in (1..).zip(array.iter()) {
        let Some(table) = value.get_ref().as_table() else {
            return Err("expected tables: write `[[collector.sinks]]`".to_owned());
        };
        match Raw::read(walk, table).sink() {
            Ok(sink) => sinks.push(sink),
            Err(fault) if fault.starts_with("has no") => {
                faults.push(format!("the {} {fault}", ordinal(number)));
            }
            Err(fault) => faults.push(format!("the {}: {fault}", ordinal(number))),
        }
    }
    if faults.is_empty() { Ok(sinks) } else { Err(faults.join("; ")) }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, hundred) if hundred != 11 => "st",
        (2, hundred) if hundred != 12 => "nd",
        (3, hundred) if hundred != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}
