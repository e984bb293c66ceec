//! The server's configuration: TOML in, one validated type out, all faults together.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use svcflow_query::Limits;
use svcflow_settings::{
    DeValue, Fault, Faults, Parsed, Walk, address, bytes, count, duration, flag, text, texts,
};

use crate::Error;

/// InfluxDB's.
const PORT: u16 = 8086;
/// InfluxDB's `max-body-size`.
const BODY_MAX: u64 = 25_000_000;
/// What a request's body may be set to at most: it is read as one piece.
const BODY_MOST: u64 = 1 << 30;

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Where the store is.
    pub data: PathBuf,
    /// Whether HTTP may listen beyond loopback without users or TLS.
    pub insecure: bool,
    /// Who may do what; `None`: everybody everything.
    pub users_file: Option<PathBuf>,
    /// The certificate chain of HTTPS; with [`Config::tls_key`] or not at all.
    pub tls_certificate: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// Origins whose pages may use this server from a browser; `*` is all. Pages of the server's own address always
    /// may.
    pub allow_origins: Vec<String>,
    /// Bytes that a request's body may have, also after it was decompressed.
    pub max_body_size: u64,
    /// Queries that run at the same time; more wait for their turn.
    pub max_concurrent_queries: NonZeroUsize,
    /// What one query may take.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            data: default_data(),
            insecure: false,
            users_file: None,
            tls_certificate: None,
            tls_key: None,
            allow_origins: Vec::new(),
            max_body_size: BODY_MAX,
            max_concurrent_queries: NonZeroUsize::MIN.saturating_add(31),
            limits: Limits::default(),
        }
    }
}

const KEYS: &str = "listen, data, insecure, users_file, tls_certificate, tls_key, allow_origins, max_body_size, \
                    max_concurrent_queries, query_timeout, max_select_series, max_select_points, \
                    max_select_buckets, max_select_memory, max_queries_memory";

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it can't be read, or has faults: all of them, each with its line.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::ConfigUnreadable { path: path.to_owned(), source })?;
        Self::parse(&text, Some(path))
    }

    /// Reads text; `path` is only named in faults.
    ///
    /// # Errors
    /// Where it has faults: all of them, each with its line.
    pub fn parse(text: &str, path: Option<&Path>) -> Result<Self, Error> {
        let mut config = Self::default();
        let mut faults = Walk::document(text, |_, key, value| config.set(key, value));
        if faults.is_empty() {
            faults = config.faults();
        }
        Faults::or(config, faults, path).map_err(Error::Config)
    }

    /// Checks what a single value can't show, also for a configuration made by hand or by flags.
    ///
    /// # Errors
    /// All faults.
    pub fn validate(&self) -> Result<(), Error> {
        Faults::or((), self.faults(), None).map_err(Error::Config)
    }

    /// Whether HTTP is HTTPS: the certificate and its key.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate.as_deref().zip(self.tls_key.as_deref())
    }

    /// What is wrong beyond single values.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut messages = Vec::new();
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            messages.push("`tls_certificate` and `tls_key` go together: set both".to_owned());
        }
        if self.data.as_os_str().is_empty() {
            messages.push("`data` is empty: name a folder".to_owned());
        }
        if self.max_body_size > BODY_MOST {
            messages.push("`max_body_size` is over 1GiB: send smaller batches".to_owned());
        }
        let missing = match (self.users_file.is_some(), self.tls().is_some()) {
            (true, true) => None,
            (false, false) => Some("users (`users_file`) and TLS (`tls_certificate`, `tls_key`)"),
            (false, true) => Some("users (`users_file`)"),
            (true, false) => Some("TLS (`tls_certificate`, `tls_key`)"),
        };
        if let Some(missing) = missing
            && !self.listen.ip().is_loopback()
            && !self.insecure
        {
            messages.push(format!(
                "`listen = \"{}\"` is not loopback and lacks {missing}: set it, listen on 127.0.0.1, or say \
                 `insecure = true` where the network is trusted",
                self.listen
            ));
        }
        messages.into_iter().map(Fault::of_all).collect()
    }

    /// Takes one key of a document over.
    ///
    /// # Errors
    /// Where there is no such key or its value is wrong; says what to write instead.
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        let path = |value| text(value).map(PathBuf::from);
        let number = |value| count(value).map(|count| Some(count.get() as u64));
        match name {
            "listen" => self.listen = address(value, "127.0.0.1:8086")?,
            "data" => self.data = path(value)?,
            "insecure" => self.insecure = flag(value)?,
            "users_file" => self.users_file = Some(path(value)?),
            "tls_certificate" => self.tls_certificate = Some(path(value)?),
            "tls_key" => self.tls_key = Some(path(value)?),
            "allow_origins" => self.allow_origins = texts(value)?,
            "max_body_size" => self.max_body_size = bytes(value)?,
            "max_concurrent_queries" => self.max_concurrent_queries = count(value)?,
            "query_timeout" => self.limits.timeout = some(duration(value)?),
            "max_select_series" => self.limits.series = number(value)?,
            "max_select_points" => self.limits.points = number(value)?,
            "max_select_buckets" => self.limits.buckets = number(value)?,
            "max_select_memory" => self.limits.memory = Some(bytes(value)?),
            "max_queries_memory" => self.limits.memory_of_all = Some(bytes(value)?),
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }
}

/// No time is no limit.
fn some(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// The system's place for data where the process may use it, else the user's (XDG base directories).
#[must_use]
pub fn default_data() -> PathBuf {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/svcflow");
    }
    let home = || variable("HOME").map(|home| home.join(".local/share"));
    variable("XDG_DATA_HOME").or_else(home).unwrap_or_default().join("svcflow")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        Config::parse(text, Some(Path::new("server.toml"))).unwrap_err().to_string()
    }

    #[test]
    fn the_shipped_example_parses_and_shows_every_key_with_its_default() {
        let example = include_str!("../server.example.toml");
        let expected = Config { data: "/var/lib/svcflow".into(), ..Config::default() };
        assert_eq!(Config::parse(example, None).unwrap(), expected);
        let commented = example.replace("# ", "");
        let lines = commented.lines().filter(|line| line.contains(" = "));
        for key in KEYS.split(", ") {
            assert!(lines.clone().any(|line| line.starts_with(key.trim())), "{key} is not shown");
        }
    }

    #[test]
    fn all_faults_come_together_with_their_lines() {
        let message = faults(
            "listen = \"8086\"\nmax_body_size = \"25\"\nquery_timeout = 5\nmax_select_series = 0\nport = 1\n",
        );
        for expected in [
            "server.toml:1: `listen`: `8086` is no address with port: write \"127.0.0.1:8086\"",
            "server.toml:2: `max_body_size`: `25` is no size",
            "server.toml:3: `query_timeout`: expected text",
            "server.toml:4: `max_select_series`: expected a whole number from 1",
            "server.toml:5: `port`: unknown key; the keys are listen,",
        ] {
            assert!(message.contains(expected), "{expected}\nnot in\n{message}");
        }
    }

    #[test]
    fn beyond_loopback_users_and_tls_are_needed_or_a_word() {
        let open = "listen = \"0.0.0.0:8086\"\n";
        let users = "users_file = \"u\"\n";
        let tls = "tls_certificate = \"c\"\ntls_key = \"k\"\n";
        assert!(faults(open).contains("lacks users (`users_file`) and TLS"));
        assert!(faults(&format!("{open}{users}")).contains("lacks TLS"));
        assert!(faults(&format!("{open}{tls}")).contains("lacks users"));
        assert!(Config::parse(&format!("{open}{users}{tls}"), None).is_ok());
        assert!(Config::parse(&format!("{open}insecure = true"), None).is_ok());
        assert!(faults("tls_key = \"k\"").contains("go together"));
    }

    #[test]
    fn no_timeout_is_no_limit() {
        let config =
            Config::parse("query_timeout = \"0s\"\nmax_select_memory = \"1GiB\"", None).unwrap();
        assert_eq!((config.limits.timeout, config.limits.memory), (None, Some(1 << 30)));
    }
}
