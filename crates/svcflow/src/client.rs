//! Asking an agent over HTTP.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use svcflow_agent::EdgesDocument;

use crate::document::is_unknown;

/// Long enough for a loaded host, short enough that a person isn't left guessing.
const PATIENCE: Duration = Duration::from_secs(5);

/// A document of 50,000 edges is about 20 MB; beyond this it isn't an agent that answers.
const MOST_BYTES: u64 = 256 << 20;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address that can be asked.
    #[error("`{url}` is no agent's address: expected http://HOST:PORT")]
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
        source: Box<ureq::Error>,
    },
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

const EDGES: &str = "/api/v1/edges";
const FRESH: &str = "/api/v1/edges?fresh=1";
const SVCSTATS: &str = "/svcstats";

/// One agent.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    url: String,
    http: ureq::Agent,
}

impl Client {
    /// Checks the address; asks nothing yet.
    pub(crate) fn new(url: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl { url: url.to_owned() };
        let trimmed = url.trim_end_matches('/');
        let host = trimmed.strip_prefix("http://").ok_or_else(bad)?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(bad());
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build();
        Ok(Self { url: trimmed.to_owned(), http: config.into() })
    }

    /// As given, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The agent's last look.
    pub(crate) fn edges(&self) -> Result<EdgesDocument, ClientError> {
        self.get(EDGES)
    }

    /// A look taken now, or in the last second.
    pub(crate) fn fresh_edges(&self) -> Result<EdgesDocument, ClientError> {
        self.get(FRESH)
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
        Ok(match self.get(SVCSTATS)? {
            Value::Object(map) => {
                map.iter().filter_map(|(key, value)| of(value).or_else(|| address(key))).collect()
            }
            Value::Array(all) => all.iter().filter_map(of).collect(),
            _ => BTreeSet::new(),
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &'static str) -> Result<T, ClientError> {
        let away = |source| ClientError::Away { url: self.url.clone(), source: Box::new(source) };
        let mut answer = self.http.get(format!("{}{path}", self.url)).call().map_err(away)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(ClientError::Status { url: self.url.clone(), path, status });
        }
        let text =
            answer.body_mut().with_config().limit(MOST_BYTES).read_to_string().map_err(away)?;
        serde_json::from_str(&text)
            .map_err(|source| ClientError::Unreadable { url: self.url.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

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
        assert_eq!(Client::new(&url).unwrap().edges().unwrap().edges.len(), 4);
    }

    #[test]
    fn names_the_remedy() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Client::new(&format!("http://{closed}")).unwrap().edges().unwrap_err();
        assert!(error.to_string().contains("start one with `svcflow agent`"), "{error}");
        let error = Client::new(&stand_in("404 Not Found", "{}")).unwrap().edges().unwrap_err();
        assert!(error.to_string().contains("answered 404"), "{error}");
        let error = Client::new(&stand_in("200 OK", "hello")).unwrap().edges().unwrap_err();
        assert!(matches!(error, ClientError::Unreadable { .. }), "{error}");
        assert!(Client::new("127.0.0.1:4000").is_err());
    }
}
