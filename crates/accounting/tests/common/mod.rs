//! Short ways to say what a source saw.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::{IpAddr, Ipv4Addr};

use svcflow_accounting::{Accounting, Limits};
use svcflow_model::{
    Baseline, Connection, Counters, Edge, EdgeReading, Epoch, LossKind, Observation,
    ObservationSink, Origin, Protocol, Service, Timestamp,
};

pub(crate) const LIVED_BEFORE: Baseline = Baseline::FirstReading;

pub(crate) fn ip(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | n))
}

pub(crate) fn edge(n: u32) -> Edge {
    Edge {
        endpoint: ip(n),
        service: Some(Service { address: ip(0xff_0000), port: 80 }),
        provider: ip(0xee_0000),
        provider_port: 8080,
        protocol: Protocol::TCP,
    }
}

/// `inward` and `outward` bytes, a packet for every begun 100.
pub(crate) fn counted(inward: u64, outward: u64) -> Counters {
    Counters {
        bytes_in: inward,
        bytes_out: outward,
        packets_in: inward.div_ceil(100),
        packets_out: outward.div_ceil(100),
    }
}

/// Connection `id` of edge `n`.
pub(crate) fn connection(n: u32, id: u32, counters: Counters) -> Connection {
    let port = u16::try_from(id % 60_000).unwrap_or(0);
    Connection {
        id,
        zone: 0,
        protocol: Protocol::TCP,
        original_source: ip(n),
        original_destination: ip(0xff_0000),
        original_source_port: port,
        original_destination_port: 80,
        reply_source: ip(0xee_0000),
        reply_destination: ip(n),
        reply_source_port: 8080,
        reply_destination_port: port,
        destination_translated: true,
        offloaded: false,
        direction_unknown: false,
        counters: Some(counters),
    }
}

/// Accounting under test, with a clock that goes on a second at each look.
pub(crate) struct Bench {
    pub(crate) accounting: Accounting,
    pub(crate) now: i64,
}

impl Bench {
    pub(crate) fn with(baseline: Baseline, limits: Limits) -> Self {
        let mut new = Self { accounting: Accounting::new(Epoch(1), limits), now: 0 };
        new.origin(1, baseline);
        new
    }

    pub(crate) fn new(baseline: Baseline) -> Self {
        Self::with(baseline, Limits::default())
    }

    pub(crate) fn tell(&mut self, observation: Observation) {
        self.accounting.observe(Timestamp(self.now), &observation);
    }

    pub(crate) fn origin(&mut self, id: u64, baseline: Baseline) {
        self.tell(Observation::Origin { origin: Origin { id, handle: 1 }, baseline });
    }

    pub(crate) fn end(&mut self, complete: bool) {
        self.now += 1_000_000_000;
        self.tell(Observation::LookEnded { complete });
    }

    /// A complete look that holds these connections.
    pub(crate) fn look(&mut self, connections: &[Connection]) {
        self.tell(Observation::LookBegan);
        for connection in connections {
            self.tell(Observation::Connection(*connection));
        }
        self.end(true);
    }

    /// A complete look that holds these readings: edge, place, counters.
    pub(crate) fn read(&mut self, readings: &[(u32, u32, Counters)]) {
        self.tell(Observation::LookBegan);
        for (n, place, counters) in readings {
            self.reading(*n, *place, *counters);
        }
        self.end(true);
    }

    pub(crate) fn reading(&mut self, n: u32, place: u32, counters: Counters) {
        self.tell(Observation::Edge(EdgeReading { edge: edge(n), place, counters }));
    }

    pub(crate) fn ended(&mut self, connection: Connection) {
        self.tell(Observation::ConnectionEnded(connection));
    }

    pub(crate) fn total(&self, n: u32) -> Counters {
        let mut samples = self.accounting.edges().filter(|sample| sample.edge == edge(n));
        samples.next().map_or(Counters::ZERO, |sample| sample.counters)
    }

    /// Everything, the remainder included.
    pub(crate) fn sum(&self) -> Counters {
        let mut sum = Counters::ZERO;
        self.accounting.edges().for_each(|sample| sum.add(&sample.counters));
        sum
    }

    pub(crate) fn lost(&self, kind: LossKind) -> u64 {
        self.accounting.losses().get(kind).map_or(0, |loss| loss.count)
    }
}
