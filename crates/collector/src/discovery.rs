//! Which agents there are: a list, files, DNS names, and the registries where Contiv's nodes register, looked at
//! again and again.
//!
//! Files are read anew every time: they are small, and a time of change can be the same for two
//! writes. Where a file can't be read or a name not resolved, what it said last goes on to count.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use svcflow_topology::discovery::{Found as Nodes, Registry};
use svcflow_transport::Client;

use crate::scrape::chain;
use crate::shard::Shard;
use crate::target::{Scheme, Target};

/// A resolver that answers later than this doesn't.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// A file of targets that is longer is none.
const FILE_MAX: u64 = 16 << 20;

/// The answer of a resolver.
pub type Resolved = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Turns `HOST:PORT` into addresses.
pub type Resolver = Arc<dyn Fn(String) -> Resolved + Send + Sync>;

/// The host's resolver.
#[must_use]
pub fn system_resolver() -> Resolver {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host(name).await?.collect::<Vec<_>>()) })
    })
}

/// Where agents are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Agents by name.
    pub agents: Vec<Target>,
    /// Files with an agent a line.
    pub files: Vec<PathBuf>,
    /// Names whose every address is an agent's, with the port: `HOST:PORT`.
    pub names: Vec<(String, u16)>,
    /// Registries of Contiv's nodes, each with what it is called here.
    pub registries: Vec<(String, Registry)>,
    /// The agents' port on the nodes that a registry names: theirs there is Netplugin's.
    pub registry_port: u16,
}

/// Finds agents.
pub struct Discovery {
    places: Places,
    scheme: Scheme,
    shard: Shard,
    resolver: Resolver,
    /// Asks registries.
    client: Option<Client>,
    /// What each file and name said last, and what is wrong with it now.
    found: BTreeMap<String, Found>,
}

#[derive(Default)]
struct Found {
    targets: Vec<Target>,
    fault: Option<String>,
}

impl Discovery {
    /// Looks in these places, for this server's share.
    #[must_use]
    pub fn new(places: Places, scheme: Scheme, shard: Shard, resolver: Resolver) -> Self {
        Self { places, scheme, shard, resolver, client: None, found: BTreeMap::new() }
    }

    /// Asks registries with this client; without one they are not asked.
    #[must_use]
    pub fn with_client(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The agents that are this server's, by their key.
    pub async fn look(&mut self) -> BTreeMap<Arc<str>, Target> {
        for file in self.places.files.clone() {
            let scheme = self.scheme;
            let name = file.display().to_string();
            let read = tokio::task::spawn_blocking(move || read_file(&file, scheme)).await;
            self.note(name, read.unwrap_or_else(|_| Err("reading it ended early".to_owned())));
        }
        for (host, port) in self.places.names.clone() {
            let name = format!("{host}:{port}");
            let resolved = self.resolve(&name).await;
            self.note(name, resolved);
        }
        if let Some(client) = self.client.clone() {
            for (name, registry) in self.places.registries.clone() {
                let asked = registry.nodes(&client).await;
                let asked = asked.map(|nodes| self.registered(nodes));
                let stays = |error| format!("{}; the last nodes stay", chain(&error));
                self.note(name, asked.map_err(stays));
            }
        }
        let found = self.found.values().flat_map(|found| &found.targets);
        let mine = |target: &&Target| self.shard.takes(target.key());
        let all = self.places.agents.iter().chain(found).filter(mine);
        all.map(|target| (Arc::clone(target.key()), target.clone())).collect()
    }

    /// What is wrong with a file or name, by its name.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &str)> {
        self.found.iter().filter_map(|(name, found)| Some((name.as_str(), found.fault.as_deref()?)))
    }

    fn note(&mut self, name: String, look: Result<(Vec<Target>, Option<String>), String>) {
        let found = self.found.entry(name.clone()).or_default();
        let fault = match look {
            Ok((targets, fault)) => {
                found.targets = targets;
                fault
            }
            Err(fault) => Some(fault),
        };
        if let Some(fault) = &fault
            && found.fault.as_ref() != Some(fault)
        {
            tracing::warn!("{name}: {fault}");
        }
        found.fault = fault;
    }

    /// Agents on registered nodes, and what is wrong with the registrations.
    fn registered(&self, nodes: Nodes) -> (Vec<Target>, Option<String>) {
        let agent = |node: &SocketAddr| {
            let address = SocketAddr::new(node.ip(), self.places.registry_port);
            Target::parse(&address.to_string(), self.scheme).ok()
        };
        let fault = nodes.faults.first().map(|first| match nodes.faults.len() {
            1 => first.clone(),
            many => format!("{first}; and {} more", many - 1),
        });
        (nodes.nodes.iter().filter_map(agent).collect(), fault)
    }

    async fn resolve(&self, name: &str) -> Result<(Vec<Target>, Option<String>), String> {
        let resolved = tokio::time::timeout(RESOLVE_MAX, (self.resolver)(name.to_owned())).await;
        let addresses = resolved
            .map_err(|_| "no answer of the resolver; the last addresses stay".to_owned())?
            .map_err(|error| format!("not resolved ({error}); the last addresses stay"))?;
        let target = |address: &SocketAddr| Target::parse(&address.to_string(), self.scheme).ok();
        Ok((addresses.iter().filter_map(target).collect(), None))
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Discovery").field("places", &self.places).finish_non_exhaustive()
    }
}

/// One agent a line; empty lines and those that begin with `#` are skipped, wrong ones are said.
fn read_file(
    file: &std::path::Path,
    scheme: Scheme,
) -> Result<(Vec<Target>, Option<String>), String> {
    let stays = "what it said last stays";
    let unreadable = |error: std::io::Error| format!("can't be read ({error}); {stays}");
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > FILE_MAX {
        return Err(format!("is {length} bytes long, which is no list of agents; {stays}"));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let (mut targets, mut fault) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Target::parse(line, scheme) {
            Ok(target) => targets.push(target),
            Err(error) if fault.is_none() => fault = Some(format!("line {}: {error}", number + 1)),
            Err(_) => {}
        }
    }
    Ok((targets, fault))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    async fn keys(discovery: &mut Discovery) -> Vec<String> {
        discovery.look().await.into_keys().map(|key| key.to_string()).collect()
    }

    #[tokio::test]
    async fn agents_come_and_go_with_files_and_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agents");
        let answer = Arc::new(Mutex::new(Ok(vec!["10.0.0.9:4000", "[fd00::9]:4000"])));
        let resolver: Resolver = {
            let answer = Arc::clone(&answer);
            Arc::new(move |name| {
                assert_eq!(name, "agents.svcflow:4000");
                let answer = answer.lock().unwrap().clone();
                Box::pin(async move {
                    let addresses = answer.map_err(|()| std::io::Error::other("no such name"))?;
                    Ok(addresses.iter().map(|text| text.parse().unwrap()).collect())
                })
            })
        };
        let places = Places {
            agents: vec![Target::parse("static", Scheme::Http).unwrap()],
            files: vec![file.clone()],
            names: vec![("agents.svcflow".to_owned(), 4000)],
            ..Places::default()
        };
        let mut discovery = Discovery::new(places, Scheme::Http, Shard::WHOLE, resolver);
        let dns = ["10.0.0.9:4000", "[fd00::9]:4000"];
        assert_eq!(keys(&mut discovery).await, [dns[0], dns[1], "static:4000"]);
        assert!(discovery.faults().next().unwrap().1.contains("can't be read"));

        std::fs::write(&file, "# mine\n\none\nhttps://two:1\n b a d\nstatic:4000\n").unwrap();
        let all = [dns[0], dns[1], "one:4000", "static:4000", "two:1"];
        assert_eq!(keys(&mut discovery).await, all);
        assert!(discovery.faults().next().unwrap().1.contains("line 5"));

        *answer.lock().unwrap() = Err(());
        std::fs::remove_file(&file).unwrap();
        assert_eq!(keys(&mut discovery).await, all, "what was said last stays");
        assert_eq!(discovery.faults().count(), 2);

        *answer.lock().unwrap() = Ok(vec![]);
        std::fs::write(&file, "").unwrap();
        assert_eq!(keys(&mut discovery).await, ["static:4000"]);
        assert_eq!(discovery.faults().count(), 0);
    }

    #[tokio::test]
    async fn servers_share_agents() {
        let agents: Vec<_> =
            (0..50).map(|n| Target::parse(&format!("node-{n}"), Scheme::Http).unwrap()).collect();
        let mut total = 0;
        for shard in ["1/3", "2/3", "3/3"] {
            let places = Places { agents: agents.clone(), ..Places::default() };
            let shard = shard.parse().unwrap();
            let mut discovery = Discovery::new(places, Scheme::Http, shard, system_resolver());
            let mine = discovery.look().await.len();
            assert!(mine > 5);
            total += mine;
        }
        assert_eq!(total, 50);
    }
}
