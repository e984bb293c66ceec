//! Real clients against svcflow and, as control, against influxd: what they print must be equal.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::PathBuf;
use std::process::Command;

use svcflow_compat::{Program, Server, cache, folder, installed};

/// A client and how it is started against a server.
struct Client {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    environment: Vec<(&'static str, PathBuf)>,
}

fn script(name: &str) -> PathBuf {
    folder("clients").join(name)
}

impl Client {
    fn influx() -> Option<Client> {
        let folder = installed("influx")?.parent()?.to_owned();
        let path = std::env::join_paths([folder, "/usr/bin".into(), "/bin".into()]).ok()?;
        let environment = vec![("PATH", PathBuf::from(path))];
        Some(Client {
            name: "influx",
            program: "bash".into(),
            arguments: vec![script("influx.sh")],
            environment,
        })
    }

    fn python() -> Option<Client> {
        let program = cache()?.join("clients/python/bin/python");
        program.is_file().then(|| Client {
            name: "Python's influxdb",
            program,
            arguments: vec![script("client.py")],
            environment: Vec::new(),
        })
    }

    fn node() -> Option<Client> {
        let folder = cache()?.join("clients/node");
        folder.join("node_modules/influx").is_dir().then(|| Client {
            name: "Node's influx",
            program: "node".into(),
            arguments: vec![script("client.mjs")],
            environment: vec![("CLIENTS", folder)],
        })
    }

    /// What the client prints against this server.
    fn printed(&self, server: &Server) -> String {
        let home = tempfile::tempdir().unwrap();
        let address = server.base().strip_prefix("http://").unwrap();
        let (host, port) = address.split_once(':').unwrap();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args([host, port]).arg(home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{complaints}", self.name, output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Runs one client against both servers and compares line by line.
fn must_print_the_same(client: Option<Client>, missing: &str) {
    let (Some(client), Some(influxd)) = (client, Program::influxd()) else {
        assert!(std::env::var_os("CI").is_none(), "CI must run {missing} and influxd");
        eprintln!(
            "skipped: {missing} or influxd is missing: run scripts/clients and scripts/servers"
        );
        return;
    };
    let svcflow = Program::svcflow().unwrap();
    let expected = client.printed(&influxd.start().unwrap());
    let printed = client.printed(&svcflow.start().unwrap());
    assert!(expected.lines().count() > 20, "{} printed too little:\n{expected}", client.name);
    let mut step = "";
    for (number, (theirs, ours)) in expected.lines().zip(printed.lines()).enumerate() {
        step = if theirs.starts_with("--- ") { theirs } else { step };
        let name = client.name;
        assert_eq!(theirs, ours, "{name}, line {}, influxd's at left {step}", number + 1);
    }
    assert_eq!(expected.lines().count(), printed.lines().count(), "{} stopped early", client.name);
}

#[test]
fn the_influx_command_line_sees_no_difference() {
    must_print_the_same(Client::influx(), "the influx command line");
}

#[test]
fn pythons_client_sees_no_difference() {
    must_print_the_same(Client::python(), "Python's influxdb client");
}

#[test]
fn nodes_client_sees_no_difference() {
    must_print_the_same(Client::node(), "Node's influx client");
}
