//! The front door, as a newcomer runs it: the built binary on the lab's real traffic, and each refusal
//! as one line that names the remedy.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_svcflow");

fn permitted() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: this test needs root: run `sudo make test`");
    }
    root
}

/// Runs the binary in a network namespace of its own, so that nothing touches the host.
fn isolated(args: &[&str]) -> Output {
    Command::new("unshare").args(["-n", "--", BINARY]).args(args).output().unwrap()
}

fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(!output.status.success());
    text
}

fn exact(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let edges = document["edges"].as_array().unwrap();
    assert_eq!(edges, document["expected"].as_array().unwrap());
    assert_eq!(document["losses"], serde_json::json!({}));
    let services = |address: Value| edges.iter().filter(|e| e["service"] == address).count();
    assert!(services("100.1.1.3".into()) > 14 && services("100.1.1.4".into()) > 2);
    assert!(services(Value::Null) == 1, "one client goes to a provider directly");
}

#[test]
fn the_demo_is_exact_with_nftables() {
    if permitted() {
        exact(&isolated(&["demo", "--once", "--json", "--source", "nftables"]));
    }
}

#[test]
fn two_nodes_are_exact_together() {
    if permitted() {
        let output = isolated(&["demo", "--once", "--clients", "--json"]);
        exact(&output);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let second = document["edges"].as_array().unwrap().iter().filter(|e| e["node"] == "node2");
        assert!(second.count() >= 9, "three clients, three ways each");
    }
}

#[test]
fn the_demo_names_its_services_and_containers() {
    if !permitted() {
        return;
    }
    let script = "ip link set lo up; \"$1\" demo --json --data \"$2\" >/dev/null & pid=$!; \
                  for i in $(seq 900); do sleep 0.1; curl -sf http://127.0.0.1:4000/services | grep -q app-db && break; done; \
                  sleep 2; curl -sf http://127.0.0.1:4000/services; kill -KILL $pid";
    let shell = ["-n", "--", "sh", "-c", script, "sh", BINARY];
    let data = tempfile::tempdir().unwrap();
    let output = Command::new("unshare").args(shell).arg(data.path()).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let children = document["children_struct"].as_object().unwrap();
    assert_eq!(children["topLevel"], serde_json::json!(["default:app-db", "default:app-svc"]));
    assert_eq!(children["default:app-svc"].as_array().unwrap().len(), 14);
    assert_eq!(children["default:app-db"].as_array().unwrap().len(), 3);
    assert_eq!(document["labels"]["10.1.1.1"]["version"], "1.0");
    assert_eq!(document["serviceSelectors"]["default:app-db"]["tier"], "db");
}

#[test]
fn the_demo_is_exact_with_conntrack() {
    if permitted() {
        exact(&isolated(&["demo", "--once", "--json", "--source", "conntrack"]));
    }
}

/// The binary where another user may run it.
fn for_anyone(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let copy = folder.path().join("svcflow");
    std::fs::copy(BINARY, &copy).unwrap();
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), all.clone()).unwrap();
    std::fs::set_permissions(&copy, all).unwrap();
    copy
}

fn as_nobody(program: &std::path::Path, args: &[&str]) -> Output {
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    Command::new("setpriv").args(nobody).arg(program).args(args).output().unwrap()
}

#[test]
fn the_demo_needs_no_root() {
    if !permitted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = as_nobody(&for_anyone(&folder), &["demo", "--once", "--json"]);
    let refused = String::from_utf8_lossy(&output.stderr).contains("sudo");
    if refused && !output.status.success() {
        eprintln!("skipped: this system forbids user namespaces, and the demo says so");
        return;
    }
    exact(&output);
}

#[test]
fn without_the_capability_the_remedy_is_named() {
    if !permitted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = for_anyone(&folder);
    for source in ["auto", "nftables", "conntrack"] {
        let args = ["agent", "--source", source, "--listen", "127.0.0.1:0", "--duration", "1s"];
        let line = one_line(&as_nobody(&program, &args));
        assert!(line.contains("setcap cap_net_admin"), "{source}: {line}");
    }
}

#[test]
fn a_taken_port_is_named() {
    if !permitted() {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let args = ["demo", "--duration", "5s", "--listen", &address];
    let output = Command::new(BINARY).args(args).output().unwrap();
    let line = one_line(&output);
    assert!(
        line.contains(&address) && line.contains("--listen") | line.contains("listen ="),
        "{line}"
    );
}

#[test]
fn what_the_demo_counts_is_kept() {
    if !permitted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let url = format!("http://{address}");
    let mut demo = Command::new(BINARY);
    demo.args(["demo", "--json", "--duration", "100s", "--listen", &address, "--data"]);
    demo.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut demo = demo.spawn().unwrap();
    let select =
        "SELECT last(BytesIn) FROM httpjson_svcstats WHERE Protocol = 'TCP' GROUP BY ServiceIP";
    let ask = || {
        Command::new(BINARY)
            .args(["query", "--url", &url, "--db", "telegraf", select])
            .output()
            .unwrap()
    };
    let began = Instant::now();
    let told = loop {
        let told = String::from_utf8(ask().stdout).unwrap();
        if told.contains("ServiceIP=100.1.1.3") && told.contains("ServiceIP=100.1.1.4") {
            break told;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{told}");
        std::thread::sleep(Duration::from_millis(300));
    };
    // The agent answers behind the server.
    let edges = Command::new(BINARY).args(["edges", "--agent", &url]).output().unwrap();
    let table = String::from_utf8(edges.stdout).unwrap();
    assert!(table.contains("default:app-svc (100.1.1.3:8080)"), "{table}");
    demo.kill().unwrap();
    demo.wait().unwrap();
    assert!(told.lines().count() > 6, "{told}");
    // It is in the folder, for any server.
    let mut server = Command::new(BINARY);
    server.args(["server", "--listen", &address, "--data"]).arg(folder.path());
    let mut server = server.stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !String::from_utf8(ask().stdout).unwrap().contains("ServiceIP=100.1.1.3") {
        assert!(began.elapsed() < Duration::from_secs(90));
        std::thread::sleep(Duration::from_millis(100));
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Also where it has no time of its own, and prints for nobody but a pipe.
#[test]
fn a_signal_ends_the_demo() {
    if !permitted() {
        return;
    }
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let data = tempfile::tempdir().unwrap();
        let mut demo = Command::new(BINARY);
        demo.args(["demo", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        let mut demo = demo.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with('{'));
        let id = rustix::process::Pid::from_child(&demo);
        rustix::process::kill_process(id, signal).unwrap();
        // What it prints is read until it ends.
        let ended = lines.map_while(Result::ok).last();
        assert!(ended.is_none_or(|line| line.starts_with('{')));
        assert!(demo.wait().unwrap().success(), "{signal:?}");
    }
}

#[test]
fn every_fault_of_a_configuration_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    std::fs::write(&file, "interval = \"10s\"\nlisen = \"127.0.0.1:1\"\nsource = \"ebpf\"\n")
        .unwrap();
    let output = Command::new(BINARY).args(["config", "check"]).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("agent.toml:2") && text.contains("lisen"), "{text}");
    assert!(text.contains("agent.toml:3") && text.contains("ebpf"), "{text}");
}

#[test]
fn accounting_that_is_off_is_said_with_the_remedy() {
    if !permitted() {
        return;
    }
    let args = ["agent", "--observe-only", "--listen", "127.0.0.1:0", "--duration", "300ms"];
    let output = isolated_with_loopback("0", &args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("nf_conntrack_acct") && text.contains("sysctl -w"), "{text}");
    let told: Vec<&str> = args.iter().copied().chain(["--enable-conntrack-accounting"]).collect();
    let output = isolated_with_loopback("0", &told);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("nf_conntrack_acct from 0 to 1"), "{text}");
}

fn isolated_with_loopback(accounting: &str, args: &[&str]) -> Output {
    let script = format!(
        "ip link set lo up; echo {accounting} > /proc/sys/net/netfilter/nf_conntrack_acct; exec \"$@\""
    );
    let shell = ["-n", "--", "sh", "-c", &script, "sh", BINARY];
    Command::new("unshare").args(shell).args(args).output().unwrap()
}

#[test]
fn a_trace_is_recorded_and_replayed() {
    if !permitted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("a.svcflow-trace");
    let path = trace.to_str().unwrap();
    let output = isolated(&["record", path, "--duration", "1s", "--source", "conntrack"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new(BINARY).args(["replay", path, "--json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document, serde_json::json!({ "edges": [], "losses": {} }));
    let other = Command::new(BINARY).args(["replay", BINARY]).output().unwrap();
    assert!(one_line(&other).contains("no svcflow trace"));
}
