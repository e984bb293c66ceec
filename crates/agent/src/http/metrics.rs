//! `/metrics`: OpenMetrics 1.0 text.

use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use svcflow_model::{Counters, Marks, Timestamp};
use svcflow_topology::{Snapshot as Names, SourceState, SourceStatus};

use crate::process;
use crate::shared::{EdgeView, Shared, Snapshot};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPENMETRICS)], families(&shared) + "# EOF\n")
}

/// An agent's metrics without the closing `# EOF`, so that others may follow.
#[must_use]
pub fn families(shared: &Shared) -> String {
    let samples_kept = shared.read(|published| published.ring.samples());
    let healthy = shared.health().reason.is_none();
    let mut text = text(&shared.snapshot(), samples_kept, healthy);
    names(&mut text, &shared.names.snapshot(), shared.clock.now());
    text.out
}

fn text(snapshot: &Snapshot, samples_kept: usize, healthy: bool) -> Text {
    let mut text = Text { out: String::new(), node: escape(&snapshot.node) };
    traffic(&mut text, snapshot);
    marks(&mut text, snapshot);
    losses(&mut text, snapshot);
    own(&mut text, snapshot, samples_kept, healthy);
    text
}

/// Edges of unknown counters have no series: absent, not zero (case 8).
fn traffic(text: &mut Text, snapshot: &Snapshot) {
    let known = || snapshot.edges.iter().filter(|view| !view.is_unknown());
    let bytes = |c: &Counters| [("in", c.bytes_in), ("out", c.bytes_out)];
    let packets = |c: &Counters| [("in", c.packets_in), ("out", c.packets_out)];
    text.family(
        "svcflow_edge_bytes",
        "counter",
        Some("bytes"),
        "IP bytes of an edge; in is towards the endpoint",
    );
    known()
        .for_each(|view| text.edge("svcflow_edge_bytes_total", view, bytes(&view.sample.counters)));
    text.family(
        "svcflow_edge_packets",
        "counter",
        Some("packets"),
        "Packets of an edge; in is towards the endpoint",
    );
    known().for_each(|view| {
        text.edge("svcflow_edge_packets_total", view, packets(&view.sample.counters))
    });
}

fn marks(text: &mut Text, snapshot: &Snapshot) {
    let count = |has: fn(&Marks) -> bool| {
        snapshot.edges.iter().filter(|view| has(&view.sample.marks)).count()
    };
    text.family("svcflow_edges", "gauge", None, "Edges known");
    text.line("svcflow_edges", "", snapshot.edges.len());
    text.family("svcflow_edges_marked", "gauge", None, "Edges whose numbers are known to be wrong");
    text.line("svcflow_edges_marked", ",mark=\"uncounted\"", count(|m| m.uncounted));
    text.line("svcflow_edges_marked", ",mark=\"undercounted\"", count(|m| m.undercounted));
    text.line(
        "svcflow_edges_marked",
        ",mark=\"direction_unknown\"",
        count(|m| m.direction_unknown),
    );
    text.line("svcflow_edges_marked", ",mark=\"unsplit\"", count(|m| m.unsplit));
    text.line("svcflow_edges_marked", ",mark=\"remainder\"", count(|m| m.remainder));
    if let Some(connections) = snapshot.source.connections {
        text.family(
            "svcflow_connections",
            "gauge",
            None,
            "Live connections that the source follows",
        );
        text.line("svcflow_connections", "", connections);
    }
}

fn names(text: &mut Text, names: &Names, now: Timestamp) {
    if names.sources().is_empty() {
        return;
    }
    let of = |status: &SourceStatus| format!(",source=\"{}\"", escape(&status.name));
    text.family("svcflow_names", "gauge", None, "Owners and services that a source of names knows");
    for status in names.sources() {
        let source = of(status);
        text.line("svcflow_names", &format!("{source},kind=\"owner\""), status.owners);
        text.line("svcflow_names", &format!("{source},kind=\"service\""), status.services);
    }
    text.family("svcflow_names_fresh", "gauge", None, "Whether a source of names answers: 1 or 0");
    for status in names.sources() {
        let fresh = matches!(status.state, SourceState::Ok { .. });
        text.line("svcflow_names_fresh", &of(status), u8::from(fresh));
    }
    text.family(
        "svcflow_names_age_seconds",
        "gauge",
        Some("seconds"),
        "Age of a stale source's names",
    );
    for status in names.sources() {
        if let Some(age) = status.state.age(now) {
            text.line("svcflow_names_age_seconds", &of(status), age.as_secs_f64());
        }
    }
}

fn losses(text: &mut Text, snapshot: &Snapshot) {
    let kinds: Vec<_> = snapshot
        .losses
        .iter()
        .map(|(kind, loss)| {
            let name = serde_json::to_value(kind).unwrap_or_default();
            (format!(",kind=\"{}\"", escape(name.as_str().unwrap_or_default())), *loss)
        })
        .collect();
    text.family("svcflow_losses", "counter", None, "What was lost; the unit is the kind's");
    kinds.iter().for_each(|(kind, loss)| text.line("svcflow_losses_total", kind, loss.count));
    text.family(
        "svcflow_loss_bytes",
        "counter",
        Some("bytes"),
        "Bytes known to be missing from edges",
    );
    kinds.iter().for_each(|(kind, loss)| text.line("svcflow_loss_bytes_total", kind, loss.bytes));
}

fn own(text: &mut Text, snapshot: &Snapshot, samples_kept: usize, healthy: bool) {
    let figures = &snapshot.figures;
    text.family(
        "svcflow_look_duration_seconds",
        "summary",
        Some("seconds"),
        "Time that looks take",
    );
    text.line("svcflow_look_duration_seconds_count", "", figures.looks);
    text.line("svcflow_look_duration_seconds_sum", "", figures.total.as_secs_f64());
    text.family(
        "svcflow_last_look_seconds",
        "gauge",
        Some("seconds"),
        "Time that the last look took",
    );
    text.line("svcflow_last_look_seconds", "", figures.last.as_secs_f64());
    text.family("svcflow_look_failures", "counter", None, "Looks that failed");
    text.line("svcflow_look_failures_total", "", figures.failures);
    text.family("svcflow_healthy", "gauge", None, "1 where looks come as they should");
    text.line("svcflow_healthy", "", u8::from(healthy));
    text.family("svcflow_kept_samples", "gauge", None, "Samples kept for a late collector");
    text.line("svcflow_kept_samples", "", samples_kept);
    text.family("svcflow_agent", "info", None, "The agent and its source");
    let version = env!("CARGO_PKG_VERSION");
    let source = escape(&snapshot.source.name);
    text.line("svcflow_agent_info", &format!(",version=\"{version}\",source=\"{source}\""), 1);
    text.family("process_cpu_seconds", "counter", Some("seconds"), "CPU time of the process");
    text.line("process_cpu_seconds_total", "", process::cpu_seconds());
    if let Some(bytes) = process::resident_bytes() {
        text.family("process_resident_memory_bytes", "gauge", Some("bytes"), "Resident memory");
        text.line("process_resident_memory_bytes", "", bytes);
    }
}

/// The text under construction. Writing to a `String` can't fail, so results are dropped.
struct Text {
    out: String,
    node: String,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, unit: Option<&str>, help: &str) {
        let _ = writeln!(self.out, "# TYPE {name} {kind}");
        if let Some(unit) = unit {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.out, "# HELP {name} {help}");
    }

    /// `labels` begins with a comma where there are any.
    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.out, "{name}{{node=\"{}\"{labels}}} {value}", self.node);
    }

    fn edge(&mut self, name: &str, view: &EdgeView, directions: [(&str, u64); 2]) {
        let edge = &view.sample.edge;
        let service = edge.service.map(|service| service.address.to_string()).unwrap_or_default();
        let port = edge.service.map(|service| service.port.to_string()).unwrap_or_default();
        let relation = serde_json::to_value(view.relation).unwrap_or_default();
        let labels = format!(
            ",endpoint=\"{}\",service=\"{service}\",service_port=\"{port}\",provider=\"{}\",\
             provider_port=\"{}\",protocol=\"{}\",relation=\"{}\"",
            edge.endpoint,
            edge.provider,
            edge.provider_port,
            edge.protocol,
            relation.as_str().unwrap_or_default()
        );
        for (direction, value) in directions {
            self.line(name, &format!("{labels},direction=\"{direction}\""), value);
        }
    }
}

/// A label's value: backslash, quote and line feed are escaped.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}
