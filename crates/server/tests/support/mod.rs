//! A server on a port of loopback, and a client that shows all of an answer.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use svcflow_server::{Config, Engine, Server, bind};
use svcflow_store::{Options, PolicySpec, Store};
use tokio::sync::oneshot;

/// What every test's clock says.
pub const NOW: i64 = 1_790_000_000_123_456_789;

pub struct Bench {
    pub address: SocketAddr,
    pub store: Store,
    pub folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Bench {
    /// A server with the database `d`.
    pub fn start(
        engine: impl Engine,
        change: impl FnOnce(&mut Config, &tempfile::TempDir),
    ) -> Self {
        Self::start_with(|_| Box::new(engine), change)
    }

    pub fn start_with(
        engine: impl FnOnce(&Store) -> Box<dyn Engine>,
        change: impl FnOnce(&mut Config, &tempfile::TempDir),
    ) -> Self {
        Self::start_server(engine, change, |server| server)
    }

    pub fn start_server(
        engine: impl FnOnce(&Store) -> Box<dyn Engine>,
        change: impl FnOnce(&mut Config, &tempfile::TempDir),
        adjust: impl FnOnce(Server) -> Server,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("d", PolicySpec::new("autogen", None)).unwrap();
        let mut config = Config { data: PathBuf::from(folder.path()), ..Config::default() };
        change(&mut config, &folder);
        let server = Server::new(&config, store.clone(), engine(&store), Arc::new(|| NOW)).unwrap();
        let server = adjust(server);
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                server.serve(listener, async { drop(stopped.await) }).await.unwrap();
            });
        });
        let address = address.recv().unwrap();
        Self { address, store, folder, stop: Some(stop), thread: Some(thread) }
    }

    /// Stops the server and waits for its end.
    pub fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes)
    }

    /// Sends these bytes and reads to the end of the connection.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A server that has had enough may answer and close before all is written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::of(&answer)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], b"")
    }

    pub fn write(&self, parameters: &str, lines: &str) -> Answer {
        self.send("POST", &format!("/write?{parameters}"), &[], lines.as_bytes())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
    /// The connection ended before the answer did.
    pub broken: bool,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let headers = lines.map(header).collect();
        let mut answer = Self { status, headers, bytes: bytes[end + 4..].to_vec(), broken: false };
        if answer.header("transfer-encoding") == "chunked" {
            (answer.bytes, answer.broken) = unchunk(&answer.bytes);
        }
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(there, _)| there == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// Status and body.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) -> &Self {
        assert_eq!((self.status, self.text()), (status, body), "{:?}", self.headers);
        self
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return (all, true) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (all, false);
        }
        all.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}
