//! Every failure is JSON and says what to write instead.

use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is no data.
#[derive(Debug)]
pub(super) struct Failure(StatusCode, String);

impl Failure {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, message.into())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

pub(super) async fn method_not_allowed() -> Failure {
    Failure(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here".to_owned())
}

/// Reads a query parameter; an empty one is as good as none.
pub(super) fn parameter<T: FromStr>(
    name: &str,
    value: Option<&str>,
    expected: &str,
) -> Result<Option<T>, Failure> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let fault = |_| Failure::bad_request(format!("`{name}={value}`: expected {expected}"));
    value.parse().map(Some).map_err(fault)
}
