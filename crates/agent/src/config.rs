//! The agent's configuration: TOML in, one validated type out, all faults together.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use svcflow_settings::{DeValue, Parsed, Walk, address, count, duration, flag, text};
use svcflow_source::Preference;
use svcflow_transport::{Exposure, exposure};

pub use svcflow_settings::{Fault, Faults};

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
    /// Tokens that callers of HTTP may show, one a line; `None` asks for none.
    pub token_file: Option<PathBuf>,
    /// The certificate chain that HTTP shows; with `tls_key` it speaks TLS.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's key.
    pub tls_key: Option<PathBuf>,
    /// The CA that must have signed callers' certificates; `None` asks for none.
    pub tls_client_ca: Option<PathBuf>,
    /// Whether HTTP may listen beyond loopback without token or TLS.
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
            token_file: None,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            insecure: false,
        }
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
        let mut config = Self::default();
        let mut faults = Walk::document(text, |_, key, value| config.set(key, value));
        if faults.is_empty() {
            faults = config.faults();
        }
        config.or_faults(faults, path)
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

    fn exposure(&self) -> Exposure {
        Exposure {
            token: self.token_file.is_some(),
            tls: self.tls_certificate.is_some(),
            insecure: self.insecure,
        }
    }

    fn or_faults(self, faults: Vec<Fault>, path: Option<&Path>) -> Result<Self, Error> {
        Faults::or(self, faults, path).map_err(Error::Config)
    }

    /// What is wrong beyond single values.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
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
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            messages.push("`tls_certificate` and `tls_key` go together: give both".to_owned());
        }
        if self.netplugin.is_some() && self.source != Preference::Contiv {
            let message =
                "`netplugin` is only asked with `source = \"contiv\"`: set that, or leave it out";
            messages.push(message.to_owned());
        }
        if self.tls_client_ca.is_some() && self.tls_certificate.is_none() {
            messages.push("`tls_client_ca` needs `tls_certificate` and `tls_key`".to_owned());
        }
        messages.extend(exposure(self.listen, self.exposure()).err());
        messages.into_iter().map(Fault::of_all).collect()
    }

    /// Takes one key of a document over.
    ///
    /// # Errors
    /// Where there is no such key or its value is wrong; says what to write instead.
    pub fn set(&mut self, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        match name {
            "node" => self.node = text(value)?.to_owned(),
            "interval" => self.interval = duration(value)?,
            "keep" => self.keep = duration(value)?,
            "listen" => self.listen = address(value, "127.0.0.1:4000")?,
            "source" => self.source = text(value)?.parse()?,
            "state_dir" => self.state_dir = Some(PathBuf::from(text(value)?)),
            "edges_max" => self.edges_max = Some(count(value)?),
            "connections_max" => self.connections_max = Some(count(value)?),
            "local" => self.local = networks(value)?,
            "enable_conntrack_accounting" => self.enable_conntrack_accounting = flag(value)?,
            "netplugin" => self.netplugin = Some(text(value)?.to_owned()),
            "names" => self.names = Some(PathBuf::from(text(value)?)),
            "netmaster" => self.netmaster = Some(text(value)?.to_owned()),
            "docker" => self.docker = Some(text(value)?.to_owned()),
            "token_file" => self.token_file = Some(PathBuf::from(text(value)?)),
            "tls_certificate" => self.tls_certificate = Some(PathBuf::from(text(value)?)),
            "tls_key" => self.tls_key = Some(PathBuf::from(text(value)?)),
            "tls_client_ca" => self.tls_client_ca = Some(PathBuf::from(text(value)?)),
            "insecure" => self.insecure = flag(value)?,
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }
}

const KEYS: &str = "node, interval, listen, source, state_dir, keep, edges_max, connections_max, \
                    local, enable_conntrack_accounting, netplugin, names, netmaster, docker, token_file, tls_certificate, tls_key, \
                    tls_client_ca, insecure";

fn networks(value: &DeValue<'_>) -> Parsed<Vec<Cidr>> {
    let array = value.as_array().ok_or_else(|| "expected `[\"10.1.1.0/24\"]`".to_owned())?;
    array.iter().map(|v| text(v.get_ref())?.parse().map_err(|e| format!("{e}"))).collect()
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
        for key in KEYS.split(", ").map(str::trim) {
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
        let open = "listen = \"0.0.0.0:4000\"\n";
        assert!(faults(open).contains("`insecure = true`"));
        let half = format!("{open}token_file = \"/t\"");
        assert!(faults(&half).contains("lacks TLS"), "{}", faults(&half));
        let whole = format!("{half}\ntls_certificate = \"/c\"\ntls_key = \"/k\"");
        assert!(Config::parse(&whole, None).is_ok());
        assert!(faults("tls_key = \"/k\"").contains("go together"));
        assert!(faults("tls_client_ca = \"/k\"").contains("needs `tls_certificate`"));
        assert!(Config::parse("listen = \"0.0.0.0:4000\"\ninsecure = true", None).is_ok());
        assert!(faults("interval = \"1ms\"\nkeep = \"0s\"").lines().count() == 2);
    }
}
