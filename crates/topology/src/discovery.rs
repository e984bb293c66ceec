//! Which nodes there are: Contiv's Netplugins register themselves in etcd (v2 keys) or in Consul's KV, as
//! `/contiv.io/service/netplugin/IP:PORT`; or a person lists them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use svcflow_transport::{Client, Limits};

use crate::sources::chain;

/// Where nodes stand, in etcd and in Consul.
const FOLDER: &str = "contiv.io/service/netplugin";
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// 10,000 nodes are about 2 MB.
const ANSWER_MAX: usize = 16 << 20;
/// etcd's ports: since 2.0, and before.
const ETCD_PORTS: [u16; 2] = [2379, 4001];
const CONSUL_PORT: u16 = 8500;

/// Why a registry can't be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an address that can be asked.
    #[error("`{0}` is no address of a registry: write http://HOST or http://HOST:PORT")]
    BadUrl(String),
    /// Nobody answers.
    #[error(transparent)]
    Transport(#[from] svcflow_transport::Error),
    /// An answer that is no success.
    #[error("{url} answered {status}: {remedy}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What to do.
        remedy: &'static str,
    },
    /// An answer that is not what such a registry gives.
    #[error("{url} answered something that is no list of keys: is it the right kind of registry?")]
    Unreadable {
        /// What was asked for.
        url: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
}

/// Where nodes are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    /// etcd's v2 keys; etcd 3.4 needs `--enable-v2`.
    Etcd(Bases),
    /// Consul's key-value store.
    Consul(Bases),
    /// These.
    Listed(Vec<SocketAddr>),
}

/// The addresses to try, the first that answers counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bases(Vec<String>);

impl Bases {
    fn new(url: &str, ports: &[u16]) -> Result<Self, Error> {
        let bad = || Error::BadUrl(url.to_owned());
        let trimmed = url.trim_end_matches('/');
        let uri: http::Uri = trimmed.parse().map_err(|_| bad())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.host().is_none_or(str::is_empty) || uri.path().len() > 1 {
            return Err(bad());
        }
        if uri.port().is_some() {
            return Ok(Self(vec![trimmed.to_owned()]));
        }
        Ok(Self(ports.iter().map(|port| format!("{trimmed}:{port}")).collect()))
    }
}

/// What a registry knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The nodes, each once.
    pub nodes: BTreeSet<SocketAddr>,
    /// Keys that name no node: each one sentence.
    pub faults: Vec<String>,
}

impl Found {
    /// A key's last part is the node's address.
    fn add(&mut self, key: &str) {
        let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        match name.parse() {
            Ok(address) => {
                self.nodes.insert(address);
            }
            Err(_) => self.faults.push(format!("the key `{key}` names no node: expected IP:PORT")),
        }
    }
}

impl Registry {
    /// An etcd; without a port both of its usual ones are tried.
    ///
    /// # Errors
    /// Where that is no HTTP address.
    pub fn etcd(url: &str) -> Result<Self, Error> {
        Ok(Self::Etcd(Bases::new(url, &ETCD_PORTS)?))
    }

    /// A Consul; without a port its usual one is asked.
    ///
    /// # Errors
    /// Where that is no HTTP address.
    pub fn consul(url: &str) -> Result<Self, Error> {
        Ok(Self::Consul(Bases::new(url, &[CONSUL_PORT])?))
    }

    /// The nodes that are registered now; none where none ever was.
    ///
    /// # Errors
    /// Where the registry can't be asked.
    pub async fn nodes(&self, client: &Client) -> Result<Found, Error> {
        match self {
            Self::Listed(nodes) => {
                Ok(Found { nodes: nodes.iter().copied().collect(), faults: Vec::new() })
            }
            Self::Etcd(bases) => first(bases, |base| etcd(client, base)).await,
            Self::Consul(bases) => first(bases, |base| consul(client, base)).await,
        }
    }
}

/// What the first address that answers says; the first one's error where none does.
async fn first<F: Future<Output = Result<Found, Error>>>(
    bases: &Bases,
    ask: impl Fn(String) -> F,
) -> Result<Found, Error> {
    let mut refused = None;
    for base in &bases.0 {
        match ask(base.clone()).await {
            Ok(found) => return Ok(found),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| Error::BadUrl(String::new())))
}

/// A v2 key: a folder with others, or a leaf.
#[derive(Deserialize)]
struct Node {
    key: Option<String>,
    #[serde(default)]
    dir: bool,
    nodes: Option<Vec<Node>>,
}

#[derive(Deserialize)]
struct Answer {
    node: Node,
}

async fn etcd(client: &Client, base: String) -> Result<Found, Error> {
    let url = format!("{base}/v2/keys/{FOLDER}?recursive=true&sorted=true");
    let remedy = "start etcd 3.4 with `--enable-v2`; later ones have no v2 keys";
    // Without v2 there is no such path at all; where no node registered the answer is JSON with code 100.
    let not_found = |body: &[u8]| body.windows(9).any(|part| part == b"errorCode");
    let Some(body) = get(client, &url, remedy, not_found).await? else {
        return Ok(Found::default());
    };
    let answer: Answer = parse(&url, &body)?;
    let mut found = Found::default();
    let mut open = vec![answer.node];
    while let Some(node) = open.pop() {
        match (node.nodes, node.key) {
            (Some(nodes), _) => open.extend(nodes),
            (None, Some(key)) if !node.dir => found.add(&key),
            _ => {}
        }
    }
    Ok(found)
}

async fn consul(client: &Client, base: String) -> Result<Found, Error> {
    let url = format!("{base}/v1/kv/{FOLDER}/?keys");
    let remedy = "may keys be listed there without a token?";
    let Some(body) = get(client, &url, remedy, |body| body.is_empty()).await? else {
        return Ok(Found::default());
    };
    let keys: Vec<String> = parse(&url, &body)?;
    let mut found = Found::default();
    keys.iter().filter(|key| !key.ends_with('/')).for_each(|key| found.add(key));
    Ok(found)
}

/// The body of an answer; `None` for a 404 that means that there are no keys.
async fn get(
    client: &Client,
    url: &str,
    remedy: &'static str,
    no_keys: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, Error> {
    let request = Request::get(url).body(Full::default());
    let request = request.map_err(|_| Error::BadUrl(url.to_owned()))?;
    let limits = Limits { time: PATIENCE, bytes: ANSWER_MAX };
    let answer = client.fetch(request, limits).await?;
    match answer.status {
        StatusCode::OK => Ok(Some(answer.body.to_vec())),
        StatusCode::NOT_FOUND if no_keys(&answer.body) => Ok(None),
        status => Err(Error::Status { url: url.to_owned(), status: status.as_u16(), remedy }),
    }
}

fn parse<'b, T: Deserialize<'b>>(url: &str, body: &'b [u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|source| Error::Unreadable { url: url.to_owned(), source })
}

/// Several registries, asked again and again: one that can't be asked keeps the nodes that it last named.
#[derive(Debug)]
pub struct Discovery {
    client: Client,
    registries: Vec<(Registry, BTreeSet<SocketAddr>)>,
}

impl Discovery {
    /// Looks into all of these.
    #[must_use]
    pub fn new(registries: Vec<Registry>, client: Client) -> Self {
        let registries = registries.into_iter().map(|it| (it, BTreeSet::new())).collect();
        Self { client, registries }
    }

    /// All nodes, and what is wrong: registries that can't be asked, keys that name no node.
    pub async fn ask(&mut self) -> Found {
        let mut all = Found::default();
        for (registry, last) in &mut self.registries {
            match registry.nodes(&self.client).await {
                Ok(found) => {
                    *last = found.nodes;
                    all.faults.extend(found.faults);
                }
                Err(error) => {
                    let kept = last.len();
                    all.faults.push(format!("{}; its last {kept} nodes stay", chain(&error)));
                }
            }
            all.nodes.extend(last.iter().copied());
        }
        all
    }
}
