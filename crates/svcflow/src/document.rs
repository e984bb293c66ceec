//! How an agent's documents read to a person: one wording for the table, the live view and the demo.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use svcflow_agent::{EdgeDocument, EdgeNames, EdgesDocument};
use svcflow_model::{EdgeRow, Losses, Marks};

use crate::units;

/// `100.1.1.3:8080`, or `direct` where nothing was translated.
pub(crate) fn service(row: &EdgeRow) -> String {
    match (row.service, row.service_port) {
        (Some(address), Some(port)) => join(address, port, row.protocol.has_ports()),
        (Some(address), None) => address.to_string(),
        (None, _) => "direct".to_owned(),
    }
}

/// `10.1.1.5:80`
pub(crate) fn provider(row: &EdgeRow) -> String {
    join(row.provider, row.provider_port, row.protocol.has_ports())
}

/// An edge's endpoint, service and provider, each as `name (address)` where it has a name.
pub(crate) fn ends(edge: &EdgeDocument) -> [String; 3] {
    let EdgeNames { endpoint_name, service_name, provider_name } = &edge.names;
    let row = &edge.row;
    [
        named(endpoint_name.as_deref(), row.endpoint.to_string()),
        named(service_name.as_deref(), service(row)),
        named(provider_name.as_deref(), provider(row)),
    ]
}

/// Controls are escaped, since they would move the cursor.
fn named(name: Option<&str>, address: String) -> String {
    let Some(name) = name.filter(|name| *name != address) else { return address };
    let escape =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    format!("{} ({address})", name.chars().map(escape).collect::<String>())
}

fn join(address: IpAddr, port: u16, has_port: bool) -> String {
    if has_port { SocketAddr::new(address, port).to_string() } else { address.to_string() }
}

/// Whether its counters are unknown: nothing was counted because accounting was off.
pub(crate) fn is_unknown(edge: &EdgeDocument) -> bool {
    edge.marks.uncounted && edge.row.counters().is_zero()
}

/// What is wrong with an edge's numbers, in words; empty: they are exact.
pub(crate) fn notes(marks: Marks) -> impl Iterator<Item = &'static str> {
    let Marks { uncounted, undercounted, direction_unknown, unsplit, remainder } = marks;
    [
        (uncounted, "uncounted"),
        (undercounted, "under-counted"),
        (direction_unknown, "ends may be swapped"),
        (unsplit, "not split"),
        (remainder, "the rest"),
    ]
    .into_iter()
    .filter_map(|(set, note)| set.then_some(note))
}

/// What was lost, what can't be seen and what isn't exact, in one line; none when there is nothing to say.
pub(crate) fn warning(document: &EdgesDocument) -> Option<String> {
    let spots = &document.source.blind_spots;
    let unseen = (!spots.is_empty()).then(|| format!("not seen: {}", spots.join("; ")));
    let parts: Vec<String> =
        lost(&document.losses).into_iter().chain(inexact(document)).chain(unseen).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn inexact(document: &EdgesDocument) -> Option<String> {
    let mut edges_of = BTreeMap::<&str, usize>::new();
    for note in document.edges.iter().flat_map(|edge| notes(edge.marks)) {
        *edges_of.entry(note).or_default() += 1;
    }
    let notes: Vec<_> = edges_of.iter().map(|(note, edges)| format!("{note} {edges}")).collect();
    (!notes.is_empty()).then(|| format!("edges not exact: {}", notes.join(", ")))
}

/// What was lost, in one line; none when nothing was.
pub(crate) fn lost(losses: &Losses) -> Option<String> {
    let lost: Vec<String> = losses
        .iter()
        .map(|(kind, loss)| {
            let name = serde_json::to_value(kind).ok();
            let name = name.as_ref().and_then(Value::as_str).unwrap_or("lost");
            let bytes = (loss.bytes > 0).then(|| format!(" (about {})", units::bytes(loss.bytes)));
            format!("{name} {}{}", loss.count, bytes.unwrap_or_default())
        })
        .collect();
    (!lost.is_empty()).then(|| format!("lost: {}", lost.join(", ")))
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;

    /// A look with one service of two providers, a direct edge, and an edge without counters.
    pub(crate) const TEXT: &str = r#"{"node":"n1","epoch":7,"sequence":3,"at":"2026-01-01T00:00:00Z",
     "interval_seconds":1.0,"source":{"name":"nftables","reason":"auto","blind_spots":[]},"edges":[
     {"node":"n1","endpoint":"11.1.1.2","service":"100.1.1.3","service_port":8080,"provider":"10.1.1.5","provider_port":80,
      "protocol":"TCP","bytes_in":1000000,"bytes_out":10000,"packets_in":700,"packets_out":300,
      "relation":"translated-here","marks":{},
      "rate":{"bytes_in":1200000.0,"bytes_out":12000.0,"packets_in":800.0,"packets_out":400.0}},
     {"node":"n1","endpoint":"11.1.1.3","service":"100.1.1.3","service_port":8080,"provider":"10.1.1.6","provider_port":80,
      "protocol":"TCP","bytes_in":5000,"bytes_out":2000000,"packets_in":70,"packets_out":900,
      "relation":"translated-here","marks":{},
      "rate":{"bytes_in":100.0,"bytes_out":2400000.0,"packets_in":1.0,"packets_out":1.0}},
     {"node":"n1","endpoint":"11.1.1.2","service":null,"service_port":null,"provider":"10.1.1.9","provider_port":53,
      "protocol":"UDP","bytes_in":90,"bytes_out":60,"packets_in":1,"packets_out":1,
      "relation":"client-node","marks":{},"rate":null},
     {"node":"n1","endpoint":"11.1.1.4","service":null,"service_port":null,"provider":"10.1.1.9","provider_port":22,
      "protocol":"TCP","bytes_in":0,"bytes_out":0,"packets_in":0,"packets_out":0,
      "relation":"client-node","marks":{"uncounted":true},"rate":null}],
     "losses":{"ended-unseen":{"count":3,"bytes":12000,"first":1,"last":2}}}"#;

    pub(crate) fn document() -> EdgesDocument {
        serde_json::from_str(TEXT).expect("the sample is a document")
    }

    #[test]
    fn names_stand_before_their_addresses() {
        let mut edge = document().edges.remove(0);
        edge.names.service_name = Some("default:app-svc".to_owned());
        edge.names.provider_name = Some("a\u{1b}[31m".to_owned());
        let service = "default:app-svc (100.1.1.3:8080)";
        assert_eq!(ends(&edge), ["11.1.1.2", service, "a\\u{1b}[31m (10.1.1.5:80)"]);
        edge.names.endpoint_name = Some("11.1.1.2".to_owned());
        assert_eq!(ends(&edge)[0], "11.1.1.2");
    }

    #[test]
    fn words_for_a_person() {
        let document = document();
        assert_eq!(service(&document.edges[0].row), "100.1.1.3:8080");
        assert_eq!(provider(&document.edges[0].row), "10.1.1.5:80");
        assert_eq!(service(&document.edges[2].row), "direct");
        assert_eq!(
            warning(&document).as_deref(),
            Some("lost: ended-unseen 3 (about 12.0 kB) · edges not exact: uncounted 1")
        );
    }
}
