//! An agent that wants a token and speaks TLS, asked by the commands.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use svcflow_lab::{Lab, Topology};

const URL: &str = "https://127.0.0.1:4000";
const TOKEN: &str = "0123456789abcdef";

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Certificate, key, tokens and the file that names them.
fn settings(folder: &Path) -> std::path::PathBuf {
    let at = |name: &str| folder.join(name);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(at("agent.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(at("agent.key"), key.serialize_pem()).unwrap();
    std::fs::write(at("token"), TOKEN).unwrap();
    std::fs::write(at("other"), "fedcba9876543210").unwrap();
    let text = format!(
        "token_file = {:?}\ntls_certificate = {:?}\ntls_key = {:?}\n",
        at("token"),
        at("agent.pem"),
        at("agent.key")
    );
    std::fs::write(at("agent.toml"), text).unwrap();
    at("agent.toml")
}

#[test]
fn edges_of_a_protected_agent_are_for_those_who_show_its_token() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: this test needs root: run `sudo make test`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = settings(folder.path());
    let lab = Lab::build(Topology::demo()).unwrap();
    let node = lab.nodes().first().unwrap().namespace();
    let within = |command: &mut Command| node.run(|| command.output()).unwrap().unwrap();
    within(Command::new("ip").args(["link", "set", "lo", "up"]));
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_svcflow"))
            .args(["agent", "--source", "conntrack", "--node", "node1", "--duration", "60s"])
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
    };
    let _agent = Agent(node.run(start).unwrap().unwrap());
    let edges = |more: &[(&str, &str)]| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svcflow"));
        command.args(["edges", "--json", "--agent", URL]);
        for (option, file) in more {
            command.arg(option).arg(folder.path().join(file));
        }
        within(&mut command)
    };
    let right = [("--ca", "agent.pem"), ("--token-file", "token")];
    let answers = || edges(&right).status.success();
    let answered = (0..100).any(|_| {
        answers() || {
            std::thread::sleep(Duration::from_millis(100));
            false
        }
    });
    let said = edges(&right);
    assert!(answered, "{}", String::from_utf8_lossy(&said.stderr));
    assert!(String::from_utf8_lossy(&said.stdout).contains("\"node1\""), "{said:?}");
    for (wrong, remedy) in [
        (&[("--ca", "agent.pem")][..], "--token-file"),
        (&[("--ca", "agent.pem"), ("--token-file", "other")], "--token-file"),
        (&[("--token-file", "token")], "certificate"),
        (&[("--ca", "agent.pem"), ("--token-file", "none")], "can't read"),
    ] {
        let refused = edges(wrong);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.contains(remedy), "{wrong:?}: {text}");
    }
}
