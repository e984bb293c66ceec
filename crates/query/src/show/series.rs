//! `SHOW SERIES`

use std::sync::Arc;

use svcflow_influxql::ShowSeries;
use svcflow_store::{Measurement, SeriesId};

use super::Context;
use super::keys::Condition;
use super::scope::Scoped;
use crate::exec::escape;
use crate::{CancelReason, QueryError, ResultSink, SeriesFrame};

/// How many keys are put out at once.
const PART: usize = 4096;

pub(super) fn series(
    context: &Context<'_>,
    show: &ShowSeries,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let condition = Condition::new(context, show.condition.as_ref())?;
    let named = show.scope.from.iter().find_map(|from| from.database.as_deref());
    let database = named.or(show.scope.database.as_deref());
    let scoped = Scoped::find(context, database, &show.scope.from)?;
    let mut out = Keys { sink, left_out: show.page.offset, put_out: 0, keys: Vec::new() };
    let limit = show.page.limit.map_or(u64::MAX, std::num::NonZero::get);
    for measurement in &scoped.measurements {
        context.budget.go_on()?;
        let series = condition.series(context, &scoped.snapshot, measurement)?;
        let mut keys: Vec<String> = series.iter().map(|id| key(measurement, id)).collect();
        keys.sort_unstable();
        for key in keys {
            if out.left_out > 0 {
                out.left_out -= 1;
            } else if out.total() < limit {
                out.add(key)?;
            } else {
                return out.flush();
            }
        }
    }
    out.flush()
}

/// A series as InfluxDB writes it.
pub(super) fn key(measurement: &Measurement, series: u32) -> String {
    let mut key = String::new();
    escape(&mut key, measurement.name(), &[',', ' ']);
    for (tag, value) in measurement.tags(SeriesId::new(series)) {
        key.push(',');
        escape(&mut key, tag, &[',', '=', ' ']);
        key.push('=');
        escape(&mut key, value, &[',', '=', ' ']);
    }
    key
}

struct Keys<'a> {
    sink: &'a mut dyn ResultSink,
    /// How many are still to be left out.
    left_out: u64,
    put_out: u64,
    keys: Vec<Arc<str>>,
}

impl Keys<'_> {
    fn total(&self) -> u64 {
        self.put_out + u64::try_from(self.keys.len()).unwrap_or(u64::MAX)
    }

    fn add(&mut self, key: String) -> Result<(), QueryError> {
        self.keys.push(key.into());
        if self.keys.len() >= PART { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        let keys = std::mem::take(&mut self.keys);
        if keys.is_empty() {
            return Ok(());
        }
        let rows = keys.len();
        let frame = SeriesFrame {
            name: "",
            tags: &[],
            columns: &["key".into()],
            values: &[super::output::texts(keys)],
            rows: 0..rows,
            continues: self.put_out > 0,
            zone: None,
        };
        self.put_out += u64::try_from(rows).unwrap_or(u64::MAX);
        self.sink.frame(&frame).map_err(|_| QueryError::Cancelled(CancelReason::Client))
    }
}
