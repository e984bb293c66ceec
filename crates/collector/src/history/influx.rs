//! An existing InfluxDB-compatible engine as history (`store = "influxdb"`).
//!
//! Batches go through a spool of their own: one is kept when it is on this disk, and is sent until the
//! engine has acknowledged it. What is remembered of a node is asked of the engine, and only when
//! nothing waits in the spool, so that it is the latest. A batch is one request, which the engine
//! takes with the node's position in it or not at all; where only the answer is lost it is sent again,
//! the same points at the same times.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::{History, HistoryError, Later, Owned, Recall, Row};
use crate::node::Remembered;
use crate::point::{APART, Batch, EPOCHS, LOSSES, MARKS, NODES, OFFSETS, TRAFFIC};
use crate::sink::{InfluxTarget, NotSent, Sink, Version};
use crate::status::SinkDocument;

/// A node that is asked for the first time waits so long for the spool to be sent.
const DRAINED_MAX: Duration = Duration::from_secs(5);

/// What to read back of a node: measurements, and whether all rows or each series' last.
const READ: [(&str, bool); 7] = [
    (NODES, false),
    (EPOCHS, true),
    (LOSSES, false),
    (TRAFFIC, false),
    (APART, false),
    (OFFSETS, false),
    (MARKS, false),
];

/// An engine, and the spool before it.
#[derive(Debug)]
pub struct Influx {
    target: Arc<InfluxTarget>,
    sink: Arc<Sink>,
}

impl Influx {
    /// Writes through a sink to this same engine, that writes the collector's memory too.
    #[must_use]
    pub fn new(target: Arc<InfluxTarget>, sink: Arc<Sink>) -> Self {
        Self { target, sink }
    }

    async fn recall(&self, node: &str) -> Result<Remembered, HistoryError> {
        let waits = || HistoryError::new("points in the spool wait to be written first");
        let drained = tokio::time::timeout(DRAINED_MAX, self.sink.drained()).await;
        drained.map_err(|_| waits())?;
        let mut recall = Recall::default();
        let policy = match &self.target.version {
            Version::One { policy: Some(policy), .. } => {
                format!("\"{}\".", policy.replace('"', "\\\""))
            }
            _ => String::new(),
        };
        for (measurement, all) in READ {
            let last = if all { "" } else { " LIMIT 1" };
            let query = format!(
                "SELECT * FROM {policy}\"{measurement}\" WHERE \"Node\" = '{}' GROUP BY * \
                 ORDER BY time DESC{last}",
                node.replace('\\', "\\\\").replace('\'', "\\'")
            );
            let answer = self.target.query(&query, Some(self.target.database())).await;
            let series = match answer {
                Ok(series) => series,
                // Nothing was written yet: the first batch makes it.
                Err(NotSent::Later(why)) if why.contains("database not found") => Vec::new(),
                Err(NotSent::Later(why) | NotSent::Refused(why)) => {
                    return Err(HistoryError::new(why));
                }
                Err(NotSent::TooMuch) => return Err(HistoryError::new("it answers too much")),
            };
            recall.take(measurement, series.iter().flat_map(rows).collect());
        }
        Ok(recall.finish())
    }
}

impl History for Influx {
    fn load<'a>(&'a self, node: &'a str) -> Later<'a, Result<Remembered, HistoryError>> {
        Box::pin(self.recall(node))
    }

    fn commit(&self, batch: Arc<Batch>) -> Later<'_, Result<(), HistoryError>> {
        Box::pin(async move {
            if self.sink.keep(batch).await {
                return Ok(());
            }
            let why = self.sink.document().reason.unwrap_or_else(|| "it was closed".to_owned());
            Err(HistoryError::new("can't write to the spool").because(why))
        })
    }

    fn missed(&self) -> u64 {
        self.sink.missed()
    }

    fn document(&self) -> Option<SinkDocument> {
        Some(self.sink.document())
    }

    fn close(&self) -> Later<'_, ()> {
        Box::pin(self.sink.close())
    }
}

/// The rows of one series of an answer.
fn rows(series: &Json) -> Vec<Row> {
    let list = |key| series.get(key).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let columns: Vec<_> = list("columns").iter().map(|name| name.as_str().unwrap_or("")).collect();
    let tags = series.get("tags").and_then(Json::as_object);
    let tags: Vec<_> = tags
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let row = |values: &Json| {
        let mut row = Row { time: 0, tags: tags.clone(), fields: Vec::new() };
        for (name, value) in columns.iter().zip(values.as_array()?) {
            match (*name, value) {
                ("time", time) => row.time = time.as_i64()?,
                (name, value) => {
                    row.fields.extend(owned(value).map(|value| (name.to_owned(), value)));
                }
            }
        }
        Some(row)
    };
    list("values").iter().filter_map(row).collect()
}

fn owned(value: &Json) -> Option<Owned> {
    match value {
        Json::Bool(value) => Some(Owned::Boolean(*value)),
        Json::String(value) => Some(Owned::Text(value.clone())),
        Json::Number(value) => {
            value.as_i64().map(Owned::Integer).or_else(|| value.as_f64().map(Owned::Float))
        }
        _ => None,
    }
}
