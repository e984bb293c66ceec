//! A connection that is older than connection tracking: our table turns tracking on, and the kernel picks
//! the connection up at its next packet, here with its ends swapped. Its edge is marked (accounting.md).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::net::SocketAddr;
use std::process::Command;

use support::{CONNTRACK, NFTABLES, Watched, permitted};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::Protocol;

#[test]
fn an_edge_of_a_connection_older_than_tracking_is_marked() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let flush = || Command::new("nft").args(["flush", "ruleset"]).status().unwrap();
    assert!(lab.nodes()[0].namespace().run(flush).unwrap().success());
    let provider = SocketAddr::from(([10, 1, 1, 3], 80));
    let transfer = |client: &str, lifetime| Transfer {
        client: client.parse().unwrap(),
        target: Target::Direct(provider),
        protocol: Protocol::TCP,
        bytes_out: 1_000,
        bytes_in: 1_000,
        connections: 1,
        lifetime,
        datagram: 1_000,
    };
    let older = transfer("11.1.1.1", Lifetime::Long);
    let mut running = lab.start(&Plan { transfers: vec![older] }).unwrap();

    let mut watched = Watched::over(lab, &[NFTABLES, CONNTRACK]);
    running.release();
    let younger = transfer("11.1.1.2", Lifetime::Short);
    watched.lab.run(&Plan { transfers: vec![younger] }).unwrap();
    watched.look();
    for watch in &watched.watches {
        let (mut old, mut new) = (0, 0);
        for sample in watch.accounting.edges() {
            let edge = sample.edge;
            if edge.endpoint.to_string() == "11.1.1.2" {
                assert!(!sample.marks.direction_unknown, "{}: {edge}", watch.name);
                new += 1;
            } else {
                assert!(sample.marks.direction_unknown, "{}: {edge}", watch.name);
                old += 1;
            }
        }
        assert_eq!((old, new), (1, 1), "{}", watch.name);
    }
}
