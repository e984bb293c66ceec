//! Points a second from a client's socket to the disk: one connection, batches of 20,000 lines of 7 tags and 4
//! integers, series by series like a collector's samples. Beside it, in the same run, what reading the same lines
//! costs alone, so that the rest of the way can be seen.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use svcflow_influxql::Statement;
use svcflow_line_protocol::{Parser, Precision};
use svcflow_query::{Cancel, QueryError, ResultSink, Session};
use svcflow_server::{Config, Engine, Server, bind, system_clock};
use svcflow_store::{Options, PolicySpec, Store};

const BATCH: usize = 20_000;
const SAMPLES: usize = 40;

struct NoEngine;

impl Engine for NoEngine {
    fn execute(
        &self,
        _: &Statement,
        _: &Session,
        _: &Cancel,
        _: &mut dyn ResultSink,
    ) -> Result<(), QueryError> {
        Err(QueryError::NotImplemented("this bench writes".to_owned()))
    }
}

fn lines(series: usize, sample: usize) -> String {
    let mut text = String::new();
    for n in 0..series {
        let (a, b) = (n / 250 % 250, n % 250);
        let count = (sample + 1) * (n + 1);
        writeln!(
            text,
            "httpjson_svcstats,EndpointIP=11.1.{a}.{b},Node=node-{},Protocol=TCP,ProviderIP=10.1.{b}.{a},ProviderPort=80,\
             ServiceIP=100.1.1.{b},ServicePort=8080 BytesIn={}i,BytesOut={}i,PacketsIn={}i,PacketsOut={}i {}",
            n % 7,
            count * 1_003,
            count * 701,
            count * 7,
            count * 9,
            1_790_000_000_000_000_000 + sample * 10_000_000_000
        )
        .unwrap();
    }
    text
}

/// CPU time of the process without this thread, which only makes and sends lines: the server's, and what it has the
/// store do in the background. Other work on the machine hardly changes it.
fn server_cpu() -> Duration {
    let time = |clock| Duration::try_from(clock_gettime(clock)).unwrap();
    time(ClockId::ProcessCPUTime).saturating_sub(time(ClockId::ThreadCPUTime))
}

/// Sends one batch on a connection that is kept, and waits until it is durable.
fn send(stream: &mut TcpStream, body: &str) {
    let head =
        format!("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 204"), "{line}");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
}

fn main() {
    let folder =
        std::env::var_os("SVCFLOW_BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.create_database("d", PolicySpec::new("autogen", None)).unwrap();
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let server = Server::new(&config, store, Box::new(NoEngine), system_clock()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(bind("127.0.0.1:0".parse().unwrap())).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(server.serve(listener, std::future::pending()));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();

    let server_began = server_cpu();
    let (mut first, mut rest, mut parse) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for sample in 0..SAMPLES {
        let body = lines(BATCH, sample);
        let began = Instant::now();
        send(&mut stream, &body);
        *(if sample == 0 { &mut first } else { &mut rest }) += began.elapsed();
        let began = Instant::now();
        let mut parser = Parser::new(body.as_bytes(), Precision::Nanosecond, 0);
        while let Some(line) = parser.next_line() {
            black_box(line.unwrap().timestamp);
        }
        parse += began.elapsed();
    }
    let cpu = server_cpu() - server_began;
    let rate = |points: usize, time: Duration| points as f64 / time.as_secs_f64() / 1e6;
    println!("{SAMPLES} batches of {BATCH} lines on one connection, in million points a second");
    println!("first batch, every series new   {:>6.2}", rate(BATCH, first));
    println!("the other batches               {:>6.2}", rate(BATCH * (SAMPLES - 1), rest));
    println!("reading the lines alone         {:>6.2}", rate(BATCH * SAMPLES, parse));
    let each = cpu.as_nanos() / (BATCH * SAMPLES) as u128;
    println!("the server's threads, all of them: {each} ns of CPU a point");
}
