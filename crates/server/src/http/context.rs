//! What is known of a request before its body is read.

use std::cmp::Reverse;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};

use super::Parameters;
use super::failure::Failure;
use crate::app::App;
use crate::auth::{Credentials, User};

/// A request's head.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) url: Parameters,
    pub(super) headers: HeaderMap,
    pub(super) form: ReplyForm,
}

/// How the client wants to be answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReplyForm {
    pub(super) csv: bool,
    pub(super) pretty: bool,
    pub(super) gzip: bool,
}

impl ReplyForm {
    pub(super) const fn content_type(self) -> &'static str {
        if self.csv { "text/csv" } else { "application/json" }
    }
}

/// Who a request is from.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// There are no users: everybody may do everything.
    Anybody,
    User(User),
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let url = Parameters::of_query(parts.uri.query().unwrap_or_default());
        let headers = parts.headers.clone();
        let form = ReplyForm {
            csv: wants_csv(&headers),
            pretty: url.get("pretty") == "true",
            gzip: weighted(&headers, ACCEPT_ENCODING).any(|coding| coding == "gzip"),
        };
        Ok(Self { url, headers, form })
    }
}

impl Context {
    pub(super) fn caller(&self, app: &App) -> Result<Caller, Failure> {
        let Some(users) = app.users() else { return Ok(Caller::Anybody) };
        let credentials = Credentials::of(&self.url, &self.headers);
        let user = credentials.and_then(|credentials| credentials.user(&users).cloned());
        user.map(Caller::User).map_err(|error| {
            app.metrics.unauthorized();
            Failure::new(StatusCode::UNAUTHORIZED, error.to_string())
        })
    }

    pub(super) fn fail(&self, failure: &Failure) -> axum::response::Response {
        failure.reply(self.form)
    }
}

/// The first type that can be served decides; JSON where none can.
fn wants_csv(headers: &HeaderMap) -> bool {
    for media in weighted(headers, ACCEPT) {
        match media.as_str() {
            "application/csv" | "text/csv" | "text/*" => return true,
            "application/json" | "application/*" | "*/*" => return false,
            _ => {}
        }
    }
    false
}

/// The entries of a list such as `Accept`, the most wanted first, those of weight 0 left out.
pub(crate) fn weighted(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name);
    let texts =
        lines.iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let mut entries: Vec<_> = texts.filter_map(entry).collect();
    entries.sort_by_key(|(thousandths, _)| Reverse(*thousandths));
    entries.into_iter().map(|(_, entry)| entry)
}

fn entry(text: &str) -> Option<(u16, String)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    (thousandths > 0).then_some((thousandths, name))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_most_wanted_type_is_served() {
        let csv = |accept: &'static str| {
            wants_csv(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(csv("application/csv") && csv("text/csv") && csv("text/html, text/csv"));
        assert!(!csv("text/csv;q=0.5, application/json") && !csv("*/*") && !csv("text/html"));
        assert!(!csv("text/csv;q=0") && !csv("text/csv;q=x") && !csv(""));
        assert!(!wants_csv(&HeaderMap::new()));
    }
}
