//! What the tests of the store share.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking too")]
#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::Path;

use svcflow_store::{
    Block, FieldValue, Options, Order, PolicySpec, ScanRequest, Snapshot, Store, TimeRange,
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
    let measurement = snapshot.measurement(measurement).unwrap();
    let fields: Vec<_> = measurement.fields(None).unwrap().iter().map(|field| field.id).collect();
    let mut scan = snapshot
        .scan(&ScanRequest {
            policy: None,
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

/// Opens the store.
pub(crate) fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).unwrap()
}
