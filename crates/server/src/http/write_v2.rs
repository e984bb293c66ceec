//! `POST /api/v2/write`, as InfluxDB 1.8 has it: the bucket is a database and a retention policy.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use svcflow_line_protocol::Precision;

use super::context::Context;
use super::failure::Failure;
use super::write::{Destination, store};
use crate::app::App;

pub(super) async fn write(State(app): State<Arc<App>>, context: Context, body: Body) -> Response {
    match try_write(&app, &context, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => {
            let body = json!({ "code": code(failure.status), "message": failure.message });
            (failure.status, Json(body)).into_response()
        }
    }
}

async fn try_write(app: &Arc<App>, context: &Context, body: Body) -> Result<(), Failure> {
    let caller = context.caller(app)?;
    let bucket = context.url.get("bucket");
    let (database, policy) = bucket.split_once('/').unwrap_or((bucket, ""));
    if database.is_empty() {
        return Err(Failure::bad_request("bucket is required: DATABASE or DATABASE/POLICY"));
    }
    let precision = match context.url.get("precision") {
        "" | "ns" => Precision::Nanosecond,
        "us" => Precision::Microsecond,
        "ms" => Precision::Millisecond,
        "s" => Precision::Second,
        other => {
            let message = format!("invalid precision \"{other}\": use ns, us, ms or s");
            return Err(Failure::bad_request(message));
        }
    };
    let destination = Destination { database, policy, precision };
    let outcome = store(app, context, caller, destination, body).await?;
    outcome.message().map_or(Ok(()), |message| Err(Failure::bad_request(message)))
}

/// InfluxDB 2's codes.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => "invalid",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not found",
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "internal error",
    }
}
