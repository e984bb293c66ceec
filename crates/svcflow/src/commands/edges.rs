//! `svcflow edges`: one look, or every look, as a table or JSON.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use serde_json::Map;
use svcflow_model::{EdgeRow, Losses};

use crate::args::{EdgesArgs, SortBy};
use crate::client::Client;
use crate::document::{Document, SeenEdge};
use crate::exit::CliError;
use crate::table::{self, Column, left, right};
use crate::{output, units};

const COLUMNS: [Column; 9] = [
    left("ENDPOINT"),
    left("SERVICE"),
    left("PROVIDER"),
    left("PROTO"),
    right("IN/S"),
    right("OUT/S"),
    right("IN"),
    right("OUT"),
    right("PACKETS"),
];

/// How often `--watch` looks for a new interval.
const POLL: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &EdgesArgs) -> Result<(), CliError> {
    until(args, None)
}

/// As [`run`], watching at most until `end`.
pub(crate) fn until(args: &EdgesArgs, end: Option<Instant>) -> Result<(), CliError> {
    let client = Client::new(&args.agent.agent)?;
    let mut last = None;
    loop {
        let mut document = client.edges()?;
        let this = Some((document.epoch.clone(), document.sequence));
        if last != this {
            last = this;
            select(&mut document, args);
            output::print(&text(&document, args.json, output::colour()))?;
        }
        if !args.watch || end.is_some_and(|end| Instant::now() >= end) {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

fn select(document: &mut Document, args: &EdgesArgs) {
    document.edges.retain(|edge| {
        args.service.is_none_or(|address| edge.row.service == Some(address))
            && args.endpoint.is_none_or(|address| edge.row.endpoint == address)
            && args.provider.is_none_or(|address| edge.row.provider == address)
    });
    sort(&mut document.edges, args.sort);
    document.edges.truncate(args.limit.unwrap_or(usize::MAX));
}

/// Ties keep the order of the edge itself, so two looks at the same traffic read alike.
fn sort(edges: &mut [SeenEdge], by: SortBy) {
    edges.sort_by_key(|edge| edge.row.edge());
    match by {
        SortBy::Bytes => {
            edges.sort_by_key(|e| Reverse(e.row.bytes_in.saturating_add(e.row.bytes_out)));
        }
        SortBy::Packets => {
            edges.sort_by_key(|e| Reverse(e.row.packets_in.saturating_add(e.row.packets_out)));
        }
        SortBy::Rate => edges.sort_by(|a, b| total_rate(b).total_cmp(&total_rate(a))),
        SortBy::Endpoint => edges.sort_by_key(|e| e.row.endpoint),
        SortBy::Service => edges.sort_by_key(|e| (e.row.service, e.row.service_port)),
        SortBy::Provider => edges.sort_by_key(|e| (e.row.provider, e.row.provider_port)),
    }
}

fn total_rate(edge: &SeenEdge) -> f64 {
    edge.rate().bytes_in + edge.rate().bytes_out
}

fn text(document: &Document, json: bool, colour: bool) -> String {
    if json {
        return serde_json::to_string(document).unwrap_or_default() + "\n";
    }
    let rows: Vec<Vec<String>> = document.edges.iter().map(cells).collect();
    let mut text = table::render(&COLUMNS, &rows, colour);
    if rows.is_empty() {
        text.push_str("(no edges: nothing has talked yet, or the filters leave none)\n");
    }
    if let Some(warning) = document.warning() {
        text.push_str(&format!("! {warning}\n"));
    }
    text
}

/// Rows without rates, as a table.
pub(crate) fn plain(rows: &[EdgeRow], losses: &Losses, colour: bool) -> String {
    let seen = |row: &EdgeRow| SeenEdge { row: row.clone(), rate: None, rest: Map::new() };
    let edges = rows.iter().map(seen).collect();
    let document = Document { edges, losses: losses.clone(), ..Document::default() };
    text(&document, false, colour)
}

fn cells(edge: &SeenEdge) -> Vec<String> {
    let rate = |value: fn(&crate::document::Rate) -> f64| {
        edge.rate.as_ref().map_or_else(|| "-".to_owned(), |rate| units::rate(value(rate)))
    };
    vec![
        edge.row.endpoint.to_string(),
        edge.service_text(),
        edge.provider_text(),
        edge.row.protocol.to_string(),
        rate(|rate| rate.bytes_in),
        rate(|rate| rate.bytes_out),
        units::bytes(edge.row.bytes_in),
        units::bytes(edge.row.bytes_out),
        units::count(edge.row.packets_in.saturating_add(edge.row.packets_out)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample::document;

    #[test]
    fn the_table_reads_at_a_glance() {
        let mut document = document();
        sort(&mut document.edges, SortBy::Bytes);
        let table = text(&document, false, false);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with("11.1.1.3  100.1.1.3:8080  10.1.1.6:80"), "{table}");
        assert!(lines[3].contains("direct"), "{table}");
        assert!(lines[4].starts_with("! lost: ended-unseen 3"), "{table}");
        assert!(lines[1..4].iter().all(|line| line.len() == lines[0].len()), "{table}");
    }
}
