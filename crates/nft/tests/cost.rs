//! What a read costs: printed, and held to its limits where `--ignored` asks for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use support::{in_namespace, options};
use svcflow_nft::Table;

#[test]
#[ignore = "makes 50,000 connections and measures"]
fn reading_scales() {
    in_namespace(|| {
        let (mut table, _) = Table::install(options()).unwrap();
        println!("empty: {:?} for {} sets", cost(&mut table), table.set_count());
        let listener = TcpListener::bind("0.0.0.0:9000").unwrap();
        let mut costs = Vec::new();
        for edge in 1..=50_000_u32 {
            let to = Ipv4Addr::from(0x7f01_0000 + edge);
            drop(TcpStream::connect((to, 9000)).unwrap());
            drop(listener.accept().unwrap());
            if edge % 500 == 0 {
                table.read(&mut |_| {}).unwrap();
                table.grow(800).unwrap();
            }
            if [1_000, 10_000, 50_000].contains(&edge) {
                table.read(&mut |_| {}).unwrap();
                let readout = table.read(&mut |_| {}).unwrap();
                costs.push(cost(&mut table));
                println!(
                    "{edge} edges: {:?}, {} elements, {} sets, largest {}",
                    costs.last().unwrap(),
                    readout.elements,
                    table.set_count(),
                    readout.largest_set
                );
            }
        }
        let [small, .., large] = costs[..] else { panic!("{costs:?}") };
        println!("50,000 cost {:.1} times 1,000", large.as_secs_f64() / small.as_secs_f64());
        assert!(large < small * 60, "{costs:?}");
    });
}

/// The median CPU time of eleven reads.
fn cost(table: &mut Table) -> Duration {
    let mut times: Vec<Duration> = (0..11)
        .map(|_| {
            let before = now();
            table
                .read(&mut |element| {
                    std::hint::black_box(element);
                })
                .unwrap();
            now() - before
        })
        .collect();
    times.sort();
    times.get(5).copied().unwrap()
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}
