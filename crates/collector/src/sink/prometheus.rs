//! Prometheus remote write 1.0: snappy over a small protobuf, written by hand.
//!
//! Source: "Prometheus Remote-Write 1.0 specification"; `WriteRequest` holds `repeated TimeSeries
//! timeseries = 1`, that `repeated Label labels = 1` (name 1, value 2) and `repeated Sample samples = 2`
//! (double value 1, int64 timestamp 2, milliseconds). Labels are sorted by name. Counters are doubles
//! there: exact to 53 bits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use svcflow_model::{Counters, Marks, Timestamp};
use svcflow_transport::{Client, Limits};

use super::{NotSent, Sent, Target};
use crate::history::Later;
use crate::point::{Batch, EdgeText, LossPoint, What};
use crate::scrape::chain;

const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: 1 << 20 };
const SHOWN_MAX: usize = 300;

/// A receiver of remote writes.
#[derive(Clone)]
pub struct Prometheus {
    /// Talks to it.
    pub client: Client,
    /// The whole URL, such as `http://HOST:9090/api/v1/write`.
    pub url: String,
    /// The `Authorization` header.
    pub authorization: Option<HeaderValue>,
}

impl Target for Prometheus {
    fn kind(&self) -> &'static str {
        "prometheus"
    }

    fn send<'a>(&'a mut self, batches: &'a [Batch]) -> Later<'a, Result<Sent, NotSent>> {
        Box::pin(async move {
            let message = encode(batches);
            if message.is_empty() {
                return Ok(Sent::default());
            }
            let body =
                snap::raw::Encoder::new().compress_vec(&message).map_err(|_| NotSent::TooMuch)?;
            let mut request = Request::post(&self.url)
                .header(CONTENT_TYPE, "application/x-protobuf")
                .header(CONTENT_ENCODING, "snappy")
                .header("X-Prometheus-Remote-Write-Version", "0.1.0")
                .header("User-Agent", concat!("svcflow/", env!("CARGO_PKG_VERSION")));
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let request = request
                .body(Full::from(body))
                .map_err(|error| NotSent::Later(format!("{} can't be asked: {error}", self.url)))?;
            let answer = self.client.fetch(request, LIMITS).await;
            let answer = answer.map_err(|error| NotSent::Later(chain(&error)))?;
            if answer.status.is_success() {
                return Ok(Sent::default());
            }
            let said: String =
                String::from_utf8_lossy(&answer.body).chars().take(SHOWN_MAX).collect();
            let why = format!("{} answered {}: {}", self.url, answer.status, said.trim());
            Err(match answer.status {
                StatusCode::PAYLOAD_TOO_LARGE => NotSent::TooMuch,
                // The specification: 4xx but 429 must not be tried again.
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND => NotSent::Later(why),
                status if status.is_client_error() => NotSent::Refused(why),
                _ => NotSent::Later(why),
            })
        })
    }
}

/// Sorted labels to samples: a request holds each series once, its samples rising in time.
type AllSeries = BTreeMap<Vec<(&'static str, Arc<str>)>, BTreeMap<i64, f64>>;

fn encode(batches: &[Batch]) -> Vec<u8> {
    let mut all = AllSeries::new();
    for batch in batches {
        for point in &batch.points {
            add(&mut all, &batch.node, point.time, &point.what);
        }
    }
    let mut message = Vec::new();
    for (labels, samples) in &all {
        message_field(&mut message, 1, |series| {
            for (name, value) in labels {
                message_field(series, 1, |label| {
                    bytes_field(label, 1, name.as_bytes());
                    bytes_field(label, 2, value.as_bytes());
                });
            }
            for (milliseconds, value) in samples {
                message_field(series, 2, |sample| {
                    varint(sample, 1 << 3 | 1);
                    sample.extend_from_slice(&value.to_le_bytes());
                    varint(sample, 2 << 3);
                    varint(sample, milliseconds.cast_unsigned());
                });
            }
        });
    }
    message
}

fn add(all: &mut AllSeries, node: &Arc<str>, time: Timestamp, what: &What) {
    let milliseconds = time.0.div_euclid(1_000_000);
    let mut put = |name: &str, mut labels: Vec<(&'static str, Arc<str>)>, value: f64| {
        labels.push(("__name__", name.into()));
        labels.push(("node", Arc::clone(node)));
        // An empty label is no label.
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort_unstable_by_key(|(name, _)| *name);
        all.entry(labels).or_default().insert(milliseconds, value);
    };
    match what {
        What::Traffic(edge, it) => counters(&mut put, "svcflow_edge", &EdgeText::new(edge), it),
        What::Apart(edge, it, _) => counters(&mut put, "svcflow_apart", &EdgeText::new(edge), it),
        What::Marks(edge, marks) => {
            for (mark, set) in mark_names(*marks) {
                let mut labels = edge_labels(&EdgeText::new(edge));
                labels.push(("mark", mark.into()));
                put("svcflow_edge_marked", labels, f64::from(u8::from(set)));
            }
        }
        What::Loss(kind, LossPoint { count, bytes, .. }) => {
            let labels = || vec![("kind", Arc::clone(kind))];
            put("svcflow_losses_total", labels(), double(*count));
            put("svcflow_loss_bytes_total", labels(), double(*bytes));
        }
        What::Node(it) => {
            put("svcflow_node_edges", Vec::new(), double(it.edges));
            put("svcflow_node_clock_skew_seconds", Vec::new(), it.skew_seconds);
            put("svcflow_node_lag_seconds", Vec::new(), it.lag_seconds);
        }
        What::Offset(..) | What::Epoch(_) => {}
    }
}

fn counters(
    put: &mut impl FnMut(&str, Vec<(&'static str, Arc<str>)>, f64),
    family: &str,
    edge: &EdgeText,
    it: &Counters,
) {
    for (unit, direction, value) in [
        ("bytes", "in", it.bytes_in),
        ("bytes", "out", it.bytes_out),
        ("packets", "in", it.packets_in),
        ("packets", "out", it.packets_out),
    ] {
        let mut labels = edge_labels(edge);
        labels.push(("direction", direction.into()));
        put(&format!("{family}_{unit}_total"), labels, double(value));
    }
}

fn edge_labels(edge: &EdgeText) -> Vec<(&'static str, Arc<str>)> {
    let (service, port) = edge.service.as_ref().map_or(("", ""), |(address, port)| (address, port));
    vec![
        ("endpoint", edge.endpoint.as_str().into()),
        ("protocol", edge.protocol.as_str().into()),
        ("provider", edge.provider.as_str().into()),
        ("provider_port", edge.provider_port.as_str().into()),
        ("service", service.into()),
        ("service_port", port.into()),
    ]
}

fn mark_names(marks: Marks) -> [(&'static str, bool); 5] {
    [
        ("direction_unknown", marks.direction_unknown),
        ("remainder", marks.remainder),
        ("uncounted", marks.uncounted),
        ("undercounted", marks.undercounted),
        ("unsplit", marks.unsplit),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus has doubles")]
fn double(value: u64) -> f64 {
    value as f64
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn bytes_field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn message_field(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes_field(out, number, &inner);
}
