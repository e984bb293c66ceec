//! The agent's configuration: TOML in, one validated type out, all faults together.
//!
//! The document is walked with its positions instead of through serde, because serde stops at the
//! first fault and a user then fixes a file one line a run.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use svcflow_source::Preference;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Cidr, Error};

/// Contiv's old node server had this port.
const PORT: u16 = 4000;
/// Below this a look costs more than it shows.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Above this the kernel's counters of short-lived edges may expire between looks.
const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The node's name; the host's by default.
    pub node: String,
    /// Time between looks.
    pub interval: Duration,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// Which source.
    pub source: Preference,
    /// Where baselines are kept over a restart; `None` keeps none.
    pub state_dir: Option<PathBuf>,
    /// How far back intervals are kept for a late collector.
    pub keep: Duration,
    /// Cap of edges; `None` is accounting's default.
    pub edges_max: Option<NonZeroUsize>,
    /// Cap of followed connections; `None` is accounting's default.
    pub connections_max: Option<NonZeroUsize>,
    /// Networks whose addresses live on this node; empty: ask the kernel.
    pub local: Vec<Cidr>,
    /// Whether the agent may turn on `nf_conntrack_acct` and `nf_conntrack_events`.
    pub enable_conntrack_accounting: bool,
    /// Contiv's Netplugin, for the source `contiv`; `None` is the one of this host.
    pub netplugin: Option<String>,
    /// A file that names services and owners of addresses.
    pub names: Option<PathBuf>,
    /// Contiv's Netmaster, asked for names.
    pub netmaster: Option<String>,
    /// The Unix socket of a Docker engine, asked for names.
    pub docker: Option<String>,
    /// Whether HTTP may listen beyond loopback, where it has no authentication.
    pub insecure: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: hostname(),
            interval: Duration::from_secs(10),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            source: Preference::Auto,
            state_dir: None,
            keep: Duration::from_secs(3_600),
            edges_max: None,
            connections_max: None,
            local: Vec::new(),
            enable_conntrack_accounting: false,
            netplugin: None,
            names: None,
            netmaster: None,
            docker: None,
            insecure: false,
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1; `None` where the value came from elsewhere.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Everything wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Which file.
    pub file: Option<PathBuf>,
    /// The faults, in the file's order.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().map_or("configuration".into(), Path::to_string_lossy);
        for (i, fault) in self.faults.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            match fault.line {
                Some(line) => write!(f, "{separator}{file}:{line}: {}", fault.message)?,
                None => write!(f, "{separator}{file}: {}", fault.message)?,
            }
        }
        Ok(())
    }
}

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
        let mut walk = Walk { text, config: Self::default(), faults: Vec::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            walk.fault(error.span().map(|span| span.start), error.message().to_owned());
        }
        for (key, value) in document.get_ref() {
            walk.entry(key, value);
        }
        walk.faults.sort_by_key(|fault| fault.line);
        if walk.faults.is_empty() {
            walk.faults = walk.config.faults();
        }
        walk.config.or_faults(walk.faults, path)
    }

    /// Checks what a single value can't show, also for a configuration made by hand or by flags.
    ///
    /// # Errors
    /// All faults.
    pub fn validate(&self) -> Result<(), Error> {
        self.clone().or_faults(self.faults(), None).map(|_| ())
    }

    /// How many intervals are kept.
    #[must_use]
    pub fn intervals_kept(&self) -> usize {
        let count = self.keep.as_millis() / self.interval.as_millis().max(1);
        usize::try_from(count).unwrap_or(usize::MAX).max(1)
    }

    fn or_faults(self, faults: Vec<Fault>, path: Option<&Path>) -> Result<Self, Error> {
        if faults.is_empty() {
            return Ok(self);
        }
        Err(Error::Config(Faults { file: path.map(Path::to_owned), faults }))
    }

    fn faults(&self) -> Vec<Fault> {
        let mut messages = Vec::new();
        if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&self.interval) {
            messages.push("`interval` is outside 100ms to 1h: write \"10s\"".to_owned());
        }
        if self.keep < self.interval {
            messages.push("`keep` is shorter than `interval`: write \"1h\"".to_owned());
        }
        if self.node.is_empty() {
            messages.push("`node` is empty: give the node a name".to_owned());
        }
        if !self.listen.ip().is_loopback() && !self.insecure {
            messages.push(format!(
                "`listen = \"{}\"` is not loopback, and the agent has no authentication: \
                 listen on 127.0.0.1, or say `insecure = true` where the network is trusted",
                self.listen
            ));
        }
        if self.netplugin.is_some() && self.source != Preference::Contiv {
            let message =
                "`netplugin` is only asked with `source = \"contiv\"`: set that, or leave it out";
            messages.push(message.to_owned());
        }
        messages.into_iter().map(|message| Fault { line: None, message }).collect()
    }
}

const KEYS: &str = "node, interval, listen, source, state_dir, keep, edges_max, connections_max, \
                    local, enable_conntrack_accounting, netplugin, names, netmaster, docker, insecure";

struct Walk<'t> {
    text: &'t str,
    config: Config,
    faults: Vec<Fault>,
}

type Parsed<T> = Result<T, String>;

impl Walk<'_> {
    fn fault(&mut self, at: Option<usize>, message: String) {
        let before = at.and_then(|at| self.text.as_bytes().get(..at));
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        self.faults.push(Fault { line, message });
    }

    fn entry(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let name: &str = key.get_ref();
        if let Err(remedy) = self.set(name, value.get_ref()) {
            self.fault(Some(key.span().start), format!("`{name}`: {remedy}"));
        }
    }

    fn set(&mut self, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        let config = &mut self.config;
        match name {
            "node" => config.node = text(value)?.to_owned(),
            "interval" => config.interval = duration(text(value)?)?,
            "keep" => config.keep = duration(text(value)?)?,
            "listen" => config.listen = listen(text(value)?)?,
            "source" => config.source = text(value)?.parse()?,
            "state_dir" => config.state_dir = Some(PathBuf::from(text(value)?)),
            "edges_max" => config.edges_max = Some(count(value)?),
            "connections_max" => config.connections_max = Some(count(value)?),
            "local" => config.local = networks(value)?,
            "enable_conntrack_accounting" => config.enable_conntrack_accounting = flag(value)?,
            "netplugin" => config.netplugin = Some(text(value)?.to_owned()),
            "names" => config.names = Some(PathBuf::from(text(value)?)),
            "netmaster" => config.netmaster = Some(text(value)?.to_owned()),
            "docker" => config.docker = Some(text(value)?.to_owned()),
            "insecure" => config.insecure = flag(value)?,
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }
}

fn text<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    value.as_str().ok_or_else(|| "expected text in quotes".to_owned())
}

fn flag(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| "expected `true` or `false`".to_owned())
}

fn count(value: &DeValue<'_>) -> Parsed<NonZeroUsize> {
    let fault = || "expected a whole number from 1".to_owned();
    let integer = value.as_integer().ok_or_else(fault)?;
    usize::from_str_radix(integer.as_str(), integer.radix())
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(fault)
}

fn networks(value: &DeValue<'_>) -> Parsed<Vec<Cidr>> {
    let array = value.as_array().ok_or_else(|| "expected `[\"10.1.1.0/24\"]`".to_owned())?;
    array.iter().map(|v| text(v.get_ref())?.parse().map_err(|e| format!("{e}"))).collect()
}

fn listen(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| format!("`{text}` is no address with port: write \"127.0.0.1:4000\""))
}

/// Reads `10s`, `500ms`, `5m`, `1h`.
fn duration(text: &str) -> Parsed<Duration> {
    let fault = || format!("`{text}` is no duration: write \"10s\", \"500ms\", \"5m\" or \"1h\"");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(fault)?;
    let number: u64 = number.parse().map_err(|_| fault())?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(fault()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(fault)
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        Config::parse(text, Some(Path::new("agent.toml"))).unwrap_err().to_string()
    }

    #[test]
    fn the_shipped_example_parses_and_holds_the_defaults() {
        let example = include_str!("../agent.example.toml");
        let config = Config::parse(example, None).unwrap();
        let expected = Config { state_dir: Some("/var/lib/svcflow".into()), ..Config::default() };
        assert_eq!(config, expected);
        let commented = example.replace("# ", "");
        let lines = commented.lines().filter(|line| line.contains(" = "));
        for key in KEYS.split(", ") {
            assert!(lines.clone().any(|line| line.starts_with(key.trim())), "{key} is not shown");
        }
    }

    #[test]
    fn all_faults_come_together_with_their_lines() {
        let text = "node = 3\n\nintervall = \"10s\"\nkeep = \"1 hour\"\nlocal = [\"10.0.0.0/40\"]\n\
                    edges_max = 0\nsource = \"ebpf\"\nlisten = \"4000\"\n";
        let message = faults(text);
        for expected in [
            "agent.toml:1: `node`: expected text",
            "agent.toml:3: `intervall`: unknown key; the keys are node,",
            "agent.toml:4: `keep`: `1 hour` is no duration",
            "agent.toml:5: `local`: `10.0.0.0/40` is no network",
            "agent.toml:6: `edges_max`: expected a whole number from 1",
            "agent.toml:7: `source`: unknown source `ebpf`",
            "agent.toml:8: `listen`: `4000` is no address with port",
        ] {
            assert!(message.contains(expected), "{expected}\nnot in\n{message}");
        }
        assert!(faults("node = \"a\"\ninterval = \n").contains("agent.toml:2: "));
    }

    #[test]
    fn listening_beyond_loopback_needs_a_word() {
        assert!(faults("listen = \"0.0.0.0:4000\"").contains("`insecure = true`"));
        assert!(Config::parse("listen = \"0.0.0.0:4000\"\ninsecure = true", None).is_ok());
        assert!(faults("interval = \"1ms\"\nkeep = \"0s\"").lines().count() == 2);
    }
}
