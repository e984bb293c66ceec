//! Queries that would eat the machine, several at a time: each ends in an error or streams, and the server's memory
//! stays where it is told to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

/// What queries may hold, and what a debug build's server may have in memory with it: its code, the write path's heads.
const QUERIES_MIB: u64 = 64;
const MOST_MIB: u64 = 256;
const SERIES: usize = 4_000;
const ROWS: usize = 60;

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &std::path::Path) -> Self {
        let config = folder.join("server.toml");
        let text = format!(
            "data = {:?}\nmax_select_memory = \"32MiB\"\nmax_queries_memory = \"{QUERIES_MIB}MiB\"\n",
            folder.join("data")
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_svcflow"))
            .args(["server", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
        }
        // Whatever else it says must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request; how long the answer is, and its end.
    fn ask(&self, path: &str, body: &str) -> (usize, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (mut length, mut end, mut part) = (0, Vec::new(), vec![0; 1 << 16]);
        loop {
            let read = stream.read(&mut part).unwrap();
            length += read;
            end.extend_from_slice(part.get(..read).unwrap());
            let old = end.len().saturating_sub(4_096);
            end.drain(..old);
            if read == 0 {
                return (length, String::from_utf8_lossy(&end).into_owned());
            }
        }
    }

    /// The most that it ever had in memory, in MiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fill(server: &Server) {
    server.ask("/query", "q=CREATE%20DATABASE%20d");
    for row in 0..ROWS {
        let mut lines = String::new();
        for series in 0..SERIES {
            let (host, at) = (series % 61, row * 10);
            let _ = writeln!(
                lines,
                "m,h={host},s=a{series} v={row}i,w={series}.5,t=\"text {row}\" {at}"
            );
        }
        let (_, end) = server.ask("/write?db=d&precision=s", &lines);
        assert!(end.starts_with("HTTP/1.1 204"), "{end}");
    }
}

/// The query, and the end of its answer: empty where it may be whole. What others hold may be in its way, too.
const GREEDY: [(&str, &str); 8] = [
    ("SELECT * FROM /.*/", ""),
    (
        "SELECT count(v) FROM m WHERE time >= 0 AND time < 1h GROUP BY time(1ns)",
        "max-select-buckets",
    ),
    ("SELECT count(v) FROM m WHERE time >= 0 AND time < 1h GROUP BY time(1ms), *", "max-"),
    ("SELECT median(v) FROM m WHERE s =~ /.*/ GROUP BY h", ""),
    ("SELECT * FROM m ORDER BY time DESC", ""),
    ("SELECT distinct(t) FROM m GROUP BY *", ""),
    ("SELECT top(w, s, 100000) FROM m", ""),
    ("SELECT sum(d) FROM (SELECT v AS d FROM m GROUP BY *) GROUP BY time(1u)", "max-"),
];

#[test]
fn greedy_queries_end_or_stream_and_memory_stays_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    fill(&server);
    let before = server.peak();
    for round in 0..2 {
        thread::scope(|scope| {
            for (query, expected) in GREEDY {
                let server = &server;
                scope.spawn(move || {
                    let query = query.replace('%', "%25").replace(' ', "%20").replace('+', "%2B");
                    let (length, end) = server.ask("/query?db=d", &format!("q={query}"));
                    let whole = expected.is_empty() && !end.contains("\"error\"");
                    let refused = end.contains("max-") && end.contains(expected);
                    assert!(whole || refused, "round {round}, {query}: {length} bytes, {end}");
                });
            }
        });
    }
    let peak = server.peak();
    assert!(peak < MOST_MIB, "{before} MiB before, {peak} MiB at most");
    let (_, end) = server.ask("/query?db=d", "q=SELECT%20count(v)%20FROM%20m");
    assert!(end.contains(&format!("{}", SERIES * ROWS)), "it answers as before: {end}");
    println!("{before} MiB before the queries, {peak} MiB at most");
}
