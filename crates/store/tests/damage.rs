//! Damage costs what the damaged part held, is named, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use svcflow_store::{
    Block, DamageKind, Error, FieldType, FieldValue, Options, Order, PolicySpec, RoaringBitmap,
    ScanRequest, Store, TimeRange,
};

/// Series, and how many points each has in a run, in another run, and in the log.
const SERIES: i64 = 60;
const POINTS: i64 = 30;

fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(folder, Options { background: false, ..Options::default() })
}

fn write(store: &Store, from: i64) {
    for time in from..from + POINTS {
        let mut batch = store.batch("db", None).unwrap();
        for series in 0..SERIES {
            let id = batch.series("m", &[("s", &format!("{series}"))]).unwrap();
            let field = batch.field(id, "f", FieldType::Integer).unwrap();
            let value = FieldValue::Integer(series * 1_000 + time * time);
            batch.push(id, time, &[(field, value)]).unwrap();
        }
        batch.commit().unwrap();
    }
}

/// A store with two runs and a log.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    write(&store, 0);
    store.flush().unwrap();
    write(&store, POINTS);
    store.flush().unwrap();
    write(&store, 2 * POINTS);
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What can be read: by series, the instants; and the errors, as text.
fn read(store: &Store) -> (BTreeMap<i64, BTreeSet<i64>>, BTreeSet<String>) {
    let (mut rows, mut errors) = (BTreeMap::new(), BTreeSet::new());
    let snapshot = store.read("db").unwrap();
    let Some(measurement) = snapshot.measurement("m") else { return (rows, errors) };
    let fields: Vec<_> = measurement.fields(None).unwrap().iter().map(|field| field.id).collect();
    let request = ScanRequest {
        policy: None,
        series: measurement.series_all(),
        fields: &fields,
        range: TimeRange::ALL,
        order: Order::Ascending,
    };
    let mut scan = snapshot.scan(&request).unwrap();
    let mut block = Block::default();
    while let Some(id) = scan.next_series().unwrap() {
        let series: i64 = measurement.tag(id, "s").unwrap().parse().unwrap();
        loop {
            let chunk = match scan.next_chunk() {
                Ok(Some(chunk)) => chunk.decode(&mut block),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = chunk {
                errors.insert(fault.to_string());
                continue;
            }
            for (row, time) in block.times.iter().enumerate() {
                let value = block.columns.first().unwrap().get(row);
                assert_eq!(value, Some(FieldValue::Integer(series * 1_000 + time * time)));
                assert!(rows.entry(series).or_default().insert(*time), "a row twice");
            }
        }
    }
    (rows, errors)
}

fn count(rows: &BTreeMap<i64, BTreeSet<i64>>) -> i64 {
    rows.values().map(|times| i64::try_from(times.len()).unwrap()).sum()
}

const ALL: i64 = SERIES * POINTS * 3;

#[test]
fn a_flipped_byte_in_a_chunk_costs_that_chunk_and_is_named() {
    let folder = filled();
    let run = files(folder.path(), "run").remove(0);
    let mut bytes = std::fs::read(&run).unwrap();
    // Behind the header's frame the first chunk's payload begins.
    bytes[60] ^= 1;
    std::fs::write(&run, bytes).unwrap();

    let store = open(folder.path()).unwrap();
    let (rows, errors) = read(&store);
    assert_eq!(count(&rows), ALL - POINTS);
    assert_eq!(errors.len(), 1);
    let text = errors.first().unwrap();
    assert!(text.contains(run.to_str().unwrap()), "{text}");
    let stats = store.stats();
    assert_eq!(stats.damage_count, 1);
    let damage = stats.damage.first().unwrap();
    assert_eq!(damage.file, run);
    assert!(damage.found.elapsed().unwrap().as_secs() < 60);
    let DamageKind::Chunk { series, range, .. } = damage.what else { panic!("{damage}") };
    assert_eq!(range, TimeRange { first: 0, last: POINTS - 1 });
    assert!(text.contains(&format!("series {series}")), "{text}");

    // Merging leaves the file alone, so that nothing more is lost.
    while store.merge().unwrap() {}
    assert_eq!(count(&read(&store).0), ALL - POINTS);
    assert!(run.exists());
    // Other series, and other instants of the same one, are read without an error.
    let others: RoaringBitmap = (0..60).filter(|id| *id != series).collect();
    let snapshot = store.read("db").unwrap();
    let fields: Vec<_> =
        snapshot.measurement("m").unwrap().fields(None).unwrap().iter().map(|it| it.id).collect();
    let later = TimeRange { first: POINTS, last: i64::MAX };
    for (series, range) in [(others, TimeRange::ALL), ((0..60).collect(), later)] {
        let order = Order::Descending;
        let request = ScanRequest { policy: None, series: &series, fields: &fields, range, order };
        let mut scan = snapshot.scan(&request).unwrap();
        while scan.next_series().unwrap().is_some() {
            while let Some(chunk) = scan.next_chunk().unwrap() {
                chunk.decode(&mut Block::default()).unwrap();
            }
        }
    }
}

/// Flips a bit here and there in every file: what can be lost is known. `SVCFLOW_DAMAGE_FLIPS` says how
/// many in each file; 12 without.
#[test]
fn a_flipped_bit_anywhere_costs_little_and_is_noted() {
    let flips = std::env::var("SVCFLOW_DAMAGE_FLIPS").ok().and_then(|it| it.parse().ok());
    let folder = filled();
    let runs = files(folder.path(), "run");
    let logs = files(folder.path(), "log");
    let catalogs = [folder.path().join("catalog"), folder.path().join("catalog.copy")];
    // A log record is a batch; an index frame is of 16 chunks, and a series may begin in the one before.
    let cases = [(&runs[..], 17 * POINTS), (&logs[..], SERIES), (&catalogs[..], 0)];
    let target = tempfile::tempdir().unwrap();
    let mut seed = 1_u64;
    for (paths, most) in cases {
        for path in paths {
            let length = std::fs::metadata(path).unwrap().len();
            for _ in 0..flips.unwrap_or(12) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bit = (seed >> 20) % (length * 8);
                let copied = target.path().join("store");
                let _ = std::fs::remove_dir_all(&copied);
                copy(folder.path(), &copied);
                let file = copied.join(path.strip_prefix(folder.path()).unwrap());
                let mut bytes = std::fs::read(&file).unwrap();
                bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
                std::fs::write(&file, &bytes).unwrap();

                let store = open(&copied).unwrap();
                let (rows, errors) = read(&store);
                let lost = ALL - count(&rows);
                let what = format!("bit {bit} of {}: {lost} lost, {errors:?}", path.display());
                assert!(lost <= most, "{what}");
                let damage = store.stats().damage;
                assert!(lost == 0 || !damage.is_empty(), "{what}");
                assert!(damage.iter().all(|damage| damage.file == file), "{what}: {damage:?}");
                // It goes on, and a start after that has the same.
                write(&store, 3 * POINTS);
                store.flush().unwrap();
                drop(store);
                let store = open(&copied).unwrap();
                assert_eq!(count(&read(&store).0), ALL - lost + SERIES * POINTS, "{what}");
            }
        }
    }
}

#[test]
fn a_truncated_log_keeps_what_is_whole_and_is_named() {
    let folder = filled();
    let log = files(folder.path(), "log").remove(0);
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() - 5]).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(count(&read(&store).0), ALL - SERIES);
    let damage = store.stats().damage;
    assert_eq!(damage.len(), 1);
    assert!(damage[0].to_string().contains(log.to_str().unwrap()));
    assert!(matches!(damage[0].what, DamageKind::LogEnd { .. }));
}

#[test]
fn a_truncated_run_keeps_what_can_be_found() {
    let folder = filled();
    let run = files(folder.path(), "run").remove(0);
    let bytes = std::fs::read(&run).unwrap();
    // Only the tail is missing: every index frame is found again.
    std::fs::write(&run, &bytes[..bytes.len() - 1]).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(count(&read(&store).0), ALL);
    assert_eq!(store.stats().damage[0].file, run);
    drop(store);
    // Nothing is left of it: the rest is there.
    std::fs::write(&run, &bytes[..20]).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(count(&read(&store).0), ALL - SERIES * POINTS);
    assert_eq!(store.stats().damage[0].what, DamageKind::Chunks);
}

#[test]
fn without_both_catalogs_nothing_is_opened_and_nothing_is_deleted() {
    let folder = filled();
    for name in ["catalog", "catalog.copy"] {
        std::fs::write(folder.path().join(name), "no catalog").unwrap();
    }
    let refused = open(folder.path()).err().unwrap().to_string();
    assert!(refused.contains("catalog"), "{refused}");
    for name in ["catalog", "catalog.copy"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let refused = open(folder.path()).err().unwrap().to_string();
    assert!(refused.contains("catalog"), "{refused}");
    assert_eq!(files(folder.path(), "run").len(), 2);
}

/// Flips a bit of the first record of the log whose first change is of this kind.
fn flip_record(folder: &Path, kind: u8) {
    let flipped = files(folder, "log").into_iter().any(|path| {
        let mut bytes = std::fs::read(&path).unwrap();
        let mut records = bytes.windows(4).enumerate().filter(|(_, mark)| mark == b"#rec");
        let found = records.find(|(at, _)| bytes.get(at + 12) == Some(&kind));
        let byte = found.map(|(at, _)| at + 13).and_then(|at| bytes.get_mut(at));
        let there = byte.map(|byte| *byte ^= 1).is_some();
        std::fs::write(&path, bytes).unwrap();
        there
    });
    assert!(flipped, "no record of kind {kind}");
}

fn write_field(store: &Store, name: &str, time: i64) {
    let mut batch = store.batch("db", None).unwrap();
    let id = batch.series("m", &[("s", "0")]).unwrap();
    let field = batch.field(id, name, FieldType::Integer).unwrap();
    batch.push(id, time, &[(field, FieldValue::Integer(time))]).unwrap();
    batch.commit().unwrap();
}

/// What was dropped and made again had been dropped, even where the log lost that: the rows that came later are
/// read under their own fields, and the store can be opened again and again.
#[test]
fn a_drop_that_was_lost_shows_in_what_was_made_again() {
    const DROP_DATABASE: u8 = 2;
    const DROP_POLICY: u8 = 4;
    const DROP_SERIES: u8 = 9;
    for kind in [DROP_SERIES, DROP_POLICY, DROP_DATABASE] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let autogen = || PolicySpec::new("autogen", None);
        store.create_database("db", autogen()).unwrap();
        write_field(&store, "before", 1);
        match kind {
            DROP_SERIES => store.drop_measurement("db", "m").unwrap(),
            DROP_POLICY => {
                store.drop_policy("db", "autogen").unwrap();
                store.create_policy("db", autogen(), true).unwrap();
            }
            _ => {
                store.drop_database("db").unwrap();
                store.create_database("db", autogen()).unwrap();
            }
        }
        write_field(&store, "behind", 2);
        drop(store);
        flip_record(folder.path(), kind);
        for _ in 0..3 {
            let store = open(folder.path()).unwrap();
            let snapshot = store.read("db").unwrap();
            let measurement = snapshot.measurement("m").unwrap();
            assert_eq!(measurement.series_all().len(), 1);
            let fields = measurement.fields(None).unwrap();
            let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
            assert_eq!(names, ["behind"]);
            let ids: Vec<_> = fields.iter().map(|field| field.id).collect();
            let mut scan = snapshot
                .scan(&ScanRequest {
                    policy: None,
                    series: measurement.series_all(),
                    fields: &ids,
                    range: TimeRange::ALL,
                    order: Order::Ascending,
                })
                .unwrap();
            let mut block = Block::default();
            scan.next_series().unwrap().unwrap();
            scan.next_chunk().unwrap().unwrap().decode(&mut block).unwrap();
            assert_eq!(block.times, [2]);
            store.flush().unwrap();
        }
    }
}
