//! Worlds with known traffic, seen through dumps that repeat, miss and break off, and through events
//! that get lost: what is credited is never more than the truth, and is the truth where nothing was lost.

#![allow(clippy::cast_possible_truncation, reason = "small indexes of a test world")]

mod common;

use common::{Bench, connection, counted};
use proptest::prelude::*;
use svcflow_accounting::{Accounting, Limits};
use svcflow_model::{Baseline, Counters, LossKind, Observation};

#[derive(Clone, Debug)]
enum Step {
    Open,
    Traffic(u8, u16, u16),
    Close { which: u8, heard: bool, shown: bool },
    Look { complete: bool, cut: u8 },
    Restart,
    NewOrigin(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let traffic = (any::<u8>(), 1..5_000_u16, 1..5_000_u16);
    prop_oneof![
        3 => Just(Step::Open),
        6 => traffic.prop_map(|(n, i, o)| Step::Traffic(n, i, o)),
        3 => (any::<u8>(), prop::bool::weighted(0.9), any::<bool>())
            .prop_map(|(which, heard, shown)| Step::Close { which, heard, shown }),
        4 => (prop::bool::weighted(0.8), any::<u8>())
            .prop_map(|(complete, cut)| Step::Look { complete, cut }),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(Step::NewOrigin),
    ]
}

#[derive(Default)]
struct World {
    live: Vec<(u32, u64, u64)>,
    next: u32,
    truth: Counters,
    origin: u64,
}

fn limits() -> Limits {
    Limits { edges: 3, ..Limits::default() }
}

fn below(a: &Counters, b: &Counters) -> bool {
    b.since(a).is_some()
}

fn restart(it: &mut Bench) {
    it.accounting = Accounting::restore(it.accounting.state(), limits());
}

fn connections_step(it: &mut Bench, world: &mut World, step: &Step) {
    let as_seen = |(id, i, o): &(u32, u64, u64)| connection(id % 5, *id, counted(*i, *o));
    match *step {
        Step::Open => {
            world.next += 1;
            world.live.push((world.next, 40, 40));
        }
        Step::Traffic(n, i, o) => {
            let len = world.live.len().max(1);
            if let Some(one) = world.live.get_mut(usize::from(n) % len) {
                one.1 += u64::from(i);
                one.2 += u64::from(o);
            }
        }
        Step::Close { which, heard, shown } if !world.live.is_empty() => {
            let one = world.live.swap_remove(usize::from(which) % world.live.len());
            world.truth.add(&counted(one.1, one.2));
            if !heard {
                let kind = LossKind::EventsDropped;
                return it.tell(Observation::Lost { kind, count: 1, bytes: 0 });
            }
            it.ended(as_seen(&one));
            if shown {
                it.tell(Observation::LookBegan);
                it.tell(Observation::Connection(as_seen(&one)));
                it.end(false);
            }
        }
        Step::Close { .. } => {}
        Step::Look { complete, cut } => {
            it.tell(Observation::LookBegan);
            let held = if complete { world.live.len() } else { usize::from(cut) % 4 };
            for one in world.live.iter().take(held) {
                it.tell(Observation::Connection(as_seen(one)));
                if cut % 2 == 0 {
                    it.tell(Observation::Connection(as_seen(&(one.0, one.1 / 2, one.2))));
                }
            }
            it.end(complete);
        }
        Step::Restart => {
            restart(it);
            world.origin += 1;
            it.origin(100 + world.origin, Baseline::FirstReading);
        }
        Step::NewOrigin(again) => {
            world.origin += u64::from(!again);
            let baseline = Baseline::FirstReading;
            it.origin(if world.origin == 0 { 1 } else { 100 + world.origin }, baseline);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn connections_conserve_bytes(steps in prop::collection::vec(step(), 1..80)) {
        let mut it = Bench::with(Baseline::Zero, limits());
        let mut world = World::default();
        let mut before = Vec::new();
        for step in &steps {
            connections_step(&mut it, &mut world, step);
            let now: Vec<_> = it.accounting.edges().collect();
            for old in &before {
                let old: &svcflow_model::Sample = old;
                let new = now.iter().find(|sample| sample.edge == old.edge);
                prop_assert!(new.is_some_and(|new| below(&old.counters, &new.counters)));
            }
            before = now;
            let mut possible = world.truth;
            world.live.iter().for_each(|one| possible.add(&counted(one.1, one.2)));
            prop_assert!(below(&it.sum(), &possible), "{:?} of {:?}", it.sum(), possible);
        }
        it.look(&world.live.iter()
            .map(|one| connection(one.0 % 5, one.0, counted(one.1, one.2))).collect::<Vec<_>>());
        world.live.iter().for_each(|one| world.truth.add(&counted(one.1, one.2)));
        let explained = [LossKind::EventsDropped, LossKind::EndedUnseen, LossKind::EpochGap];
        if explained.iter().all(|kind| it.lost(*kind) == 0) {
            prop_assert_eq!(it.sum(), world.truth);
        }
    }

    #[test]
    fn elements_conserve_bytes(
        steps in prop::collection::vec((0..5_u32, 0..2_u32, 1..5_000_u64, 0..12_u8), 1..80)
    ) {
        let mut it = Bench::with(Baseline::Zero, limits());
        let mut values = [[0_u64; 2]; 5];
        let mut read = values;
        let mut truth = Counters::ZERO;
        for (n, place, bytes, kind) in steps {
            let (at, to) = (n as usize, place as usize);
            match kind {
                0..6 => values[at][to] += bytes,
                6..10 => {
                    it.tell(Observation::LookBegan);
                    for (e, places) in values.iter().enumerate().filter(|(e, _)| *e != at || kind > 7) {
                        for (p, value) in places.iter().enumerate().filter(|(_, value)| **value > 0) {
                            it.reading(e as u32, p as u32, counted(*value, value / 3));
                            it.reading(e as u32, p as u32, counted(read[e][p], read[e][p] / 3));
                            read[e][p] = *value;
                        }
                    }
                    it.end(kind != 9);
                }
                10 if read[at][to] == values[at][to] && values[at][to] > 300 => {
                    truth.add(&counted(values[at][to], values[at][to] / 3));
                    it.read(&[]);
                    values[at][to] = 200;
                    it.read(&[(n, place, counted(200, 66))]);
                    read[at][to] = 200;
                }
                _ => {
                    restart(&mut it);
                    it.origin(1, Baseline::FirstReading);
                }
            }
        }
        for (e, places) in values.iter().enumerate() {
            for (p, value) in places.iter().enumerate().filter(|(_, value)| **value > 0) {
                truth.add(&counted(*value, value / 3));
                it.reading(e as u32, p as u32, counted(*value, value / 3));
            }
        }
        prop_assert_eq!(it.sum(), truth);
    }
}
