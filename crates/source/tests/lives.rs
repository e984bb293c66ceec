//! What outlives what: an agent that was killed, a trace that was recorded, a ruleset that was flushed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Watched, permitted};
use svcflow_accounting::{Accounting, Limits};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{Counters, EdgeRow, Epoch, LossKind, ObservationSink};
use svcflow_source::{
    ConntrackSource, FrameSource, Live, NftablesSource, SourceError, TraceReader, TraceWriter,
    TrafficSource, host, record,
};

fn plan() -> Plan {
    let transfer = Transfer {
        client: "11.1.1.1".parse().unwrap(),
        target: Target::Service("default:app-db".to_owned()),
        protocol: svcflow_model::Protocol::TCP,
        bytes_out: 10_000,
        bytes_in: 100_000,
        connections: 3,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    };
    Plan { transfers: vec![transfer] }
}

fn total<'a>(rows: impl IntoIterator<Item = &'a EdgeRow>) -> Counters {
    let mut total = Counters::ZERO;
    rows.into_iter().for_each(|row| total.add(&row.counters()));
    total
}

fn accounted(accounting: &Accounting) -> Counters {
    let mut total = Counters::ZERO;
    accounting.edges().for_each(|sample| total.add(&sample.counters));
    total
}

/// Opens our table in the lab's first node and looks once.
fn open_and_look(lab: &Lab, accounting: &mut dyn ObservationSink) -> Live {
    let open = || NftablesSource::open("a test").unwrap();
    let mut source = Live::new(Box::new(lab.nodes()[0].namespace().run(open).unwrap()));
    source.look(accounting).unwrap();
    source
}

#[test]
fn an_agent_that_was_killed_loses_no_byte_and_counts_none_twice() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let mut accounting = Accounting::new(Epoch(7), Limits::default());
    let mut source = open_and_look(&lab, &mut accounting);
    let mut counted = total(&lab.run(&plan()).unwrap().expected);
    source.look(&mut accounting).unwrap();
    let saved = serde_json::to_string(&accounting.state()).unwrap();
    // Counted by the table but never read by the one that is killed, then by no one at all.
    counted.add(&total(&lab.run(&plan()).unwrap().expected));
    drop((source, accounting));
    counted.add(&total(&lab.run(&plan()).unwrap().expected));

    let state = serde_json::from_str(&saved).unwrap();
    let mut accounting = Accounting::restore(state, Limits::default());
    let mut source = open_and_look(&lab, &mut accounting);
    assert_eq!(accounted(&accounting), counted, "at once");
    counted.add(&total(&lab.run(&plan()).unwrap().expected));
    source.look(&mut accounting).unwrap();
    assert_eq!(accounted(&accounting), counted, "and from then on");
    assert_eq!(accounting.epoch(), Epoch(7));
    assert!(accounting.losses().is_empty(), "{:?}", accounting.losses());
}

#[test]
fn an_agent_without_its_state_takes_the_old_counters_as_baseline() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    drop(open_and_look(&lab, &mut Accounting::new(Epoch(1), Limits::default())));
    lab.run(&plan()).unwrap();
    let mut accounting = Accounting::new(Epoch(2), Limits::default());
    let mut source = open_and_look(&lab, &mut accounting);
    assert_eq!(accounted(&accounting), Counters::ZERO);
    source.look(&mut accounting).unwrap();
    source.look(&mut accounting).unwrap();
    assert_eq!(accounted(&accounting), Counters::ZERO, "nothing is credited that ran before");
}

#[test]
fn a_flushed_ruleset_takes_no_edge_with_it() {
    if !permitted() {
        return;
    }
    let mut watched = Watched::build(Topology::demo());
    let first = watched.lab.run(&plan()).unwrap();
    watched.look_and_compare(&first.expected, "before");
    // As another program would. From kernel 6.9 the table is ours alone and stays.
    let flush = || Command::new("nft").args(["flush", "ruleset"]).status().unwrap();
    watched.lab.nodes()[0].namespace().run(flush).unwrap();
    watched.look();
    let nftables = &watched.watches[0];
    let mut expected = first.expected;
    expected.sort();
    assert_eq!(nftables.rows(&watched.lab.nodes()[0].name), expected, "what was counted stays");
    let protected = nftables.accounting.losses().is_empty();
    let stated = nftables.accounting.losses().get(LossKind::TableLost).is_some();
    assert!(protected || stated, "{:?}", nftables.accounting.losses());
}

/// Records one source while the lab's traffic runs, and replays the trace.
fn recorded(open: fn() -> Result<Box<dyn FrameSource>, SourceError>) {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let prepare = || {
        host::ACCOUNTING.write(1).unwrap();
        host::EVENTS.write(1).unwrap();
        open().unwrap()
    };
    let mut source = lab.nodes()[0].namespace().run(prepare).unwrap();
    let mut writer = TraceWriter::new(Vec::new()).unwrap();
    let (mut calls, mut counted) = (0, Counters::ZERO);
    record(source.as_mut(), &mut writer, Duration::from_millis(50), || {
        // Asked before each look: the traffic runs between the first look and the last.
        calls += 1;
        if calls == 2 {
            counted = total(&lab.run(&plan()).unwrap().expected);
        }
        calls == 3
    })
    .unwrap();
    let trace = writer.finish().unwrap();
    let mut accounting = Accounting::new(Epoch(0), Limits::default());
    TraceReader::new(&trace[..]).unwrap().replay(&mut accounting).unwrap();
    assert_eq!(accounted(&accounting), counted);
    assert!(accounting.losses().is_empty(), "{:?}", accounting.losses());
}

#[test]
fn a_trace_of_nftables_replays() {
    recorded(|| Ok(Box::new(NftablesSource::open("a test")?)));
}

#[test]
fn a_trace_of_conntrack_replays() {
    recorded(|| Ok(Box::new(ConntrackSource::open("a test")?)));
}
