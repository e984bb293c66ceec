//! Real servers from Debian's packages, each on its own loopback port, in its own folder.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use svcflow_collector::sink::{InfluxTarget, Version};
use svcflow_transport::{Answer, Client, ClientTls, Limits, Trust};

const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 64 << 20 };

/// A running server; ends with the value.
pub(crate) struct Engine {
    child: Option<Child>,
    program: PathBuf,
    port: u16,
    folder: tempfile::TempDir,
}

pub(crate) fn client() -> Client {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).unwrap();
    Client::new(&tls, Duration::from_secs(3))
}

pub(crate) async fn get(url: &str) -> Answer {
    let request = Request::get(url).body(Full::default()).unwrap();
    client().fetch(request, LIMITS).await.unwrap()
}

impl Engine {
    /// `influxd` or `victoria-metrics`, not started yet. Where it isn't there: skipped aloud, but not
    /// in CI.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let cache = variable("SVCFLOW_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|path| path.join("svcflow")))
            .or_else(|| variable("HOME").map(|path| path.join(".cache/svcflow")))?;
        let program = cache.join("servers/usr/bin").join(name);
        if !program.exists() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{} is missing",
                program.display()
            );
            eprintln!("SKIPPED: {} is missing: run scripts/servers", program.display());
            return None;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        Some(Self { child: None, program, port, folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn start(&mut self, health: &str) {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        if self.program.ends_with("influxd") {
            std::fs::write(folder.join("influxdb.conf"), self.configuration()).unwrap();
            command.arg("-config").arg(folder.join("influxdb.conf"));
        } else {
            command.arg(format!("-httpListenAddr=127.0.0.1:{}", self.port));
            command.arg(format!("-storageDataPath={}", folder.display()));
            command.arg("-retentionPeriod=10y");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        for _ in 0..1_200 {
            let request = Request::get(format!("{}{health}", self.url()));
            let request = request.body(Full::default()).unwrap();
            if client().fetch(request, LIMITS).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not answer", self.program.display());
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n\
             [meta]\ndir = \"{folder}/meta\"\n\
             [data]\ndir = \"{folder}/data\"\nwal-dir = \"{folder}/wal\"\n\
             [monitor]\nstore-enabled = false\n\
             [http]\nbind-address = \"127.0.0.1:{}\"\nlog-enabled = false\n",
            self.port
        )
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn influx(&self, policy: Option<&str>) -> Arc<InfluxTarget> {
        let version =
            Version::One { database: "telegraf".to_owned(), policy: policy.map(str::to_owned) };
        Arc::new(InfluxTarget { client: client(), url: self.url(), version, authorization: None })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
