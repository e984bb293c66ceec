use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::{ClientTls, Error};

/// An unused connection is kept this long: above a minute, so that one survives any sensible interval.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// Unused connections kept per host.
const IDLE_PER_HOST: usize = 2;

/// How much of an answer, and how long for it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the beginning of the request to the end of the answer.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub bytes: usize,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An HTTP/1.1 client that keeps connections. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    tls: ClientTls,
    connect_max: Duration,
    current: Arc<Mutex<Current>>,
}

type Http = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The connections there are, and the configuration that they were made with.
#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    http: Http,
}

impl Client {
    /// A client. `connect_max` bounds one attempt to connect.
    #[must_use]
    pub fn new(tls: &ClientTls, connect_max: Duration) -> Self {
        let config = tls.config();
        let http = connections(tls, &config, connect_max);
        let current = Arc::new(Mutex::new(Current { config, http }));
        Self { tls: tls.clone(), connect_max, current }
    }

    /// New connections once certificates changed.
    fn http(&self) -> Http {
        let config = self.tls.config();
        let mut current = self.current.lock();
        if !Arc::ptr_eq(&current.config, &config) {
            let http = connections(&self.tls, &config, self.connect_max);
            *current = Current { config, http };
        }
        current.http.clone()
    }

    /// Sends a request and gives the answer's head; its body is the caller's to read and to bound.
    ///
    /// # Errors
    /// Where nobody answers.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, Error> {
        let url = origin(request.uri());
        self.http()
            .request(request)
            .await
            .map_err(|source| Error::Unreachable { url, source: source.into() })
    }

    /// Sends a request and reads the answer to its end, within limits.
    ///
    /// # Errors
    /// Where nobody answers, too late, or too much. A status that is no success is no error here.
    pub async fn fetch(
        &self,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Answer, Error> {
        let url = origin(request.uri());
        let whole = async {
            let (head, mut body) = self.send(request).await?.into_parts();
            let body = read(&mut body, limits.bytes, &url).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        match timeout(limits.time, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::TimedOut { url, after: limits.time }),
        }
    }
}

fn connections(tls: &ClientTls, config: &ClientConfig, connect_max: Duration) -> Http {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_max));
    let builder = HttpsConnectorBuilder::new().with_tls_config(config.clone()).https_or_http();
    let builder = match tls.server_name() {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name.clone())),
        None => builder,
    };
    hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .build(builder.enable_http1().wrap_connector(tcp))
}

/// Without user, path and query: those may hold secrets.
fn origin(uri: &Uri) -> String {
    let host = uri
        .authority()
        .map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    format!("{}://{host}", uri.scheme_str().unwrap_or("http"))
}

async fn read(body: &mut Incoming, limit: usize, url: &str) -> Result<Bytes, Error> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|source| Error::Unreachable { url: url.to_owned(), source: source.into() })?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len().saturating_add(data.len()) > limit {
            return Err(Error::TooLong { url: url.to_owned(), limit });
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}
