//! What it costs to look at a full connection table: CPU time (user and system) of a receive loop that
//! parses nothing, of a dump whose entries are decoded, and of `conntrack -L`, in rounds that
//! alternate. Runs in a network namespace of its own: `cargo bench -p svcflow-conntrack`.
//!
//! `ENTRIES` and `ROUNDS` in the environment change the size.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use svcflow_conntrack::{
    Conntrack, Entries, Error, Filter, NewEntry, Received, Status, TcpState, Transport, Tuple,
    protocol,
};
use svcflow_netlink::{Builder, SUBSYS_CTNETLINK, Socket, flags, message_type};

const INSIDE: &str = "SVCFLOW_BENCH_INSIDE";
/// 40 endpoints, each at 25 services.
const ENDPOINTS: u32 = 40;
const EDGES: u32 = 1_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    if std::env::var_os(INSIDE).is_none() {
        return enter();
    }
    let count = setting("ENTRIES", 250_000);
    prepare()?;
    let mut conntrack = Conntrack::open()?;
    let start = clock_gettime(ClockId::Monotonic);
    fill(&mut conntrack, count)?;
    let took = seconds(clock_gettime(ClockId::Monotonic)) - seconds(start);
    println!("{count} entries over {EDGES} edges, created in {took:.2} s");
    measure(&mut conntrack, count)
}

/// Runs this binary again in a new network namespace.
fn enter() -> Outcome<()> {
    let flags = if rustix::process::geteuid().is_root() { "-n" } else { "-Urn" };
    let this = std::env::current_exe()?;
    let status = Command::new("unshare").arg(flags).arg(this).env(INSIDE, "1").status()?;
    if status.success() { Ok(()) } else { Err("no namespace; run it with sudo".into()) }
}

/// Turns accounting on, and tracking with it: the kernel tracks nothing without a rule that asks.
fn prepare() -> Outcome<()> {
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

fn measure(conntrack: &mut Conntrack, count: u32) -> Outcome<()> {
    let mut socket = Socket::open(0)?;
    let [mut bare, mut dump, mut stepped, mut tool] = [const { Vec::<f64>::new() }; 4];
    for _ in 0..setting("ROUNDS", 9) {
        bare.push(own_cpu(|| receive(&mut socket))?);
        dump.push(own_cpu(|| decode(conntrack))?);
        stepped.push(own_cpu(|| decode_buffers(conntrack))?);
        let before = children_cpu()?;
        Command::new("conntrack").arg("-L").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        tool.push(children_cpu()? - before);
    }
    let base = median(&mut bare);
    println!("median CPU, of {} alternating rounds:", bare.len());
    for (name, times) in [
        ("bare receive loop", &mut bare),
        ("dump, decoded", &mut dump),
        ("dump by buffers, decoded", &mut stepped),
        ("conntrack -L >/dev/null", &mut tool),
    ] {
        let time = median(times);
        let (least, most) = (times.first().unwrap_or(&0.0), times.last().unwrap_or(&0.0));
        println!(
            "{name:<26} {:7.1} ms ({:.1} to {:.1}) {:7.0} ns an entry, {:.3} x bare",
            time * 1e3,
            least * 1e3,
            most * 1e3,
            time * 1e9 / f64::from(count),
            time / base
        );
    }
    Ok(())
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

fn decode_buffers(conntrack: &mut Conntrack) -> Outcome<u64> {
    let mut dump = conntrack.begin_dump(&Filter::default())?;
    let mut entries = 0;
    while let Some(buffer) = dump.next_buffer()? {
        for entry in Entries::new(buffer) {
            black_box(entry?);
            entries += 1;
        }
    }
    Ok(entries)
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
