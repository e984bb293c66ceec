//! Reading a request's body: not more of it than allowed, not more of all of them than memory is for.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::failure::Failure;
use crate::app::App;

/// How long a client may send nothing in the middle of its body.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A body, and the memory that it was granted.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

/// Reads a body, decompressed if it says it is compressed.
pub(super) async fn receive(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received, Failure> {
    let limit = app.body_max();
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    let gzip = match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"" | b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => return Err(unsupported()),
    };
    // What a compressed body will grow to isn't known before.
    let claim = if gzip { limit } else { length.unwrap_or(limit) };
    let memory = app.claim_memory(claim).await.ok_or_else(stopping)?;
    let mut sink = Sink::new(gzip, length.unwrap_or(0), limit);
    let mut body = body;
    loop {
        let frame = timeout(SILENCE_MAX, body.frame()).await.map_err(|_| silent())?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Failure::bad_request(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            sink.take(&data)?;
        }
    }
    Ok(Received { bytes: sink.finish()?, _memory: memory })
}

/// Bytes on their way into memory.
enum Sink {
    Plain(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Sink {
    fn new(gzip: bool, length: usize, limit: usize) -> Self {
        let limited = Limited { bytes: Vec::with_capacity(length), limit, full: false };
        if gzip { Self::Gzip(Box::new(MultiGzDecoder::new(limited))) } else { Self::Plain(limited) }
    }

    fn take(&mut self, data: &Bytes) -> Result<(), Failure> {
        let (written, limited) = match self {
            Self::Plain(limited) => (limited.write_all(data), &*limited),
            Self::Gzip(decoder) => (decoder.write_all(data), decoder.get_ref()),
        };
        written.map_err(|error| limited.fault(&error))
    }

    fn finish(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Plain(limited) => Ok(limited.bytes),
            Self::Gzip(mut decoder) => {
                decoder.try_finish().map_err(|error| decoder.get_ref().fault(&error))?;
                let limited =
                    decoder.finish().map_err(|error| Failure::bad_request(error.to_string()))?;
                Ok(limited.bytes)
            }
        }
    }
}

/// A buffer that doesn't grow beyond a limit.
#[derive(Debug)]
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Limited {
    fn fault(&self, error: &std::io::Error) -> Failure {
        if self.full {
            too_large(self.limit)
        } else {
            Failure::bad_request(format!("gzip: {error}"))
        }
    }
}

impl Write for Limited {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        if data.len() > self.limit - self.bytes.len() {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn too_large(limit: usize) -> Failure {
    let message = format!(
        "Request Entity Too Large: more than {limit} bytes; send smaller batches, or raise `max_body_size`"
    );
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn unsupported() -> Failure {
    let message = "Content-Encoding: only gzip and identity are understood";
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}

fn silent() -> Failure {
    let message = format!("the body stopped coming for {} seconds", SILENCE_MAX.as_secs());
    Failure::new(StatusCode::REQUEST_TIMEOUT, message)
}

fn stopping() -> Failure {
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the server is being stopped")
}
