//! OpenMetrics text of the collector itself; the server puts it into its `/metrics`.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::status::{AgentState, NodeDocument, NodesDocument, SinkDocument};

/// Totals that belong to no single agent.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    points: AtomicU64,
    batches: AtomicU64,
    store_failures: AtomicU64,
}

impl Totals {
    pub(crate) fn stored(&self, points: usize) {
        self.points.fetch_add(points as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn store_failed(&self) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// Families without the closing `# EOF`, so that others may follow.
pub(crate) fn text(
    document: &NodesDocument,
    totals: &Totals,
    translations: usize,
    unremembered: u64,
) -> String {
    let mut out = Text(String::new());
    agents(&mut out, document);
    nodes(&mut out, &document.nodes);
    own(&mut out, document, totals);
    out.family("svcflow_collector_translations", "gauge", "Translations remembered");
    out.line("svcflow_collector_translations", "", translations);
    out.family("svcflow_collector_unremembered", "counter", "Translations past the cap");
    out.line("svcflow_collector_unremembered_total", "", unremembered);
    sinks(&mut out, &document.sinks);
    out.0
}

fn agents(out: &mut Text, document: &NodesDocument) {
    out.family("svcflow_agents", "gauge", "Agents by state");
    for state in AgentState::ALL {
        let count = document.nodes.iter().filter(|node| node.state == state).count();
        out.line("svcflow_agents", &format!("state=\"{}\"", state.name()), count);
    }
}

fn nodes(out: &mut Text, nodes: &[NodeDocument]) {
    let labels = |node: &NodeDocument| {
        let name = node.node.as_deref().unwrap_or_default();
        format!("node=\"{}\",target=\"{}\"", escape(name), escape(&node.target))
    };
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&NodeDocument) -> Option<f64>| {
        out.family(name, "gauge", help);
        for node in nodes {
            if let Some(value) = value(node) {
                out.line(name, &labels(node), value);
            }
        }
    };
    gauge("svcflow_agent_up", "1 where the agent's last answer was taken", &|node| {
        Some(f64::from(u8::from(node.state == AgentState::Ok)))
    });
    gauge("svcflow_agent_lag_seconds", "Age of the latest stored interval", &|node| {
        node.lag_seconds
    });
    gauge("svcflow_agent_clock_skew_seconds", "How far its clock is ahead", &|node| {
        node.clock_skew_seconds
    });
    let mut counter = |name: &str, help: &str, value: fn(&NodeDocument) -> u64| {
        out.family(name, "counter", help);
        for node in nodes {
            out.line(&format!("{name}_total"), &labels(node), value(node));
        }
    };
    counter("svcflow_agent_scrapes", "Questions asked", |node| node.scrapes);
    counter("svcflow_agent_failures", "Questions that brought nothing", |node| node.failures);
    counter("svcflow_agent_answer_bytes", "Bytes of its answers", |node| node.answer_bytes);
    counter("svcflow_agent_intervals", "Intervals stored", |node| node.intervals);
    counter("svcflow_agent_samples", "Samples stored", |node| node.samples);
    counter("svcflow_agent_samples_apart", "Increases kept apart", |node| node.samples_apart);
    counter("svcflow_agent_gaps", "Times that something was missing", |node| node.gaps);
    counter("svcflow_agent_retimed", "Intervals stored at another time", |node| node.retimed);
    out.family("svcflow_node_losses", "counter", "What was lost; the unit is the kind's");
    for node in nodes {
        for (kind, loss) in &node.losses {
            let labels = format!("{},kind=\"{}\"", labels(node), escape(kind));
            out.line("svcflow_node_losses_total", &labels, loss.count);
        }
    }
}

fn own(out: &mut Text, document: &NodesDocument, totals: &Totals) {
    let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
    out.family("svcflow_collector_points", "counter", "Points stored");
    out.line("svcflow_collector_points_total", "", read(&totals.points));
    out.family("svcflow_collector_batches", "counter", "Batches stored");
    out.line("svcflow_collector_batches_total", "", read(&totals.batches));
    out.family("svcflow_collector_store_failures", "counter", "Writes that the store refused");
    out.line("svcflow_collector_store_failures_total", "", read(&totals.store_failures));
    out.family("svcflow_collector_discovery_faults", "gauge", "Files and names with a fault");
    out.line("svcflow_collector_discovery_faults", "", document.discovery_faults.len());
}

fn sinks(out: &mut Text, sinks: &[SinkDocument]) {
    let mut each = |name: &str, kind: &str, help: &str, value: fn(&SinkDocument) -> u64| {
        out.family(name, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        for sink in sinks {
            let labels = format!("sink=\"{}\"", escape(&sink.name));
            out.line(&format!("{name}{suffix}"), &labels, value(sink));
        }
    };
    each("svcflow_sink_up", "gauge", "1 where the last attempt was acknowledged", |sink| {
        u64::from(sink.healthy)
    });
    each("svcflow_sink_spool_bytes", "gauge", "Bytes on disk", |sink| sink.spool_bytes);
    each("svcflow_sink_spool_points", "gauge", "Points that wait", |sink| sink.spool_points);
    each("svcflow_sink_sent_points", "counter", "Acknowledged", |sink| sink.sent_points);
    each("svcflow_sink_dropped_points", "counter", "Dropped: the spool was full", |sink| {
        sink.dropped_points
    });
    each("svcflow_sink_refused_points", "counter", "Refused for good", |sink| sink.refused_points);
    each("svcflow_sink_damaged_records", "counter", "Damaged places in the spool", |sink| {
        sink.damaged_records
    });
    each("svcflow_sink_failures", "counter", "Attempts that failed", |sink| sink.failures);
}

/// Writing to a `String` can't fail, so results are dropped.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
