//! `svcflow server` and `svcflow query`, as a newcomer runs them: the built binary on a port of loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_svcflow");

struct Server {
    child: Child,
    said: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["server", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
        }
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { child, said, address }
    }

    fn write(&self, lines: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST /write?db=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{lines}",
            lines.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn query(&self, args: &[&str]) -> Output {
        let url = format!("http://{}", self.address);
        Command::new(BINARY).args(["query", "--url", &url]).args(args).output().unwrap()
    }

    fn answered(&self, args: &[&str]) -> String {
        let output = self.query(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks it to end, and waits; what it said.
    fn terminate(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
        said
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves none behind; one that has ended is left alone.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn error(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_is_acknowledged_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.answered(&["CREATE DATABASE d"]);
    assert_eq!(server.write("m,h=a v=1i,w=\"x\" 10\nm,h=b v=20i 20"), "HTTP/1.1 204 No Content");
    server.kill();
    let server = Server::start(&data);
    let table = "m\n\
                 time                           h   v  w\n\
                 1970-01-01T00:00:00.00000001Z  a   1  x\n\
                 1970-01-01T00:00:00.00000002Z  b  20\n";
    assert_eq!(server.answered(&["--db", "d", "SELECT * FROM m"]), table);
    let said = server.terminate();
    assert!(said.contains("stopping"), "{said}");
    let server = Server::start(&data);
    let csv = "name,tags,time,h,v,w\nm,,10,a,1,x\nm,,20,b,20,\n";
    assert_eq!(server.answered(&["--db", "d", "--csv", "SELECT * FROM m"]), csv);
    let json =
        server.answered(&["--db", "d", "--json", "--epoch", "ns", "SELECT v FROM m LIMIT 1"]);
    let expected = "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\
                    \"values\":[[10,1]]}]}]}\n";
    assert_eq!(json, expected);
    server.terminate();
}

#[test]
fn what_is_wrong_is_shown_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let text = error(&server.query(&["SELECT v\nFRO m"]));
    let expected =
        "svcflow: error parsing query: found FRO, expected FROM at line 2, char 1\n  FRO m\n  ^\n";
    assert_eq!(text, expected);
    let text = error(&server.query(&["--db", "nope", "SELECT v FROM m"]));
    assert_eq!(text, "svcflow: database not found: nope\n");
    let nobody = ["query", "--url", "http://127.0.0.1:1", "SHOW DATABASES"];
    let away = Command::new(BINARY).args(nobody).output().unwrap();
    assert_eq!(away.status.code(), Some(3));
    assert!(error(&away).contains("start one with `svcflow server`"));
    server.terminate();
}

#[test]
fn two_servers_can_t_share_a_folder_or_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let second = |listen: &str, data: &Path| {
        let mut command = Command::new(BINARY);
        command.args(["server", "--listen", listen, "--data"]).arg(data);
        error(&command.output().unwrap())
    };
    let text = second("127.0.0.1:0", &data);
    assert!(text.contains(&*data.to_string_lossy()) && text.contains("another process"), "{text}");
    let text = second(&server.address, &folder.path().join("other"));
    assert!(text.contains(&server.address) && text.contains("--listen"), "{text}");
    let text = second("0.0.0.0:0", &folder.path().join("other"));
    assert!(text.contains("lacks users"), "{text}");
    server.terminate();
}
