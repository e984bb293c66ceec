//! The built binary, running until it is dropped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running `svcflow`.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Program {
    /// Starts it and waits until it says where it listens, last where in several places.
    pub(crate) fn start(args: &[&str], listening: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_svcflow"))
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = Vec::new();
        let line = said.by_ref().find(|line| {
            before.push(line.clone());
            line.contains(listening) && line.contains("http://")
        });
        let line = line.unwrap_or_else(|| panic!("it ended: {before:?}"));
        let url = line.split("http://").nth(1).unwrap().split([' ', '/']).next().unwrap();
        let url = format!("http://{url}");
        std::thread::spawn(move || said.for_each(|line| eprintln!("{line}")));
        Self { child, url }
    }

    /// A server with these settings, in a folder.
    pub(crate) fn server(folder: &std::path::Path, settings: &str) -> Self {
        let file = folder.join("server.toml");
        let data = folder.join("data");
        let text = format!("data = {:?}\nlisten = \"127.0.0.1:0\"\n{settings}", data);
        std::fs::write(&file, text).unwrap();
        Self::start(&["server", "--config", file.to_str().unwrap()], "listening on")
    }

    /// The settings of a server that asks these agents five times a second.
    pub(crate) fn collecting(agents: &[&str]) -> String {
        format!("[collector]\ninterval = \"200ms\"\ntimeout = \"200ms\"\nagents = {agents:?}\n")
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        route: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let url = format!("{}{route}", self.url);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer =
            ureq::Agent::from(config).run(request.body(body.to_owned()).unwrap()).unwrap();
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers = answer.headers().iter();
        Answer {
            status: answer.status().as_u16(),
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            text: answer.body_mut().read_to_string().unwrap(),
        }
    }

    pub(crate) fn get(&self, route: &str) -> Value {
        self.ask("GET", route, &[], "").json()
    }

    /// The first result's series to a query in InfluxQL.
    pub(crate) fn query(&self, query: &str) -> Vec<Value> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.get(&format!("/query?db=telegraf&epoch=ns&q={query}"));
        answer["results"][0]["series"].as_array().cloned().unwrap_or_default()
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            if let Some(found) = ask(self) {
                return found;
            }
            assert!(Instant::now() < end, "not {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it as an administrator does, and waits.
    pub(crate) fn terminate(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
