//! What a look costs: nanoseconds per connection at 250,000 connections over 1,000 edges, and the
//! memory a connection takes, counted by the allocator.
#![allow(unsafe_code, reason = "a counting allocator is the only exact count of bytes")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use svcflow_accounting::{Accounting, Limits};
use svcflow_model::{
    Baseline, Connection, Counters, Epoch, Observation, ObservationSink, Origin, Protocol,
    Timestamp,
};

struct Counting;
static BYTES: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: u32 = 250_000;
const EDGES: u32 = 1_000;
const LOOKS: u32 = 20;

fn connection(n: u32, look: u32) -> Connection {
    let edge = n % EDGES;
    let ip = |a: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | a));
    let port = u16::try_from(1024 + n / EDGES).unwrap_or(0);
    Connection {
        id: n.wrapping_mul(0x9e37_79b9),
        zone: 0,
        protocol: Protocol::TCP,
        original_source: ip(edge),
        original_destination: ip(0x0060_0000 | (edge % 50)),
        original_source_port: port,
        original_destination_port: 80,
        reply_source: ip(0x0070_0000 | (edge % 100)),
        reply_destination: ip(edge),
        reply_source_port: 8080,
        reply_destination_port: port,
        destination_translated: true,
        offloaded: false,
        direction_unknown: false,
        counters: Some(Counters {
            bytes_in: u64::from(look) * 1500,
            bytes_out: u64::from(look) * 60,
            packets_in: u64::from(look),
            packets_out: u64::from(look),
        }),
    }
}

fn look(accounting: &mut Accounting, connections: &mut [Connection], number: u32) -> Duration {
    for (n, at) in (0..).zip(connections.iter_mut()) {
        // Another order than that of the first look, as a hash table's would be.
        *at = connection((n * 7_919_u32) % CONNECTIONS, number);
    }
    let at = Timestamp(i64::from(number) * 1_000_000_000);
    let began = Instant::now();
    accounting.observe(at, &Observation::LookBegan);
    for connection in connections.iter() {
        accounting.observe(at, black_box(&Observation::Connection(*connection)));
    }
    accounting.observe(at, &Observation::LookEnded { complete: true });
    began.elapsed()
}

fn main() {
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|n| connection(n, 0)).collect();
    let before = BYTES.load(Relaxed);
    let mut accounting = Accounting::new(Epoch(1), Limits::default());
    let origin = Origin { id: 1, handle: 0 };
    let baseline = Baseline::FirstReading;
    accounting.observe(Timestamp(0), &Observation::Origin { origin, baseline });
    let first = look(&mut accounting, &mut connections, 1);
    let bytes = BYTES.load(Relaxed) - before;
    let _ = accounting.take_changes();

    let calls = CALLS.load(Relaxed);
    let mut times: Vec<_> =
        (2..2 + LOOKS).map(|n| look(&mut accounting, &mut connections, n)).collect();
    let calls = CALLS.load(Relaxed) - calls;
    times.sort_unstable();
    let per = |time: Duration| time.as_nanos() / u128::from(CONNECTIONS);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let least = times.first().copied().unwrap_or_default();
    println!("connections {} edges {}", accounting.connections(), accounting.len());
    println!("first look  {} ns a connection", per(first));
    println!(
        "later looks {} ns a connection (median of {LOOKS}; least {})",
        per(median),
        per(least)
    );
    println!("allocations in {LOOKS} later looks: {calls}");
    println!("memory {} bytes a connection, edges included", bytes / connections.len());
}
