//! One question to one agent.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use svcflow_agent::{Clock, SamplesDocument};
use svcflow_model::Timestamp;
use svcflow_transport::{Client, Error, Limits, Token};

use crate::counters::Position;
use crate::status::AgentState;
use crate::target::Target;

/// Longer answers are decoded beside the runtime's threads.
const DECODE_INLINE_MAX: usize = 256 << 10;
/// So much of what an agent said is shown.
const SHOWN_MAX: usize = 200;

/// How agents are asked.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) client: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
}

/// An answer and when it was asked for and came, by our clock.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) document: SamplesDocument,
    pub(crate) asked: Timestamp,
    pub(crate) answered: Timestamp,
    pub(crate) bytes: usize,
}

/// Why there is none, as it is shown.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) state: AgentState,
    pub(crate) reason: String,
}

impl Failed {
    pub(crate) fn faulty(reason: impl Into<String>) -> Self {
        Self { state: AgentState::Faulty, reason: reason.into() }
    }
}

impl Asking {
    /// Asks for what came after `position`.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        token: Option<&Token>,
        position: Option<&Position>,
    ) -> Result<Answer, Failed> {
        let query = position.map_or_else(String::new, |at| {
            format!("?after={}&epoch={}", at.sequence, at.epoch.0)
        });
        let mut request = Request::get(target.url(&format!("/api/v1/samples{query}")));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.header());
        }
        let request = request
            .body(http_body_util::Full::default())
            .map_err(|error| Failed::faulty(format!("it can't be asked: {error}")))?;
        let asked = self.clock.now();
        let answer = self.client.fetch(request, self.limits).await.map_err(failed)?;
        let answered = self.clock.now();
        if answer.status != StatusCode::OK {
            return Err(Failed::faulty(refused(answer.status, &answer.body)));
        }
        let bytes = answer.body.len();
        let decode = move || serde_json::from_slice::<SamplesDocument>(&answer.body);
        let decoded = if bytes <= DECODE_INLINE_MAX {
            decode()
        } else {
            let task = tokio::task::spawn_blocking(decode).await;
            task.map_err(|error| Failed::faulty(format!("decoding it ended early: {error}")))?
        };
        let document = decoded.map_err(|error| {
            Failed::faulty(shorten(&format!("its answer can't be read ({error})")))
        })?;
        Ok(Answer { document, asked, answered, bytes })
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

/// The patience with one agent.
pub(crate) fn limits(timeout: Duration, answer_max: usize) -> Limits {
    Limits { time: timeout, bytes: answer_max }
}
