//! One question to one agent.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use svcflow_agent::{Clock, SamplesDocument};
use svcflow_model::Timestamp;
use svcflow_topology::NamesDocument;
use svcflow_transport::{Answer as Fetched, Client, Error, Limits, Token};

use crate::counters::Position;
use crate::history::Later;
use crate::status::AgentState;
use crate::target::Target;

/// Longer answers are decoded beside the runtime's threads.
const DECODE_INLINE_MAX: usize = 256 << 10;
/// So much of what an agent said is shown.
const SHOWN_MAX: usize = 200;

/// What an agent is asked for.
#[derive(Clone, Copy, Debug)]
pub enum After<'a> {
    /// Who it is, and where it stands: no interval.
    Latest,
    /// Everything that it keeps.
    Nothing,
    /// What came after this.
    This(&'a Position),
}

/// Asks agents. A trait, so that a test can play a thousand of them without a socket.
pub trait Agents: Send + Sync + 'static {
    /// Asks a target.
    fn ask<'a>(
        &'a self,
        target: &'a Target,
        token: Option<&'a Token>,
        after: After<'a>,
    ) -> Later<'a, Result<Answer, Failed>>;

    /// Asks a target for what became of names after a record of a run; `None` where it knows no such question.
    fn names<'a>(
        &'a self,
        _target: &'a Target,
        _token: Option<&'a Token>,
        _after: Option<RecordOf>,
    ) -> Later<'a, Result<Option<NamesDocument>, Failed>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A record of an agent's journal of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordOf {
    /// The agent's run.
    pub run: u64,
    /// The record's number.
    pub sequence: u64,
}

/// An answer and when it was asked for and came, by our clock.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the agent said.
    pub document: SamplesDocument,
    /// When it was asked.
    pub asked: Timestamp,
    /// When its answer was there.
    pub answered: Timestamp,
    /// The answer's length.
    pub bytes: usize,
}

/// Why there is no answer, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What that makes of the agent.
    pub state: AgentState,
    /// Why.
    pub reason: String,
}

impl Failed {
    pub(crate) fn faulty(reason: impl Into<String>) -> Self {
        Self { state: AgentState::Faulty, reason: reason.into() }
    }

    pub(crate) fn late(after: Duration) -> Self {
        Self { state: AgentState::Late, reason: format!("it did not answer within {after:?}") }
    }
}

/// Asks over HTTP.
#[derive(Clone)]
pub struct HttpAgents {
    client: Client,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl HttpAgents {
    /// Asks with this client, within these limits.
    #[must_use]
    pub fn new(client: Client, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { client, clock, limits }
    }

    async fn fetch(
        &self,
        target: &Target,
        token: Option<&Token>,
        after: After<'_>,
    ) -> Result<Answer, Failed> {
        let query = match after {
            After::Latest => "?after=latest".to_owned(),
            After::Nothing => String::new(),
            After::This(at) => format!("?after={}&epoch={}", at.sequence, at.epoch.0),
        };
        let asked = self.clock.now();
        let answer = self.get(target, token, &format!("/api/v1/samples{query}")).await?;
        let answered = self.clock.now();
        if answer.status != StatusCode::OK {
            return Err(Failed::faulty(refused(answer.status, &answer.body)));
        }
        let bytes = answer.body.len();
        let document = decoded(answer.body).await?;
        Ok(Answer { document, asked, answered, bytes })
    }

    async fn fetch_names(
        &self,
        target: &Target,
        token: Option<&Token>,
        after: Option<RecordOf>,
    ) -> Result<Option<NamesDocument>, Failed> {
        let query = after.map(|of| format!("?run={}&after={}", of.run, of.sequence));
        let path = format!("/api/v1/names{}", query.unwrap_or_default());
        let answer = self.get(target, token, &path).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(decoded(answer.body).await?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Failed::faulty(refused(status, &answer.body))),
        }
    }

    async fn get(
        &self,
        target: &Target,
        token: Option<&Token>,
        path: &str,
    ) -> Result<Fetched, Failed> {
        let mut request = Request::get(target.url(path));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.header());
        }
        let request = request
            .body(http_body_util::Full::default())
            .map_err(|error| Failed::faulty(format!("it can't be asked: {error}")))?;
        self.client.fetch(request, self.limits).await.map_err(failed)
    }
}

async fn decoded<T: DeserializeOwned + Send + 'static>(
    body: impl AsRef<[u8]> + Send + 'static,
) -> Result<T, Failed> {
    let inline = body.as_ref().len() <= DECODE_INLINE_MAX;
    let decode = move || serde_json::from_slice::<T>(body.as_ref());
    let decoded = if inline {
        decode()
    } else {
        let task = tokio::task::spawn_blocking(decode).await;
        task.map_err(|error| Failed::faulty(format!("decoding it ended early: {error}")))?
    };
    decoded.map_err(|error| Failed::faulty(shorten(&format!("its answer can't be read ({error})"))))
}

impl Agents for HttpAgents {
    fn ask<'a>(
        &'a self,
        target: &'a Target,
        token: Option<&'a Token>,
        after: After<'a>,
    ) -> Later<'a, Result<Answer, Failed>> {
        Box::pin(self.fetch(target, token, after))
    }

    fn names<'a>(
        &'a self,
        target: &'a Target,
        token: Option<&'a Token>,
        after: Option<RecordOf>,
    ) -> Later<'a, Result<Option<NamesDocument>, Failed>> {
        Box::pin(self.fetch_names(target, token, after))
    }
}

impl std::fmt::Debug for HttpAgents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpAgents").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn failed(error: Error) -> Failed {
    let state = match &error {
        Error::TimedOut { .. } => AgentState::Late,
        Error::TooLong { .. } => AgentState::Faulty,
        _ => AgentState::Unreachable,
    };
    Failed { state, reason: shorten(&chain(&error)) }
}

fn refused(status: StatusCode, body: &[u8]) -> String {
    let said = shorten(&String::from_utf8_lossy(body.get(..SHOWN_MAX).unwrap_or(body)));
    match status {
        StatusCode::UNAUTHORIZED => "it wants another token: set `token_file`".to_owned(),
        StatusCode::NOT_FOUND => {
            "it has no /api/v1/samples: is it an svcflow agent of this version?".to_owned()
        }
        _ => format!("it answered {status}: {said}"),
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// At most so much, without control characters: it goes into logs and pages.
fn shorten(text: &str) -> String {
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
