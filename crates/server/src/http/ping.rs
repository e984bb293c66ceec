//! Whether the server is there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::INFLUXDB_VERSION;
use super::context::Context;
use crate::app::App;

/// 204; with `verbose`, as from InfluxDB 1.7 on, 200 and the version.
pub(super) async fn ping(context: Context) -> Response {
    match context.url.get("verbose") {
        "" | "0" | "false" => no_content(),
        _ => Json(json!({ "version": INFLUXDB_VERSION })).into_response(),
    }
}

/// Deprecated in 1.6.7, and still there.
pub(super) async fn status() -> Response {
    no_content()
}

/// As from InfluxDB 1.8 on.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let stopping = app.is_stopping();
    let (code, status, message) = if stopping {
        (StatusCode::SERVICE_UNAVAILABLE, "fail", "the server is being stopped")
    } else {
        (StatusCode::OK, "pass", "ready for queries and writes")
    };
    let body = json!({ "name": "influxdb", "message": message, "status": status, "checks": [],
                       "version": INFLUXDB_VERSION });
    (code, Json(body)).into_response()
}

fn no_content() -> Response {
    (StatusCode::NO_CONTENT, [(CONTENT_TYPE, "application/json")]).into_response()
}
