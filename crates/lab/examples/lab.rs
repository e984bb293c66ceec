//! Builds the demo network, makes some traffic and prints the edges.
#![allow(clippy::print_stdout, reason = "an example prints")]
use std::time::Instant;
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer, enter};
use svcflow_model::Protocol;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    enter()?;
    let start = Instant::now();
    let lab = Lab::build(Topology::demo())?;
    println!("built in {:?}", start.elapsed());
    let transfer = |client: &str, protocol, datagram| Transfer {
        client: client.parse().unwrap_or([0, 0, 0, 0].into()),
        target: Target::Service("default:app-svc".to_owned()),
        protocol,
        bytes_out: 1_000_000,
        bytes_in: 10_000,
        connections: 1,
        lifetime: Lifetime::Short,
        datagram,
    };
    let transfers = vec![
        transfer("11.1.1.1", Protocol::TCP, 0),
        transfer("fd11:1:1::1", Protocol::TCP, 0),
        transfer("11.1.1.2", Protocol::UDP, 5000),
        transfer("fd11:1:1::2", Protocol::UDP, 5000),
    ];
    println!("{:#?}", lab.run(&Plan { transfers })?);
    Ok(())
}
