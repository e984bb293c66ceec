//! What has expired or was dropped goes, with its files; what is being read stays until it is read.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::collections::HashMap;
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

/// A store whose policy keeps a day of partitions of an hour.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let policy = PolicySpec::new("day", Some(Duration::from_secs(24 * 3600)));
    assert_eq!(policy.shard_duration, Duration::from_secs(3600));
    store.create_database("db", policy).unwrap();
    (folder, store)
}

fn write(store: &Store, series: &str, time: i64) {
    let mut batch = store.batch("db", None).unwrap();
    let id = batch.series("m", &[("s", series)]).unwrap();
    let field = batch.field(id, "f", FieldType::Integer).unwrap();
    batch.push(id, time, &[(field, FieldValue::Integer(time))]).unwrap();
    batch.commit().unwrap();
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(runs(&path));
        } else if path.extension().is_some_and(|extension| extension == "run") {
            found.push(path);
        }
    }
    found
}

/// An instant so many hours from now, at the middle of an hour: what is sealed must not have expired.
fn now(hours: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    (i64::try_from(now).unwrap() / HOUR + hours) * HOUR + HOUR / 2
}

#[test]
fn partitions_expire_as_a_whole_and_series_with_their_last_row() {
    let (folder, store) = store();
    write(&store, "passing", now(0));
    write(&store, "staying", now(0));
    write(&store, "staying", now(2));
    store.flush().unwrap();
    assert_eq!(runs(folder.path()).len(), 2);
    store.flush().unwrap();

    let before = store.read("db").unwrap();
    let later = SystemTime::now() + Duration::from_secs(25 * 3600);
    assert_eq!(store.retain(later).unwrap(), 1);
    // Who was reading already reads on; who begins now doesn't see it.
    assert_eq!(rows(&before, "m", TimeRange::ALL).len(), 3);
    assert_eq!(store.retain(later).unwrap(), 0);
    assert_eq!(runs(folder.path()).len(), 2);
    drop(before);
    assert_eq!(runs(folder.path()).len(), 1);
    let snapshot = store.read("db").unwrap();
    assert_eq!(rows(&snapshot, "m", TimeRange::ALL).len(), 1);
    let measurement = snapshot.measurement("m").unwrap();
    let values: Vec<_> = measurement.tag_values("s").map(|(value, _)| value).collect();
    assert_eq!(values, ["staying"]);
    drop(snapshot);
    drop(store);
    let store = open(folder.path());
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 1);
}

/// A kill in the middle of a write leaves a record that isn't whole. That must not keep series from being forgotten
/// for as long as the store is open then.
#[test]
fn series_are_forgotten_after_a_kill_too() {
    let (folder, store) = store();
    write(&store, "a", now(0));
    store.flush().unwrap();
    write(&store, "b", now(0));
    drop(store);
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    logs.sort();
    let log = std::fs::File::options().write(true).open(logs.last().unwrap()).unwrap();
    log.set_len(log.metadata().unwrap().len() - 1).unwrap();
    let store = open(folder.path());
    assert_eq!(store.stats().damage_count, 1);
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    for _ in 0..2 {
        store.retain(later).unwrap();
    }
    assert!(store.read("db").unwrap().measurement("m").is_none());
}

#[test]
fn a_policy_that_is_altered_keeps_accordingly() {
    let (folder, store) = store();
    for hour in 0..4 {
        write(&store, "s", now(hour));
    }
    store.flush().unwrap();
    let change = PolicyChange {
        duration: Some(Some(Duration::from_secs(3600 * 48))),
        shard_duration: Some(Duration::from_secs(3600 * 24)),
        ..PolicyChange::default()
    };
    store.alter_policy("db", "day", &change).unwrap();
    assert_eq!(store.retain(SystemTime::now() + Duration::from_secs(3600 * 40)).unwrap(), 0);
    // New partitions are wider, but leave those that are there alone.
    for hour in -2..8 {
        write(&store, "s", now(hour) + 1);
    }
    store.flush().unwrap();
    while store.merge().unwrap() {}
    let snapshot = store.read("db").unwrap();
    assert_eq!(rows(&snapshot, "m", TimeRange::ALL).len(), 14);
    drop((snapshot, store));
    let store = open(folder.path());
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 14);
}

#[test]
fn what_expired_before_it_was_sealed_is_not_written() {
    let (folder, store) = store();
    write(&store, "old", HOUR);
    write(&store, "new", now(0));
    store.flush().unwrap();
    assert_eq!(runs(folder.path()).len(), 1);
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 1);
}

#[test]
fn files_of_what_is_dropped_go() {
    let (folder, store) = store();
    let keeps = PolicySpec::new("keeps", None);
    store.create_policy("db", keeps, true).unwrap();
    write(&store, "a", 1);
    store.flush().unwrap();
    assert_eq!(runs(folder.path()).len(), 1);
    store.drop_policy("db", "keeps").unwrap();
    assert!(runs(folder.path()).is_empty());
    // The default policy is gone, and is said to be.
    assert!(store.batch("db", None).is_err());
    let change = PolicyChange { default: true, ..PolicyChange::default() };
    store.alter_policy("db", "day", &change).unwrap();
    write(&store, "a", now(0));
    store.flush().unwrap();
    assert_eq!(runs(folder.path()).len(), 1);
    let generation = store.generation("db").unwrap();
    store.drop_database("db").unwrap();
    assert!(runs(folder.path()).is_empty());
    assert_eq!(std::fs::read_dir(folder.path().join("data")).unwrap().count(), 0);
    drop(store);
    let store = open(folder.path());
    assert!(store.databases().is_empty());
    // A new database of the name has nothing of the old one.
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    assert_ne!(store.generation("db").unwrap(), generation);
    assert!(store.read("db").unwrap().measurement("m").is_none());
}

#[test]
fn rows_of_dropped_series_go_when_runs_are_merged() {
    let (folder, store) = store();
    let keeps = PolicySpec::new("keeps", None);
    store.create_policy("db", keeps, true).unwrap();
    let mut batch = store.batch("db", None).unwrap();
    for series in ["a", "b"] {
        let id = batch.series("m", &[("s", series)]).unwrap();
        let field = batch.field(id, "f", FieldType::Integer).unwrap();
        for time in 0..1_000 {
            batch.push(id, time, &[(field, FieldValue::Integer(time * time))]).unwrap();
        }
    }
    batch.commit().unwrap();
    store.flush().unwrap();
    let before = store.stats().run_bytes;
    let snapshot = store.read("db").unwrap();
    let a = snapshot.measurement("m").unwrap().series_with("s", "a");
    drop(snapshot);
    store.drop_series("db", &a).unwrap();
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 1_000);
    while store.merge().unwrap() {}
    assert!(store.stats().run_bytes < before);
    assert_eq!(store.stats().rows, 1_000);
    // Deleted rows as well.
    let snapshot = store.read("db").unwrap();
    let b = snapshot.measurement("m").unwrap().series_with("s", "b");
    drop(snapshot);
    store.delete("db", &b, TimeRange { first: 0, last: 899 }).unwrap();
    while store.merge().unwrap() {}
    assert_eq!(store.stats().rows, 100);
    drop(store);
    assert_eq!(rows(&open(folder.path()).read("db").unwrap(), "m", TimeRange::ALL).len(), 100);
}

#[test]
fn what_expires_is_summed_up_first() {
    let (folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(600) };
    store.set_rollup("db", "day", Some(rollup.clone())).unwrap();
    assert_eq!(store.policies("db").unwrap()[0].rollup, Some(rollup));
    // An hour of a counter that goes up by 7 every 10 s and begins again once; and a word.
    let hour = now(0) / HOUR * HOUR;
    let mut batch = store.batch("db", None).unwrap();
    let id = batch.series("m", &[("s", "a")]).unwrap();
    let counter = batch.field(id, "c", FieldType::Integer).unwrap();
    let word = batch.field(id, "w", FieldType::String).unwrap();
    for at in 0..360 {
        let value = if at < 200 { 1_000 + at * 7 } else { (at - 200) * 7 };
        let values = [(counter, FieldValue::Integer(value)), (word, FieldValue::String("x"))];
        batch.push(id, hour + at * 10_000_000_000, &values).unwrap();
    }
    batch.commit().unwrap();
    store.flush().unwrap();
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    assert_eq!(store.retain(later).unwrap(), 1);
    drop(store);

    let store = open(folder.path());
    let snapshot = store.read("db").unwrap();
    assert!(rows(&snapshot, "m", TimeRange::ALL).is_empty());
    let measurement = snapshot.measurement("m").unwrap();
    let fields = measurement.fields(Some("year")).unwrap();
    let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
    let expected =
        ["c", "c_count", "c_first", "c_increase", "c_max", "c_min", "c_sum", "w", "w_count"];
    assert_eq!(names, expected);
    let found = rows_of(&snapshot, Some("year"), "m", TimeRange::ALL);
    let minutes = |row: &(u32, i64, String)| (row.1 - hour) / 60_000_000_000;
    assert_eq!(found.iter().map(minutes).collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50]);
    let texts: Vec<&str> = found.iter().map(|row| &*row.2).collect();
    let sum = |values: std::ops::Range<i64>| values.sum::<i64>();
    // The first one counts from its own first row, the others from the row before.
    let first = format!("1413i 60i 1000i 413i 1413i 1000i {}i \"x\" 60i", 60_000 + 7 * sum(0..60));
    assert_eq!(texts[0], first);
    let second =
        format!("1833i 60i 1420i 420i 1833i 1420i {}i \"x\" 60i", 60_000 + 7 * sum(60..120));
    assert_eq!(texts[1], second);
    // The counter began again at zero behind 20 of 60 rows.
    let reset = 60 * 1_000 - 40 * 1_000 + 7 * sum(180..200) + 7 * sum(0..40);
    assert_eq!(texts[3], format!("273i 60i 2260i 413i 2393i 0i {reset}i \"x\" 60i"));
}

/// What of a bucket is in heads yet is in its sums too, not instead of them.
#[test]
fn what_isnt_sealed_yet_is_summed_up_with_the_rest() {
    let (_folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(3_600) };
    store.set_rollup("db", "day", Some(rollup)).unwrap();
    let hour = now(0) / HOUR * HOUR;
    write(&store, "a", hour);
    write(&store, "a", hour + 1);
    store.flush().unwrap();
    write(&store, "a", hour + 2);
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    for _ in 0..2 {
        store.retain(later).unwrap();
        store.flush().unwrap();
    }
    let snapshot = store.read("db").unwrap();
    assert_eq!(rows(&snapshot, "m", TimeRange::ALL), []);
    let measurement = snapshot.measurement("m").unwrap();
    let fields = measurement.fields(Some("year")).unwrap();
    let at = fields.iter().position(|field| &*field.name == "f_count").unwrap();
    let found = rows_of(&snapshot, Some("year"), "m", TimeRange::ALL);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].2.split(' ').nth(at), Some("3i"));
}

/// A database whose rows can't be summed up keeps its own, and no one else's.
#[test]
fn what_cant_be_summed_up_keeps_nothing_else_from_going() {
    let (_folder, store) = store();
    let day = PolicySpec::new("day", Some(Duration::from_secs(24 * 3600)));
    for database in ["a", "z"] {
        store.create_database(database, day.clone()).unwrap();
        let mut batch = store.batch(database, None).unwrap();
        let id = batch.series("m", &[]).unwrap();
        let field = batch.field(id, "f", FieldType::Boolean).unwrap();
        batch.push(id, now(0), &[(field, FieldValue::Boolean(true))]).unwrap();
        batch.commit().unwrap();
    }
    write(&store, "a", now(0));
    store.flush().unwrap();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(600) };
    store.set_rollup("db", "day", Some(rollup)).unwrap();
    store.drop_policy("db", "year").unwrap();
    let later = SystemTime::now() + Duration::from_secs(26 * 3600);
    assert!(store.retain(later).is_err());
    assert_eq!(store.stats().runs, 1);
    assert_eq!(rows(&store.read("db").unwrap(), "m", TimeRange::ALL).len(), 1);
}

/// A store as a kill at this moment would leave it.
fn killed(folder: &Path) -> (tempfile::TempDir, Store) {
    let copy = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp").arg("-r").arg(folder).arg(copy.path()).status();
    assert!(status.unwrap().success());
    let name = folder.file_name().unwrap();
    let store = open(&copy.path().join(name));
    (copy, store)
}

/// Files of rows that were deleted stay while somebody reads them. If the process is killed then, the rows don't
/// come back, though the deletion was forgotten.
#[test]
fn deleted_rows_that_are_being_read_stay_deleted_after_a_kill() {
    let (folder, store) = store();
    store.create_policy("db", PolicySpec::new("keeps", None), true).unwrap();
    write(&store, "a", 1);
    write(&store, "b", HOUR * 24 * 365);
    store.flush().unwrap();
    let reading = store.read("db").unwrap();
    let all = reading.measurement("m").unwrap().series_all().clone();
    store.delete("db", &all, TimeRange { first: 0, last: HOUR }).unwrap();
    while store.merge().unwrap() {}
    store.flush().unwrap();
    let (copy, after) = killed(folder.path());
    assert_eq!(rows(&after.read("db").unwrap(), "m", TimeRange::ALL).len(), 1);
    drop(after);
    assert_eq!(runs(copy.path()).len(), 1);
    // Nothing but the other row's file is left here either.
    drop(reading);
    assert_eq!(runs(folder.path()).len(), 1);
    assert_eq!(store.stats().runs, 1);
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
fn increases_add_up_across_partitions_and_silences() {
    let (_folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(600) };
    store.set_rollup("db", "day", Some(rollup)).unwrap();
    let hour = now(0) / HOUR * HOUR;
    let write = |series: &str, from: i64, until: i64| {
        let mut batch = store.batch("db", None).unwrap();
        let id = batch.series("m", &[("s", series)]).unwrap();
        let counter = batch.field(id, "c", FieldType::Integer).unwrap();
        let float = batch.field(id, "x", FieldType::Float).unwrap();
        for at in (from..until).step_by(10) {
            let values = [(counter, FieldValue::Integer(at * 3)), (float, FieldValue::Float(1.5))];
            batch.push(id, hour + at * 1_000_000_000, &values).unwrap();
        }
        batch.commit().unwrap();
    };
    // Without a break; silent for an hour; only in the last of three partitions.
    write("a", 0, 10_800);
    write("b", 0, 1_000);
    write("b", 9_000, 9_010);
    write("c", 9_000, 9_100);
    store.flush().unwrap();
    assert_eq!(store.read("db").unwrap().begins(None).unwrap(), Some(hour));
    assert_eq!(store.read("db").unwrap().begins(Some("year")).unwrap(), None);
    // One after the other, with sums in heads and in runs.
    for hours in [25, 26, 27] {
        let begin = Duration::from_nanos(hour.unsigned_abs());
        let later = UNIX_EPOCH + begin + Duration::from_secs(hours * 3600 + 60);
        assert_eq!(store.retain(later).unwrap(), 1, "{hours}");
        if hours == 26 {
            store.flush().unwrap();
        }
    }
    let snapshot = store.read("db").unwrap();
    assert_eq!(snapshot.begins(None).unwrap(), None);
    assert!(snapshot.begins(Some("year")).unwrap().unwrap() <= hour);
    let mut increases: HashMap<u32, i64> = HashMap::new();
    for (series, _, text) in rows_of(&snapshot, Some("year"), "m", TimeRange::ALL) {
        // c, c_count, c_first, c_increase
        let increase = text.split(' ').nth(3).unwrap().trim_end_matches('i').parse::<i64>();
        *increases.entry(series).or_default() += increase.unwrap();
    }
    let mut sums: Vec<i64> = increases.into_values().collect();
    sums.sort_unstable();
    assert_eq!(sums, [90 * 3, 9_000 * 3, 10_790 * 3]);
}

#[test]
fn a_partition_holds_whole_buckets() {
    let (_folder, store) = store();
    store.create_policy("db", PolicySpec::new("year", None), false).unwrap();
    let rollup = |seconds| Rollup { into: "year".to_owned(), every: Duration::from_secs(seconds) };
    assert!(store.set_rollup("db", "day", Some(rollup(420))).is_err());
    store.set_rollup("db", "day", Some(rollup(600))).unwrap();
    let width = |minutes: u64| PolicyChange {
        shard_duration: Some(Duration::from_secs(minutes * 60)),
        ..PolicyChange::default()
    };
    assert!(store.alter_policy("db", "day", &width(61)).is_err());
    store.alter_policy("db", "day", &width(70)).unwrap();
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
