//! A full disk, and one that is read-only: an error that names the file, nothing acknowledged lost, the
//! rest readable; and it goes on when there is room again.
//!
//! The test runs itself again in a mount namespace of its own, with a small file system in memory.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::error::Error as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::each_integer;
use svcflow_store::{
    Error, FieldType, FieldValue, Measurement, Options, PolicySpec, Store, TimeRange,
};

const INSIDE: &str = "SVCFLOW_DISK_FOLDER";
/// Series that a batch has a point of.
const SERIES: i64 = 50;

/// Runs one of this file's tests in a mount namespace with a file system of so many KiB.
fn inside(test: &str, size: u32) {
    let folder = tempfile::tempdir().unwrap();
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let flags = if root { "-m" } else { "-rm" };
    let script = format!("mount -t tmpfs -o size={size}k tmpfs \"$0\" || exit 77; exec \"$@\"");
    let output = Command::new("unshare")
        .args([flags, "sh", "-c", &script])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, folder.path())
        .output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) if output.status.code() == Some(77) || output.stdout.is_empty() => {
            eprintln!("SKIPPED: no mount namespace here: {}", text(&output.stderr));
        }
        Ok(output) => {
            eprintln!("{}\n{}", text(&output.stdout), text(&output.stderr));
            assert!(output.status.success(), "see above");
        }
        Err(fault) => eprintln!("SKIPPED: no unshare here: {fault}"),
    }
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(&folder.join("store"), Options { background: false, ..Options::default() })
}

fn write(store: &Store, time: i64) -> Result<(), Error> {
    let mut batch = store.batch("db", None)?;
    for at in 0..SERIES {
        let series = batch.series("m", &[("at", &format!("{at}"))])?;
        let field = batch.field(series, "f", FieldType::Integer)?;
        // Steps that can't be compressed.
        let value = time.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at) >> 2;
        batch.push(series, time, &[(field, FieldValue::Integer(value))])?;
    }
    batch.commit()
}

/// How many rows there are; each must have the value that was written.
fn count(store: &Store) -> i64 {
    let mut rows = 0;
    let all = |measurement: &Measurement| measurement.series_all().clone();
    let snapshot = store.read("db").unwrap();
    assert!(snapshot.measurement("m").is_some());
    each_integer(&snapshot, None, "m", all, |measurement, series, time, value| {
        let at: i64 = measurement.tag(series, "at").unwrap().parse().unwrap();
        assert_eq!(value, time.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at) >> 2);
        rows += 1;
    });
    rows
}

/// The error names a file of the store and its source says why.
fn assert_names_a_file(fault: &Error, folder: &Path, kind: ErrorKind) {
    let store = folder.join("store");
    assert!(fault.to_string().contains(store.to_str().unwrap()), "{fault}");
    let source = fault.source().unwrap();
    let source = source.downcast_ref::<std::sync::Arc<std::io::Error>>().unwrap();
    assert_eq!(source.kind(), kind, "{fault}: {source}");
}

#[test]
fn on_a_full_disk() {
    let Some(folder) = folder() else { return inside("on_a_full_disk", 1_024) };
    let store = open(&folder).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 300 << 10]).unwrap();
    let mut written = 0;
    let fault = loop {
        match write(&store, written) {
            Ok(()) => written += 1,
            Err(fault) => break fault,
        }
    };
    assert!(written > 100);
    assert_names_a_file(&fault, &folder, ErrorKind::StorageFull);
    assert!(write(&store, written).is_err(), "still full");
    assert_eq!(count(&store), written * SERIES);
    // Sealing fails too, and loses nothing.
    assert_names_a_file(&store.flush().unwrap_err(), &folder, ErrorKind::StorageFull);
    assert_eq!(count(&store), written * SERIES);

    // Nor does a start.
    drop(store);
    let reopened = open(&folder);
    if let Ok(store) = &reopened {
        assert_eq!(count(store), written * SERIES);
        assert!(store.stats().damage.is_empty());
    } else if let Err(fault) = &reopened {
        assert_names_a_file(fault, &folder, ErrorKind::StorageFull);
    }
    drop(reopened);

    // There is room again.
    std::fs::remove_file(ballast).unwrap();
    let store = open(&folder).unwrap();
    assert_eq!(count(&store), written * SERIES);
    write(&store, written).unwrap();
    store.flush().unwrap();
    while store.merge().unwrap() {}
    assert_eq!(count(&store), (written + 1) * SERIES);
    assert!(store.stats().damage.is_empty());
    println!("{written} batches fit");
}

#[test]
fn on_a_disk_that_is_full_for_a_while() {
    let test = "on_a_disk_that_is_full_for_a_while";
    let Some(folder) = folder() else { return inside(test, 2_048) };
    let options = Options { head_bytes: 32 << 10, ..Options::default() };
    let store = Store::open(&folder.join("store"), options).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let (mut written, mut failed) = (0, 0);
    // The same handle goes on, though sealing and merging in the background fail as well.
    while written < 600 || failed == 0 {
        match write(&store, written) {
            Ok(()) => written += 1,
            Err(fault) => {
                failed += 1;
                println!("{written}: {fault}");
                assert_eq!(count(&store), written * SERIES);
                let _ = std::fs::remove_file(&ballast);
                std::thread::sleep(Duration::from_millis(100));
                assert!(failed < 200, "it doesn't go on");
            }
        }
    }
    assert_eq!(count(&store), written * SERIES);
    drop(store);
    assert_eq!(count(&open(&folder).unwrap()), written * SERIES);
}

#[test]
fn on_a_disk_that_is_read_only() {
    let test = "on_a_disk_that_is_read_only";
    let Some(folder) = folder() else { return inside(test, 4_096) };
    let store = open(&folder).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    write(&store, 0).unwrap();
    store.flush().unwrap();
    write(&store, 1).unwrap();
    drop(store);
    let remount = |how: &str| {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-o", &format!("remount,{how}")]).arg(&folder).status().unwrap();
        assert!(mount.success());
    };
    remount("ro");
    let fault = open(&folder).err().unwrap();
    assert_names_a_file(&fault, &folder, ErrorKind::ReadOnlyFilesystem);
    remount("rw");
    assert_eq!(count(&open(&folder).unwrap()), 2 * SERIES);
}

/// Files of chunks below the folder.
fn runs(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: PathBuf| {
        if path.is_dir() {
            runs(&path)
        } else {
            usize::from(path.extension().is_some_and(|it| it == "run"))
        }
    };
    entries.map(count).sum()
}

/// Of a sealing that fails in the middle no file stays: each attempt would take more of a disk that is full, and
/// rows that are deleted until an attempt succeeds would be there again after a start.
#[test]
fn a_sealing_that_fails_leaves_no_files() {
    const WEEK: i64 = 7 * 24 * 3_600 * 1_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.create_database("db", PolicySpec::new("autogen", None)).unwrap();
    // Where one of eight partitions should be there is a file.
    let data = folder.path().join("store/data/0/0");
    std::fs::create_dir_all(&data).unwrap();
    let blocked = data.join(format!("{}_{}", WEEK, 2 * WEEK - 1));
    std::fs::write(&blocked, []).unwrap();
    for at in 0..8 {
        write(&store, at * WEEK).unwrap();
    }
    for _ in 0..5 {
        store.flush().unwrap_err();
        assert_eq!(runs(folder.path()), 0);
    }
    // All but one are deleted, then it succeeds.
    let all = store.read("db").unwrap().measurement("m").unwrap().series_all().clone();
    store.delete("db", &all, TimeRange { first: WEEK, last: i64::MAX }).unwrap();
    std::fs::remove_file(blocked).unwrap();
    write(&store, 1).unwrap();
    store.flush().unwrap();
    write(&store, 2).unwrap();
    store.flush().unwrap();
    drop(store);
    assert_eq!(count(&open(folder.path()).unwrap()), 3 * SERIES);
}
