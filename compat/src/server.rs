//! Server programs, started on loopback with a folder of their own, and ended with it.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Client, Error, Request, Result};

/// Starting takes influxd 0.1 s; on a machine with much else to do, far more.
const START: Duration = Duration::from_secs(30);

/// A server program and how to start it.
#[derive(Debug, Clone)]
pub enum Program {
    /// Debian's `influxd` 1.6.7.
    Influxd(PathBuf),
    /// svcflow's binary.
    Svcflow(PathBuf),
    /// Debian's VictoriaMetrics, which takes the same writes: for benches only.
    VictoriaMetrics(PathBuf),
}

/// A running server. Dropping it ends the process and removes its folder.
#[derive(Debug)]
pub struct Server {
    base: String,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// The `influxd` on the path or in the cache folder, where `scripts/servers` unpacks it.
    pub fn influxd() -> Option<Program> {
        installed("influxd").map(Program::Influxd)
    }

    /// The `victoria-metrics` on the path or in the cache folder.
    pub fn victoria_metrics() -> Option<Program> {
        installed("victoria-metrics").map(Program::VictoriaMetrics)
    }

    /// The svcflow binary that cargo built beside the running program.
    ///
    /// # Errors
    /// Fails where it isn't built.
    pub fn svcflow() -> Result<Program> {
        let running = std::env::current_exe().unwrap_or_default();
        // A binary lies in the profile's folder, a test in its `deps`.
        let mut beside = running.ancestors().skip(1).take(2).map(|folder| folder.join("svcflow"));
        beside.find(|program| program.is_file()).map(Program::Svcflow).ok_or_else(|| Error::Start {
            program: "svcflow".to_owned(),
            fault: "not built yet: cargo build -p svcflow".to_owned(),
        })
    }

    /// Starts the program on a free port with an empty folder and waits until it answers.
    ///
    /// # Errors
    /// Fails where the program can't be run, ends, or doesn't answer within half a minute.
    pub fn start(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// Starts the program as on a machine with this many cores. influxd splits series between cores, and where two of them
    /// tie, the winner depends on how many there are.
    ///
    /// # Errors
    /// As [`Program::start`].
    pub fn start_on_cores(&self, cores: usize) -> Result<Server> {
        self.start_with(&[("GOMAXPROCS", cores.to_string())])
    }

    fn start_with(&self, environment: &[(&str, String)]) -> Result<Server> {
        // Between finding a free port and binding it, another process may take it: then try the next.
        let mut last = self.start_once(environment);
        for _ in 0..2 {
            if last.is_ok() {
                break;
            }
            last = self.start_once(environment);
        }
        last
    }

    fn start_once(&self, environment: &[(&str, String)]) -> Result<Server> {
        let folder = tempfile::tempdir().map_err(Error::file("making", std::env::temp_dir()))?;
        let address = free_address().map_err(|error| self.fault(error.to_string()))?;
        let log = folder.path().join("log");
        let output = File::create(&log).map_err(Error::file("creating", &log))?;
        let errors = output.try_clone().map_err(Error::file("creating", &log))?;
        let mut command = self.command(&address, folder.path())?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().map_err(|error| self.fault(error.to_string()))?;
        let mut server = Server { base: format!("http://{address}"), child, folder };
        server.wait().map_err(|fault| self.fault(fault))?;
        Ok(server)
    }

    fn command(&self, address: &str, folder: &Path) -> Result<Command> {
        match self {
            Program::Influxd(program) => {
                let config = folder.join("influxd.toml");
                std::fs::write(&config, influxd_config(address, folder))
                    .map_err(Error::file("writing", &config))?;
                let mut command = Command::new(program);
                command.arg("-config").arg(config);
                Ok(command)
            }
            Program::Svcflow(program) => {
                let mut command = Command::new(program);
                command.args(["server", "--listen", address, "--data"]).arg(folder.join("data"));
                Ok(command)
            }
            Program::VictoriaMetrics(program) => {
                let mut command = Command::new(program);
                command.arg(format!("-httpListenAddr={address}")).arg("-loggerLevel=ERROR");
                command.arg(format!("-storageDataPath={}", folder.join("data").display()));
                Ok(command)
            }
        }
    }

    fn fault(&self, fault: String) -> Error {
        let (Program::Influxd(program)
        | Program::Svcflow(program)
        | Program::VictoriaMetrics(program)) = self;
        Error::Start { program: program.display().to_string(), fault }
    }
}

impl Server {
    /// Its base URL, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn wait(&mut self) -> std::result::Result<(), String> {
        let client = Client::default();
        let ping =
            Request { method: "GET".to_owned(), target: "/ping".to_owned(), ..Request::default() };
        let started = Instant::now();
        while client.send(&self.base, &ping).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{status}: {}", self.log()));
            }
            if started.elapsed() > START {
                return Err(format!("no answer within {START:?}: {}", self.log()));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; its data is thrown away in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on the path, or unpacked by `scripts/servers`.
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = cache().map(|folder| folder.join("servers/usr/bin"));
    let mut folders = std::env::split_paths(&path).chain(unpacked);
    folders.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()))
}

/// Where `scripts/servers` and `scripts/clients` put what they fetch.
pub fn cache() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("SVCFLOW_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("svcflow")))
        .or_else(|| Some(variable("HOME")?.join(".cache/svcflow")))
}

fn free_address() -> std::io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Nothing is reported or logged, and no background work writes into the data.
fn influxd_config(address: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
# Written behind soon after the last write, so that a bench can see what stays on disk.
cache-snapshot-write-cold-duration = "5s"
compact-full-write-cold-duration = "10s"
[monitor]
store-enabled = false
[http]
bind-address = "{address}"
log-enabled = false
[continuous_queries]
enabled = false
[logging]
level = "error"
suppress-logo = true
"#
    )
}
