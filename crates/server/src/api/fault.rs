//! What went wrong, as the contract has it: `{"error":{"message","remedy","position"}}`.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use svcflow_map::document::{Error as Document, Fault as Said};
use svcflow_map::{EmptyRange, FilterError, NoColumn, NoGroup, NoPlace};

use super::store::ReadError;
use crate::http::chain;

/// A status, what is wrong, and what to do.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    said: Said,
}

impl Fault {
    fn new(status: StatusCode, message: impl Into<String>, remedy: Option<&str>) -> Self {
        let (message, remedy) = (message.into(), remedy.map(str::to_owned));
        Self { status, said: Said { message, remedy, position: None } }
    }

    /// The request.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message, None)
    }

    /// Nobody that is known.
    pub(super) fn unauthorized(why: &dyn std::error::Error) -> Self {
        let remedy = "Show a user's name and password (Basic), or a token (Bearer).";
        Self::new(StatusCode::UNAUTHORIZED, why.to_string(), Some(remedy))
    }

    /// A user who may not.
    pub(super) fn forbidden(user: &str, database: &str) -> Self {
        let message = format!("{user} may not read the database {database}");
        let remedy = "Add it to `read` of the user in the users file.";
        Self::new(StatusCode::FORBIDDEN, message, Some(remedy))
    }

    /// The server, for now.
    pub(super) fn unavailable(message: &str, remedy: Option<&str>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message, remedy)
    }

    /// The server, and somebody should look.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        let message = chain(error);
        tracing::error!("an answer of the API failed: {message}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message, Some("Look into the server's log."))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Document { error: self.said })).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"svcflow\", charset=\"UTF-8\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<FilterError> for Fault {
    fn from(error: FilterError) -> Self {
        let mut fault = Self::request(error.to_string());
        fault.said.position = Some(error.position as u64);
        fault
    }
}

impl From<EmptyRange> for Fault {
    fn from(error: EmptyRange) -> Self {
        Self::request(error.to_string())
    }
}

impl From<NoGroup> for Fault {
    fn from(error: NoGroup) -> Self {
        Self::request(error.to_string())
    }
}

impl From<NoPlace> for Fault {
    fn from(error: NoPlace) -> Self {
        Self::request(error.to_string())
    }
}

impl From<NoColumn> for Fault {
    fn from(error: NoColumn) -> Self {
        Self::request(error.to_string())
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLong => Self::unavailable(
                &error.to_string(),
                Some("Choose a shorter range or something smaller."),
            ),
            ReadError::Store(_) => Self::internal(&error),
        }
    }
}
