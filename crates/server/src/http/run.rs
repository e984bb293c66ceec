//! Running a request's statements on a thread of their own, while their answer goes out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use svcflow_influxql::{Show, Statement};
use svcflow_query::{Blame, Cancel, QueryError, ResultSink};
use tokio::sync::{mpsc, oneshot};

use super::context::ReplyForm;
use super::failure::{Failure, chain};
use super::query::{Asked, stopping};
use crate::answer::{Answer, BrokenOff, Chunking, Message, Output, PARTS_WAITING, Part, Piece};
use crate::app::App;
use crate::cancels::Registered;
use crate::visible::Visible;

/// Runs what is asked for; the response begins with the first part of the answer.
pub(super) async fn run(
    app: &Arc<App>,
    asked: Asked,
    reply: ReplyForm,
) -> Result<Response, Failure> {
    let turn = app.turn().await.ok_or_else(stopping)?;
    let registered = app.register();
    let (sender, mut parts) = mpsc::channel::<Part>(PARTS_WAITING);
    let (refuse, refused) = oneshot::channel();
    let runner = Runner { app: Arc::clone(app), cancel: registered.cancel().clone() };
    let output = Output::new(sender, reply.pretty && !reply.csv, reply.gzip);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        if let Err(failure) = runner.run(&asked, output) {
            // Where nobody waits any more, nobody is left to be told.
            let _ = refuse.send(failure);
        }
    });
    let Some(first) = parts.recv().await else {
        // The thread has ended without a part of an answer: it was refused, or it panicked.
        let broken = |_| {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the query was broken off: see the log")
        };
        return Err(refused.await.unwrap_or_else(broken));
    };
    let body = match first {
        Ok(Piece { bytes, last: true }) => Body::from(bytes),
        first => Body::from_stream(Parts {
            first: Some(first),
            rest: parts,
            ended: false,
            _running: registered,
        }),
    };
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type()));
    if reply.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}

/// The parts of an answer as they come. Dropped when the client goes, and ends the query then.
struct Parts {
    first: Option<Part>,
    rest: mpsc::Receiver<Part>,
    ended: bool,
    _running: Registered,
}

impl Stream for Parts {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Self::Item>> {
        let part = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.rest.poll_recv(context)),
        };
        Poll::Ready(match part {
            Some(Ok(piece)) => {
                self.ended = piece.last;
                Some(Ok(piece.bytes))
            }
            None if self.ended => None,
            // Said to be broken off, or the thread is gone without a last piece.
            Some(Err(BrokenOff)) | None => {
                self.ended = true;
                Some(Err(BrokenOff))
            }
        })
    }
}

struct Runner {
    app: Arc<App>,
    cancel: Cancel,
}

impl Runner {
    /// Runs all statements up to one that fails, which is the answer's last: so InfluxDB ends it. A failure is the
    /// whole request's; it comes before any answer.
    fn run(&self, asked: &Asked, output: Output) -> Result<(), Failure> {
        let mut answer = Answer::new(output, asked.form);
        for (id, statement) in asked.statements.iter().enumerate() {
            answer.begin(id, chunking(statement));
            let result = self.execute(statement, asked, &mut answer);
            let done = match &result {
                Ok(()) => answer.end(&remarks(statement, asked.reads_only)),
                Err(error) if error.blame() == Blame::Syntax && answer.is_unsent() => {
                    return Err(Failure::bad_request(error.to_string()));
                }
                Err(error) => answer.fail(&chain(error)),
            };
            if done.is_err() {
                return Ok(());
            }
            if result.is_err() {
                break;
            }
        }
        // Where the client is gone, it doesn't matter how the answer would have ended.
        let _ = answer.finish();
        Ok(())
    }

    fn execute(
        &self,
        statement: &Statement,
        asked: &Asked,
        answer: &mut Answer,
    ) -> Result<(), QueryError> {
        let began = Instant::now();
        let result = match statement {
            Statement::DropDatabase { name } => {
                self.app.dropping(name, || self.dispatch(statement, asked, answer))
            }
            _ => self.dispatch(statement, asked, answer),
        };
        self.app.metrics.queried(result.is_ok(), began.elapsed());
        if let Err(error) = &result
            && error.blame() == Blame::Internal
        {
            tracing::error!("{statement}: {}", chain(error));
        }
        result
    }

    fn dispatch(
        &self,
        statement: &Statement,
        asked: &Asked,
        answer: &mut Answer,
    ) -> Result<(), QueryError> {
        if let Some(result) =
            crate::accounts::execute(statement, self.app.users().as_deref(), answer)
        {
            return result;
        }
        let mut visible;
        let sink: &mut dyn ResultSink = match (statement, &asked.sees) {
            (Statement::Show(Show::Databases), Some(user)) => {
                visible = Visible::new(answer, user);
                &mut visible
            }
            _ => answer,
        };
        self.app.engine().execute(statement, &asked.session, &self.cancel, sink)
    }
}

/// How InfluxDB cuts a statement's answer: those it runs as a SELECT by rows, those it answers a measurement at a
/// time by series.
fn chunking(statement: &Statement) -> Chunking {
    match statement {
        Statement::Select(_) | Statement::Show(Show::Series(_) | Show::FieldKeys(_)) => {
            Chunking::Rows
        }
        Statement::Show(Show::TagKeys(_) | Show::TagValues(_)) => Chunking::Series,
        _ => Chunking::Whole,
    }
}

fn remarks(statement: &Statement, reads_only: bool) -> Vec<Message> {
    // 1.6.7 says nothing of DELETE.
    let unremarked = matches!(
        statement,
        Statement::Select(_) | Statement::Explain(_) | Statement::Show(_) | Statement::Delete(_)
    );
    if !reads_only || unremarked {
        return Vec::new();
    }
    vec![Message::warning(format!(
        "deprecated use of '{statement}' in a read only context, please use a POST request instead"
    ))]
}
