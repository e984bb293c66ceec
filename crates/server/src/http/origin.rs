//! Which pages in a browser may use the server.
//!
//! InfluxDB lets every page use it. But a browser on a machine with a server on loopback would then let any page in
//! the internet query, and drop, what is in it. So pages need to be of the server's own address or be allowed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::context::ReplyForm;
use super::failure::Failure;
use crate::app::App;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const METHODS: HeaderValue = HeaderValue::from_static("GET, OPTIONS, POST");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("Date, X-InfluxDB-Version, X-InfluxDB-Build");

/// What a request's headers say on the page it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Page {
    /// None, or one of this server's own address.
    Own,
    /// Another, which may.
    Allowed(HeaderValue),
    /// Another, which may not.
    Foreign,
}

pub(crate) async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match page(request.headers(), app.origins()) {
        Page::Own => next.run(request).await,
        Page::Allowed(origin) => {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            headers.append(VARY, HeaderValue::from_static("Origin"));
            response
        }
        Page::Foreign => {
            let message = "a page of another origin may not use this server: name its origin in `allow_origins`";
            Failure::new(StatusCode::FORBIDDEN, message).reply(ReplyForm::default())
        }
    }
}

fn page(headers: &HeaderMap, allowed: &[String]) -> Page {
    let Some(origin) = headers.get(ORIGIN) else {
        // Pictures, links and the like send no origin, but modern browsers say that they come from elsewhere.
        let elsewhere = matches!(
            headers.get(FETCH_SITE).map(HeaderValue::as_bytes),
            Some(b"cross-site" | b"same-site")
        );
        let all = allowed.iter().any(|one| one == "*");
        return if elsewhere && !all { Page::Foreign } else { Page::Own };
    };
    let text = origin.to_str().unwrap_or_default();
    let authority = text.split_once("://").map(|(_, authority)| authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if authority.is_some() && authority == host {
        return Page::Own;
    }
    let allowed = allowed.iter().any(|one| one == "*" || one.trim_end_matches('/') == text);
    if allowed { Page::Allowed(origin.clone()) } else { Page::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static HeaderName, &'static str)], allowed: &[&str]) -> Page {
        let headers =
            headers.iter().map(|(name, value)| ((*name).clone(), HeaderValue::from_static(value)));
        let allowed: Vec<_> = allowed.iter().map(|one| (*one).to_owned()).collect();
        page(&headers.collect(), &allowed)
    }

    #[test]
    fn foreign_pages_need_a_word() {
        let host = (&HOST, "127.0.0.1:8086");
        let evil = (&ORIGIN, "http://evil.example");
        assert_eq!(of(&[host], &[]), Page::Own);
        assert_eq!(of(&[host, (&ORIGIN, "http://127.0.0.1:8086")], &[]), Page::Own);
        assert_eq!(of(&[host, (&ORIGIN, "http://127.0.0.1:80")], &[]), Page::Foreign);
        assert_eq!(of(&[host, evil], &[]), Page::Foreign);
        assert_eq!(of(&[host, (&ORIGIN, "null")], &["http://a"]), Page::Foreign);
        assert!(matches!(
            of(&[host, evil], &["http://a", "http://evil.example/"]),
            Page::Allowed(_)
        ));
        assert!(matches!(of(&[host, evil], &["*"]), Page::Allowed(_)));
        static SITE: HeaderName = FETCH_SITE;
        assert_eq!(of(&[host, (&SITE, "cross-site")], &[]), Page::Foreign);
        assert_eq!(of(&[host, (&SITE, "cross-site")], &["*"]), Page::Own);
        assert_eq!(of(&[host, (&SITE, "same-origin")], &[]), Page::Own);
    }
}
