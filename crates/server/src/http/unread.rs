//! What a handler leaves of a request's body.
//!
//! A connection can only be used again once the whole request was read, so an early refusal would cost the client
//! its connection, and the next request on it would find nobody. Like Go's server, ours reads a little more first;
//! where that isn't enough, it says that the connection ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::timeout;

/// As Go's net/http has it (`maxPostHandlerReadBytes`).
const MORE_BYTES: usize = 256 << 10;
const MORE_TIME: Duration = Duration::from_secs(1);

/// A body that outlives its handler.
#[derive(Clone)]
struct Lent(Arc<Mutex<Body>>);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// Reads what the handler left.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut rest = Lent(Arc::new(Mutex::new(body)));
    let mut response = next.run(Request::from_parts(parts, Body::new(rest.clone()))).await;
    let all = timeout(MORE_TIME, read(&mut rest)).await.unwrap_or(false);
    if !all {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether that was all.
async fn read(rest: &mut Lent) -> bool {
    let mut bytes = 0;
    while bytes < MORE_BYTES {
        match rest.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
        }
    }
    false
}
