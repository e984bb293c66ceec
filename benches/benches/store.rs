//! The store beside influxd and VictoriaMetrics: the same lines written over HTTP on one connection, the same questions.
//!
//! ```text
//! cargo bench -p svcflow-benches --bench store                      # all three servers, 5,000 and 20,000 edges
//! cargo bench -p svcflow-benches --bench store -- --server svcflow --edges 5000 --binary target/release/svcflow
//! ```
//! The others' programs come from scripts/servers. Servers run one after another, never two at once.

#![allow(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use svcflow_benches::{Kind, Limit, Result, Table, Target, Traffic};

#[derive(Parser)]
struct Arguments {
    /// Which servers to measure.
    #[arg(long = "server", default_values = ["influxd", "victoria-metrics", "svcflow"])]
    servers: Vec<Kind>,
    /// How many edges, one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [5_000, 20_000])]
    edges: Vec<usize>,
    /// Samples of each edge, ten seconds apart.
    #[arg(long, default_value_t = 360)]
    samples: usize,
    /// Lines in a request.
    #[arg(long, default_value_t = 20_000)]
    batch: usize,
    /// How often each question is asked; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds after which writing to a server is broken off.
    #[arg(long, default_value_t = 300)]
    limit: u64,
    /// The svcflow binary, instead of the one that cargo built beside this bench.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Ends with 1 where a limit is missed.
    #[arg(long)]
    check: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The edge with a week of its own is none of the others.
const ALONE: usize = 90_000;
const WEEK: i64 = 7 * 24 * 3600;
/// How long a server may take to write behind what it has acknowledged.
const SETTLING: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut table = Table::default();
    for edges in &arguments.edges {
        for kind in &arguments.servers {
            if let Err(error) = measure(&arguments, *kind, *edges, &mut table) {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                println!("{}: {error}: {}", kind.name(), source.unwrap_or_default());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("\n{}", table.text(&arguments.servers));
    let missed = table.missed();
    ExitCode::from(u8::from(arguments.check && !missed.is_empty()))
}

/// Everything about one server with one number of edges.
fn measure(arguments: &Arguments, kind: Kind, edges: usize, table: &mut Table) -> Result<()> {
    let Some(target) = Target::start(kind, arguments.binary.as_deref())? else {
        println!(
            "skipped: {} is not here (scripts/servers, or cargo build --release -p svcflow)",
            kind.name()
        );
        return Ok(());
    };
    let hour = hour_before_now(arguments.samples);
    let mut traffic = Traffic::new(edges, hour.0);
    let limit = Duration::from_secs(arguments.limit);
    let done = target.write(&mut traffic, arguments.samples, arguments.batch, limit)?;
    println!(
        "{}: {} points of {edges} edges in {:.1} s",
        kind.name(),
        done.points,
        done.time.as_secs_f64()
    );
    let mut report = |name: &str, value: f64, limits: &[Limit]| {
        table.add(&format!("{edges} edges: {name}"), kind, value, limits);
    };
    report(
        "points/s written",
        done.points as f64 / done.time.as_secs_f64(),
        &[Limit::Times(Kind::Influxd, 5.0), Limit::Times(Kind::VictoriaMetrics, 2.0)],
    );
    let size = target.settled(SETTLING);
    report("bytes on disk a point", size as f64 / done.points as f64, &[Limit::AtMost(6.5)]);
    if kind.asks() {
        must_have(&target, done.points)?;
        ask_all(&target, arguments, edges, hour, &mut traffic, &mut report)?;
    }
    let memory = target.memory();
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    report(
        "MB of memory at most",
        megabytes(memory.peak),
        &[Limit::Part(Kind::Influxd, 1.0 / 3.0)],
    );
    report("MB of memory at the end", megabytes(memory.now), &[]);
    Ok(())
}

fn ask_all(
    target: &Target,
    arguments: &Arguments,
    edges: usize,
    (from, to): (i64, i64),
    traffic: &mut Traffic,
    report: &mut dyn FnMut(&str, f64, &[Limit]),
) -> Result<()> {
    let runs = arguments.runs;
    // influxd takes half a minute for 5,000 edges; more would say nothing new.
    if edges <= 5_000 {
        let q = format!(
            "SELECT sum(r) FROM (SELECT non_negative_derivative(last(BytesOut), 1s) AS r FROM httpjson_svcstats \
             WHERE time >= {from}s AND time < {to}s GROUP BY time(10s), *) \
             WHERE time >= {from}s AND time < {to}s GROUP BY time(10s), ServiceIP"
        );
        let runs = if target.kind == Kind::Influxd { 1 } else { runs };
        let time = milliseconds(target.ask_median(&q, runs)?.0);
        report(
            "ms, rates of all services over an hour",
            time,
            &[Limit::AtMost(250.0), Limit::Part(Kind::Influxd, 0.01)],
        );
    }
    // A week of one edge, beside the others' hour.
    let week = to - WEEK;
    let mut alone = Traffic::alone(ALONE, week);
    let samples = usize::try_from(WEEK / 10).unwrap_or_default();
    target.write(&mut alone, samples, arguments.batch, Duration::MAX)?;
    target.settled(Duration::from_secs(20));
    let of_edge =
        "FROM httpjson_svcstats WHERE EndpointIP = '11.2.110.1' AND ProviderIP = '10.2.20.1'";
    let times = format!("time >= {week}s AND time < {to}s");
    let q = format!(
        "SELECT non_negative_derivative(last(BytesIn), 1s) {of_edge} AND {times} GROUP BY time(10m)"
    );
    let (time, answer) = target.ask_median(&q, runs)?;
    println!("{}: the edge's week in {} bytes", target.kind.name(), answer.len());
    report("ms, one edge's week in 10 min steps", milliseconds(time), &[Limit::AtMost(20.0)]);
    let (time, answer) =
        target.ask_median(&format!("SELECT BytesIn {of_edge} AND {times}"), runs)?;
    println!("{}: the edge's week, each sample, in {} bytes", target.kind.name(), answer.len());
    report("ms, one edge's week, each sample", milliseconds(time), &[Limit::AtMost(20.0)]);
    // The page's graph: the newest minute is written now, since the page asks for it by the server's clock.
    traffic.skip_to(seconds_now() - 50);
    target.write(traffic, 6, arguments.batch, Duration::MAX)?;
    let q = "SELECT BytesIn, BytesOut, EndpointIP, ProviderIP FROM httpjson_svcstats WHERE time > now() - 1m GROUP BY * LIMIT 1";
    let (time, answer) = target.ask_median(q, runs)?;
    let found = answer.matches("\"values\"").count();
    println!("{}: the graph has {found} edges in {} bytes", target.kind.name(), answer.len());
    report(
        "ms, the page's graph of every edge",
        milliseconds(time),
        &[Limit::AtMost(30.0), Limit::Part(Kind::Influxd, 0.1)],
    );
    Ok(())
}

/// A server that lost what it acknowledged is quick for nothing.
fn must_have(target: &Target, points: usize) -> Result<()> {
    let q = "SELECT count(BytesIn) FROM httpjson_svcstats";
    let (_, answer) = target.ask(q)?;
    if answer.contains(&format!(",{points}]]")) {
        return Ok(());
    }
    Err(svcflow_benches::Error::Answer { what: format!("{q}, expected {points}"), answer })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

/// First and end of `samples` samples that end with a full ten seconds shortly before now.
fn hour_before_now(samples: usize) -> (i64, i64) {
    let end = seconds_now() / 10 * 10;
    (end - 10 * i64::try_from(samples).unwrap_or_default(), end)
}
