//! Names from Contiv's Netmaster (contracts.md 2): services, their providers, the providers' labels.

mod answer;
mod go_map;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use http::Request;
use http_body_util::Full;
use serde::de::DeserializeOwned;
use svcflow_transport::{Client, Limits};

use super::{Source, Teller, Watching, chain};
use crate::{Facts, Update};
use answer::{Assembly, Inspected, Listed};

pub use go_map::{ParseGoMapError, parse as parse_go_map};

/// Time between two rounds of questions; Netmaster has nothing to wait on.
const EVERY: Duration = Duration::from_secs(10);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// A service of 100,000 providers is about 50 MB.
const ANSWER_MAX: usize = 64 << 20;
/// Questions under way at once.
const QUESTIONS_MAX: usize = 8;

/// Why Netmaster gives no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an address that can be asked.
    #[error("`{0}` is no address of Netmaster: write http://HOST:9999")]
    BadUrl(String),
    /// Nobody answers, or too late, or too much.
    #[error(transparent)]
    Transport(#[from] svcflow_transport::Error),
    /// An answer that is no success.
    #[error("{url} answered {status}: see Netmaster's log")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is not what Netmaster gives.
    #[error(
        "{url} answered something else than Netmaster does (it begins `{begins}`): is it Netmaster's port?"
    )]
    Unreadable {
        /// What was asked for.
        url: String,
        /// The first characters of the answer.
        begins: String,
        /// Where reading stopped.
        #[source]
        source: serde_json::Error,
    },
}

/// Netmaster as a source, called `contiv`.
#[derive(Debug)]
pub struct Netmaster {
    url: String,
    client: Client,
    every: Duration,
    patience: Duration,
    /// What each service last answered: it stays where the service can't be asked.
    last: BTreeMap<String, Inspected>,
}

impl Netmaster {
    /// Asks the Netmaster at `url`, such as `http://netmaster:9999`.
    ///
    /// # Errors
    /// Where that is no HTTP address.
    pub fn new(url: &str, client: Client) -> Result<Self, Error> {
        let trimmed = url.trim_end_matches('/');
        let scheme = trimmed.starts_with("http://") || trimmed.starts_with("https://");
        let uri: Option<http::Uri> = trimmed.parse().ok();
        if !scheme || uri.and_then(|uri| uri.host().map(str::is_empty)) != Some(false) {
            return Err(Error::BadUrl(url.to_owned()));
        }
        let url = trimmed.to_owned();
        Ok(Self { url, client, every: EVERY, patience: PATIENCE, last: BTreeMap::new() })
    }

    /// Asks this often, and waits so long for an answer, instead of ten and five seconds.
    #[must_use]
    pub fn timing(self, every: Duration, patience: Duration) -> Self {
        Self { every, patience, ..self }
    }

    /// One round: all services, then each one's providers.
    ///
    /// # Errors
    /// Where the list of services can't be had. What can't be had of one service is a fault of the facts,
    /// and what that service last answered stands in for it.
    pub async fn ask(&mut self) -> Result<Facts, Error> {
        let list = self.get("/api/v1/serviceLBs/").await?;
        let mut assembly = Assembly::default();
        let listed = answer::listed(list, &mut assembly.facts.faults);
        let this = &*self;
        let answers = futures_util::stream::iter(listed)
            .map(|listed| async move { (this.inspect(&listed).await, listed) })
            .buffered(QUESTIONS_MAX);
        let answers: Vec<(Result<Inspected, Error>, Listed)> = answers.collect().await;
        let mut known = BTreeMap::new();
        for (answer, listed) in answers {
            let name = listed.full_name();
            let inspected = match answer {
                Ok(inspected) => inspected,
                Err(error) => {
                    let fault = format!("{name}: {}; its last providers stay", chain(&error));
                    assembly.facts.faults.push(fault);
                    self.last.remove(&name).unwrap_or_default()
                }
            };
            assembly.add(&listed, &inspected);
            known.insert(name, inspected);
        }
        self.last = known;
        Ok(assembly.facts)
    }

    async fn inspect(&self, listed: &Listed) -> Result<Inspected, Error> {
        let name = escape(&listed.full_name());
        let answer: Option<_> = self.get(&format!("/api/v1/inspect/serviceLBs/{name}/")).await?;
        Ok(answer.unwrap_or_default())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let url = format!("{}{path}", self.url);
        let request = Request::get(&url).body(Full::default());
        let request = request.map_err(|_| Error::BadUrl(url.clone()))?;
        let limits = Limits { time: self.patience, bytes: ANSWER_MAX };
        let answer = self.client.fetch(request, limits).await?;
        if !answer.status.is_success() {
            return Err(Error::Status { url, status: answer.status.as_u16() });
        }
        serde_json::from_slice(&answer.body).map_err(|source| {
            let begins = String::from_utf8_lossy(&answer.body).chars().take(40).collect();
            Error::Unreadable { url, begins, source }
        })
    }
}

impl Source for Netmaster {
    fn name(&self) -> &str {
        super::CONTIV
    }

    fn watch(mut self: Box<Self>, teller: Teller) -> Watching {
        Box::pin(async move {
            let mut failing = false;
            loop {
                let at = teller.now();
                match self.ask().await {
                    Ok(facts) => {
                        failing = false;
                        teller.tell(Update::Listed { at, facts }).await;
                    }
                    Err(error) => {
                        let error = chain(&error);
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!("Netmaster: {error}; the names that it last gave stay");
                        }
                        teller.failed(error).await;
                    }
                }
                tokio::time::sleep(self.every).await;
            }
        })
    }
}

/// A path segment: what isn't plain is written as `%XX`.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let each = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}
