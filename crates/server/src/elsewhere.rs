//! `store = "influxdb"`: another engine that speaks InfluxDB's interface keeps the data. Rights are checked here;
//! queries and writes are handed on, and its answers are handed back as they come.

use axum::body::Body;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName,
};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt, Full, Limited};
use svcflow_line_protocol::Precision;
use svcflow_transport::{Client, Error};

const FORM: &str = "application/x-www-form-urlencoded";
const INFLUXDB_ERROR: HeaderName = HeaderName::from_static("x-influxdb-error");
/// Of a refusal's text, more isn't read.
const REFUSAL_MAX: usize = 1 << 20;

/// An engine elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    client: Client,
    url: String,
    authorization: Option<HeaderValue>,
}

/// Why a request could not be handed on, or was refused there.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Elsewhere {
    /// The engine at `http://HOST:PORT`, asked with this `Authorization` header.
    #[must_use]
    pub fn new(client: Client, url: &str, authorization: Option<HeaderValue>) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned(), authorization }
    }

    /// Hands queries on. The answer is whatever comes back, errors included.
    pub(crate) async fn query(
        &self,
        form: &[(&str, &str)],
        pretty: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Refused> {
        // The one parameter that InfluxDB only takes from the URL.
        let url = format!("{}/query?{}", self.url, encode(&[("pretty", pretty)]));
        let mut request = Request::post(url).header(CONTENT_TYPE, FORM);
        for name in [ACCEPT, ACCEPT_ENCODING] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        let answer = self.send(request, encode(form).into_bytes()).await?;
        let (head, body) = answer.into_parts();
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = head.status;
        for name in [CONTENT_TYPE, CONTENT_ENCODING, INFLUXDB_ERROR] {
            if let Some(value) = head.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }

    /// Hands lines on; returns once they are acknowledged.
    pub(crate) async fn write(
        &self,
        (database, policy): (&str, &str),
        precision: Precision,
        lines: Vec<u8>,
    ) -> Result<(), Refused> {
        let parameters =
            encode(&[("db", database), ("rp", policy), ("precision", unit(precision))]);
        let request = Request::post(format!("{}/write?{parameters}", self.url));
        let answer = self.send(request, lines).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = Limited::new(answer.into_body(), REFUSAL_MAX).collect().await;
        let text = text.map(|text| text.to_bytes().to_vec()).unwrap_or_default();
        let json: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        let told = json.as_ref().and_then(|json| json.get("error")?.as_str());
        let message =
            told.map_or_else(|| String::from_utf8_lossy(&text).into_owned(), str::to_owned);
        Err(Refused { status, message })
    }

    async fn send(
        &self,
        mut request: axum::http::request::Builder,
        body: Vec<u8>,
    ) -> Result<axum::http::Response<hyper::body::Incoming>, Refused> {
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::from(body));
        let request = request.map_err(|_| away(&Error::BadUrl(self.url.clone())))?;
        self.client.send(request).await.map_err(|error| away(&error))
    }
}

fn away(error: &Error) -> Refused {
    let message = format!("the engine that keeps the data is away: {}", crate::http::chain(error));
    Refused { status: StatusCode::BAD_GATEWAY, message }
}

/// Pairs that have a value, as a form.
fn encode(pairs: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    form.finish()
}

fn unit(precision: Precision) -> &'static str {
    match precision {
        Precision::Nanosecond => "n",
        Precision::Microsecond => "u",
        Precision::Millisecond => "ms",
        Precision::Second => "s",
        Precision::Minute => "m",
        Precision::Hour => "h",
    }
}
