//! `svcflow demo --runtime docker` with a real engine, in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "../../topology/tests/support/dockerd.rs"]
mod dockerd;

use std::process::Command;
use std::time::Duration;

use dockerd::{Dockerd, engines};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_svcflow");
const OURS: [&str; 4] = ["ps", "-aq", "--filter", "label=io.svcflow.demo"];

#[test]
fn the_demo_of_real_containers_is_exact_and_named_and_leaves_nothing() {
    let Some(engines) = engines() else { return };
    let engine = Dockerd::start(engines);
    let socket = engine.socket().display().to_string();
    // This engine copies the image for each container, and what a debugger wants is most of a test's binary.
    let binary = engine.folder().join("svcflow").display().to_string();
    let strip = Command::new("strip").args(["--strip-debug", "-o", &binary, BINARY]).status();
    assert!(strip.unwrap().success());
    let demo = ["demo", "--runtime", "docker", "--docker", &socket, "--json"];
    let links = || engine.on_its_host("ip", &["-br", "link"]).stdout;
    let (before, rules) = (links(), engine.on_its_host("nft", &["list", "ruleset"]).stdout);

    let output = engine.on_its_host(&binary, &[&demo[..], &["--once", "--clients"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("24 containers of the image svcflow-demo"), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let edges = document["edges"].as_array().unwrap();
    assert_eq!(edges, document["expected"].as_array().unwrap());
    assert!(edges.len() > 20, "{}", edges.len());
    assert_eq!(engine.docker(&OURS), "", "removed");

    // Live, with names; killed, so that only the containers' own end can remove them.
    let data = engine.folder().join("data-of-demo").display().to_string();
    let script = "\"$@\" >/dev/null 2>\"$0.said\" & pid=$!; for i in $(seq 600); do sleep 0.1; \
                  curl -sf http://127.0.0.1:4000/api/v1/topology | grep -q svcflow-demo && break; done; sleep 3; \
                  curl -sf http://127.0.0.1:4000/services; echo; \
                  curl -sf 'http://127.0.0.1:4000/api/v1/edges?limit=0&from=-2000'; kill -KILL $pid";
    let log = engine.folder().join("demo").display().to_string();
    let args = [&["-c", script, &log, &binary][..], &demo[..], &["--data", &data]].concat();
    let output = engine.on_its_host("sh", &args);
    let said = std::fs::read_to_string(format!("{log}.said")).unwrap_or_default();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let services = lines.next().unwrap_or_else(|| panic!("{said}"));
    assert_eq!(services["children_struct"]["default:app-svc"].as_array().unwrap().len(), 14);
    assert_eq!(services["labels"]["10.1.1.15"]["tier"], "db");
    let edges = lines.next().unwrap();
    let names =
        edges["rows"].as_array().unwrap().iter().map(|row| row["provider_name"].as_str().unwrap());
    assert!(
        names.clone().count() > 4
            && names.clone().all(|name| name.starts_with("svcflow-demo-app-")),
        "{edges}"
    );
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        engine.docker(&OURS).is_empty()
    });
    assert!(gone, "containers outlive a demo that was killed");

    assert_eq!(String::from_utf8(links()).unwrap(), String::from_utf8(before).unwrap());
    assert_eq!(
        engine.on_its_host("nft", &["list", "ruleset"]).stdout,
        rules,
        "the host's rules are as they were"
    );
}

#[test]
fn where_no_engine_runs_the_remedy_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock").display().to_string();
    let args = ["demo", "--runtime", "docker", "--docker", &socket, "--once"];
    let output = Command::new(BINARY).args(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    if rustix::process::geteuid().is_root() {
        assert!(said.contains(&socket) && said.contains("systemctl start docker"), "{said}");
    } else {
        assert!(said.contains("sudo svcflow demo --runtime docker"), "{said}");
    }
}
