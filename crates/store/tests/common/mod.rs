//! What the tests of the store share.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking too")]
#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::Path;

use svcflow_store::{
    Block, FieldValue, Measurement, Options, Order, PolicySpec, RoaringBitmap, ScanRequest,
    SeriesId, Snapshot, Store, TimeRange,
};

/// A store in a folder of its own, with a database `db`.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    (folder, store)
}

/// All rows of a measurement's fields: (series, time, values as text).
pub(crate) fn rows(
    snapshot: &Snapshot,
    measurement: &str,
    range: TimeRange,
) -> Vec<(u32, i64, String)> {
    rows_of(snapshot, None, measurement, range)
}

/// All rows of a measurement's fields in a policy.
pub(crate) fn rows_of(
    snapshot: &Snapshot,
    policy: Option<&str>,
    measurement: &str,
    range: TimeRange,
) -> Vec<(u32, i64, String)> {
    let measurement = snapshot.measurement(measurement).unwrap();
    let fields: Vec<_> = measurement.fields(policy).unwrap().iter().map(|field| field.id).collect();
    let mut scan = snapshot
        .scan(&ScanRequest {
            policy,
            series: measurement.series_all(),
            fields: &fields,
            range,
            order: Order::Ascending,
        })
        .unwrap();
    let mut rows = Vec::new();
    let mut block = Block::default();
    while let Some(series) = scan.next_series().unwrap() {
        while let Some(chunk) = scan.next_chunk().unwrap() {
            chunk.decode(&mut block).unwrap();
            for (row, time) in block.times.iter().enumerate() {
                let text = |value| match value {
                    None => "-".to_owned(),
                    Some(FieldValue::Float(value)) => format!("{value:?}"),
                    Some(FieldValue::Integer(value)) => format!("{value}i"),
                    Some(FieldValue::String(value)) => format!("{value:?}"),
                    Some(FieldValue::Boolean(value)) => value.to_string(),
                };
                let cells: Vec<_> =
                    block.columns.iter().map(|column| text(column.get(row))).collect();
                rows.push((series.get(), *time, cells.join(" ")));
            }
        }
    }
    rows
}

/// Hands over the rows of a measurement's field `f` of integers: series, time and value. `wanted` chooses the series.
pub(crate) fn each_integer(
    snapshot: &Snapshot,
    policy: Option<&str>,
    measurement: &str,
    wanted: impl FnOnce(&Measurement) -> RoaringBitmap,
    mut each: impl FnMut(&Measurement, SeriesId, i64, i64),
) {
    let Some(measurement) = snapshot.measurement(measurement) else { return };
    let Ok(fields) = measurement.fields(policy) else { return };
    let fields: Vec<_> = fields.iter().filter(|it| &*it.name == "f").map(|it| it.id).collect();
    let series = wanted(&measurement);
    let range = TimeRange::ALL;
    let order = Order::Ascending;
    let request = ScanRequest { policy, series: &series, fields: &fields, range, order };
    let mut scan = snapshot.scan(&request).unwrap();
    let mut block = Block::default();
    while let Some(series) = scan.next_series().unwrap() {
        while let Some(chunk) = scan.next_chunk().unwrap() {
            chunk.decode(&mut block).unwrap();
            for (row, time) in block.times.iter().enumerate() {
                let value = block.columns.first().unwrap().get(row);
                let Some(FieldValue::Integer(value)) = value else { unreachable!() };
                each(&measurement, series, *time, value);
            }
        }
    }
}

/// Opens the store.
pub(crate) fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).unwrap()
}
