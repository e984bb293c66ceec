//! What has expired or was dropped goes, with its files; what is being read stays until it is read.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{rows, rows_of};
use svcflow_store::{
    FieldType, FieldValue, Options, PolicyChange, PolicySpec, Rollup, Store, TimeRange,
};

const HOUR: i64 = 3_600_000_000_000;

fn open(folder: &Path) -> Store {
    Store::open(folder, Options { background: false, ..Options::default() }).unwrap()
}

/// A partition that was summed up goes as a whole. A kill between two of its files must not leave one that is
/// summed up again by itself.
#[test]
fn sums_stay_right_when_a_kill_leaves_some_of_a_partitions_files() {
    let (folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(3_600) };
    store.set_rollup("db", "day", Some(rollup)).unwrap();
    let hour = now(0) / HOUR * HOUR;
    for at in 0..3 {
        write(&store, "a", hour + at);
        store.flush().unwrap();
    }
    // A reader keeps all three; some other one, or a kill just then, would keep some.
    let reading = store.read("db").unwrap();
    let before = runs(folder.path());
    assert_eq!(before.len(), 3);
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    assert_eq!(store.retain(later).unwrap(), 3);
    std::fs::remove_file(&before[0]).unwrap();
    let (_copy, after) = killed(folder.path());
    after.retain(later).unwrap();
    let snapshot = after.read("db").unwrap();
    assert_eq!(rows(&snapshot, "m", TimeRange::ALL), []);
    let fields = snapshot.measurement("m").unwrap().fields(Some("year")).unwrap();
    let at = fields.iter().position(|field| &*field.name == "f_count").unwrap();
    let found = rows_of(&snapshot, Some("year"), "m", TimeRange::ALL);
    assert_eq!(found.iter().map(|row| row.2.split(' ').nth(at)).collect::<Vec<_>>(), [Some("3i")]);
    drop(reading);
    assert_eq!(runs(folder.path()).len(), 0);
}

/// Series may be dropped while their rows are being summed up: what is then in the log fits what is there.
#[test]
fn series_that_are_dropped_while_they_are_summed_up_leave_no_damage() {
    for _ in 0..5 {
        let (folder, store) = store();
        store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
        let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(3_600) };
        store.set_rollup("db", "day", Some(rollup)).unwrap();
        let mut batch = store.batch("db", None).unwrap();
        for at in 0..2_000 {
            let id = batch.series("m", &[("s", &format!("{at}"))]).unwrap();
            let field = batch.field(id, "f", FieldType::Integer).unwrap();
            batch.push(id, now(0), &[(field, FieldValue::Integer(at))]).unwrap();
        }
        batch.commit().unwrap();
        store.flush().unwrap();
        let later = SystemTime::now() + Duration::from_secs(26 * 3600);
        std::thread::scope(|scope| {
            let drops = scope.spawn(|| {
                let all = store.read("db").unwrap().measurement("m").unwrap().series_all().clone();
                for id in all.iter().step_by(7) {
                    store.drop_series("db", &[id].into_iter().collect()).unwrap();
                }
            });
            while store.retain(later).is_err() {}
            drops.join().unwrap();
        });
        drop(store);
        assert_eq!(open(folder.path()).stats().damage, []);
    }
}

#[test]
fn nothing_goes_while_it_cant_be_summed_up() {
    let (_folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(600) };
    store.set_rollup("db", "day", Some(rollup)).unwrap();
    write(&store, "a", now(0));
    store.flush().unwrap();
    store.drop_policy("db", "year").unwrap();
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    assert!(store.retain(later).is_err());
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 1);
    store.set_rollup("db", "day", None).unwrap();
    assert_eq!(store.retain(later).unwrap(), 1);
    let wrong = Rollup { into: "day".to_owned(), every: Duration::from_secs(600) };
    assert!(store.set_rollup("db", "day", Some(wrong)).is_err());
}
