//! Server-sent events.

use svcflow_map::document::{Node, NodeState};

use crate::bench::{Bench, Events, LATEST, Writer, demo};

/// An agent that is well.
pub(crate) fn agent(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        address: format!("{name}:4000"),
        state: NodeState::Ok,
        state_since: LATEST - 1_000_000,
        message: None,
        remedy: None,
        last_seen: Some(LATEST),
        interval: Some(10_000),
        lag: Some(3_000),
        skew: Some(1),
        edges: Some(8),
        connections: None,
        version: None,
        source: None,
        blind_spots: vec![],
        losses: vec![],
    }
}

#[test]
fn a_greeting_then_a_tick_for_each_interval_and_pings() {
    let mut bench = Bench::start();
    demo(&bench);
    let (mut events, head) = Events::of(&bench);
    assert!(
        head.contains("content-type: text/event-stream")
            && head.contains("cache-control: no-store")
    );
    assert!(head.contains("x-accel-buffering: no"), "{head}");
    let (name, hello, all) = events.next().unwrap();
    assert_eq!((name.as_str(), hello["latest"].as_i64()), ("hello", Some(LATEST)));
    assert!(all.contains("retry: 2000"), "{all}");
    assert_eq!(
        (hello["interval"].as_i64(), hello["started"].as_i64()),
        (Some(10_000), Some(LATEST + 3_000))
    );
    assert!(hello["version"].is_string() && hello["page"].is_string());
    let (mut other, _) = Events::of(&bench);
    other.next().unwrap();
    for node in ["n1", "n2"] {
        Writer { bench: &bench, node }.report(LATEST + 10_000, 7, LATEST / 10_000 + 1);
    }
    for events in [&mut events, &mut other] {
        let (name, tick, _) = events.next().unwrap();
        assert_eq!((name.as_str(), tick["latest"].as_i64()), ("tick", Some(LATEST + 10_000)));
    }
    let (name, ping, _) = events.next().unwrap();
    assert_eq!((name.as_str(), ping["now"].as_i64()), ("ping", Some(LATEST + 3_000)));
    // A server that stops ends the streams rather than wait for their readers.
    let began = std::time::Instant::now();
    bench.stop();
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    while other.next().is_some() {}
}
