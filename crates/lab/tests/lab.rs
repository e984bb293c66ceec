//! The demo's steady traffic. That the lab's count is right is tested where two kernel counters are held
//! against it: `crates/source/tests/matrix.rs`.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::time::Duration;

use svcflow_lab::{Lab, Topology};

fn permitted() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: making network namespaces needs root here: run `sudo make test`");
    }
    root
}

/// Packets that the client's end of its veth has received.
fn received(lab: &Lab) -> u64 {
    let read = || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let client = lab.client("11.1.1.1".parse().unwrap()).unwrap();
    let text = client.namespace().run(read).unwrap();
    let line = text.lines().find(|line| line.contains("eth0") || line.contains("veth")).unwrap();
    let numbers = line.split_once(':').unwrap().1;
    numbers.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn background_traffic_flows_and_stops() {
    if !permitted() {
        return;
    }
    let lab = Arc::new(Lab::build(Topology::demo()).unwrap());
    let background = lab.background().unwrap();
    // A second and a half on an idle machine.
    let came = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        received(&lab) > 20
    });
    assert!(came, "{} packets came", received(&lab));
    assert_eq!(background.failures(), 0);
    drop(background);
    let stopped = received(&lab);
    std::thread::sleep(Duration::from_millis(300));
    assert!(received(&lab) < stopped + 10, "traffic goes on after the end");
}
