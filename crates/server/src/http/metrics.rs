//! `/metrics`: what the server did, as OpenMetrics 1.0 text.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use svcflow_store::Stats;

use super::context::Context;
use crate::app::App;
use crate::ingest::Outcome;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Families of others in this process.
type Source = Box<dyn Fn() -> String + Send + Sync>;

/// Counters since the start. Each is read for itself: they need not agree with each other.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route and status; both are few.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    unauthorized: AtomicU64,
    points: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    write_bytes: AtomicU64,
    write_failures: AtomicU64,
    writes: Timed,
    query_failures: AtomicU64,
    queries: Timed,
    others: Mutex<Vec<Source>>,
}

/// How often, and how long altogether.
#[derive(Debug, Default)]
struct Timed {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Timed {
    fn add(&self, time: Duration) {
        self.count.fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Metrics {
    pub(crate) fn add(&self, source: Source) {
        self.others.lock().push(source);
    }

    pub(super) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Relaxed);
    }

    pub(crate) fn written(&self, bytes: usize, outcome: Option<&Outcome>, time: Duration) {
        self.writes.add(time);
        self.write_bytes.fetch_add(bytes as u64, Relaxed);
        match outcome {
            Some(outcome) => {
                self.points.fetch_add(outcome.points as u64, Relaxed);
                self.dropped.fetch_add(outcome.dropped as u64, Relaxed);
                self.refused.fetch_add(outcome.refused as u64, Relaxed);
            }
            None => {
                self.write_failures.fetch_add(1, Relaxed);
            }
        }
    }

    pub(super) fn queried(&self, answered: bool, time: Duration) {
        self.queries.add(time);
        if !answered {
            self.query_failures.fetch_add(1, Relaxed);
        }
    }
}

/// Counts requests by their route; those of none are not told apart, or anybody could make labels without end.
pub(super) async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    if let Some(route) = route {
        let key = (route, response.status().as_u16());
        *app.metrics.requests.lock().entry(key).or_default() += 1;
    }
    response
}

pub(super) async fn metrics(State(app): State<Arc<App>>, context: Context) -> Response {
    if let Err(failure) = context.caller(&app) {
        return context.fail(&failure);
    }
    ([(CONTENT_TYPE, OPENMETRICS)], text(&app.metrics, &app.store().stats())).into_response()
}

fn text(metrics: &Metrics, store: &Stats) -> String {
    let mut text = Text::default();
    text.family("svcflow_http_requests", "counter", "Requests answered, by route and status");
    for ((route, status), count) in &*metrics.requests.lock() {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        text.line("svcflow_http_requests_total", &labels, count);
    }
    let counters = [
        ("svcflow_http_unauthorized", "Requests from nobody known", &metrics.unauthorized),
        ("svcflow_written_points", "Points written", &metrics.points),
        ("svcflow_dropped_points", "Points that could not be stored", &metrics.dropped),
        ("svcflow_refused_lines", "Lines that are no points", &metrics.refused),
        (
            "svcflow_write_failures",
            "Requests of which nothing could be stored",
            &metrics.write_failures,
        ),
        (
            "svcflow_query_failures",
            "Statements that were not answered to their end",
            &metrics.query_failures,
        ),
    ];
    for (name, help, counter) in counters {
        text.family(name, "counter", help);
        text.line(&format!("{name}_total"), "", counter.load(Relaxed));
    }
    text.family("svcflow_write_bytes", "counter", "Bytes of line protocol, decompressed");
    text.line("svcflow_write_bytes_total", "", metrics.write_bytes.load(Relaxed));
    text.timed(
        "svcflow_write_seconds",
        "Time that writes take, the disk included",
        &metrics.writes,
    );
    text.timed("svcflow_query_seconds", "Time that statements take", &metrics.queries);
    stored(&mut text, store);
    text.family("svcflow_server", "info", "The server");
    text.line("svcflow_server_info", concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1);
    metrics.others.lock().iter().for_each(|source| text.out.push_str(&source()));
    text.out.push_str("# EOF\n");
    text.out
}

#[expect(clippy::cast_precision_loss, reason = "shown, not added up")]
fn stored(text: &mut Text, store: &Stats) {
    text.family("svcflow_store_damages", "counter", "Things on disk that were found damaged");
    text.line("svcflow_store_damages_total", "", store.damage_count);
    let gauges = [
        ("svcflow_store_log_bytes", "Log that holds what chunks don't yet", store.log_bytes as f64),
        ("svcflow_store_head_bytes", "Memory of what isn't in chunks yet", store.head_bytes as f64),
        ("svcflow_store_chunk_bytes", "Files of chunks", store.run_bytes as f64),
        ("svcflow_store_chunks", "Chunks", store.chunks as f64),
        ("svcflow_store_rows", "Rows in chunks", store.rows as f64),
    ];
    for (name, help, value) in gauges {
        text.family(name, "gauge", help);
        text.line(name, "", value);
    }
}

/// The text under construction. Writing to a `String` can't fail, so results are dropped.
#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# TYPE {name} {kind}");
        for unit in ["bytes", "seconds"] {
            if name.ends_with(unit) {
                let _ = writeln!(self.out, "# UNIT {name} {unit}");
            }
        }
        let _ = writeln!(self.out, "# HELP {name} {help}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.out, "{name}{labels} {value}");
    }

    fn timed(&mut self, name: &str, help: &str, timed: &Timed) {
        self.family(name, "summary", help);
        self.line(&format!("{name}_count"), "", timed.count.load(Relaxed));
        let seconds = Duration::from_nanos(timed.nanoseconds.load(Relaxed)).as_secs_f64();
        self.line(&format!("{name}_sum"), "", seconds);
    }
}
