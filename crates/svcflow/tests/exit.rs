//! What the shell sees of the built binary.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::process::{Command, Output};

fn svcflow(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_svcflow")).args(args).output().unwrap()
}

#[test]
fn exit_codes_and_one_line_errors() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = svcflow(&["edges", "--agent", &format!("http://{closed}")]);
    let line = String::from_utf8(away.stderr).unwrap();
    assert_eq!(away.status.code(), Some(3));
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains("start one with `svcflow agent`"), "{line}");

    let piped = svcflow(&["top"]);
    assert_eq!(piped.status.code(), Some(2));
    assert!(String::from_utf8(piped.stderr).unwrap().contains("svcflow edges --watch --json"));

    assert_eq!(svcflow(&["edges", "--no-such"]).status.code(), Some(2));
    for command in ["edges", "top"] {
        let wrong = svcflow(&[command, "--filter", "tier in (db"]);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("characters)"), "{command}");
    }
    assert_eq!(svcflow(&["--help"]).status.code(), Some(0));
    assert_eq!(svcflow(&["completions", "bash"]).status.code(), Some(0));
}

#[test]
fn manual_pages_for_each_subcommand() {
    let dir = tempfile::tempdir().unwrap();
    let status = svcflow(&["man", "--dir", dir.path().to_str().unwrap()]).status;
    assert!(status.success());
    assert!(dir.path().join("svcflow.1").exists());
    assert!(dir.path().join("svcflow-edges.1").exists());
}
