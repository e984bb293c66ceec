//! Whoever reads sees every point that was acknowledged before, once, whatever goes on meanwhile.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use common::rows;
use svcflow_store::{
    Block, FieldType, FieldValue, Options, Order, PolicySpec, ScanRequest, Snapshot, Store,
    TimeRange,
};

const SERIES: i64 = 100;

fn write(store: &Store, number: i64) {
    let mut batch = store.batch("db", None).unwrap();
    for at in 0..SERIES {
        let series = batch.series("m", &[("at", &format!("{at}"))]).unwrap();
        let field = batch.field(series, "f", FieldType::Integer).unwrap();
        // Every tenth batch is late.
        let time = if number % 10 == 9 { number - 200 } else { number };
        batch.push(series, time * 1_000, &[(field, FieldValue::Integer(number))]).unwrap();
    }
    batch.commit().unwrap();
}

/// How often each batch's points are there, for each series.
fn check(snapshot: &Snapshot, acknowledged: i64, range: TimeRange, order: Order) {
    let measurement = snapshot.measurement("m").unwrap();
    let fields: Vec<_> = measurement.fields(None).unwrap().iter().map(|field| field.id).collect();
    let series = measurement.series_all();
    let request = ScanRequest { policy: None, series, fields: &fields, range, order };
    let mut scan = snapshot.scan(&request).unwrap();
    let mut block = Block::default();
    let mut count = 0;
    while scan.next_series().unwrap().is_some() {
        count += 1;
        let mut numbers = Vec::new();
        while let Some(chunk) = scan.next_chunk().unwrap() {
            chunk.decode(&mut block).unwrap();
            let column = block.columns.first().unwrap();
            for row in 0..block.rows() {
                let Some(FieldValue::Integer(number)) = column.get(row) else { unreachable!() };
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        assert!(numbers.is_sorted_by(|one, next| one < next), "a point twice");
        let time = |number: &i64| if number % 10 == 9 { number - 200 } else { *number } * 1_000;
        let expected = (0..=acknowledged).filter(|number| range.contains(time(number)));
        let missing: Vec<i64> =
            expected.filter(|number| numbers.binary_search(number).is_err()).collect();
        assert!(missing.is_empty(), "of {acknowledged} batches these are missing: {missing:?}");
    }
    assert_eq!(count, SERIES);
}

#[test]
fn readers_miss_nothing_while_chunks_are_sealed_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { head_bytes: 100 << 10, ..Options::default() };
    let store = Store::open(folder.path(), options).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    write(&store, 0);
    let acknowledged = AtomicI64::new(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                write(&store, number);
                acknowledged.store(number, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                store.merge().unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let started = Instant::now();
        let mut reads = 0;
        while started.elapsed() < Duration::from_secs(4) || reads < 20 {
            let last = acknowledged.load(Ordering::SeqCst);
            let snapshot = store.read("db").unwrap();
            check(&snapshot, last, TimeRange::ALL, Order::Ascending);
            let recent = TimeRange { first: (last - 20) * 1_000, last: i64::MAX };
            check(&snapshot, last, recent, Order::Descending);
            reads += 1;
        }
        stop.store(true, Ordering::SeqCst);
    });
    let stats = store.stats();
    assert!(stats.runs > 0 && stats.damage.is_empty());
}

/// A deletion is forgotten when no chunk needs it any more. Whoever begins to read just then sees nothing that was
/// deleted either. Many policies make it take a while to begin.
#[test]
fn readers_see_nothing_that_was_deleted_before() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { background: false, ..Options::default() };
    let store = Store::open(folder.path(), options).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    for at in 0..200 {
        store.create_policy("db", PolicySpec::new(&format!("p{at}"), None), false).unwrap();
    }
    let gone = AtomicI64::new(-1);
    let write = |time: i64| {
        let mut batch = store.batch("db", None).unwrap();
        let series = batch.series("m", &[]).unwrap();
        let field = batch.field(series, "f", FieldType::Integer).unwrap();
        batch.push(series, time, &[(field, FieldValue::Integer(time))]).unwrap();
        batch.commit().unwrap();
        store.flush().unwrap();
        series.get()
    };
    let times = |snapshot: &Snapshot| -> Vec<i64> {
        rows(snapshot, "m", TimeRange::ALL).into_iter().map(|row| row.1).collect()
    };
    let series: svcflow_store::RoaringBitmap = [write(0)].into_iter().collect();
    std::thread::scope(|scope| {
        let deletes = scope.spawn(|| {
            for time in 1..150 {
                write(time);
                store.delete("db", &series, TimeRange { first: 0, last: time - 1 }).unwrap();
                gone.store(time - 1, Ordering::SeqCst);
                while store.merge().unwrap() {}
                store.flush().unwrap();
            }
        });
        while !deletes.is_finished() {
            let gone = gone.load(Ordering::SeqCst);
            let found = times(&store.read("db").unwrap());
            assert!(found.iter().all(|time| *time > gone), "{found:?} behind {gone}");
        }
    });
}
