//! The spool: everything once, in order, over restarts, overflow and damage.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use svcflow_collector::sink::spool::Spool;

const LARGE: u64 = 1 << 30;

fn put(spool: &mut Spool, numbers: std::ops::Range<u32>, size: usize) {
    let records: Vec<Vec<u8>> = numbers.map(|n| record(n, size)).collect();
    spool.append(records.iter().map(|record| (record.as_slice(), 10))).unwrap();
}

fn record(number: u32, size: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(size.max(4), u8::try_from(number % 251).unwrap());
    bytes
}

fn number(record: &[u8]) -> u32 {
    u32::from_le_bytes(record[..4].try_into().unwrap())
}

fn take(spool: &mut Spool, points_max: u64) -> Vec<u32> {
    let chunk = spool.read(points_max).unwrap();
    spool.acknowledge(chunk.end, chunk.points).unwrap();
    chunk.records.iter().map(|record| number(record)).collect()
}

fn drain(spool: &mut Spool) -> Vec<u32> {
    let mut all = Vec::new();
    loop {
        let some = take(spool, 100);
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    all.sort();
    all
}

#[test]
fn what_is_not_acknowledged_comes_again_and_what_is_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    put(&mut spool, 0..10, 1_000);
    let first = spool.read(30).unwrap();
    assert_eq!((first.records.len(), first.points, spool.points()), (3, 30, 100));
    assert_eq!(spool.read(30).unwrap(), first, "not acknowledged");
    spool.acknowledge(first.end, first.points).unwrap();
    assert_eq!(spool.points(), 70);
    drop(spool);
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    assert_eq!(spool.points(), 70);
    put(&mut spool, 10..12, 1_000);
    assert_eq!(drain(&mut spool), Vec::from_iter(3..12));
    assert!(spool.is_empty());
    drop(spool);
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    assert!(spool.is_empty() && drain(&mut spool).is_empty());
    put(&mut spool, 12..13, 1_000);
    assert_eq!(drain(&mut spool), [12]);
}

#[test]
fn segments_that_are_done_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    put(&mut spool, 0..100, 8_000);
    assert!(segments(folder.path()).len() > 5);
    assert_eq!(drain(&mut spool).len(), 100);
    assert_eq!(segments(folder.path()).len(), 1);
    assert_eq!(spool.figures().drops, 0);
}

#[test]
fn a_full_spool_drops_its_oldest_and_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    put(&mut spool, 0..50, 8_000);
    // A sender that has read but is not answered yet loses its place when that is dropped.
    let under_way = spool.read(20).unwrap();
    put(&mut spool, 50..400, 8_000);
    assert!(spool.bytes() <= 1 << 20);
    spool.acknowledge(under_way.end, under_way.points).unwrap();
    let figures = spool.figures();
    let left = drain(&mut spool);
    assert_eq!(left.last(), Some(&399));
    assert_eq!(left, Vec::from_iter(left[0]..400), "the newest, without a hole");
    assert_eq!(figures.dropped_points, 4_000 - 10 * left.len() as u64);
    assert!(figures.drops > 5);
}

#[test]
fn a_torn_end_is_cut_off_and_written_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    put(&mut spool, 0..10, 1_000);
    drop(spool);
    let file = segments(folder.path()).remove(0);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 500]).unwrap();
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    put(&mut spool, 10..12, 1_000);
    assert_eq!(drain(&mut spool), [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
    assert_eq!(spool.figures().damaged, 0, "nobody was told that the last one was kept");
}

#[test]
fn a_flipped_bit_costs_the_rest_of_its_file_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    put(&mut spool, 0..60, 8_000);
    drop(spool);
    let file = segments(folder.path()).remove(1);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[9_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
    let left = drain(&mut spool);
    assert_eq!(spool.figures().damaged, 1);
    assert_eq!((left[0], left.last()), (0, Some(&59)));
    assert!((40..60).contains(&left.len()), "one file of eight or so: {left:?}");
    put(&mut spool, 60..61, 10);
    assert_eq!(drain(&mut spool), [60]);
}

#[test]
fn garbage_in_the_folder_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("00000000000000000007.seg"), [0xFF; 100]).unwrap();
    std::fs::write(folder.path().join("x.seg"), "x").unwrap();
    std::fs::write(folder.path().join("position"), "999999 1 1").unwrap();
    let mut spool = Spool::open(folder.path(), LARGE).unwrap();
    put(&mut spool, 0..3, 10);
    assert_eq!(drain(&mut spool), [0, 1, 2]);
}

#[derive(Clone, Debug)]
enum Step {
    Put(u32),
    Take(u64),
    Peek(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..6_u32).prop_map(Step::Put),
        (1..80_u64).prop_map(Step::Take),
        (1..80_u64).prop_map(Step::Peek),
        Just(Step::Restart),
    ]
}

proptest! {
    // Each step syncs a file: a few dozen rounds say enough.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn everything_once_and_in_order(steps in prop::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), LARGE).unwrap();
        let (mut next, mut taken) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Put(count) => {
                    put(&mut spool, next..next + count, 100);
                    next += count;
                }
                Step::Take(points) => taken.extend(take(&mut spool, points)),
                Step::Peek(points) => drop(spool.read(points).unwrap()),
                Step::Restart => {
                    drop(spool);
                    spool = Spool::open(folder.path(), LARGE).unwrap();
                }
            }
            let waits = u64::from(next) - taken.len() as u64;
            prop_assert_eq!(spool.points(), waits * 10);
        }
        taken.extend(drain(&mut spool));
        prop_assert_eq!(taken, Vec::from_iter(0..next));
    }
}
