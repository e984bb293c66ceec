//! One HTTP request, and the client that sends it.

use std::time::Duration;

use form_urlencoded::Serializer;

use crate::{Answer, Error, Result};

/// Longer than any scenario may take; a server that hangs fails its step, not the whole run.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No scenario's answer is near it.
const LARGEST_ANSWER: u64 = 256 << 20;

/// One HTTP request, independent of the server that it goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The method, upper case.
    pub method: String,
    /// Path and query, as on the request line.
    pub target: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body; empty is none.
    pub body: Vec<u8>,
}

impl Request {
    /// A query in the URL.
    pub fn get(path: &str, parameters: &[(&str, String)]) -> Request {
        let target = format!("{path}?{}", encode(parameters));
        Request { method: "GET".to_owned(), target, ..Request::default() }
    }

    /// A query in a form.
    pub fn form(path: &str, parameters: &[(&str, String)]) -> Request {
        Request {
            method: "POST".to_owned(),
            target: path.to_owned(),
            headers: vec![header("Content-Type", "application/x-www-form-urlencoded")],
            body: encode(parameters).into_bytes(),
        }
    }
}

/// A header as [`Request`] keeps it.
pub(crate) fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Parameters as a URL and a form carry them.
pub(crate) fn encode(parameters: &[(&str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// Sends requests, keeping connections open as real clients do.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
}

impl Default for Client {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        Client { agent: config.into() }
    }
}

impl Client {
    /// Sends the request to the server at `base` (as `http://127.0.0.1:8086`) and reads the whole answer.
    ///
    /// # Errors
    /// Fails where there is no complete HTTP answer; any status is an answer.
    pub fn send(&self, base: &str, request: &Request) -> Result<Answer> {
        let url = format!("{base}{}", request.target);
        let failed =
            |source: ureq::Error| Error::Http { url: url.clone(), source: Box::new(source) };
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let answer = if request.body.is_empty() {
            self.agent.run(builder.body(()).map_err(|error| failed(error.into()))?)
        } else {
            self.agent
                .run(builder.body(request.body.as_slice()).map_err(|error| failed(error.into()))?)
        };
        let (parts, body) = answer.map_err(failed)?.into_parts();
        let body = body.into_with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(failed)?;
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers =
            parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        Ok(Answer::new(parts.status.as_u16(), headers, String::from_utf8_lossy(&body).into_owned()))
    }
}
