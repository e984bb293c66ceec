//! Connections that live for a millisecond, thousands a second, through DNAT: what the kernel counted, and
//! what we saw of it by looking once a second.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::{CONNTRACK, NFTABLES, Watched, permitted};
use svcflow_conntrack::{Conntrack, NewEntry, Status, TcpState, Transport, Tuple, protocol};
use svcflow_lab::{ChurnPlan, Churned, Error, Lab, Topology};
use svcflow_model::{Counters, Edge, EdgeRow, LossKind};

fn plan() -> ChurnPlan {
    let long = std::env::var_os("SVCFLOW_LONG").is_some();
    let addresses = Topology::demo().clients.into_iter().map(|client| client.address.into());
    ChurnPlan {
        service: "default:app-svc".to_owned(),
        clients: addresses.collect(),
        duration: Duration::from_secs(if long { 10 } else { 3 }),
        threads: 8,
        amounts: 1_000,
    }
}

/// Makes short connections, and looks each second meanwhile, as the agent does.
fn churn(watched: &mut Watched, plan: &ChurnPlan) -> Churned {
    let lab = &watched.lab;
    let watch = &mut watched.watches[0];
    let churned = thread::scope(|scope| {
        let began = Instant::now();
        let running = scope.spawn(|| lab.churn(plan).unwrap());
        while !running.is_finished() {
            watch.look_after(Duration::from_secs(1));
        }
        eprintln!("{}: {:.1?} with the last look", watch.name, began.elapsed());
        running.join().unwrap()
    });
    let rate = u128::from(churned.connections) * 1_000 / plan.duration.as_millis();
    eprintln!("{}: {} connections, {rate} a second", watch.name, churned.connections);
    let edges = plan.clients.len() * 14;
    assert_eq!(churned.expected.len(), edges, "every client reaches every provider");
    let packets: u64 = churned.expected.iter().map(|row| row.packets_in + row.packets_out).sum();
    assert!(packets >= churned.connections * 8, "{packets} packets: {churned:?}");
    churned
}

#[test]
fn short_connections_through_dnat_are_exact_where_the_kernel_counts() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::by(Topology::demo(), &[NFTABLES]);
    let churned = churn(&mut watched, &plan());
    watched.look_and_compare(&churned.expected, "churn");
}

#[test]
fn short_connections_through_dnat_are_exact_or_stated_where_we_look() {
    if !permitted() {
        return;
    }
    looking(&plan());
}

#[test]
fn ports_used_again_at_once_are_exact_or_stated_where_we_look() {
    if !permitted() {
        return;
    }
    looking(&ChurnPlan { amounts: 1, ..plan() });
}

fn looking(plan: &ChurnPlan) {
    let mut watched = Watched::by(Topology::demo(), &[CONNTRACK]);
    let churned = churn(&mut watched, plan);
    // The last have ended by then.
    watched.watches[0].look_after(Duration::from_secs(2));
    watched.look();
    let watch = &watched.watches[0];
    let stated: Vec<_> = watch.accounting.losses().iter().map(|(k, l)| (k, l.count)).collect();
    eprintln!("conntrack: lost {stated:?}");
    if stated.is_empty() {
        return watched.look_and_compare(&churned.expected, "churn");
    }
    let sayable = [LossKind::EventsDropped, LossKind::EndedUnseen];
    assert!(stated.iter().all(|(kind, _)| sayable.contains(kind)), "{stated:?}");
    let rows = watch.rows(&watched.lab.nodes()[0].name);
    assert!(rows.len() <= churned.expected.len(), "an edge that was not");
    let mut missing = Counters::ZERO;
    for counted in &churned.expected {
        let seen = counters_in(&rows, &counted.edge());
        let short = counted.counters().since(&seen);
        assert!(short.is_some(), "{seen:?} is above {counted:?}");
        missing.add(&short.unwrap_or_default());
    }
    eprintln!("conntrack: missing from the edges {missing:?}");
}

fn counters_in(rows: &[EdgeRow], edge: &Edge) -> Counters {
    rows.iter().find(|row| row.edge() == *edge).map_or(Counters::ZERO, EdgeRow::counters)
}

#[test]
fn a_full_connection_table_is_an_error_and_not_fewer_connections() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let full = lab.nodes()[0].namespace().run(fill_table).unwrap();
    if full {
        let churned = lab.churn(&ChurnPlan { duration: Duration::from_millis(200), ..plan() });
        assert!(matches!(churned, Err(Error::TableFull(1..))), "{churned:?}");
    }
}

/// Fills this namespace's connection table, unless it is too large for a test.
fn fill_table() -> bool {
    let max = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    let max: u32 = max.trim().parse().unwrap();
    if max > 1 << 20 {
        eprintln!("skipped: a connection table of {max} entries takes too long to fill");
        return false;
    }
    let tuple = |from: [u8; 4], to: [u8; 4], source, destination| Tuple {
        source: from.into(),
        destination: to.into(),
        protocol: protocol::TCP,
        transport: Transport::Ports { source, destination },
        zone: 0,
    };
    let entry = |n: u32| {
        let ([_, high, ports @ ..], to) = (n.to_be_bytes(), [172, 17, 0, 1]);
        let (from, port) = ([172, 16, high, 1], u16::from_be_bytes(ports));
        NewEntry {
            original: tuple(from, to, port, 80),
            reply: tuple(to, from, 80, port),
            status: Status::ASSURED.union(Status::SEEN_REPLY),
            timeout: 600,
            mark: 0,
            zone: 0,
            tcp_state: Some(TcpState::ESTABLISHED),
        }
    };
    let entries: Vec<_> = (0..max).map(entry).collect();
    Conntrack::open().unwrap().create(&entries).unwrap();
    true
}
