//! What is stored: points of the measurements that svcflow writes, apart from any store's or wire's form.
//!
//! | measurement | tags | fields |
//! |---|---|---|
//! | `httpjson_svcstats` | the edge's | `BytesIn` `BytesOut` `PacketsIn` `PacketsOut`: what the node owns |
//! | `svcflow_apart` | the edge's | the same four of what another node owns, and `Why` |
//! | `svcflow_marks` | the edge's | `Uncounted` `Undercounted` `DirectionUnknown` `Unsplit` `Remainder` |
//! | `svcflow_losses` | `Node` `Kind` | `Count` `Bytes`, and the agent's own `AgentCount` `AgentBytes` |
//! | `svcflow_nodes` | `Node` | `Epoch` `Sequence` `Edges` `SkewSeconds` `LagSeconds` |
//! | `svcflow_epochs` | `Node` | `Began` `Epoch` `Target`: the running epoch, its first time, where it is read |
//! | `svcflow_offsets` | the edge's | the four of [`crate::counters::EdgeMemory::offset`] |
//!
//! The edge's tags are `EndpointIP`, `Node`, `Protocol`, `ProviderIP`, `ProviderPort`, and, where it has a
//! service, `ServiceIP` and `ServicePort`. The last two measurements are the collector's memory.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use svcflow_model::{Counters, Edge, Epoch, Marks, Timestamp};

use crate::ownership::Why;

/// Edges that a node owns: the measurement that existing pages and dashboards read.
pub const TRAFFIC: &str = "httpjson_svcstats";
/// Edges that another node owns.
pub const APART: &str = "svcflow_apart";
/// What is known to be wrong with an edge's numbers.
pub const MARKS: &str = "svcflow_marks";
/// What was lost.
pub const LOSSES: &str = "svcflow_losses";
/// Where each node stands.
pub const NODES: &str = "svcflow_nodes";
/// When each node's epochs began.
pub const EPOCHS: &str = "svcflow_epochs";
/// What was stored before each edge's epoch.
pub const OFFSETS: &str = "svcflow_offsets";

/// The four counters' field names, in the order of [`Counters`]' fields.
pub const COUNTERS: [&str; 4] = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];

/// The points of one answer of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The node's name.
    pub node: Arc<str>,
    /// Its points, rising in time.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When.
    pub time: Timestamp,
    /// What.
    pub what: What,
}

/// What a point tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// What a node owns of an edge, cumulative.
    Traffic(Edge, Counters),
    /// What it doesn't, and why.
    Apart(Edge, Counters, Option<Why>),
    /// What is wrong with an edge's numbers.
    Marks(Edge, Marks),
    /// An edge's offset.
    Offset(Edge, Counters),
    /// A kind of loss so far.
    Loss(Arc<str>, LossPoint),
    /// Where the node stands.
    Node(NodePoint),
    /// The running epoch.
    Epoch(EpochPoint),
}

/// A node's running epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochPoint {
    /// Its number.
    pub epoch: Epoch,
    /// The time of its first point.
    pub began: Timestamp,
    /// Where it is read.
    pub target: Arc<str>,
}

/// A kind of loss so far, over all epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossPoint {
    /// How many; the unit is the kind's.
    pub count: u64,
    /// Bytes known to be missing.
    pub bytes: u64,
    /// The agent's own count in its running epoch; 0 for the collector's kinds.
    pub agent_count: u64,
    /// The agent's own bytes.
    pub agent_bytes: u64,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePoint {
    /// The running epoch.
    pub epoch: Epoch,
    /// The last interval that was taken.
    pub sequence: u64,
    /// Edges that are remembered.
    pub edges: u64,
    /// Seconds that its clock is ahead of ours.
    pub skew_seconds: f64,
    /// Seconds from the interval's end to its being stored.
    pub lag_seconds: f64,
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Counted.
    Integer(i64),
    /// Measured.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
    /// Named.
    Text(&'a str),
}

/// A point in the data model of InfluxDB. Tags are sorted by key.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// The measurement.
    pub measurement: &'static str,
    /// Sorted by key; none has an empty value.
    pub tags: &'a [(&'static str, &'a str)],
    /// At least one.
    pub fields: &'a [(&'static str, Value<'a>)],
}

impl What {
    /// Its measurement.
    #[must_use]
    pub const fn measurement(&self) -> &'static str {
        match self {
            Self::Traffic(..) => TRAFFIC,
            Self::Apart(..) => APART,
            Self::Marks(..) => MARKS,
            Self::Offset(..) => OFFSETS,
            Self::Loss(..) => LOSSES,
            Self::Node(..) => NODES,
            Self::Epoch(..) => EPOCHS,
        }
    }

    /// Its edge, where it tells of one.
    #[must_use]
    pub const fn edge(&self) -> Option<&Edge> {
        match self {
            Self::Traffic(edge, _)
            | Self::Apart(edge, ..)
            | Self::Marks(edge, _)
            | Self::Offset(edge, _) => Some(edge),
            Self::Loss(..) | Self::Node(..) | Self::Epoch(..) => None,
        }
    }

    /// Whether it is the collector's own memory, of no use to others.
    #[must_use]
    pub const fn is_memory(&self) -> bool {
        matches!(self, Self::Offset(..) | Self::Epoch(..))
    }

    /// Its fields.
    pub fn fields<T>(&self, then: impl FnOnce(&[(&'static str, Value<'_>)]) -> T) -> T {
        match self {
            Self::Traffic(_, it) | Self::Offset(_, it) => then(&counters(it)),
            Self::Apart(_, it, why) => {
                let four = counters(it);
                let [a, b, c, d] = four;
                match why {
                    Some(why) => then(&[a, b, c, d, ("Why", Value::Text(why.name()))]),
                    None => then(&four),
                }
            }
            Self::Marks(_, it) => then(&[
                ("DirectionUnknown", Value::Boolean(it.direction_unknown)),
                ("Remainder", Value::Boolean(it.remainder)),
                ("Uncounted", Value::Boolean(it.uncounted)),
                ("Undercounted", Value::Boolean(it.undercounted)),
                ("Unsplit", Value::Boolean(it.unsplit)),
            ]),
            Self::Loss(_, it) => then(&[
                ("AgentBytes", integer(it.agent_bytes)),
                ("AgentCount", integer(it.agent_count)),
                ("Bytes", integer(it.bytes)),
                ("Count", integer(it.count)),
            ]),
            Self::Node(it) => then(&[
                ("Edges", integer(it.edges)),
                ("Epoch", epoch(it.epoch)),
                ("LagSeconds", Value::Float(it.lag_seconds)),
                ("Sequence", integer(it.sequence)),
                ("SkewSeconds", Value::Float(it.skew_seconds)),
            ]),
            Self::Epoch(it) => then(&[
                ("Began", Value::Integer(it.began.0)),
                ("Epoch", epoch(it.epoch)),
                ("Target", Value::Text(&it.target)),
            ]),
        }
    }

    /// It whole, in InfluxDB's data model.
    pub fn describe<T>(&self, node: &str, then: impl FnOnce(Described<'_>) -> T) -> T {
        let measurement = self.measurement();
        self.fields(|fields| {
            let with =
                |tags: &[(&'static str, &str)]| then(Described { measurement, tags, fields });
            match (self.edge(), self) {
                (Some(edge), _) => edge_tags(node, edge, with),
                (None, Self::Loss(kind, _)) => with(&[("Kind", kind), ("Node", node)]),
                (None, _) => with(&[("Node", node)]),
            }
        })
    }
}

/// An edge's tags, sorted by key.
pub fn edge_tags<T>(node: &str, edge: &Edge, then: impl FnOnce(&[(&'static str, &str)]) -> T) -> T {
    let text = EdgeText::new(edge);
    let common = [
        ("EndpointIP", text.endpoint.as_str()),
        ("Node", node),
        ("Protocol", text.protocol.as_str()),
        ("ProviderIP", text.provider.as_str()),
        ("ProviderPort", text.provider_port.as_str()),
    ];
    match &text.service {
        None => then(&common),
        Some((address, port)) => {
            let [a, b, c, d, e] = common;
            then(&[a, b, c, d, e, ("ServiceIP", address), ("ServicePort", port)])
        }
    }
}

/// An edge's parts as text.
pub(crate) struct EdgeText {
    pub(crate) endpoint: String,
    pub(crate) service: Option<(String, String)>,
    pub(crate) provider: String,
    pub(crate) provider_port: String,
    pub(crate) protocol: String,
}

impl EdgeText {
    pub(crate) fn new(edge: &Edge) -> Self {
        Self {
            endpoint: edge.endpoint.to_string(),
            service: edge.service.map(|s| (s.address.to_string(), s.port.to_string())),
            provider: edge.provider.to_string(),
            provider_port: edge.provider_port.to_string(),
            protocol: edge.protocol.to_string(),
        }
    }
}

fn counters(it: &Counters) -> [(&'static str, Value<'static>); 4] {
    let [a, b, c, d] = COUNTERS;
    [
        (a, integer(it.bytes_in)),
        (b, integer(it.bytes_out)),
        (c, integer(it.packets_in)),
        (d, integer(it.packets_out)),
    ]
}

/// InfluxDB's integers are signed: a counter past 63 bits stands still there, as it would take a
/// century at 1 Tbit/s to reach.
fn integer(value: u64) -> Value<'static> {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// All 64 bits, as they are: an epoch is a name, not a number.
fn epoch(epoch: Epoch) -> Value<'static> {
    Value::Integer(epoch.0.cast_signed())
}

/// Writes points as line protocol. `as_float` says of which fields an integer must be written as a
/// float, because the target has it so.
pub fn write_lines(
    out: &mut String,
    batch: &Batch,
    memory: bool,
    as_float: &dyn Fn(&str, &str) -> bool,
) {
    for point in batch.points.iter().filter(|point| memory || !point.what.is_memory()) {
        point.what.describe(&batch.node, |it| write_line(out, &it, point.time, as_float));
    }
}

fn write_line(
    out: &mut String,
    it: &Described<'_>,
    time: Timestamp,
    as_float: &dyn Fn(&str, &str) -> bool,
) {
    out.push_str(it.measurement);
    for (key, value) in it.tags {
        out.push(',');
        out.push_str(key);
        out.push('=');
        escape(out, value, &[',', '=', ' ']);
    }
    for (i, (name, value)) in it.fields.iter().enumerate() {
        out.push(if i == 0 { ' ' } else { ',' });
        out.push_str(name);
        out.push('=');
        // Writing to a `String` can't fail.
        let _ = match value {
            Value::Integer(value) if as_float(it.measurement, name) => write!(out, "{value}"),
            Value::Integer(value) => write!(out, "{value}i"),
            Value::Float(value) if value.is_finite() => write!(out, "{value}"),
            Value::Float(_) => write!(out, "0"),
            Value::Boolean(value) => write!(out, "{value}"),
            Value::Text(value) => {
                out.push('"');
                escape(out, value, &['"', '\\']);
                out.push('"');
                Ok(())
            }
        };
    }
    let _ = writeln!(out, " {}", time.0);
}

/// Line breaks can't be written in a tag and would begin another point: they become spaces.
fn escape(out: &mut String, text: &str, special: &[char]) {
    for c in text.chars() {
        let c = if matches!(c, '\n' | '\r') { ' ' } else { c };
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use svcflow_model::{Protocol, Service};

    use super::*;

    fn edge(service: bool) -> Edge {
        Edge {
            endpoint: [11, 1, 1, 2].into(),
            service: service.then_some(Service { address: [100, 1, 1, 3].into(), port: 8080 }),
            provider: [10, 1, 1, 5].into(),
            provider_port: 80,
            protocol: Protocol::TCP,
        }
    }

    fn lines(points: Vec<What>, float: bool) -> String {
        let points = points.into_iter().map(|what| Point { time: Timestamp(10), what }).collect();
        let mut out = String::new();
        let batch = Batch { node: "a b".into(), points };
        write_lines(&mut out, &batch, false, &|_, field| float && field == "BytesIn");
        out
    }

    #[test]
    fn points_are_lines_with_sorted_tags_and_exact_integers() {
        let counters = Counters { bytes_in: u64::MAX, bytes_out: 2, packets_in: 3, packets_out: 4 };
        let text = lines(
            vec![
                What::Traffic(edge(true), counters),
                What::Apart(edge(false), Counters::ZERO, Some(Why::ProviderSide)),
                What::Offset(edge(false), counters),
            ],
            false,
        );
        assert_eq!(
            text,
            "httpjson_svcstats,EndpointIP=11.1.1.2,Node=a\\ b,Protocol=TCP,ProviderIP=10.1.1.5,\
             ProviderPort=80,ServiceIP=100.1.1.3,ServicePort=8080 BytesIn=9223372036854775807i,\
             BytesOut=2i,PacketsIn=3i,PacketsOut=4i 10\n\
             svcflow_apart,EndpointIP=11.1.1.2,Node=a\\ b,Protocol=TCP,ProviderIP=10.1.1.5,\
             ProviderPort=80 BytesIn=0i,BytesOut=0i,PacketsIn=0i,PacketsOut=0i,\
             Why=\"provider-side\" 10\n"
        );
        let float = lines(vec![What::Traffic(edge(true), counters)], true);
        assert!(float.contains(" BytesIn=9223372036854775807,BytesOut=2i,"), "{float}");
    }

    #[test]
    fn a_name_with_a_line_break_begins_no_point() {
        let text = lines(vec![What::Loss("x\nevil v=1".into(), LossPoint::default())], false);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("svcflow_losses,Kind=x\\ evil\\ v\\=1,Node=a\\ b "), "{text}");
    }
}
