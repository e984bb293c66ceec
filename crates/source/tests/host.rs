//! Traffic of the node's own processes, over loopback, and through masquerading: what hooks other than a
//! plain forward see. UDP, so that every byte is known: a datagram is its payload and 28 bytes of headers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use support::{Watched, permitted};
use svcflow_lab::{Lifetime, Namespace, Plan, Target, Topology, Transfer};
use svcflow_model::{Counters, Edge, EdgeRow, Protocol};

const NODE: Ipv4Addr = Ipv4Addr::new(11, 1, 1, 254);
const CLIENT: Ipv4Addr = Ipv4Addr::new(11, 1, 1, 1);
const PORT: u16 = 5_353;
/// IPv4 and UDP headers.
const HEADERS: u64 = 28;

/// Ten requests of 100 bytes from `from`, each answered with 900 from `to`'s `address`.
fn converse(from: &Namespace, to: &Namespace, address: Ipv4Addr) {
    let server = to.run(|| UdpSocket::bind((address, PORT)).unwrap()).unwrap();
    let client = from.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap()).unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    client.connect((address, PORT)).unwrap();
    for _ in 0..10 {
        client.send(&[1; 100]).unwrap();
        let (length, back) = server.recv_from(&mut [0; 1_000]).unwrap();
        assert_eq!(length, 100);
        server.send_to(&[2; 900], back).unwrap();
        assert_eq!(client.recv(&mut [0; 1_000]).unwrap(), 900);
    }
}

fn row(endpoint: Ipv4Addr, provider: Ipv4Addr) -> EdgeRow {
    let edge = Edge {
        endpoint: endpoint.into(),
        service: None,
        provider: provider.into(),
        provider_port: PORT,
        protocol: Protocol::UDP,
    };
    let counters = Counters {
        bytes_in: 10 * (900 + HEADERS),
        bytes_out: 10 * (100 + HEADERS),
        packets_in: 10,
        packets_out: 10,
    };
    EdgeRow::new("node1", &edge, &counters)
}

#[test]
fn the_nodes_own_processes_are_endpoints_and_providers() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let node = watched.lab.nodes()[0].namespace().clone();
    let client = watched.lab.client(CLIENT.into()).unwrap().namespace().clone();
    converse(&client, &node, NODE);
    converse(&node, &client, CLIENT);
    let expected = [row(CLIENT, NODE), row(NODE, CLIENT)];
    watched.look_and_compare(&expected, "input and output");
}

#[test]
fn loopback_traffic_counts_once() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let node = watched.lab.nodes()[0].namespace().clone();
    let up = || Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
    assert!(node.run(up).unwrap().success());
    converse(&node, &node, Ipv4Addr::LOCALHOST);
    watched.look_and_compare(&[row(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST)], "loopback");
}

/// The provider then sees the node's address; the endpoint stays who it is.
#[test]
fn a_masqueraded_client_stays_the_endpoint() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let rules = "add table ip masq; \
        add chain ip masq post { type nat hook postrouting priority srcnat; }; \
        add rule ip masq post ip saddr 11.1.1.0/24 masquerade";
    let load = || Command::new("nft").arg(rules).status().unwrap();
    assert!(watched.lab.nodes()[0].namespace().run(load).unwrap().success());
    let transfer = |protocol| Transfer {
        client: CLIENT.into(),
        target: Target::Service("default:app-svc".to_owned()),
        protocol,
        bytes_out: 5_000,
        bytes_in: 50_000,
        connections: 3,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    };
    let transfers = vec![transfer(Protocol::TCP), transfer(Protocol::UDP)];
    let outcome = watched.lab.run(&Plan { transfers }).unwrap();
    watched.look_and_compare(&outcome.expected, "masquerade");
}
