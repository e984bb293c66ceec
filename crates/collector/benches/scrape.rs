//! What a thousand agents cost one server: 1,000 agents x 150 edges, all changing, asked every 10 s.
//!
//! The agents are another process, on 1,000 ports of the loopback; CPU and memory are measured of this
//! one alone, which asks them, accounts, and writes to the embedded store with a sync per commit. The
//! first interval is left out, as connections and series are made in it.
//!
//! `cargo bench -p svcflow-collector -- [AGENTS] [EDGES] [INTERVALS]`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench may fail loudly, and prints what it measured"
)]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use svcflow_agent::{
    Clock, IntervalDocument, SampleDocument, SamplesDocument, SourceDocument, SystemClock,
};
use svcflow_collector::config::Config;
use svcflow_collector::status::AgentState;
use svcflow_model::{
    Counters, Edge, Epoch, Losses, Marks, Protocol, Relation, Sample, Service, Timestamp,
};
use svcflow_store::{Options, PolicySpec, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const INTERVAL: Duration = Duration::from_secs(10);
const TEN: i64 = 10_000_000_000;
/// The share of a core that this may take (issue: under half a core).
const SHARE_MAX: f64 = 0.5;
const ROLE: &str = "SVCFLOW_BENCH_AGENTS";

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (agents, edges, intervals) = (number(0, 1_000), number(1, 150), number(2, 3));
    raise_open_files();
    if std::env::var_os(ROLE).is_some() {
        be_agents(agents, edges);
        return ExitCode::SUCCESS;
    }
    measure(agents, edges, intervals)
}

/// Two sockets an agent are more than the usual soft limit of 1,024 files.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

fn measure(agents: usize, edges: usize, intervals: usize) -> ExitCode {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([agents.to_string(), edges.to_string()])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let addresses: Vec<String> = lines.take(agents).map(Result::unwrap).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("data"), Options::default()).unwrap();
    store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
    let text = format!("[collector]\nagents = {addresses:?}\n");
    let config = Config::parse(&text, None).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (cpu, wall, document) = runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let (names, _) = svcflow_collector::Gatherer::new(&[]);
        let collector =
            svcflow_collector::start(&config, Some(&store), folder.path(), clock, names).unwrap();
        to_quiet().await;
        to_quiet().await;
        let (cpu, began) = (cpu(), Instant::now());
        for _ in 0..intervals {
            to_quiet().await;
        }
        (self::cpu() - cpu, began.elapsed(), collector.nodes())
    });
    let _ = child.kill();
    let _ = child.wait();

    let share = cpu.as_secs_f64() / wall.as_secs_f64();
    let ok = document.nodes.iter().filter(|node| node.state == AgentState::Ok).count();
    let samples: u64 = document.nodes.iter().map(|node| node.samples).sum();
    let bytes: u64 = document.nodes.iter().map(|node| node.answer_bytes).sum();
    let scrapes: u64 = document.nodes.iter().map(|node| node.scrapes).sum();
    println!("agents {agents}, edges {edges}, intervals {intervals} of {INTERVAL:?}");
    println!("ok at the end: {ok}; samples stored: {samples}");
    println!("an answer: {} bytes", bytes / scrapes.max(1));
    println!("CPU of the collector and its store: {cpu:.2?} in {wall:.2?} = {share:.3} cores");
    println!("resident: {} MB", resident() / 1_000_000);
    let enough = samples >= (agents * edges * intervals) as u64;
    if ok == agents && enough && share < SHARE_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Until shortly before the next interval begins, when nothing is under way.
async fn to_quiet() {
    let now = SystemClock.now().0;
    let wait = (TEN - 1_000_000_000 - now.rem_euclid(TEN)).rem_euclid(TEN);
    let wait = if wait == 0 { TEN } else { wait };
    tokio::time::sleep(Duration::from_nanos(wait.unsigned_abs())).await;
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// The other process: prints its addresses and answers until its standard input ends.
fn be_agents(agents: usize, edges: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for number in 0..agents {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            println!("{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(answer(stream, number, edges));
                }
            });
        }
        let mut nothing = [0];
        let _ = tokio::io::stdin().read(&mut nothing).await;
    });
}

async fn answer(mut stream: TcpStream, number: usize, edges: usize) {
    let mut request = [0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut request).await {
        let text = String::from_utf8_lossy(&request[..length]).into_owned();
        let after = text.split_once("after=").and_then(|(_, rest)| rest.split_once('&'));
        let after = after.and_then(|(after, _)| after.parse().ok());
        let after = if text.contains("after=latest") { Some(u64::MAX) } else { after };
        let body = serde_json::to_vec(&document(number, edges, after)).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

/// The latest interval: every edge has counted on.
fn document(number: usize, edges: usize, after: Option<u64>) -> SamplesDocument {
    let now = SystemClock.now();
    let sequence = (now.0 / TEN).unsigned_abs() - 178_000_000;
    let at = Timestamp(now.0 - now.0.rem_euclid(TEN) + 12_000_000);
    let samples = (0..edges).map(|edge| sample(number, edge, sequence)).collect();
    let new = after.is_none_or(|after| after < sequence);
    let interval = IntervalDocument { sequence, at, samples };
    SamplesDocument {
        node: format!("node-{number}"),
        epoch: Epoch(number as u64 + 1),
        follows: None,
        sequence,
        now,
        interval_seconds: 10.0,
        intervals: if new { vec![interval] } else { Vec::new() },
        gap: None,
        more: false,
        losses: Losses::default(),
        lives: vec![format!("10.{}.{}.0/24", number / 256, number % 256)],
        source: SourceDocument { name: "nftables".to_owned(), ..SourceDocument::default() },
    }
}

fn sample(number: usize, edge: usize, sequence: u64) -> SampleDocument {
    let byte = |value: usize| u8::try_from(value % 256).unwrap();
    let port = |value: usize| u16::try_from(value % 50_000).unwrap();
    let translated = !edge.is_multiple_of(3);
    let provider: SocketAddr = ([10, 200, byte(edge / 256), byte(edge)], port(8_000 + edge)).into();
    let edge = Edge {
        endpoint: [10, byte(number / 256), byte(number), byte(edge % 50)].into(),
        service: translated.then(|| Service { address: [100, 1, 1, byte(edge)].into(), port: 80 }),
        provider: provider.ip(),
        provider_port: provider.port(),
        protocol: Protocol::TCP,
    };
    let grown = sequence * 1_234_567;
    let counters = Counters {
        bytes_in: grown,
        bytes_out: grown / 7,
        packets_in: grown / 1_000,
        packets_out: grown / 2_000,
    };
    let sample = Sample { edge, counters, marks: Marks::default() };
    let relation = if translated { Relation::TranslatedHere } else { Relation::ClientNode };
    SampleDocument::new(&sample, relation)
}
