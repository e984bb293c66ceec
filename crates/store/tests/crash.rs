//! Killed at any moment under load, a store has every acknowledged point after a start, once.
//!
//! This binary runs itself again as the process that writes, which seals, merges, deletes and retains all
//! the time, and is killed. `SVCFLOW_CRASH_ROUNDS` says how often; 10 times without.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::each_integer;
use svcflow_store::{
    DamageKind, Error, FieldType, FieldValue, Measurement, Options, PolicyChange, PolicySpec,
    Rollup, Snapshot, Store, TimeRange,
};

const FOLDER: &str = "SVCFLOW_CRASH_FOLDER";
const FIRST: &str = "SVCFLOW_CRASH_FIRST";
/// Writers at the same time; each has series of its own.
const WRITERS: i64 = 3;
/// Series that a batch has a point of.
const SERIES: i64 = 40;
const SECOND: i64 = 1_000_000_000;

/// Small, so that everything happens all the time.
fn options() -> Options {
    Options { head_bytes: 64 << 10, log_bytes: 256 << 10, ..Options::default() }
}

/// The instant of a writer's `number`th batch: mostly one after the other, sometimes late.
fn time(number: i64) -> i64 {
    let late = if number % 7 == 3 { 50 } else { 0 };
    (number - late) * SECOND + late
}

/// The value of the `number`th batch for a series.
fn value(number: i64, series: i64) -> i64 {
    number * 1_000 + series
}

fn write(store: &Store, writer: i64, number: i64) {
    let mut batch = store.batch("db", None).unwrap();
    for at in 0..SERIES {
        // New series again and again.
        let name = format!("{}", at + number / 100 * SERIES);
        let tags = [("at", name.as_str()), ("writer", &format!("{writer}"))];
        let series = batch.series("m", &tags).unwrap();
        let field = batch.field(series, "f", FieldType::Integer).unwrap();
        batch
            .push(series, time(number), &[(field, FieldValue::Integer(value(number, at)))])
            .unwrap();
    }
    batch.commit().unwrap();
}

/// Not a test of its own: what is killed.
#[test]
fn writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let first: Vec<i64> =
        std::env::var(FIRST).unwrap().split(' ').map(|number| number.parse().unwrap()).collect();
    // The others would go on, and nobody would know.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        std::process::abort();
    }));
    let store = Store::open(Path::new(&folder), options()).unwrap();
    println!("\nopen");
    std::thread::scope(|scope| {
        for (writer, first) in (0..).zip(first) {
            let store = &store;
            scope.spawn(move || {
                for number in first.. {
                    write(store, writer, number);
                    println!("ack {writer} {number}");
                    std::io::stdout().flush().unwrap();
                }
            });
        }
        scope.spawn(|| disturb(&store));
        scope.spawn(|| come_and_go(&store));
        scope.spawn(|| sum_up(&store));
    });
}

/// Tells whoever kills this process.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}

/// A database that is dropped and made again, under the same name; each life's rows have its number.
fn come_and_go(store: &Store) {
    // What an earlier process left is another life.
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let first = i64::try_from(began.as_millis()).unwrap() * 1_000;
    for life in first.. {
        say(&format!("dropping 0 {life}"));
        store.drop_database("again").unwrap();
        store.create_database("again", PolicySpec::new("autogen", None)).unwrap();
        for row in 0..20 {
            let mut batch = store.batch("again", None).unwrap();
            let series = batch.series("m", &[("row", &format!("{}", row % 3 + life % 5))]).unwrap();
            let field = batch.field(series, "f", FieldType::Integer).unwrap();
            batch.push(series, row, &[(field, FieldValue::Integer(life))]).unwrap();
            batch.commit().unwrap();
            say(&format!("life {row} {life}"));
        }
    }
}

/// Rows that expire at once and are summed up, each in a partition of its own.
fn sum_up(store: &Store) {
    let hour = Duration::from_secs(3_600);
    if store.policies("db").unwrap().iter().all(|policy| policy.spec.name != "sums") {
        store.create_policy("db", PolicySpec::new("sums", None), false).unwrap();
    }
    store.create_policy("db", PolicySpec::new("summed", Some(hour)), false).unwrap();
    let rollup = Rollup { into: "sums".to_owned(), every: hour };
    store.set_rollup("db", "summed", Some(rollup)).unwrap();
    let snapshot = store.read("db").unwrap();
    let there = SUMMED.iter().flat_map(|policy| times(&snapshot, policy, "rolled")).max();
    for number in there.map_or(0, |there| there / SECOND / 3_600 + 1).. {
        let mut batch = store.batch("db", Some("summed")).unwrap();
        let series = batch.series("rolled", &[]).unwrap();
        let field = batch.field(series, "f", FieldType::Integer).unwrap();
        let time = number * 3_600 * SECOND;
        batch.push(series, time, &[(field, FieldValue::Integer(number))]).unwrap();
        match batch.commit() {
            Ok(()) => say(&format!("summed 0 {number}")),
            Err(fault) => assert!(matches!(fault, Error::SeriesDropped), "{fault}"),
        }
        let days = u32::try_from(number % 3).unwrap() + 1;
        let change =
            PolicyChange { shard_duration: Some(hour * 24 * days), ..PolicyChange::default() };
        store.alter_policy("db", "sums", &change).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Rows are in one of these.
const SUMMED: [&str; 2] = ["summed", "sums"];

/// What else happens: data that comes and goes.
fn disturb(store: &Store) {
    let policy = PolicySpec::new("short", Some(Duration::from_secs(3_600)));
    store.create_policy("db", policy, false).unwrap();
    for number in 0.. {
        let mut batch = store.batch("db", Some("short")).unwrap();
        let series = batch.series("passing", &[("number", &format!("{number}"))]).unwrap();
        let field = batch.field(series, "f", FieldType::Float).unwrap();
        batch.push(series, number * SECOND, &[(field, FieldValue::Float(0.5))]).unwrap();
        // The series may be retained before its points are there.
        let _ = batch.commit();
        let snapshot = store.read("db").unwrap();
        if let Some(passing) = snapshot.measurement("passing").filter(|_| number % 5 == 0) {
            store.delete("db", passing.series_all(), TimeRange { first: 0, last: number }).unwrap();
        }
        if number % 3 == 0 {
            store.retain(SystemTime::now()).unwrap();
        }
        if number % 10 == 0 {
            store.create_database("gone", PolicySpec::new("autogen", None)).unwrap();
            store.drop_database("gone").unwrap();
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The last of each kind of line that the writing process said before it was killed, by the line's first word and
/// first number.
type Said = BTreeMap<(String, i64), i64>;

/// Runs the writing process for a while, and kills it.
fn run_and_kill(folder: &Path, first: &[i64], time: Duration) -> Said {
    let first: Vec<String> = first.iter().map(i64::to_string).collect();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.join(" "))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = Said::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            if let (Some(word), Some(Ok(first)), Some(Ok(second))) = (
                words.next(),
                words.next().map(str::parse::<i64>),
                words.next().map(str::parse::<i64>),
            ) {
                said.insert((word.to_owned(), first), second);
            }
        }
        said
    });
    std::thread::sleep(time);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it ended by itself");
    reader.join().unwrap()
}

/// The instants of a measurement's rows in a policy.
fn times(snapshot: &Snapshot, policy: &str, measurement: &str) -> BTreeSet<i64> {
    values(snapshot, Some(policy), measurement).into_iter().map(|row| row.0).collect()
}

/// Instants of a measurement's rows, with the values of its field `f`.
fn values(snapshot: &Snapshot, policy: Option<&str>, measurement: &str) -> Vec<(i64, i64)> {
    let mut rows = Vec::new();
    let all = |measurement: &Measurement| measurement.series_all().clone();
    each_integer(snapshot, policy, measurement, all, |_, _, time, value| rows.push((time, value)));
    rows
}

/// What was acknowledged of the database that comes and goes is there, and nothing of an earlier life.
fn check_life(store: &Store, said: &Said) {
    let of = |word: &str, first: i64| said.get(&(word.to_owned(), first)).copied();
    let rows = store.read("again").map(|it| values(&it, None, "m")).unwrap_or_default();
    let last = (0..20).filter_map(|row| of("life", row)).max();
    let dropping = of("dropping", 0);
    assert!(rows.iter().all(|(_, life)| Some(*life) == rows.first().map(|it| it.1)), "{rows:?}");
    let (Some(last), Some(dropping)) = (last, dropping) else { return };
    if let Some((_, life)) = rows.first() {
        assert!((last..=dropping).contains(life), "{life} of {last} to {dropping}");
    }
    if last == dropping {
        let acknowledged = (0..20).filter(|row| of("life", *row) == Some(last)).count();
        assert!(rows.len() >= acknowledged, "{} rows of {acknowledged} in life {last}", rows.len());
    }
}

/// Every row of a writer: (series' number, instant) and value.
fn rows(snapshot: &Snapshot, writer: i64) -> BTreeMap<(i64, i64), i64> {
    let mut rows = BTreeMap::new();
    let own = |measurement: &Measurement| measurement.series_with("writer", &writer.to_string());
    each_integer(snapshot, None, "m", own, |measurement, series, time, value| {
        let at: i64 = measurement.tag(series, "at").unwrap().parse().unwrap();
        assert!(rows.insert((at, time), value).is_none(), "a row twice");
    });
    rows
}

/// What a failure says: how many rows are missing, unasked for or changed, and the first of each.
fn difference(expected: &BTreeMap<(i64, i64), i64>, found: &BTreeMap<(i64, i64), i64>) -> String {
    let not_in = |one: &BTreeMap<(i64, i64), i64>, other: &BTreeMap<(i64, i64), i64>| {
        let rows: Vec<_> = one.iter().filter(|(key, _)| !other.contains_key(key)).collect();
        let values: BTreeSet<_> = rows.iter().map(|(_, value)| **value / 1_000).collect();
        format!("{} of batches {values:?}, first {:?}", rows.len(), rows.first())
    };
    let changed = expected.iter().find(|(key, value)| found.get(key).is_some_and(|f| f != *value));
    format!(
        "missing {}; unasked for {}; first that changed {changed:?}",
        not_in(expected, found),
        not_in(found, expected)
    )
}

/// Each row is there, or its sum is: both between the two.
fn check_sums(snapshot: &Snapshot, last: i64) {
    let found: BTreeSet<(i64, i64)> =
        SUMMED.iter().flat_map(|policy| values(snapshot, Some(policy), "rolled")).collect();
    let odd = found.iter().find(|(time, number)| *time != number * 3_600 * SECOND);
    assert_eq!(odd, None, "rows and sums have their own values");
    let missing = (0..=last).find(|number| !found.contains(&(number * 3_600 * SECOND, *number)));
    assert_eq!(missing, None, "of {last} rows that were to be summed up");
}

fn check(folder: &Path, acknowledged: &[i64], said: &Said) -> Vec<i64> {
    let store = Store::open(folder, options()).unwrap();
    // Of the record that was being written no one was told; everything else fits.
    let mut damage = store.stats().damage;
    damage.retain(|damage| !matches!(damage.what, DamageKind::LogEnd { .. }));
    assert_eq!(damage, []);
    check_life(&store, said);
    let snapshot = store.read("db").unwrap();
    check_sums(&snapshot, said.get(&("summed".to_owned(), 0)).copied().unwrap_or(-1));
    let mut next = Vec::new();
    for (writer, last) in (0..).zip(acknowledged) {
        let found = rows(&snapshot, writer);
        let expected = |last: i64| -> BTreeMap<(i64, i64), i64> {
            let batches = (0..=last).flat_map(|number| (0..SERIES).map(move |at| (number, at)));
            batches
                .map(|(number, at)| ((at + number / 100 * SERIES, time(number)), value(number, at)))
                .collect()
        };
        // The batch that was under way is there as a whole, or not at all.
        let whole = found == expected(last + 1);
        assert!(
            whole || found == expected(*last),
            "writer {writer} acknowledged {last}: {}",
            difference(&expected(*last), &found)
        );
        next.push(if whole { last + 2 } else { last + 1 });
    }
    next
}

#[test]
fn a_killed_store_has_all_that_was_acknowledged() {
    let rounds = std::env::var("SVCFLOW_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    drop(store);
    let mut next = vec![0; usize::try_from(WRITERS).unwrap()];
    let mut seed = std::process::id();
    for _ in 0..rounds.unwrap_or(10) {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let time = Duration::from_millis(100 + u64::from(seed >> 16) % 700);
        let said = run_and_kill(folder.path(), &next, time);
        let acknowledged = |writer| said.get(&("ack".to_owned(), writer)).copied().unwrap_or(-1);
        let last: Vec<i64> =
            (0..).zip(&next).map(|(writer, next)| acknowledged(writer).max(next - 1)).collect();
        next = check(folder.path(), &last, &said);
    }
    println!("batches of each writer: {next:?}");
    assert!(next.iter().all(|next| *next > 0), "nothing was written");
}
