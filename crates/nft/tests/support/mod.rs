//! Network namespaces for tests: each test runs in a thread of its own that has left the host's
//! network, so nothing it does is seen outside.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    unsafe_code,
    reason = "unshare is unsafe only for file descriptors, which stay shared here"
)]

pub(crate) mod routed;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

#[allow(deprecated, reason = "see `enter`")]
use rustix::thread::{UnshareFlags, unshare};
use svcflow_nft::{Direction, Element, Options, Placement, Readout, Table};

/// Runs `test` in a private network namespace with loopback up. Without root it says so and skips,
/// except in CI, where a test that didn't run is a failure.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        let remedy = "needs root for network namespaces: run with sudo or inside `unshare -Urn`";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{remedy}");
        eprintln!("SKIPPED: {remedy}");
        return;
    }
    let thread = std::thread::spawn(|| {
        enter();
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[allow(deprecated, reason = "its successor is unsafe for the sake of CLONE_FILES, not used here")]
pub(crate) fn enter() {
    unshare(UnshareFlags::NEWNET).expect("unshare");
    ip("link set lo up");
}

/// `ip` with arguments separated by spaces.
pub(crate) fn ip(arguments: &str) {
    run("ip", arguments);
}

pub(crate) fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `nft` with a ruleset on its input: whether it took it, and what it said.
pub(crate) fn nft_input(arguments: &[&str], ruleset: &str) -> (bool, String) {
    let mut child = Command::new("nft")
        .args(arguments)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nft");
    child.stdin.take().unwrap().write_all(ruleset.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

pub(crate) fn load(ruleset: &str) {
    let (taken, said) = nft_input(&[], ruleset);
    assert!(taken, "{said}");
}

pub(crate) fn options() -> Options {
    Options { owner: false, ..Options::default() }
}

pub(crate) fn on_bridge() -> Options {
    Options { placement: Placement::Bridge, ..options() }
}

/// All elements, merged by key and place as callers ought to.
pub(crate) fn read(table: &mut Table) -> (Vec<Element>, Readout) {
    let mut merged: BTreeMap<String, Element> = BTreeMap::new();
    let readout = table
        .read(&mut |element| {
            let key = Element { packets: 0, bytes: 0, ..element.clone() };
            let known = merged.entry(format!("{key:?}")).or_insert(key);
            known.packets = known.packets.max(element.packets);
            known.bytes = known.bytes.max(element.bytes);
        })
        .expect("read");
    (merged.into_values().collect(), readout)
}

/// Reads until it is as wanted: the last packets may still wait for their soft interrupts. What was read last where
/// that doesn't come.
#[allow(dead_code, reason = "some tests wait for nothing")]
pub(crate) fn read_until(
    table: &mut Table,
    wanted: impl Fn(&[Element], &Readout) -> bool,
) -> (Vec<Element>, Readout) {
    for _ in 0..600 {
        let (elements, readout) = read(table);
        if wanted(&elements, &readout) {
            return (elements, readout);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    read(table)
}

/// Packets and bytes of the elements that `which` chooses.
pub(crate) fn total(elements: &[Element], which: impl Fn(&Element) -> bool) -> (u64, u64) {
    let chosen = elements.iter().filter(|element| which(element));
    chosen.fold((0, 0), |sum, element| (sum.0 + element.packets, sum.1 + element.bytes))
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) const OUT: Direction = Direction::Out;
pub(crate) const IN: Direction = Direction::In;
