//! The loop: when it looks, what a late collector gets, what survives a restart or a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::{Bench, START, Strings, config, contiv_example, counters, edge, get, options, start};
use svcflow_agent::{
    Config, Gap, ManualClock, SamplesDocument, Snapshot, Switches, bind, start as start_agent,
    start_with,
};
use svcflow_model::{Epoch, LossKind};

const SECOND: Duration = Duration::from_secs(1);

/// Waits until the agent has published what is asked for; the bound only ends a broken run.
fn until(bench: &Bench, what: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let began = Instant::now();
    loop {
        let snapshot = bench.agent.shared().snapshot();
        if what(&snapshot) {
            return snapshot;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never came; last {snapshot:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn web() -> svcflow_model::Edge {
    edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.5:80")
}

#[test]
fn looks_are_aligned_and_a_speed_needs_two() {
    let bench = start(contiv_example(), config());
    bench.clock.advance(Duration::from_secs(3));
    let _ = bench.agent.look_now();
    bench.clock.advance(Duration::from_secs(6));
    bench.strings.set(web(), counters(1_000_272, 10_408, 704, 106));
    let looks = bench.strings.looks.load(Ordering::SeqCst);
    assert_eq!(looks, 2, "9 s are not yet an interval");
    bench.clock.advance(SECOND);
    let snapshot = until(&bench, |snapshot| snapshot.sequence == 3);
    assert_eq!(snapshot.at.0 - START.0, 10_000_000_000);
    let view = snapshot.edges.iter().find(|view| view.sample.edge == web()).unwrap();
    let rate = view.rate.unwrap();
    assert!((rate.bytes_in - 1_000_000.0 / 7.0).abs() < 1e-6, "{rate:?}");
    assert!((rate.bytes_out - 10_000.0 / 7.0).abs() < 1e-6, "{rate:?}");
}

#[tokio::test]
async fn a_collector_gets_what_it_missed_and_is_told_what_is_gone() {
    let keep = Duration::from_secs(20);
    let bench = start(contiv_example(), Config { keep, ..config() });
    let ask = async |target: &str| -> SamplesDocument {
        serde_json::from_str(&get(&bench, target).await.body).unwrap()
    };
    let first = ask("/api/v1/samples?after=0").await;
    assert_eq!((first.gap, first.intervals.len(), first.sequence), (None, 1, 1));
    assert_eq!(first.intervals[0].samples.len(), 2);
    assert_eq!(ask("/api/v1/samples?after=1").await.intervals, []);
    for bytes in [300, 400, 500] {
        bench.strings.set(web(), counters(bytes, 408, 4, 6));
        let _ = bench.agent.look_now();
    }
    let late = ask("/api/v1/samples?after=1").await;
    assert_eq!(late.gap, Some(Gap { from: 2, to: 2 }));
    let all: Vec<_> = late.intervals.iter().map(|i| (i.sequence, i.samples.len())).collect();
    assert_eq!(all, [(2, 2), (3, 1), (4, 1)], "the gap's end carries every edge");
    let Epoch(epoch) = first.epoch;
    assert!(epoch < 1 << 53, "a double holds it");
    let same = ask(&format!("/api/v1/samples?after=3&epoch={epoch}")).await;
    assert_eq!(same.intervals.len(), 1);
    let other = ask(&format!("/api/v1/samples?after=3&epoch={}", epoch ^ 1)).await;
    assert_eq!(other.intervals.len(), 3, "another epoch's reader begins anew");
    assert_eq!(ask("/api/v1/samples?after=99").await.intervals.len(), 3);
    let greeting = ask("/api/v1/samples?after=latest").await;
    assert_eq!((greeting.sequence, greeting.intervals.len(), greeting.gap), (4, 0, None));
}

#[tokio::test]
async fn fresh_looks_are_limited_to_one_a_second() {
    let bench = start(contiv_example(), config());
    let sequence = async || get(&bench, "/api/v1/edges?fresh=1").await.json()["sequence"].as_u64();
    assert_eq!(sequence().await, Some(1));
    bench.clock.advance(SECOND);
    assert_eq!(sequence().await, Some(2));
    assert_eq!(sequence().await, Some(2));
}

fn restart(strings: &Strings, config: &Config) -> Bench {
    start(strings.clone(), config.clone())
}

#[test]
fn the_epoch_goes_on_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { state_dir: Some(directory.path().join("svcflow")), ..config() };
    let bench = start(contiv_example(), config.clone());
    let before = bench.agent.look_now();
    let Bench { strings, agent, .. } = bench;
    agent.shutdown();
    strings.set(web(), counters(1_272, 408, 5, 6));
    let bench = restart(&strings, &config);
    let after = bench.agent.shared().snapshot();
    assert_eq!(after.epoch, before.epoch);
    assert_eq!(after.sequence, before.sequence + 2, "the last look of the first run, and one more");
    let view = after.edges.iter().find(|view| view.sample.edge == web()).unwrap();
    assert_eq!(
        view.sample.counters,
        counters(1_272, 408, 5, 6),
        "what ran meanwhile is credited once"
    );
    assert!(after.losses.is_empty(), "{:?}", after.losses);
    let samples = bench.agent.shared().samples(0, None);
    assert_eq!(samples.gap, Some(Gap { from: 1, to: before.sequence + 1 }));
    assert_eq!(samples.intervals[0].samples.len(), 2);
}

#[test]
fn a_corrupt_state_file_is_a_warning_and_a_stated_gap() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agent-state.json");
    for text in [
        "",
        "{\"version\":1,\"seq",
        "\u{0}\u{0}",
        "{\"version\":9,\"sequence\":1,\"accounting\":{}}",
    ] {
        std::fs::write(&file, text).unwrap();
        let config = Config { state_dir: Some(directory.path().to_owned()), ..config() };
        let bench = start(contiv_example(), config);
        let snapshot = bench.agent.shared().snapshot();
        assert_eq!(snapshot.losses.get(LossKind::EpochGap).unwrap().count, 1, "{text:?}");
        assert!(
            snapshot.notes[0].contains("agent-state.json can't be read"),
            "{:?}",
            snapshot.notes
        );
        assert_eq!(snapshot.sequence, 1);
        bench.agent.shutdown();
    }
}

#[tokio::test]
async fn a_failed_source_is_said_and_opened_again() {
    let strings = contiv_example();
    let clock = Arc::new(ManualClock::at(START));
    let again = strings.clone();
    let opener = move || Ok(again.source("nftables"));
    let agent = start_with(opener, options(config(), &clock)).unwrap();
    let bench = Bench { strings, clock, agent };
    bench.strings.script.lock().unwrap().fail = true;
    let failed = bench.agent.look_now();
    assert_eq!(failed.failure.as_deref(), Some("reading sets failed: the kernel is out of sorts"));
    assert_eq!(failed.edges.len(), 2, "what is known stays");
    let health = get(&bench, "/healthz").await;
    assert_eq!((health.status, &health.json()["status"]), (503, &"failing".into()));
    let healed = bench.agent.look_now();
    assert_eq!((healed.failure.as_deref(), healed.figures.failures), (None, 1));
    assert_eq!(get(&bench, "/healthz").await.status, 200);
}

#[test]
fn a_source_that_does_not_open_is_an_error_at_start() {
    let opener = || Err("no such kernel".into());
    let clock = Arc::new(ManualClock::at(START));
    let error = start_with(opener, options(config(), &clock)).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        (error.to_string().as_str(), cause.as_str()),
        ("can't open the traffic source", "no such kernel")
    );
}

fn switched_off() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("net/netfilter")).unwrap();
    std::fs::write(root.path().join("net/netfilter/nf_conntrack_acct"), "0\n").unwrap();
    root
}

fn on_conntrack(switches: &Path, told: bool) -> Arc<Snapshot> {
    let clock = Arc::new(ManualClock::at(START));
    let mut options = options(Config { enable_conntrack_accounting: told, ..config() }, &clock);
    options.switches = Switches::under(switches);
    let agent = start_agent(Strings::default().source("conntrack"), options).unwrap();
    agent.shared().snapshot()
}

#[test]
fn accounting_that_is_off_is_warned_of_or_turned_on() {
    let root = switched_off();
    let warned = on_conntrack(root.path(), false);
    let spots = &warned.source.blind_spots;
    assert!(
        spots.iter().any(|s| s.contains("sysctl -w net.netfilter.nf_conntrack_acct=1")),
        "{spots:?}"
    );
    let told = on_conntrack(root.path(), true);
    assert_eq!(told.source.blind_spots.len(), 1, "only the source's own");
    assert!(told.notes[0].contains("set net.netfilter.nf_conntrack_acct from 0 to 1"));
}

#[tokio::test]
async fn a_taken_port_names_the_remedy() {
    let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let message = bind(taken.local_addr().unwrap()).await.unwrap_err().to_string();
    assert!(
        message.contains("stop what holds the port") && message.contains("`listen = "),
        "{message}"
    );
}

/// The fake source comes back from listening at once; the loop must sleep all the same.
#[test]
fn idle_is_four_wake_ups_a_second() {
    let bench = start(contiv_example(), config());
    let began = Instant::now();
    std::thread::sleep(SECOND);
    let listens = bench.strings.listens.load(Ordering::SeqCst);
    let most = began.elapsed().as_millis() / 250 + 2;
    assert!(listens as u128 <= most, "{listens} wake-ups in {:?}", began.elapsed());
}

#[test]
fn a_last_look_is_taken_at_shutdown() {
    let bench = start(contiv_example(), config());
    let shared = bench.agent.shared();
    bench.strings.set(web(), counters(999, 408, 9, 6));
    bench.agent.shutdown();
    let last = shared.snapshot();
    assert_eq!(last.sequence, 2);
    assert!(last.edges.iter().any(|view| view.sample.counters.bytes_in == 999));
}

#[test]
fn a_new_epoch_that_the_agent_begins_itself_leaves_no_gap() {
    let most = std::num::NonZeroUsize::new(1);
    let bench = start(Strings::default(), Config { edges_max: most, ..config() });
    let shared = bench.agent.shared();
    let first = shared.samples(0, None).epoch;
    let mut host = 0;
    // Each edge goes out of sight and expires, until accounting remembers no more of them.
    while shared.samples(0, None).epoch == first {
        host += 1;
        assert!(host < 20, "the epoch ends");
        let edge = edge(&format!("11.1.1.{host}"), None, "8.8.8.8:53");
        bench.strings.script.lock().unwrap().readings = vec![(edge, counters(100, 50, 1, 1))];
        for _ in 0..2 {
            let _ = bench.agent.look_now();
        }
        let mut script = bench.strings.script.lock().unwrap();
        script.readings.clear();
        script.later += Duration::from_secs(40 * 3_600);
        drop(script);
        let _ = bench.agent.look_now();
    }
    let rest = shared.samples(1, Some(first));
    assert_eq!((rest.epoch, rest.more, rest.follows), (first, true, None));
    let ended = rest.intervals.last().unwrap().sequence;
    assert_eq!(ended, rest.sequence);
    let next = shared.samples(ended, Some(first));
    assert_ne!(next.epoch, first);
    assert_eq!((next.follows, next.more), (Some(first), false));
}
