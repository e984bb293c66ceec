//! `POST /write`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use svcflow_line_protocol::Precision;

use super::body;
use super::context::{Caller, Context};
use super::failure::Failure;
use crate::app::App;
use crate::ingest::{Outcome, Target, WriteError};

pub(super) async fn write(State(app): State<Arc<App>>, context: Context, body: Body) -> Response {
    match try_write(&app, &context, body).await {
        Ok(()) => (StatusCode::NO_CONTENT, [(CONTENT_TYPE, "application/json")]).into_response(),
        Err(failure) => context.fail(&failure),
    }
}

async fn try_write(app: &Arc<App>, context: &Context, body: Body) -> Result<(), Failure> {
    let caller = context.caller(app)?;
    let database = context.url.get("db");
    if database.is_empty() {
        return Err(Failure::bad_request("database is required"));
    }
    let precision = context.url.get("precision").parse::<Precision>();
    let precision = precision.map_err(|error| Failure::bad_request(error.to_string()))?;
    // There is one server to be consistent with; but a wrong word is a wrong word.
    if !matches!(context.url.get("consistency"), "" | "any" | "one" | "quorum" | "all") {
        return Err(Failure::bad_request("invalid consistency level"));
    }
    let destination = Destination { database, policy: context.url.get("rp"), precision };
    let outcome = store(app, context, caller, destination, body).await?;
    outcome.message().map_or(Ok(()), |message| Err(Failure::bad_request(message)))
}

/// Where a body's lines go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination<'a> {
    pub(super) database: &'a str,
    pub(super) policy: &'a str,
    pub(super) precision: Precision,
}

/// Writes a body; returns once it is durable.
pub(super) async fn store(
    app: &Arc<App>,
    context: &Context,
    caller: Caller,
    destination: Destination<'_>,
    body: Body,
) -> Result<Outcome, Failure> {
    let database = destination.database.to_owned();
    if app.elsewhere().is_none() && !app.has_database(&database) {
        return Err(
            WriteError::Store(svcflow_store::Error::DatabaseNotFound { name: database }).into()
        );
    }
    if let Caller::User(user) = caller
        && !user.may_write(&database)
    {
        let message = format!(
            "\"{}\" user is not authorized to write to database \"{database}\"",
            user.name()
        );
        return Err(Failure::forbidden(message));
    }
    let received = body::receive(app, &context.headers, body).await?;
    let (policy, precision) = (destination.policy.to_owned(), destination.precision);
    if let Some(elsewhere) = app.elsewhere() {
        elsewhere.write((&database, &policy), precision, received.bytes).await?;
        return Ok(Outcome::default());
    }
    let shared = Arc::clone(app);
    // Reading takes a core for milliseconds and the disk takes as long: not for the threads that serve connections.
    let written = tokio::task::spawn_blocking(move || {
        let now = shared.now();
        let target = Target { database: &database, policy: &policy, precision, now };
        shared.write(target, &received.bytes)
    });
    let written = written.await.map_err(|_| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the write was broken off: see the log")
    })?;
    Ok(written?)
}
