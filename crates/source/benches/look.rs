//! What a look costs. In one run, in rounds that alternate, CPU time (user and system) of:
//!
//! - over a full connection table: a receive loop that parses nothing, a dump whose entries are decoded,
//!   a look-and-account through `ConntrackSource`, and `conntrack -L`;
//! - a look-and-account through `NftablesSource` at 1,000 edges beside that table, and in a table of its
//!   own at 1,000 and 50,000 edges.
//!
//! Runs in network namespaces of its own: `cargo bench -p svcflow-source`. `ENTRIES`, `ROUNDS` and
//! `MANY_EDGES` in the environment change the size.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use svcflow_accounting::{Accounting, Limits};
use svcflow_conntrack::{
    Conntrack, Error, Filter, NewEntry, Received, Status, TcpState, Transport, Tuple, protocol,
};
use svcflow_model::Epoch;
use svcflow_netlink::{Builder, SUBSYS_CTNETLINK, Socket, flags, message_type};
use svcflow_source::{ConntrackSource, FrameSource, Live, NftablesSource, TrafficSource};

const INSIDE: &str = "SVCFLOW_BENCH_INSIDE";
/// 40 endpoints, each at 25 services.
const ENDPOINTS: u32 = 40;
const EDGES: u32 = 1_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    match std::env::var(INSIDE).as_deref() {
        Ok("table") => full_table(),
        Ok(_) => many_edges(),
        Err(_) => {
            enter("table")?;
            enter("edges")
        }
    }
}

/// Runs this binary again in a new network namespace.
fn enter(part: &str) -> Outcome<()> {
    let flags = if rustix::process::geteuid().is_root() { "-n" } else { "-Urn" };
    let this = std::env::current_exe()?;
    let status = Command::new("unshare").arg(flags).arg(this).env(INSIDE, part).status()?;
    if status.success() { Ok(()) } else { Err("the measurement failed: see above".into()) }
}

fn full_table() -> Outcome<()> {
    prepare()?;
    let mut counted = Watch::new(Box::new(NftablesSource::open("a bench")?));
    connect(&mut counted, 0..EDGES)?;
    let count = setting("ENTRIES", 250_000);
    fill(&mut Conntrack::open()?, count)?;
    println!("{count} connections over {EDGES} edges; {EDGES} edges in nftables sets");
    measure(&mut counted, count)
}

fn many_edges() -> Outcome<()> {
    prepare()?;
    let many = setting("MANY_EDGES", 50_000);
    let mut counted = Watch::new(Box::new(NftablesSource::open("a bench")?));
    connect(&mut counted, 0..EDGES)?;
    let few = looks(&mut counted)?;
    connect(&mut counted, EDGES..many)?;
    let all = looks(&mut counted)?;
    println!(
        "a look through nftables: {:.2} ms at {EDGES} edges, {:.1} ms at {many}: {:.1} times",
        few * 1e3,
        all * 1e3,
        all / few
    );
    Ok(())
}

fn looks(watch: &mut Watch) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..setting("ROUNDS", 9) {
        times.push(own_cpu(|| watch.look())?);
    }
    Ok(median(&mut times))
}

/// One connection an edge over loopback, to as many addresses; a look now and then lets sets grow.
fn connect(watch: &mut Watch, edges: std::ops::Range<u32>) -> Outcome<()> {
    let listener = TcpListener::bind("0.0.0.0:9000")?;
    for edge in edges {
        let to = Ipv4Addr::from(0x7f01_0000 + edge);
        drop(TcpStream::connect((to, 9000))?);
        drop(listener.accept()?);
        if edge % 500 == 499 {
            watch.look()?;
        }
    }
    watch.look()?;
    Ok(())
}

/// A source and the accounting behind it.
struct Watch {
    source: Live,
    accounting: Accounting,
}

impl Watch {
    fn new(frames: Box<dyn FrameSource>) -> Self {
        let accounting = Accounting::new(Epoch(1), Limits::default());
        Self { source: Live::new(frames), accounting }
    }

    fn look(&mut self) -> Outcome<u64> {
        self.source.look(&mut self.accounting)?;
        Ok(self.accounting.take_changes().len() as u64)
    }
}

/// Turns accounting on, and tracking with it: the kernel tracks nothing without a rule that asks.
fn prepare() -> Outcome<()> {
    Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
    std::fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1")?;
    let rules = "add table inet bench\n\
        add chain inet bench output { type filter hook output priority 0; }\n\
        add rule inet bench output ct state new counter";
    let status = Command::new("nft").arg(rules).status()?;
    if status.success() { Ok(()) } else { Err("nft failed".into()) }
}

fn fill(conntrack: &mut Conntrack, count: u32) -> Result<(), Error> {
    let entries: Vec<NewEntry> = (0..count).map(entry).collect();
    conntrack.create(&entries)
}

/// The `number`th connection: its edge goes round, its port tells it from the edge's others.
fn entry(number: u32) -> NewEntry {
    let edge = number % EDGES;
    let port = u16::try_from(1024 + number / EDGES).unwrap_or(u16::MAX);
    let address = |base: u32, host: u32| IpAddr::V4(Ipv4Addr::from(base + host));
    let endpoint = address(0x0a01_0001, edge % ENDPOINTS);
    let service = address(0x0a60_0001, edge / ENDPOINTS);
    let provider = address(0x0a02_0001, edge / ENDPOINTS);
    let tuple = |source, destination, from, to| Tuple {
        source,
        destination,
        protocol: protocol::TCP,
        transport: Transport::Ports { source: from, destination: to },
        zone: 0,
    };
    NewEntry {
        original: tuple(endpoint, service, port, 80),
        reply: tuple(provider, endpoint, 8080, port),
        status: Status::SEEN_REPLY | Status::ASSURED,
        timeout: 600,
        mark: 0,
        zone: 0,
        tcp_state: Some(TcpState::ESTABLISHED),
    }
}

fn measure(counted: &mut Watch, count: u32) -> Outcome<()> {
    let mut socket = Socket::open(0)?;
    let mut conntrack = Conntrack::open()?;
    let before = resident()?;
    let mut observed = Watch::new(Box::new(ConntrackSource::open("a bench")?));
    observed.look()?;
    let grown = resident()? - before;
    let [mut bare, mut dump, mut account, mut tool, mut sets] = [const { Vec::<f64>::new() }; 5];
    for _ in 0..setting("ROUNDS", 9) {
        bare.push(own_cpu(|| receive(&mut socket))?);
        dump.push(own_cpu(|| decode(&mut conntrack))?);
        account.push(own_cpu(|| observed.look())?);
        sets.push(own_cpu(|| counted.look())?);
        let before = children_cpu()?;
        Command::new("conntrack").arg("-L").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        tool.push(children_cpu()? - before);
    }
    let base = median(&mut bare);
    println!("median CPU of {} alternating rounds:", bare.len());
    for (name, times) in [
        ("bare receive loop", &mut bare),
        ("dump, decoded", &mut dump),
        ("look and account, conntrack", &mut account),
        ("conntrack -L >/dev/null", &mut tool),
        ("look and account, nftables", &mut sets),
    ] {
        let time = median(times);
        let (least, most) = (times.first().unwrap_or(&0.0), times.last().unwrap_or(&0.0));
        println!(
            "{name:<28} {:8.2} ms ({:.2} to {:.2}), {:.4} x bare",
            time * 1e3,
            least * 1e3,
            most * 1e3,
            time / base
        );
    }
    println!("a look through nftables is 1/{:.0} of the bare dump", base / median(&mut sets));
    println!("{:.0} bytes of memory a connection", grown / f64::from(count));
    Ok(())
}

/// Bytes of resident memory.
fn resident() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// The least that a look can cost: receives the dump and only looks whether the buffer's last 20 bytes
/// are an `NLMSG_DONE`.
fn receive(socket: &mut Socket) -> Outcome<u64> {
    let mut request = Builder::new();
    let kind = message_type(SUBSYS_CTNETLINK, 1);
    request.begin(kind, flags::REQUEST | flags::DUMP, socket.next_sequence(), 0, 0);
    socket.send(request.bytes())?;
    let mut length = 0;
    loop {
        let Received::Messages(bytes) = socket.receive(Duration::from_secs(10))? else {
            return Err("the dump stays away".into());
        };
        length += bytes.len() as u64;
        if matches!(bytes.last_chunk::<20>(), Some([20, 0, 0, 0, 3, 0, ..])) {
            return Ok(length);
        }
    }
}

fn decode(conntrack: &mut Conntrack) -> Outcome<u64> {
    let summary = conntrack.dump(&Filter::default(), |entry| {
        black_box(entry);
        Ok::<_, Error>(())
    })?;
    Ok(summary.entries)
}

/// CPU seconds, user and system, that `work` took of this process.
fn own_cpu(work: impl FnOnce() -> Outcome<u64>) -> Outcome<f64> {
    let before = seconds(clock_gettime(ClockId::ProcessCPUTime));
    black_box(work()?);
    Ok(seconds(clock_gettime(ClockId::ProcessCPUTime)) - before)
}

/// CPU seconds of all children so far, at the kernel's 100 ticks a second.
fn children_cpu() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // After the name: state is field 3; cutime and cstime are 16 and 17 (proc(5)).
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn seconds(time: rustix::time::Timespec) -> f64 {
    std::time::Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
