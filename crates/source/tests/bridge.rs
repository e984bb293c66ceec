//! Within one bridge where bridge-nf-call-iptables is 0: neither family `inet` nor conntrack sees it, and the
//! nftables source counts it in family `bridge`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use support::{Watched, permitted};
use svcflow_accounting::{Accounting, Limits};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{EdgeRow, Epoch, Protocol};
use svcflow_source::{Live, NftablesSource, TrafficSource};

const PROVIDERS: [&str; 2] = ["10.1.1.3", "fd10:1:1::3"];
/// The first node's client on the providers' bridge, and one behind the second node.
const CLIENTS: [&str; 2] = ["10.1.1.101", "fd10:1:1::65"];
const ROUTED: &str = "11.1.2.1";

fn topology(bridge_nf_call: bool) -> Topology {
    Topology { bridge_nf_call, ..Topology::demo().with_second_node().on_one_bridge() }
}

/// TCP and UDP to `provider` itself.
fn direct(client: &str, provider: &str, lifetime: Lifetime) -> Vec<Transfer> {
    let provider: IpAddr = provider.parse().unwrap();
    let transfer = |protocol| Transfer {
        client: client.parse().unwrap(),
        target: Target::Direct(SocketAddr::new(provider, 80)),
        protocol,
        bytes_out: 10_000,
        // Unfragmented: without conntrack nothing is put together again on a bridge.
        bytes_in: if protocol == Protocol::TCP { 1_000_000 } else { 10_000 },
        connections: 2,
        lifetime,
        datagram: 1_000,
    };
    vec![transfer(Protocol::TCP), transfer(Protocol::UDP)]
}

fn within_the_bridge(lifetime: Lifetime) -> Plan {
    let transfers = CLIENTS.iter().zip(PROVIDERS).flat_map(|(c, p)| direct(c, p, lifetime));
    Plan { transfers: transfers.collect() }
}

fn in_node<T: Send>(lab: &Lab, run: impl FnOnce() -> T + Send) -> T {
    lab.nodes()[0].namespace().run(run).unwrap()
}

fn tables(lab: &Lab) -> String {
    let listed = || Command::new("nft").args(["list", "tables"]).output().unwrap().stdout;
    String::from_utf8(in_node(lab, listed)).unwrap()
}

fn switch(lab: &Lab, value: &'static str) {
    in_node(lab, || {
        for family in ["iptables", "ip6tables"] {
            let file = format!("/proc/sys/net/bridge/bridge-nf-call-{family}");
            std::fs::write(file, value).unwrap();
        }
    });
}

/// The nftables source alone: conntrack sees none of it where the switch is 0.
fn build(bridge_nf_call: bool) -> Watched {
    let mut watched = Watched::build(topology(bridge_nf_call));
    watched.watches.truncate(1);
    watched
}

/// Looks, and holds the source to what all clients counted, as the first node sees it.
fn compare(watched: &mut Watched, expected: &[EdgeRow], what: &str) {
    let node = &watched.lab.nodes()[0].name;
    let of_node = |row: &EdgeRow| EdgeRow { node: node.clone(), ..row.clone() };
    let expected: Vec<EdgeRow> = expected.iter().map(of_node).collect();
    watched.look_and_compare(&expected, what);
}

#[test]
fn short_and_long_connections_are_exact_and_a_routed_client_is_not_counted_twice() {
    if !permitted() {
        return;
    }
    for bridge_nf_call in [false, true] {
        for lifetime in [Lifetime::Short, Lifetime::Long] {
            let mut watched = build(bridge_nf_call);
            assert_eq!(tables(&watched.lab).contains("bridge svcflow"), !bridge_nf_call);
            let mut plan = within_the_bridge(lifetime);
            plan.transfers.extend(direct(ROUTED, PROVIDERS[0], lifetime));
            let mut running = watched.lab.start(&plan).unwrap();
            let alive = running.outcome().unwrap();
            assert_eq!((alive.unattributed, alive.expected.len()), (0, 6));
            compare(&mut watched, &alive.expected, "alive");
            running.release();
            let ended = running.outcome().unwrap();
            compare(&mut watched, &ended.expected, "ended");
        }
    }
}

#[test]
fn the_table_follows_the_switch_and_no_packet_is_lost_or_counted_twice() {
    if !permitted() {
        return;
    }
    let mut watched = build(false);
    let mut all = watched.lab.run(&within_the_bridge(Lifetime::Short)).unwrap().expected;
    for (value, there) in [("1", false), ("0", true), ("1", false)] {
        switch(&watched.lab, value);
        compare(&mut watched, &all, value);
        assert_eq!(tables(&watched.lab).contains("bridge svcflow"), there, "{value}");
        let more = watched.lab.run(&within_the_bridge(Lifetime::Short)).unwrap().expected;
        for row in &mut all {
            let again = more.iter().find(|other| same_edge(row, other)).unwrap();
            row.bytes_in += again.bytes_in;
            row.bytes_out += again.bytes_out;
            row.packets_in += again.packets_in;
            row.packets_out += again.packets_out;
        }
        compare(&mut watched, &all, value);
    }
}

fn same_edge(a: &EdgeRow, b: &EdgeRow) -> bool {
    (a.endpoint, a.provider, &a.protocol) == (b.endpoint, b.provider, &b.protocol)
}

#[test]
fn a_restart_goes_on_exactly_also_where_the_table_was_new() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(topology(false)).unwrap();
    let open = || {
        let source = in_node(&lab, || NftablesSource::open("a test").unwrap());
        Live::new(Box::new(source))
    };
    let traffic = || lab.run(&within_the_bridge(Lifetime::Short)).unwrap().expected;
    let sum = |rows: &[EdgeRow]| -> (u64, u64) {
        rows.iter().fold((0, 0), |s, row| (s.0 + row.bytes_in, s.1 + row.packets_out))
    };
    let mut accounting = Accounting::new(Epoch(7), Limits::default());
    let mut source = open();
    source.look(&mut accounting).unwrap();
    let mut counted = sum(&traffic());
    let hold = |source: &mut Live, accounting: &mut Accounting, expected, what| {
        source.look(accounting).unwrap();
        let rows: Vec<_> = accounting.edges().map(|sample| EdgeRow::of("n", &sample)).collect();
        assert_eq!(sum(&rows), expected, "{what}");
        assert!(accounting.losses().is_empty(), "{what}: {:?}", accounting.losses());
    };
    hold(&mut source, &mut accounting, counted, "first");
    for delete in [false, true] {
        let saved = serde_json::to_string(&accounting.state()).unwrap();
        drop(source);
        if delete {
            let mut nft = Command::new("nft");
            nft.args(["delete", "table", "bridge", "svcflow"]);
            assert!(in_node(&lab, || nft.status().unwrap()).success());
        } else {
            let more = sum(&traffic());
            counted = (counted.0 + more.0, counted.1 + more.1);
        }
        accounting = Accounting::restore(serde_json::from_str(&saved).unwrap(), Limits::default());
        source = open();
        hold(&mut source, &mut accounting, counted, "at once");
        let more = sum(&traffic());
        counted = (counted.0 + more.0, counted.1 + more.1);
        hold(&mut source, &mut accounting, counted, "from then on");
    }
}
