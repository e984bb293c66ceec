//! An answer that is an error, as InfluxDB gives it.

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use svcflow_store::Error;

use super::context::ReplyForm;
use crate::answer::whole_error;
use crate::elsewhere::Refused;
use crate::ingest::WriteError;

const ERROR: HeaderName = HeaderName::from_static("x-influxdb-error");
/// InfluxDB cuts the header's text there; the body has all of it.
const HEADER_MAX: usize = 1024;

/// A status and what is wrong.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn reply(&self, form: ReplyForm) -> Response {
        let body = whole_error(form.csv, form.pretty, &self.message);
        let content = [(CONTENT_TYPE, form.content_type())];
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"InfluxDB\"")];
            return (self.status, content, challenge, body).into_response();
        }
        (self.status, content, [(ERROR, header(&self.message))], body).into_response()
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self { status: refused.status, message: refused.message }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let WriteError::Store(error) = error;
        let (status, message) = match &error {
            Error::DatabaseNotFound { name } => {
                (StatusCode::NOT_FOUND, format!("database not found: \"{name}\""))
            }
            // The server's fault in 1.6.7's eyes.
            Error::PolicyNotFound { name } => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("retention policy not found: {name}"))
            }
            // To be sent again.
            Error::SeriesDropped | Error::Full(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, chain(&error))
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, chain(&error)),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("a write failed: {message}");
        }
        Self { status, message }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// A header holds no line feeds and no other controls.
fn header(message: &str) -> HeaderValue {
    let bytes: Vec<u8> = message
        .bytes()
        .take(HEADER_MAX)
        .map(|byte| if byte < 0x20 || byte == 0x7f { b' ' } else { byte })
        .collect();
    HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("see the body"))
}
