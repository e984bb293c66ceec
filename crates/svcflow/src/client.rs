//! Asking an agent over HTTP.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::Value;
use svcflow_agent::EdgesDocument;
use svcflow_transport::{ClientTls, Error, Limits, Token, Trust, is_loopback};
use tokio::runtime::Runtime;

use crate::args::AccessArgs;
use crate::document::is_unknown;

/// Long enough for a loaded host, short enough that a person isn't left guessing.
const PATIENCE: Duration = Duration::from_secs(5);

/// A document of 50,000 edges is about 20 MB; beyond this it isn't an agent that answers.
const MOST_BYTES: usize = 256 << 20;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address that can be asked.
    #[error("`{url}` is no agent's address: expected http://HOST:PORT or https://HOST:PORT")]
    BadUrl {
        /// As given.
        url: String,
    },
    /// Nobody answers there.
    #[error(
        "no agent answers at {url}: start one with `svcflow agent`, or name another with --agent"
    )]
    Away {
        /// Who was asked.
        url: String,
        /// The transport's word.
        #[source]
        source: Error,
    },
    /// Files that don't hold what they should.
    #[error(transparent)]
    Access(#[from] Error),
    /// The token would be read on the way.
    #[error(
        "the token would go to {url} over plain HTTP: ask https://, or say --insecure where the network is trusted"
    )]
    InTheClear {
        /// Who was to be asked.
        url: String,
    },
    /// The agent wants a token, or another one.
    #[error("{url} wants a token: name the file that holds it with --token-file")]
    Unauthorized {
        /// Who was asked.
        url: String,
    },
    /// No threads, no sockets.
    #[error("can't begin to ask")]
    Start(#[source] std::io::Error),
    /// Somebody answers, but not an agent that can serve edges.
    #[error("{url} answered {status} for {path}: is it a svcflow agent of this version?")]
    Status {
        /// Who was asked.
        url: String,
        /// The route.
        path: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The answer isn't a document of edges.
    #[error(
        "{url} answered something that is no list of edges: is it a svcflow agent of this version?"
    )]
    Unreadable {
        /// Who was asked.
        url: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
}

/// By this route agents answer also behind a server, as in the demo.
const EDGES: &str = "/api/v1/agent/edges";
const SVCSTATS: &str = "/svcstats";

/// One agent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    url: String,
    http: svcflow_transport::Client,
    token: Option<Token>,
    // Clones ask from other threads; each drives it while it asks.
    runtime: Arc<Runtime>,
}

impl Client {
    /// Checks the address and reads what to show and whom to believe; asks nothing yet.
    pub(crate) fn new(url: &str, access: &AccessArgs) -> Result<Self, ClientError> {
        let trimmed = url.trim_end_matches('/');
        let bad = || ClientError::BadUrl { url: url.to_owned() };
        let uri: Uri = trimmed.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(bad()) };
        let encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(bad()),
        };
        let token = access.token_file.as_deref().map(Token::read).transpose()?;
        if token.is_some() && !encrypted && !access.insecure && !is_loopback(host) {
            return Err(ClientError::InTheClear { url: trimmed.to_owned() });
        }
        let identity = access.certificate.as_deref().zip(access.key.as_deref());
        let tls = ClientTls::read(&trust(encrypted, access), identity, None)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            url: trimmed.to_owned(),
            http: svcflow_transport::Client::new(&tls, PATIENCE),
            token,
            runtime: Arc::new(runtime.map_err(ClientError::Start)?),
        })
    }

    /// As given, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The agent's last look.
    pub(crate) fn edges(&self) -> Result<EdgesDocument, ClientError> {
        self.get(EDGES, "")
    }

    /// The edges of the agent's last look that a filter selects.
    pub(crate) fn filtered(&self, filter: &str) -> Result<EdgesDocument, ClientError> {
        let encoded = form_urlencoded::byte_serialize(filter.as_bytes());
        self.get(EDGES, &encoded.fold("?filter=".to_owned(), |all, part| all + part))
    }

    /// A look taken now, or in the last second.
    pub(crate) fn fresh_edges(&self) -> Result<EdgesDocument, ClientError> {
        self.get(EDGES, "?fresh=1")
    }

    /// Whoever opened connections and was counted; of a Netplugin, whoever talked to a service.
    pub(crate) fn endpoints(&self) -> Result<BTreeSet<IpAddr>, ClientError> {
        match self.edges() {
            Ok(document) => {
                let known = document.edges.iter().filter(|edge| !is_unknown(edge));
                Ok(known.map(|edge| edge.row.endpoint).collect())
            }
            // It is no agent; a Netplugin answers this.
            Err(ClientError::Status { status: 404, .. }) => self.svcstats(),
            Err(error) => Err(error),
        }
    }

    fn svcstats(&self) -> Result<BTreeSet<IpAddr>, ClientError> {
        let address = |text: &str| text.parse().ok();
        let of = |value: &Value| address(value.get("EndpointIP")?.as_str()?);
        Ok(match self.get(SVCSTATS, "")? {
            Value::Object(map) => {
                map.iter().filter_map(|(key, value)| of(value).or_else(|| address(key))).collect()
            }
            Value::Array(all) => all.iter().filter_map(of).collect(),
            _ => BTreeSet::new(),
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &'static str, query: &str) -> Result<T, ClientError> {
        let url = || self.url.clone();
        let mut request = Request::get(format!("{}{path}{query}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.header());
        }
        let request =
            request.body(Full::default()).map_err(|_| ClientError::BadUrl { url: url() })?;
        let limits = Limits { time: PATIENCE, bytes: MOST_BYTES };
        let answer = self.runtime.block_on(self.http.fetch(request, limits));
        let answer = answer.map_err(|source| ClientError::Away { url: url(), source })?;
        match answer.status {
            StatusCode::OK => serde_json::from_slice(&answer.body)
                .map_err(|source| ClientError::Unreadable { url: url(), source }),
            StatusCode::UNAUTHORIZED => Err(ClientError::Unauthorized { url: url() }),
            status => Err(ClientError::Status { url: url(), path, status: status.as_u16() }),
        }
    }
}

fn trust(encrypted: bool, access: &AccessArgs) -> Trust {
    match (&access.ca, access.fingerprint) {
        (Some(ca), _) => Trust::Ca(ca.clone()),
        (None, Some(fingerprint)) => Trust::Pinned(vec![fingerprint]),
        (None, None) => Trust::where_needed(encrypted, None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn client(url: &str) -> Result<Client, ClientError> {
        Client::new(url, &AccessArgs::default())
    }

    fn stand_in(status: &str, body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        });
        url
    }

    #[test]
    fn reads_a_document() {
        let url = stand_in("200 OK", crate::document::sample::TEXT);
        assert_eq!(client(&url).unwrap().edges().unwrap().edges.len(), 4);
    }

    #[test]
    fn names_the_remedy() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = client(&format!("http://{closed}")).unwrap().edges().unwrap_err();
        assert!(error.to_string().contains("start one with `svcflow agent`"), "{error}");
        let error = client(&stand_in("404 Not Found", "{}")).unwrap().edges().unwrap_err();
        assert!(error.to_string().contains("answered 404"), "{error}");
        let error = client(&stand_in("200 OK", "hello")).unwrap().edges().unwrap_err();
        assert!(matches!(error, ClientError::Unreadable { .. }), "{error}");
        let error = client(&stand_in("401 Unauthorized", "{}")).unwrap().edges().unwrap_err();
        assert!(error.to_string().contains("--token-file"), "{error}");
        for wrong in ["127.0.0.1:4000", "ftp://n1", "http://", "http://a b"] {
            assert!(matches!(client(wrong), Err(ClientError::BadUrl { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_token_crosses_no_network_in_the_clear() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789abcdef").unwrap();
        let token = AccessArgs { token_file: Some(file.path().to_owned()), ..<_>::default() };
        for here in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://n1:1"] {
            let told =
                AccessArgs { fingerprint: Some("ab".repeat(32).parse().unwrap()), ..token.clone() };
            assert!(Client::new(here, &told).is_ok(), "{here}");
        }
        let away = Client::new("http://10.0.0.1:4000", &token).unwrap_err();
        assert!(matches!(away, ClientError::InTheClear { .. }), "{away}");
        assert!(
            Client::new("http://10.0.0.1:4000", &AccessArgs { insecure: true, ..token }).is_ok()
        );
    }
}
