//! A server under measurement: written to and asked through HTTP, on one connection.

use std::path::Path;
use std::time::{Duration, Instant};

use svcflow_compat::{Program, Server};

use crate::{Error, Result, Traffic};

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Kind {
    /// Our own.
    Svcflow,
    /// Debian's influxd 1.6.7.
    Influxd,
    /// Debian's VictoriaMetrics 1.79: writes only, it doesn't speak InfluxQL.
    VictoriaMetrics,
}

/// A running server and the one connection to it.
#[derive(Debug)]
pub struct Target {
    /// Which it is.
    pub kind: Kind,
    agent: ureq::Agent,
    base: String,
    server: Server,
}

/// What writing took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ingest {
    /// Lines that were acknowledged.
    pub points: usize,
    /// Time from the first byte sent to the last answer, without making the data.
    pub time: Duration,
}

/// A process's memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// The most it ever had resident.
    pub peak: u64,
    /// What it has resident now.
    pub now: u64,
}

/// influxd's slowest question takes 31 s on a machine of its own, and took 137 s on one with much else to do.
const TIMEOUT: Duration = Duration::from_secs(300);
const DATABASE: &str = "telegraf";

impl Kind {
    /// Its name, as the command line takes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Svcflow => "svcflow",
            Kind::Influxd => "influxd",
            Kind::VictoriaMetrics => "victoria-metrics",
        }
    }

    /// Whether it answers InfluxQL.
    pub fn asks(self) -> bool {
        self != Kind::VictoriaMetrics
    }

    fn program(self, svcflow: Option<&Path>) -> Option<Program> {
        match self {
            Kind::Svcflow => svcflow
                .map(|path| Program::Svcflow(path.to_owned()))
                .or_else(|| Program::svcflow().ok()),
            Kind::Influxd => Program::influxd(),
            Kind::VictoriaMetrics => Program::victoria_metrics(),
        }
    }
}

impl Target {
    /// Starts the server with an empty folder; `None` where its program isn't there. `svcflow` names our binary, which is otherwise
    /// looked for beside this program.
    ///
    /// # Errors
    /// Fails where the server doesn't start or doesn't take the database.
    pub fn start(kind: Kind, svcflow: Option<&Path>) -> Result<Option<Target>> {
        let Some(program) = kind.program(svcflow) else { return Ok(None) };
        let server = program.start().map_err(Error::Start)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections_per_host(1)
            .timeout_global(Some(TIMEOUT))
            .build();
        let target = Target { kind, agent: config.into(), base: server.base().to_owned(), server };
        if kind.asks() {
            target.post(&format!("{}/query?q=CREATE+DATABASE+{DATABASE}", target.base), "")?;
        }
        Ok(Some(target))
    }

    /// Writes `samples` samples of each edge in batches of `batch` lines, timing only the requests. Stops, with
    /// what is written by then, when `limit` is used up.
    ///
    /// # Errors
    /// Fails where a batch is not acknowledged.
    pub fn write(
        &self,
        traffic: &mut Traffic,
        samples: usize,
        batch: usize,
        limit: Duration,
    ) -> Result<Ingest> {
        let mut done = Ingest::default();
        let (mut lines, mut count) = (String::new(), 0);
        for sample in 1..=samples {
            traffic.sample(&mut lines);
            count += traffic.edges();
            if count < batch && sample < samples {
                continue;
            }
            done.time += self.write_lines(&lines)?;
            done.points += count;
            if done.time > limit {
                break;
            }
            lines.clear();
            count = 0;
        }
        Ok(done)
    }

    fn write_lines(&self, lines: &str) -> Result<Duration> {
        let url = format!("{}/write?db={DATABASE}&precision=s", self.base);
        let started = Instant::now();
        self.post(&url, lines)?;
        Ok(started.elapsed())
    }

    fn post(&self, url: &str, body: &str) -> Result<()> {
        let failed = |source| Error::Http { what: url.to_owned(), source: Box::new(source) };
        let mut response = self.agent.post(url).send(body).map_err(failed)?;
        let answer = response.body_mut().read_to_string().map_err(failed)?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(Error::Answer { what: url.to_owned(), answer })
    }

    /// Asks once and reads to the last byte.
    ///
    /// # Errors
    /// Fails where the answer is not 200 or holds an error.
    pub fn ask(&self, q: &str) -> Result<(Duration, String)> {
        let failed = |source| Error::Http { what: q.to_owned(), source: Box::new(source) };
        let started = Instant::now();
        let url = format!("{}/query", self.base);
        let request = self.agent.get(&url).query("db", DATABASE).query("epoch", "ns").query("q", q);
        let response = request.call().map_err(failed)?;
        let status = response.status();
        let mut body = response.into_body();
        let answer = body.with_config().limit(u64::MAX).read_to_string().map_err(failed)?;
        let time = started.elapsed();
        // An error stands at the top or in a statement's result, before any series.
        let start = answer.get(..200.min(answer.len())).unwrap_or_default();
        if !status.is_success() || start.contains("\"error\"") {
            return Err(Error::Answer { what: q.to_owned(), answer: start.to_owned() });
        }
        Ok((time, answer))
    }

    /// The median time of `runs` identical questions, and the answer to the last.
    ///
    /// # Errors
    /// As [`Target::ask`].
    pub fn ask_median(&self, q: &str, runs: usize) -> Result<(Duration, String)> {
        let mut times = Vec::new();
        let mut last = String::new();
        for _ in 0..runs.max(1) {
            let (time, answer) = self.ask(q)?;
            times.push(time);
            last = answer;
        }
        Ok((median(&mut times), last))
    }

    /// Bytes in its folder, once they have not changed for a while, or after `limit`. influxd and svcflow begin to write behind
    /// after some seconds without a write, svcflow again after half a minute, so the while is longer than that.
    pub fn settled(&self, limit: Duration) -> u64 {
        const STABLE: Duration = Duration::from_secs(40);
        if self.kind == Kind::VictoriaMetrics {
            // Otherwise its newest data stay in memory for a while; the answers are empty either way.
            let _ = self.post(&format!("{}/internal/force_flush", self.base), "");
            let _ = self.post(&format!("{}/internal/force_merge", self.base), "");
        }
        let started = Instant::now();
        let (mut size, mut since) = (used(self.server.folder()), Instant::now());
        while started.elapsed() < limit && since.elapsed() < STABLE {
            std::thread::sleep(Duration::from_millis(500));
            let now = used(self.server.folder());
            if now != size {
                (size, since) = (now, Instant::now());
            }
        }
        size
    }

    /// The server process's memory.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid()))
            .unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let bytes = |name: &str| field(name).unwrap_or_default() * 1024;
        Memory { peak: bytes("VmHWM:"), now: bytes("VmRSS:") }
    }
}

/// The middle one of several times.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Bytes that the files below a folder take on disk. Files may vanish meanwhile: they count nothing.
fn used(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    const BLOCK: u64 = 512;
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => used(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
