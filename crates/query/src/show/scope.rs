//! Which measurements a `SHOW` looks at, and which of their series.

use svcflow_influxql as ql;
use svcflow_store::{Measurement, Order, Policy, RoaringBitmap, ScanRequest, Snapshot, TimeRange};

use super::Context;
use crate::QueryError;
use crate::exec::store_error;
use crate::plan::{Bounds, MAX_TIME, MIN_TIME};

/// A database, and the measurements that a statement names.
pub(crate) struct Scoped {
    pub(crate) snapshot: Snapshot,
    pub(crate) measurements: Vec<Measurement>,
}

impl Scoped {
    /// Finds the database, of this name or the session's, and the measurements named; all, where none is: InfluxDB
    /// takes no notice of `FROM ""`.
    pub(crate) fn find(
        context: &Context<'_>,
        database: Option<&str>,
        from: &[ql::Measurement],
    ) -> Result<Self, QueryError> {
        let database = database_named(context, database)?;
        let snapshot = context.store.read(database).map_err(store_error)?;
        let from: Vec<_> = from.iter().filter(|it| !it.is_unnamed()).collect();
        let measurements = snapshot
            .measurements()
            .filter(|name| from.is_empty() || from.iter().any(|it| is_named(it, name)))
            .filter_map(|name| snapshot.measurement(name))
            .collect();
        Ok(Self { snapshot, measurements })
    }
}

/// The database that a statement means.
pub(crate) fn database_named<'a>(
    context: &'a Context<'_>,
    database: Option<&'a str>,
) -> Result<&'a str, QueryError> {
    let database = database.unwrap_or(&context.session.database);
    if database.is_empty() { Err(QueryError::DatabaseRequired) } else { Ok(database) }
}

/// Whether a measurement is meant.
pub(crate) fn is_named(measurement: &ql::Measurement, name: &str) -> bool {
    match &measurement.name {
        ql::MeasurementName::Name(wanted) => wanted == name,
        ql::MeasurementName::Regex(regex) => regex.is_match(name),
    }
}

/// The series of a measurement that have rows in the shards that a range touches, in whichever policy:
/// InfluxDB looks no closer.
pub(crate) fn in_time(
    context: &Context<'_>,
    snapshot: &Snapshot,
    measurement: &Measurement,
    bounds: Bounds,
) -> Result<RoaringBitmap, QueryError> {
    let all = measurement.series_all();
    if bounds == Bounds::default() {
        return Ok(all.clone());
    }
    let mut found = RoaringBitmap::new();
    for policy in snapshot.policies() {
        let name = Some(policy.spec.name.as_str());
        let fields = measurement.fields(name).map_err(store_error)?;
        let fields: Vec<_> = fields.iter().map(|field| field.id).collect();
        let missing = all - &found;
        if fields.is_empty() || missing.is_empty() {
            continue;
        }
        let request = ScanRequest {
            policy: name,
            series: &missing,
            fields: &fields,
            range: whole_shards(bounds, &policy),
            order: Order::Ascending,
        };
        let mut scan = snapshot.scan(&request).map_err(store_error)?;
        let mut block = svcflow_store::Block::default();
        while let Some(series) = scan.next_series().map_err(store_error)? {
            context.budget.go_on()?;
            while let Some(chunk) = scan.next_chunk().map_err(store_error)? {
                chunk.decode(&mut block).map_err(store_error)?;
                if block.rows() > 0 {
                    found.insert(series.get());
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// The bounds widened to whole shards.
fn whole_shards(bounds: Bounds, policy: &Policy) -> TimeRange {
    let width = i128::try_from(policy.spec.shard_duration.as_nanos()).unwrap_or(i128::MAX);
    let width = i64::try_from(width).unwrap_or(i64::MAX);
    let clamp = |time: i128| {
        let time = time.clamp(i128::from(MIN_TIME), i128::from(MAX_TIME));
        i64::try_from(time).unwrap_or(MIN_TIME)
    };
    let first = bounds.min.map_or(MIN_TIME, |min| clamp(crate::exec::shard_of(min, width)));
    let last = bounds
        .max
        .map_or(MAX_TIME, |max| clamp(crate::exec::shard_of(max, width) + i128::from(width) - 1));
    TimeRange { first, last }
}
