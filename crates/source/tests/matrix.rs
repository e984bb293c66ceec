//! {translated, direct} x {short, long} x {TCP, UDP} x {IPv4, IPv6} x bridge-nf-call {0, 1} (cases.md
//! 11 and 12), with both sources at once on the same traffic, to the byte and the packet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use support::{Watched, permitted};
use svcflow_lab::{Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::Protocol;

const APP: &str = "default:app-svc";
const DB: &str = "default:app-db";
const PROVIDER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 1, 3));

fn transfer(client: &str, target: Target, protocol: Protocol) -> Transfer {
    Transfer {
        client: client.parse().unwrap(),
        target,
        protocol,
        bytes_out: 10_000,
        bytes_in: 1_000_000,
        connections: 1,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    }
}

fn service(name: &str) -> Target {
    Target::Service(name.to_owned())
}

/// Every kind of transfer once, from two clients.
fn all_kinds(topology: &Topology, lifetime: Lifetime) -> Plan {
    let first = topology.clients[0].address.to_string();
    let second = topology.clients[1].address.to_string();
    let direct = || Target::Direct(SocketAddr::new(PROVIDER, 80));
    let mut transfers = Vec::new();
    for protocol in [Protocol::TCP, Protocol::UDP] {
        transfers.push(transfer(&first, service(APP), protocol));
        transfers.push(transfer(&second, direct(), protocol));
        transfers.push(transfer(&first, service(DB), protocol));
        if !topology.same_bridge {
            transfers.push(transfer("fd11:1:1::1", service(APP), protocol));
        }
    }
    for transfer in &mut transfers {
        transfer.lifetime = lifetime;
    }
    Plan { transfers }
}

fn matrix(topology: Topology) {
    if !permitted() {
        return;
    }
    let plan = all_kinds(&topology, Lifetime::Short);
    let mut watched = Watched::build(topology);
    let outcome = watched.lab.run(&plan).unwrap();
    assert_eq!(outcome.unattributed, 0);
    watched.look_and_compare(&outcome.expected, "short");
}

#[test]
fn every_kind_is_exact_with_bridge_nf_call() {
    matrix(Topology { bridge_nf_call: true, ..Topology::demo() });
}

#[test]
fn every_kind_is_exact_without_bridge_nf_call() {
    matrix(Topology { bridge_nf_call: false, ..Topology::demo() });
}

#[test]
fn clients_on_the_providers_bridge_are_exact_with_bridge_nf_call() {
    matrix(Topology { bridge_nf_call: true, ..Topology::demo().on_one_bridge() });
}

#[test]
fn long_connections_are_exact_while_they_live_and_when_they_end() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let mut running = watched.lab.start(&all_kinds(&Topology::demo(), Lifetime::Long)).unwrap();
    let alive = running.outcome().unwrap();
    watched.look_and_compare(&alive.expected, "alive");
    running.release();
    let ended = running.outcome().unwrap();
    assert_ne!(alive.expected, ended.expected, "closing takes packets");
    watched.look_and_compare(&ended.expected, "ended");
}

#[test]
fn a_million_one_way_and_ten_thousand_the_other_never_swap() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let mut up = transfer("11.1.1.1", service(APP), Protocol::TCP);
    (up.bytes_out, up.bytes_in) = (1_000_000, 10_000);
    let down = transfer("11.1.1.2", service(DB), Protocol::TCP);
    let outcome = watched.lab.run(&Plan { transfers: vec![up, down] }).unwrap();
    watched.look_and_compare(&outcome.expected, "asymmetric");
    for row in watched.watches[0].rows("n1") {
        let (large, small) = match row.endpoint.to_string().as_str() {
            "11.1.1.1" => (row.bytes_out, row.bytes_in),
            _ => (row.bytes_in, row.bytes_out),
        };
        assert!(large >= 1_000_000 && (10_000..100_000).contains(&small), "{row:?}");
    }
}

#[test]
fn one_endpoint_to_all_fourteen_providers_is_exact() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let mut many = transfer("11.1.1.1", service(APP), Protocol::TCP);
    (many.bytes_out, many.bytes_in, many.connections) = (500, 5_000, 42);
    let outcome = watched.lab.run(&Plan { transfers: vec![many] }).unwrap();
    assert_eq!(outcome.expected.len(), 14, "42 connections in turn reach every provider");
    watched.look_and_compare(&outcome.expected, "all providers");
}

#[test]
fn a_provider_of_two_services_has_an_edge_for_each() {
    if !permitted() {
        return;
    }
    let mut topology = Topology::demo();
    let shared = topology.services[0].providers[0];
    topology.services[0].providers = vec![shared];
    topology.services[1].providers = vec![shared];
    let mut watched = Watched::build(topology);
    let transfers = [APP, DB].map(|name| transfer("11.1.1.1", service(name), Protocol::TCP));
    let outcome = watched.lab.run(&Plan { transfers: transfers.to_vec() }).unwrap();
    assert_eq!(outcome.expected.len(), 2);
    watched.look_and_compare(&outcome.expected, "shared provider");
}

#[test]
fn a_fragmented_datagram_counts_once() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let fragmented = |client| Transfer {
        bytes_out: 50_000,
        bytes_in: 50_000,
        datagram: 5_000,
        ..transfer(client, service(APP), Protocol::UDP)
    };
    let transfers = vec![fragmented("11.1.1.1"), fragmented("fd11:1:1::1")];
    let outcome = watched.lab.run(&Plan { transfers }).unwrap();
    watched.look_and_compare(&outcome.expected, "fragments");
}
