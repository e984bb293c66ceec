//! Any interleaving of restarts, second deliveries, gaps, late answers and crashes of the collector.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use svcflow_collector::counters::{Account, Applied, EdgeMemory, NodeCounters, Position, Standing};
use svcflow_model::{Counters, Edge, Epoch, Marks, Protocol, Sample};

fn edge(number: u8) -> Edge {
    Edge {
        endpoint: [10, 0, 0, number].into(),
        service: None,
        provider: [10, 0, 1, 1].into(),
        provider_port: 80,
        protocol: Protocol::TCP,
    }
}

fn sample(number: u8, counters: Counters) -> Sample {
    Sample { edge: edge(number), counters, marks: Marks::default() }
}

fn bytes(bytes_in: u64, bytes_out: u64) -> Counters {
    Counters { bytes_in, bytes_out, packets_in: bytes_in / 10, packets_out: bytes_out / 10 }
}

fn owned(samples: &[Sample]) -> impl Iterator<Item = (&Sample, Account)> {
    samples.iter().map(|sample| (sample, Account::Owned))
}

/// What was written down, and nothing else: a crash leaves exactly this.
#[derive(Default)]
struct Disk {
    position: Option<Position>,
    edges: BTreeMap<Edge, EdgeMemory>,
}

impl Disk {
    fn write(&mut self, counters: &NodeCounters, applied: &Applied) {
        self.position = counters.position().cloned();
        for credit in &applied.credits {
            let memory = self.edges.entry(credit.edge).or_default();
            let place = match credit.account {
                Account::Owned => &mut memory.owned,
                Account::Apart => &mut memory.apart,
            };
            assert_eq!(credit.first, place.is_none());
            let before = place.replace(credit.stored).unwrap_or_default();
            assert!(credit.stored.since(&before).is_some(), "a stored counter fell");
        }
        for offset in &applied.offsets {
            self.edges.entry(offset.edge).or_default().offset = offset.offset;
        }
    }

    fn read(&self) -> NodeCounters {
        NodeCounters::restore(self.position.clone(), self.edges.clone())
    }

    fn total(&self, number: u8) -> Counters {
        let memory = self.edges.get(&edge(number)).copied().unwrap_or_default();
        let mut total = memory.owned.unwrap_or_default();
        total.add(&memory.apart.unwrap_or_default());
        total
    }
}

/// An agent, its ring without a limit, and what it truly counted in each epoch.
struct Agent {
    epoch: u64,
    /// Cumulative state of every edge after each interval.
    intervals: Vec<BTreeMap<u8, Counters>>,
}

impl Agent {
    fn new(epoch: u64) -> Self {
        Self { epoch, intervals: Vec::new() }
    }

    fn count(&mut self, traffic: &[(u8, u8, u8)]) {
        let mut state = self.intervals.last().cloned().unwrap_or_default();
        for (number, bytes_in, bytes_out) in traffic {
            let more = bytes(u64::from(*bytes_in), u64::from(*bytes_out));
            state.entry(*number).or_default().add(&more);
        }
        self.intervals.push(state);
    }

    /// The answer to `after`, whose first `merged` intervals are merged, as when no longer kept.
    fn page(&self, after: usize, merged: usize) -> Page {
        let nothing = BTreeMap::new();
        let before = after.checked_sub(1).map_or(&nothing, |last| &self.intervals[last]);
        let mut before = before;
        let mut intervals = Vec::new();
        for (i, state) in self.intervals.iter().enumerate().skip(after + merged) {
            let gap = intervals.is_empty() && merged > 0;
            let changed = |(number, counters): (&u8, &Counters)| {
                let same = before.get(number) == Some(counters);
                (gap || !same).then(|| sample(*number, *counters))
            };
            intervals.push((i as u64 + 1, state.iter().filter_map(changed).collect()));
            before = state;
        }
        Page { epoch: Epoch(self.epoch), intervals }
    }
}

#[derive(Clone)]
struct Page {
    epoch: Epoch,
    intervals: Vec<(u64, Vec<Sample>)>,
}

#[derive(Clone, Debug)]
enum Step {
    Traffic(Vec<(u8, u8, u8)>),
    Scrape { back: usize, merged: usize },
    DeliverAgain(usize),
    AgentRestarts,
    CollectorCrashes { after: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0..4_u8, any::<u8>(), any::<u8>()), 0..4).prop_map(Step::Traffic),
        4 => (0..3_usize, 0..3_usize).prop_map(|(back, merged)| Step::Scrape { back, merged }),
        2 => (0..20_usize).prop_map(Step::DeliverAgain),
        1 => Just(Step::AgentRestarts),
        1 => (0..3_usize).prop_map(|after| Step::CollectorCrashes { after }),
    ]
}

/// Each edge's account, changing over time as ownership may.
fn account(sequence: u64, sample: &Sample) -> Account {
    let third = sequence + u64::from(sample.edge.endpoint == edge(1).endpoint);
    if third.is_multiple_of(3) { Account::Apart } else { Account::Owned }
}

fn deliver(counters: &mut NodeCounters, disk: &mut Disk, page: &Page, at_most: usize) {
    for (sequence, samples) in page.intervals.iter().take(at_most) {
        let samples = samples.iter().map(|sample| (sample, account(*sequence, sample)));
        let applied = counters.apply(page.epoch, *sequence, samples);
        assert_eq!(applied.fell, 0, "agents here never let a counter fall");
        disk.write(counters, &applied);
    }
}

/// What must be stored: per epoch, what the agent had counted at the last interval that was taken.
struct Expected(BTreeMap<u64, (usize, BTreeMap<u8, Counters>)>);

impl Expected {
    fn took(&mut self, agent: &Agent, position: &Position) {
        let sequence = usize::try_from(position.sequence).unwrap();
        let state = sequence.checked_sub(1).map(|last| agent.intervals[last].clone());
        self.0.insert(agent.epoch, (sequence, state.unwrap_or_default()));
    }

    fn total(&self, number: u8) -> Counters {
        let mut total = Counters::ZERO;
        for (_, state) in self.0.values() {
            total.add(&state.get(&number).copied().unwrap_or_default());
        }
        total
    }
}

proptest! {
    #[test]
    fn totals_are_the_sum_of_true_increases_whatever_happens(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let (mut disk, mut agent) = (Disk::default(), Agent::new(1));
        let mut counters = disk.read();
        let mut expected = Expected(BTreeMap::new());
        let mut sent = Vec::new();
        for step in steps {
            match step {
                Step::Traffic(traffic) => agent.count(&traffic),
                Step::AgentRestarts => agent = Agent::new(agent.epoch + 1),
                Step::DeliverAgain(which) => {
                    if let Some(page) = sent.get(which) {
                        deliver(&mut counters, &mut disk, page, usize::MAX);
                    }
                }
                Step::Scrape { back, merged } => {
                    let page = scrape(&counters, &agent, back, merged);
                    deliver(&mut counters, &mut disk, &page, usize::MAX);
                    sent.push(page);
                    took(&mut expected, &agent, &counters);
                }
                // Some intervals of an answer are on disk, the rest only in memory: lost with it.
                Step::CollectorCrashes { after } => {
                    let page = scrape(&counters, &agent, 0, 0);
                    deliver(&mut counters, &mut disk, &page, after);
                    counters = disk.read();
                    took(&mut expected, &agent, &counters);
                    prop_assert_eq!(counters.position(), disk.position.as_ref());
                }
            }
            for number in 0..4 {
                prop_assert_eq!(disk.total(number), expected.total(number), "edge {}", number);
            }
        }
    }
}

fn scrape(counters: &NodeCounters, agent: &Agent, back: usize, merged: usize) -> Page {
    let same = counters.position().filter(|at| at.epoch == Epoch(agent.epoch));
    let after = same.map_or(0, |at| usize::try_from(at.sequence).unwrap()).saturating_sub(back);
    agent.page(after, merged.min(agent.intervals.len().saturating_sub(after + 1)))
}

fn took(expected: &mut Expected, agent: &Agent, counters: &NodeCounters) {
    if let Some(at) = counters.position().filter(|at| at.epoch == Epoch(agent.epoch)) {
        expected.took(agent, at);
    }
}

#[test]
fn an_epoch_that_was_left_is_never_added_again() {
    let mut counters = NodeCounters::default();
    let (a, b) = (Epoch(1), Epoch(2));
    let batch = [sample(0, bytes(100, 50))];
    assert_eq!(counters.standing(a, 1), Standing::First);
    assert_eq!(counters.apply(a, 1, owned(&batch)).credits[0].stored, bytes(100, 50));
    assert_eq!(counters.standing(b, 1), Standing::NewEpoch);
    let applied = counters.apply(b, 1, owned(&batch));
    assert_eq!(applied.credits[0].stored, bytes(200, 100));
    assert_eq!(applied.offsets[0].offset, bytes(100, 50));
    assert_eq!(counters.standing(a, 9), Standing::LeftEpoch);
    let late = [sample(0, bytes(900, 900))];
    assert_eq!(counters.apply(a, 9, owned(&late)), Applied::default());
    assert_eq!(counters.position().unwrap().epoch, b);
}

#[test]
fn a_counter_that_falls_within_its_epoch_is_stated_and_the_others_lose_nothing() {
    let mut counters = NodeCounters::default();
    let epoch = Epoch(1);
    counters.apply(epoch, 1, owned(&[sample(0, bytes(100, 50))]));
    let applied = counters.apply(epoch, 2, owned(&[sample(0, bytes(40, 80))]));
    assert_eq!(applied.fell, 1);
    assert_eq!(applied.credits[0].stored, bytes(100, 80), "out rose by 30");
    let applied = counters.apply(epoch, 3, owned(&[sample(0, bytes(50, 90))]));
    assert_eq!((applied.fell, applied.credits[0].stored), (0, bytes(110, 90)));
}

#[test]
fn a_rewound_agent_is_heard_again() {
    let mut counters = NodeCounters::default();
    let epoch = Epoch(1);
    counters.apply(epoch, 9, owned(&[sample(0, bytes(100, 50))]));
    assert_eq!(counters.standing(epoch, 4), Standing::Repeated);
    counters.rewind();
    assert_eq!(counters.apply(epoch, 4, owned(&[sample(0, bytes(60, 50))])).fell, 1);
    let applied = counters.apply(epoch, 5, owned(&[sample(0, bytes(70, 50))]));
    assert_eq!(applied.credits[0].stored, bytes(110, 50));
}

#[test]
fn what_increases_by_nothing_is_no_row() {
    let mut counters = NodeCounters::default();
    let idle = [sample(0, Counters::ZERO)];
    assert_eq!(counters.apply(Epoch(1), 1, owned(&idle)), Applied::default());
    assert!(counters.is_empty());
    counters.apply(Epoch(1), 2, owned(&[sample(0, bytes(10, 10))]));
    let applied = counters.apply(Epoch(1), 3, owned(&[sample(0, bytes(10, 10))]));
    assert_eq!(applied, Applied::default());
}

#[test]
fn only_the_latest_epochs_are_remembered() {
    let mut counters = NodeCounters::default();
    for epoch in 0..100 {
        counters.apply(Epoch(epoch), 1, owned(&[]));
    }
    let left = &counters.position().unwrap().left;
    assert_eq!((left.len(), left.last()), (16, Some(&Epoch(98))));
}
