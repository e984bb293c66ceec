//! The settings of a server's `[collector]` table: TOML in, one validated type out, all faults together.

mod remote;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use svcflow_settings::{
    DeTable, DeValue, Fault, Faults, Parsed, Walk, bytes, count, duration, flag, text, texts,
};
use svcflow_topology::discovery::Registry;
use svcflow_transport::{Fingerprint, Trust};

pub use remote::{Credentials, Place, Remote, SinkSettings};

use crate::discovery::Places;
use crate::error::Error;
use crate::shard::Shard;
use crate::target::{PORT, Scheme, Target, split};

const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Agents by name, as written.
    pub agents: Vec<String>,
    /// Files with an agent a line.
    pub agents_files: Vec<PathBuf>,
    /// Names whose every address is an agent's, `HOST` or `HOST:PORT`.
    pub agents_dns: Vec<String>,
    /// etcds in which Contiv's nodes register, as URLs.
    pub agents_etcd: Vec<String>,
    /// The same of Consuls.
    pub agents_consul: Vec<String>,
    /// The agents' port on nodes that are found so.
    pub agents_port: u16,
    /// This server's share of them.
    pub shard: Shard,
    /// Time between two questions.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Bytes that one answer may have.
    pub answer_max: u64,
    /// Clocks may be off by this much without being corrected.
    pub clock_tolerance: Duration,
    /// Edges out of sight this long are forgotten; no longer than the store keeps them.
    pub forget_after: Duration,
    /// The database that samples go to.
    pub database: String,
    /// Where agents' samples go first: the embedded store, or an engine elsewhere.
    pub store: Option<Remote>,
    /// Bytes that wait for that engine at most.
    pub store_spool_max: u64,
    /// Where sinks' spools are; within the server's data folder by default.
    pub spool_dir: Option<PathBuf>,
    /// Where else samples go.
    pub sinks: Vec<SinkSettings>,
    /// What agents are shown.
    pub token_file: Option<PathBuf>,
    /// What some are shown instead, by `HOST:PORT`.
    pub agent_token_files: BTreeMap<String, PathBuf>,
    /// Whether agents without a scheme are asked by TLS.
    pub tls: bool,
    /// The CA that vouches for agents.
    pub tls_ca: Option<PathBuf>,
    /// Certificates of agents that are believed as they are.
    pub tls_fingerprints: Vec<Fingerprint>,
    /// The name in agents' certificates, where it isn't their address.
    pub tls_server_name: Option<String>,
    /// The certificate that agents are shown, with its key.
    pub tls_certificate: Option<PathBuf>,
    /// The key.
    pub tls_key: Option<PathBuf>,
    /// Whether a token may go over the network in the clear.
    pub insecure: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agents: Vec::new(),
            agents_files: Vec::new(),
            agents_dns: Vec::new(),
            agents_etcd: Vec::new(),
            agents_consul: Vec::new(),
            agents_port: PORT,
            shard: Shard::WHOLE,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            answer_max: 128 << 20,
            clock_tolerance: Duration::from_secs(2),
            forget_after: 30 * DAY,
            database: "telegraf".to_owned(),
            store: None,
            store_spool_max: 4 << 30,
            spool_dir: None,
            sinks: Vec::new(),
            token_file: None,
            agent_token_files: BTreeMap::new(),
            tls: false,
            tls_ca: None,
            tls_fingerprints: Vec::new(),
            tls_server_name: None,
            tls_certificate: None,
            tls_key: None,
            insecure: false,
        }
    }
}

const KEYS: &str = "agents, agents_files, agents_dns, agents_etcd, agents_consul, \
                    agents_port, shard, interval, timeout, answer_max, \
                    clock_tolerance, forget_after, database, store, influxdb, store_spool_max, \
                    spool_dir, sinks, token_file, agent_token_files, tls, tls_ca, \
                    tls_fingerprints, tls_server_name, tls_certificate, tls_key, insecure";

impl Config {
    /// Reads a document whose `[collector]` table this is; other tables are not looked at.
    ///
    /// # Errors
    /// All faults, each with its line.
    pub fn parse(document: &str, path: Option<&Path>) -> Result<Self, Error> {
        let mut config = Self::default();
        let faults = Walk::document(document, |walk, key, value| match (key, value) {
            ("collector", DeValue::Table(table)) => {
                config = Self::walk(walk, table);
                Ok(())
            }
            ("collector", _) => Err("expected a table: write `[collector]`".to_owned()),
            _ => Ok(()),
        });
        let faults = if faults.is_empty() { config.faults() } else { faults };
        Faults::or(config, faults, path).map_err(Error::Config)
    }

    /// Reads the table in the course of a walk through the server's whole document. Ask
    /// [`Config::faults`] afterwards, where the walk found none.
    #[must_use]
    pub fn walk(walk: &mut Walk<'_>, table: &DeTable<'_>) -> Self {
        let mut raw = Raw::default();
        walk.table(table, |walk, key, value| raw.set(walk, key, value));
        let Raw { mut config, store, influxdb } = raw;
        match (store.as_deref(), influxdb) {
            (Some("influxdb"), Some(remote)) => config.store = Some(remote),
            (Some("influxdb"), None) => walk.fault(
                None,
                "`store = \"influxdb\"` needs a table `[collector.influxdb]` with its `url`"
                    .to_owned(),
            ),
            (_, Some(_)) => walk.fault(
                None,
                "`[collector.influxdb]` is only used with `store = \"influxdb\"`".to_owned(),
            ),
            _ => {}
        }
        config
    }

    /// What a single value can't show.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut messages = Vec::new();
        if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&self.interval) {
            messages.push("`interval` is outside 100ms to 1h: write \"10s\"".to_owned());
        }
        if self.timeout.is_zero() || self.timeout > self.interval {
            messages.push("`timeout` is none, or longer than `interval`: write \"5s\"".to_owned());
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            messages.push("`tls_certificate` and `tls_key` go together: give both".to_owned());
        }
        if self.tls_ca.is_some() && !self.tls_fingerprints.is_empty() {
            messages
                .push("`tls_ca` and `tls_fingerprints` exclude each other: give one".to_owned());
        }
        if self.database.is_empty() {
            messages.push("`database` is empty: write \"telegraf\"".to_owned());
        }
        let names: std::collections::BTreeSet<_> = self.sinks.iter().map(|s| &s.name).collect();
        if names.len() < self.sinks.len() {
            messages
                .push("two sinks have one `name`, and so one spool: name them apart".to_owned());
        }
        messages.into_iter().map(Fault::of_all).collect()
    }

    /// Where agents are looked for.
    #[must_use]
    pub fn places(&self) -> Places {
        let target = |text: &String| Target::parse(text, self.scheme()).ok();
        let etcd = self
            .agents_etcd
            .iter()
            .filter_map(|url| Some((url.clone(), Registry::etcd(url).ok()?)));
        let consul = self
            .agents_consul
            .iter()
            .filter_map(|url| Some((url.clone(), Registry::consul(url).ok()?)));
        Places {
            agents: self.agents.iter().filter_map(target).collect(),
            files: self.agents_files.clone(),
            names: self.agents_dns.iter().filter_map(|name| split(name)).collect(),
            registries: etcd.chain(consul).collect(),
            registry_port: self.agents_port,
        }
    }

    /// How agents without a scheme are asked.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.tls { Scheme::Https } else { Scheme::Http }
    }

    /// Whom to believe to be an agent.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match &self.tls_ca {
            Some(path) => Trust::Ca(path.clone()),
            None if self.tls_fingerprints.is_empty() => Trust::System,
            None => Trust::Pinned(self.tls_fingerprints.clone()),
        }
    }
}

#[derive(Default)]
struct Raw {
    config: Config,
    store: Option<String>,
    influxdb: Option<Remote>,
}

impl Raw {
    fn set(&mut self, walk: &mut Walk<'_>, name: &str, value: &DeValue<'_>) -> Parsed<()> {
        let config = &mut self.config;
        match name {
            "agents" => config.agents = checked(value, target)?,
            "agents_files" => {
                config.agents_files = texts(value)?.into_iter().map(PathBuf::from).collect();
            }
            "agents_dns" => config.agents_dns = checked(value, name_of)?,
            "agents_etcd" => config.agents_etcd = checked(value, registry(Registry::etcd))?,
            "agents_consul" => config.agents_consul = checked(value, registry(Registry::consul))?,
            "agents_port" => {
                let port = u16::try_from(count(value)?.get());
                config.agents_port = port.map_err(|_| "expected a port: write 4000".to_owned())?;
            }
            "shard" => config.shard = text(value)?.parse().map_err(|e| format!("{e}"))?,
            "interval" => config.interval = duration(value)?,
            "timeout" => config.timeout = duration(value)?,
            "answer_max" => config.answer_max = bytes(value)?,
            "clock_tolerance" => config.clock_tolerance = duration(value)?,
            "forget_after" => config.forget_after = duration(value)?,
            "database" => config.database = text(value)?.to_owned(),
            "store" => self.store = Some(store(value)?),
            "influxdb" => self.influxdb = Some(remote::influxdb(walk, value)?),
            "store_spool_max" => config.store_spool_max = bytes(value)?,
            "spool_dir" => config.spool_dir = Some(path(value)?),
            "sinks" => config.sinks = remote::sinks(walk, value)?,
            "token_file" => config.token_file = Some(path(value)?),
            "agent_token_files" => config.agent_token_files = token_files(value)?,
            "tls" => config.tls = flag(value)?,
            "tls_ca" => config.tls_ca = Some(path(value)?),
            "tls_fingerprints" => {
                let all = texts(value)?;
                let all: Result<_, _> = all.iter().map(|text| text.parse()).collect();
                config.tls_fingerprints = all.map_err(|e| format!("{e}"))?;
            }
            "tls_server_name" => config.tls_server_name = Some(text(value)?.to_owned()),
            "tls_certificate" => config.tls_certificate = Some(path(value)?),
            "tls_key" => config.tls_key = Some(path(value)?),
            "insecure" => config.insecure = flag(value)?,
            _ => return Err(format!("unknown key; the keys are {KEYS}")),
        }
        Ok(())
    }
}

pub(crate) fn path(value: &DeValue<'_>) -> Parsed<PathBuf> {
    Ok(PathBuf::from(text(value)?))
}

fn store(value: &DeValue<'_>) -> Parsed<String> {
    match text(value)? {
        known @ ("embedded" | "influxdb") => Ok(known.to_owned()),
        other => Err(format!("`{other}` is no store: write \"embedded\" or \"influxdb\"")),
    }
}

fn checked(value: &DeValue<'_>, check: impl Fn(&str) -> Parsed<()>) -> Parsed<Vec<String>> {
    let all = texts(value)?;
    all.iter().try_for_each(|text| check(text))?;
    Ok(all)
}

fn target(text: &str) -> Parsed<()> {
    Target::parse(text, Scheme::Http).map(|_| ()).map_err(|error| error.to_string())
}

fn registry(
    read: fn(&str) -> Result<Registry, svcflow_topology::discovery::Error>,
) -> impl Fn(&str) -> Parsed<()> {
    move |text| read(text).map(|_| ()).map_err(|error| error.to_string())
}

fn name_of(text: &str) -> Parsed<()> {
    let fault = || format!("`{text}` is no name: write \"agents.example:4000\"");
    split(text).map(|_| ()).ok_or_else(fault)
}

fn token_files(value: &DeValue<'_>) -> Parsed<BTreeMap<String, PathBuf>> {
    let fault = "expected `{ \"10.0.0.1:4000\" = \"/etc/svcflow/token-1\" }`";
    let table = value.as_table().ok_or_else(|| fault.to_owned())?;
    let file = |(key, value): (&svcflow_settings::Spanned<_>, &svcflow_settings::Spanned<_>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        let target = Target::parse(key, Scheme::Http).map_err(|error| error.to_string())?;
        Ok((target.key().to_string(), path(value.get_ref())?))
    };
    table.iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        Config::parse(text, Some(Path::new("server.toml"))).unwrap_err().to_string()
    }

    #[test]
    fn the_shipped_example_parses_and_shows_every_key() {
        let example = include_str!("../collector.example.toml");
        let plain = Config::parse(example, None).unwrap();
        assert_eq!(plain, Config::default());
        let uncommented: String = example
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config = Config::parse(&uncommented, None).unwrap();
        assert_eq!((config.agents.len(), config.sinks.len()), (2, 5));
        for key in KEYS.split(", ").map(str::trim) {
            let table = format!("[collector.{key}]");
            let array = format!("[[collector.{key}]]");
            let shown = |line: &str| line.starts_with(&format!("{key} = "));
            let lines = uncommented.lines();
            assert!(
                lines.clone().any(shown)
                    || uncommented.contains(&table)
                    || uncommented.contains(&array),
                "{key} is not shown"
            );
        }
    }

    #[test]
    fn all_faults_come_together_with_their_lines() {
        let registries =
            faults("[collector]\nagents_etcd = [\"etcd:2379\"]\nagents_port = 70000\n");
        assert!(
            registries
                .contains("server.toml:2: `agents_etcd`: `etcd:2379` is no address of a registry")
        );
        assert!(
            registries.contains("server.toml:3: `agents_port`: expected a port"),
            "{registries}"
        );
        let message = faults(
            "[collector]\nagents = [\"a b\"]\nagent = 1\nshard = \"4/3\"\ninterval = 10\n\
             store = \"x\"\ntls_fingerprints = [\"zz\"]\n\n[[collector.sinks]]\ntype = \"influxdb\"\n\
             ulr = \"http://x\"\n[[collector.sinks]]\nname = \"p\"\ntype = \"kafka\"\n",
        );
        for expected in [
            "server.toml:2: `agents`: `a b` is no agent's address",
            "server.toml:3: `agent`: unknown key; the keys are agents,",
            "server.toml:4: `shard`: `4/3` is no shard",
            "server.toml:5: `interval`: expected text",
            "server.toml:6: `store`: `x` is no store",
            "server.toml:7: `tls_fingerprints`: `zz` is no SHA-256 fingerprint",
            "server.toml:11: `ulr`: unknown key",
            "`sinks`: the 1st has no `name`",
            "the 2nd: `kafka` is no type",
        ] {
            assert!(message.contains(expected), "{expected}\nnot in\n{message}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        assert!(faults("[collector]\ntimeout = \"11s\"").contains("longer than `interval`"));
        assert!(faults("[collector]\nstore = \"influxdb\"").contains("[collector.influxdb]"));
        assert!(faults("collector = 3").contains("expected a table"));
        let sink = "[[collector.sinks]]\nname = \"a\"\ntype = \"stdout\"\n";
        assert!(faults(&format!("{sink}{sink}")).contains("two sinks have one `name`"));
        let two = "[collector]\ntls_ca = \"/ca\"\ntls_fingerprints = [\"";
        assert!(faults(&format!("{two}{}\"]", "ab".repeat(32))).contains("exclude each other"));
    }
}
