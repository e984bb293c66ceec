//! The agent's own JSON documents; the CLI and the collector read them back with the same types.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use svcflow_model::{
    Counters, Edge, EdgeRow, Epoch, Losses, Marks, Protocol, Relation, Sample, Service, Timestamp,
};
use svcflow_topology::Snapshot;

/// `GET /api/v1/edges`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgesDocument {
    /// The node's name.
    pub node: String,
    /// The run of counters.
    pub epoch: Epoch,
    /// The latest interval.
    pub sequence: u64,
    /// When it was closed, RFC 3339.
    pub at: String,
    /// The configured time between looks.
    pub interval_seconds: f64,
    /// Where the numbers come from.
    pub source: SourceDocument,
    /// The edges.
    pub edges: Vec<EdgeDocument>,
    /// What was lost since the epoch began.
    pub losses: Losses,
}

/// Where the numbers come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDocument {
    /// `nftables`, `conntrack`, `contiv` or `replay`.
    pub name: String,
    /// Why it was chosen.
    pub reason: String,
    /// What it can't see here, and what is off, each with its remedy.
    pub blind_spots: Vec<String>,
    /// The agent's version; empty of one that doesn't say.
    #[serde(default)]
    pub version: String,
    /// Live connections; null where it doesn't follow them one by one.
    #[serde(default)]
    pub connections: Option<u64>,
}

/// One edge: an [`EdgeRow`] and what the node knows besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeDocument {
    /// The edge and its cumulative counters.
    #[serde(flatten)]
    pub row: EdgeRow,
    /// How the node stands to it.
    pub relation: Relation,
    /// What is known to be wrong with its numbers.
    pub marks: Marks,
    /// Speed over the last interval; null before the second look.
    pub rate: Option<Rate>,
    /// What its ends are called.
    #[serde(flatten)]
    pub names: EdgeNames,
}

/// What an edge's ends are called; each is absent where nobody named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeNames {
    /// Who has the endpoint's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_name: Option<String>,
    /// The service, `tenant:name` where there is a tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Who has the provider's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
}

impl EdgeNames {
    /// The names that an edge's addresses had at `at`.
    #[must_use]
    pub fn of(edge: &Edge, names: &Snapshot, at: Timestamp) -> Self {
        let owner = |address| names.owner(address, at).map(|found| found.entity.name.clone());
        let service = edge
            .service
            .and_then(|service| names.service(service.address, service.port, edge.protocol, at));
        Self {
            endpoint_name: owner(edge.endpoint),
            service_name: service.map(|found| found.entity.full_name()),
            provider_name: owner(edge.provider),
        }
    }
}

/// Traffic per second over the last interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Bytes per second towards the endpoint.
    pub bytes_in: f64,
    /// Bytes per second from the endpoint.
    pub bytes_out: f64,
    /// Packets per second towards the endpoint.
    pub packets_in: f64,
    /// Packets per second from the endpoint.
    pub packets_out: f64,
}

impl Rate {
    /// Bytes per second, both directions.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.bytes_in + self.bytes_out
    }
}

/// `GET /api/v1/samples?after=SEQ`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplesDocument {
    /// The node's name.
    pub node: String,
    /// The run of counters: where it differs from the last answer's, begin anew with `after=0`.
    pub epoch: Epoch,
    /// The epoch that this one follows without a gap, where it does: nothing ran uncounted between.
    #[serde(default)]
    pub follows: Option<Epoch>,
    /// The latest interval that exists.
    pub sequence: u64,
    /// The agent's clock when it answered, so that a reader learns how old an interval is whatever
    /// the clock shows.
    pub now: Timestamp,
    /// The configured time between looks.
    pub interval_seconds: f64,
    /// Intervals after SEQ, oldest first.
    pub intervals: Vec<IntervalDocument>,
    /// Intervals that are no longer kept one by one. The first of `intervals` then has the number
    /// `to` and carries every edge as it was at that time: resolution is lost, no byte is.
    pub gap: Option<Gap>,
    /// More intervals are there: ask again after the last one of these.
    pub more: bool,
    /// What was lost since the epoch began.
    pub losses: Losses,
    /// Networks, and addresses outside of them, that live on this node.
    #[serde(default)]
    pub lives: Vec<String>,
    /// Where the numbers come from, and what is not seen.
    #[serde(default)]
    pub source: SourceDocument,
}

/// One interval: the edges whose counters changed in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalDocument {
    /// Counts intervals within the epoch, from 1.
    pub sequence: u64,
    /// When the look that closed the interval ended, by the agent's clock.
    pub at: Timestamp,
    /// Edges whose counters or marks changed since the interval before.
    pub samples: Vec<SampleDocument>,
}

/// An edge's cumulative counters, flat: thousands of these are read per answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleDocument {
    /// The address that opened the connection.
    pub endpoint: IpAddr,
    /// What it connected to, where this node translated it.
    pub service: Option<Service>,
    /// The address that answered.
    pub provider: IpAddr,
    /// The port that answered.
    pub provider_port: u16,
    /// The IP protocol.
    pub protocol: Protocol,
    /// Bytes towards the endpoint.
    pub bytes_in: u64,
    /// Bytes from the endpoint.
    pub bytes_out: u64,
    /// Packets towards the endpoint.
    pub packets_in: u64,
    /// Packets from the endpoint.
    pub packets_out: u64,
    /// What is known to be wrong with them.
    #[serde(default)]
    pub marks: Marks,
    /// How the node stands to the edge.
    pub relation: Relation,
}

impl SampleDocument {
    /// A sample and how the node stands to it.
    #[must_use]
    pub fn new(sample: &Sample, relation: Relation) -> Self {
        let Sample { edge, counters, marks } = *sample;
        Self {
            endpoint: edge.endpoint,
            service: edge.service,
            provider: edge.provider,
            provider_port: edge.provider_port,
            protocol: edge.protocol,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
            marks,
            relation,
        }
    }

    /// The sample.
    #[must_use]
    pub fn sample(&self) -> Sample {
        Sample {
            edge: Edge {
                endpoint: self.endpoint,
                service: self.service,
                provider: self.provider,
                provider_port: self.provider_port,
                protocol: self.protocol,
            },
            counters: Counters {
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
                packets_in: self.packets_in,
                packets_out: self.packets_out,
            },
            marks: self.marks,
        }
    }
}

/// A range of intervals, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First interval that is missing by itself.
    pub from: u64,
    /// Last one.
    pub to: u64,
}

/// `GET /healthz`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthDocument {
    /// `ok`, or `failing` (with HTTP 503).
    pub status: String,
    /// Why it is failing, with the remedy.
    pub reason: Option<String>,
    /// The node's name.
    pub node: String,
    /// The run of counters.
    pub epoch: Epoch,
    /// The latest interval.
    pub sequence: u64,
    /// How old the last look is.
    pub age_seconds: f64,
    /// What the agent did to the host, what it can't see, what is off.
    pub notes: Vec<String>,
}
