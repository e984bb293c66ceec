//! Connections that live for a millisecond, thousands a second, through DNAT: what the kernel counted, and
//! what we saw of it by looking once a second.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::{CONNTRACK, NFTABLES, Watched, permitted};
use svcflow_lab::{ChurnPlan, Churned, Topology};
use svcflow_model::{Counters, EdgeRow, LossKind};

fn plan() -> ChurnPlan {
    let long = std::env::var_os("SVCFLOW_LONG").is_some();
    ChurnPlan {
        service: "default:app-svc".to_owned(),
        clients: Topology::demo().clients.iter().map(|client| client.address.into()).collect(),
        duration: Duration::from_secs(if long { 10 } else { 3 }),
        threads: 8,
    }
}

/// Makes short connections, and looks each second meanwhile, as the agent does.
fn churn(watched: &mut Watched) -> Churned {
    let (lab, plan) = (&watched.lab, plan());
    let watch = &mut watched.watches[0];
    let churned = thread::scope(|scope| {
        let began = Instant::now();
        let running = scope.spawn(|| lab.churn(&plan).unwrap());
        while !running.is_finished() {
            watch.look_after(Duration::from_secs(1));
        }
        eprintln!("{}: {:.1?} with the last look", watch.name, began.elapsed());
        running.join().unwrap()
    });
    let rate = u128::from(churned.connections) * 1_000 / plan.duration.as_millis();
    eprintln!("{}: {} connections, {rate} a second", watch.name, churned.connections);
    assert_eq!(churned.expected.len(), 4 * 14, "every client reaches every provider");
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
    let churned = churn(&mut watched);
    watched.look_and_compare(&churned.expected, "churn");
}

#[test]
fn short_connections_through_dnat_are_exact_or_stated_where_we_look() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::by(Topology::demo(), &[CONNTRACK]);
    let churned = churn(&mut watched);
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
        let seen = rows.iter().find(|row| row.edge() == counted.edge());
        let seen = seen.map_or(Counters::ZERO, EdgeRow::counters);
        let short = counted.counters().since(&seen);
        assert!(short.is_some(), "{seen:?} is above {counted:?}");
        missing.add(&short.unwrap_or_default());
    }
    eprintln!("conntrack: missing from the edges {missing:?}");
}
