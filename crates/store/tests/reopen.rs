//! What was durable is there after a start, whatever way the process ended.

mod common;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use common::{open, rows, store};
use svcflow_store::{
    Error, FieldType, FieldValue, Options, PolicyChange, PolicySpec, Store, TimeRange,
};

#[test]
fn everything_is_there_after_a_start() {
    let (folder, store) = store();
    store
        .create_policy("db", PolicySpec::new("year", Some(Duration::from_secs(31_536_000))), true)
        .unwrap();
    store.create_database("gone", PolicySpec::new("autogen", None)).unwrap();
    store.drop_database("gone").unwrap();
    store.create_database("a", PolicySpec::new("autogen", None)).unwrap();
    store.create_policy("db", PolicySpec::new("again", None), false).unwrap();
    let change = PolicyChange { replicas: Some(3), ..PolicyChange::default() };
    store.alter_policy("db", "autogen", &change).unwrap();
    let mut batch = store.batch("db", None).unwrap();
    for number in 0..10_i64 {
        let series = batch.series("m", &[("number", &number.to_string())]).unwrap();
        let fields = [
            batch.field(series, "float", FieldType::Float).unwrap(),
            batch.field(series, "integer", FieldType::Integer).unwrap(),
            batch.field(series, "text", FieldType::String).unwrap(),
            batch.field(series, "truth", FieldType::Boolean).unwrap(),
        ];
        let text = format!("text {}", number % 3);
        let values = [
            (fields[0], FieldValue::Float(f64::from(i32::try_from(number).unwrap()) / 3.0)),
            (fields[1], FieldValue::Integer(-number)),
            (fields[2], FieldValue::String(&text)),
            (fields[3], FieldValue::Boolean(number % 2 == 0)),
        ];
        batch.push(series, number * 1_000, &values).unwrap();
    }
    batch.commit().unwrap();
    store.delete("db", &[2].into_iter().collect(), TimeRange { first: 0, last: 2_000 }).unwrap();
    store.drop_series("db", &[3].into_iter().collect()).unwrap();

    let before = (
        store.databases(),
        store.policies("db").unwrap(),
        rows(&store.read("db").unwrap(), "m", TimeRange::ALL),
    );
    assert_eq!(before.2.len(), 8);
    // In the order in which they were made.
    assert!(before.0.iter().map(|name| &**name).eq(["db", "a"]));
    assert!(before.1.iter().map(|policy| &*policy.spec.name).eq(["autogen", "year", "again"]));
    drop(store);
    let store = open(folder.path());
    let snapshot = store.read("db").unwrap();
    assert_eq!(store.databases(), before.0);
    assert_eq!(store.policies("db").unwrap(), before.1);
    assert_eq!(rows(&snapshot, "m", TimeRange::ALL), before.2);
    assert!(store.stats().damage.is_empty());
    let mut batch = store.batch("db", None).unwrap();
    assert_eq!(batch.series("m", &[("number", "3")]).unwrap().get(), 10);
}

#[test]
fn a_second_process_is_kept_out() {
    let (folder, store) = store();
    assert!(matches!(
        Store::open(folder.path(), Options::default()),
        Err(Error::Locked { path }) if path.ends_with("LOCK")
    ));
    drop(store);
    open(folder.path());
}

#[test]
fn another_format_is_refused() {
    let (folder, store) = store();
    drop(store);
    std::fs::write(folder.path().join("FORMAT"), "svcflow-store 1\n").unwrap();
    let refused = Store::open(folder.path(), Options::default()).err().unwrap();
    assert!(refused.to_string().contains("name another folder"), "{refused}");
    assert!(refused.to_string().contains("svcflow-store 1"), "{refused}");
}

#[test]
fn commits_of_many_threads_are_all_there() {
    let (folder, store) = store();
    let (threads, batches) = (8, 20);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || {
                for time in 0..batches {
                    let mut batch = store.batch("db", None).unwrap();
                    let tag = format!("{thread}");
                    let series = batch.series("m", &[("thread", &tag)]).unwrap();
                    let field = batch.field(series, "f", FieldType::Integer).unwrap();
                    batch.push(series, time, &[(field, FieldValue::Integer(time))]).unwrap();
                    batch.commit().unwrap();
                    // What is acknowledged is visible.
                    let mine = rows(
                        &store.read("db").unwrap(),
                        "m",
                        TimeRange { first: time, last: time },
                    );
                    assert!(mine.iter().any(|row| row.0 == series.get()));
                }
            });
        }
    });
    let all = rows(&store.read("db").unwrap(), "m", TimeRange::ALL);
    assert_eq!(all.len(), usize::try_from(threads * batches).unwrap());
    drop(store);
    assert_eq!(rows(&open(folder.path()).read("db").unwrap(), "m", TimeRange::ALL), all);
}

/// Series are made at any moment, also while a drop waits for the disk. After a start they came in the order
/// in which they came before: a measurement that never lost its last series keeps its fields, and no
/// other measurement loses its own.
#[test]
fn series_made_while_others_are_dropped_keep_their_order() {
    let (folder, store) = store();
    let written = AtomicI64::new(0);
    let write = |measurement: &str, tag: i64| -> Result<(), Error> {
        let mut batch = store.batch("db", None)?;
        let series = batch.series(measurement, &[("tag", &tag.to_string())])?;
        let field = batch.field(series, "f", FieldType::Integer)?;
        batch.push(series, tag, &[(field, FieldValue::Integer(tag))])?;
        batch.commit()
    };
    write("goes", -1).unwrap();
    std::thread::scope(|scope| {
        let drops = scope.spawn(|| {
            while written.load(Ordering::Relaxed) < 300 {
                store.drop_measurement("db", "goes").unwrap();
            }
        });
        for number in 0.. {
            // Dropped in between: nothing was written.
            match write("goes", number) {
                Ok(()) | Err(Error::SeriesDropped | Error::SeriesNotFound { .. }) => {}
                Err(fault) => panic!("{fault}"),
            }
            write("stays", number).unwrap();
            written.fetch_add(1, Ordering::Relaxed);
            if drops.is_finished() {
                break;
            }
        }
    });
    write("goes", i64::from(u16::MAX)).unwrap();
    let all = |store: &Store| {
        let snapshot = store.read("db").unwrap();
        ["goes", "stays"].map(|name| rows(&snapshot, name, TimeRange::ALL))
    };
    let before = all(&store);
    assert!(before[1].len() >= 300);
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.stats().damage, []);
    assert_eq!(all(&store), before);
}

/// Readers may be on any thread, and share a snapshot.
#[test]
fn handles_go_between_threads() {
    fn goes<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Store>();
    is_shared::<svcflow_store::Snapshot>();
    is_shared::<svcflow_store::Chunk>();
    goes::<svcflow_store::Scan>();
    goes::<svcflow_store::Batch>();
}
