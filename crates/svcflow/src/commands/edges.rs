//! `svcflow edges`: one look, or every look, as a table or JSON.

use std::cmp::Reverse;
use std::time::Duration;

use svcflow_agent::{EdgeDocument, EdgesDocument, Rate};
use svcflow_model::{EdgeRow, Losses, Marks};

use crate::args::{EdgesArgs, SortBy};
use crate::client::Client;
use crate::document::{self, lost, warning};
use crate::exit::CliError;
use crate::table::{self, Column, left, right};
use crate::until::Until;
use crate::{output, units};

const COLUMNS: [Column<'_>; 10] = [
    left("ENDPOINT"),
    left("SERVICE"),
    left("PROVIDER"),
    left("PROTO"),
    right("IN/S"),
    right("OUT/S"),
    right("IN"),
    right("OUT"),
    right("PACKETS"),
    left("NOTE"),
];

/// How often `--watch` looks for a new interval.
const POLL: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &EdgesArgs) -> Result<(), CliError> {
    watch(args, &Until::default())
}

/// As [`run`], watching at most until `end`.
pub(crate) fn watch(args: &EdgesArgs, end: &Until) -> Result<(), CliError> {
    let client = Client::new(&args.agent.agent, &args.agent.access)?;
    let mut last = None;
    loop {
        let mut document = client.filtered(&args.filter.filter)?;
        let this = Some((document.epoch, document.sequence));
        if last != this {
            last = this;
            select(&mut document, args);
            output::print(&text(&document, args.json, output::colour()))?;
        }
        if !args.watch || end.is_over() {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

fn select(document: &mut EdgesDocument, args: &EdgesArgs) {
    document.edges.retain(|edge| {
        args.service.is_none_or(|address| edge.row.service == Some(address))
            && args.endpoint.is_none_or(|address| edge.row.endpoint == address)
            && args.provider.is_none_or(|address| edge.row.provider == address)
    });
    sort(&mut document.edges, args.sort);
    document.edges.truncate(args.limit.unwrap_or(usize::MAX));
}

/// Ties keep the order of the edge itself, so two looks at the same traffic read alike.
fn sort(edges: &mut [EdgeDocument], by: SortBy) {
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

fn total_rate(edge: &EdgeDocument) -> f64 {
    edge.rate.map_or(0.0, |rate| rate.bytes())
}

fn text(document: &EdgesDocument, json: bool, colour: bool) -> String {
    if json {
        return serde_json::to_string(document).unwrap_or_default() + "\n";
    }
    let cells_of = |edge: &EdgeDocument| {
        cells(document::ends(edge), &edge.row, edge.marks, edge.rate.as_ref())
    };
    let rows = document.edges.iter().map(cells_of);
    rendered(rows.collect(), warning(document), colour)
}

/// Rows without rates, as a table.
pub(crate) fn plain(rows: &[EdgeRow], losses: &Losses, colour: bool) -> String {
    rendered(
        rows.iter()
            .map(|row| {
                let ends =
                    [row.endpoint.to_string(), document::service(row), document::provider(row)];
                cells(ends, row, Marks::default(), None)
            })
            .collect(),
        lost(losses),
        colour,
    )
}

fn rendered(rows: Vec<Vec<String>>, warning: Option<String>, colour: bool) -> String {
    let noted = rows.iter().flat_map(|row| row.last()).any(|note| !note.is_empty());
    let columns = COLUMNS.len() - usize::from(!noted);
    let mut text = table::render(COLUMNS.get(..columns).unwrap_or(&COLUMNS), &rows, colour);
    if rows.is_empty() {
        text.push_str("(no edges: nothing has talked yet, or the filters leave none)\n");
    }
    if let Some(warning) = warning {
        text.push_str(&format!("! {warning}\n"));
    }
    text
}

/// `?` stands for what was not counted: unknown is not zero.
fn cells(
    [endpoint, service, provider]: [String; 3],
    row: &EdgeRow,
    marks: Marks,
    rate: Option<&Rate>,
) -> Vec<String> {
    let counted = |text: String| if marks.uncounted { "?".to_owned() } else { text };
    let rate = |value: fn(&Rate) -> f64| {
        rate.map_or_else(|| "-".to_owned(), |rate| counted(units::rate(value(rate))))
    };
    vec![
        endpoint,
        service,
        provider,
        row.protocol.to_string(),
        rate(|rate| rate.bytes_in),
        rate(|rate| rate.bytes_out),
        counted(units::bytes(row.bytes_in)),
        counted(units::bytes(row.bytes_out)),
        counted(units::count(row.packets_in.saturating_add(row.packets_out))),
        document::notes(marks).collect::<Vec<_>>().join(", "),
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
        assert_eq!(lines[4].matches('?').count(), 3, "unknown is not zero: {table}");
        assert!(lines[5].starts_with("! lost: ended-unseen 3"), "{table}");
        assert!(lines[4].ends_with("?  uncounted"), "{table}");
        let mut named = document.clone();
        named.edges[0].names.service_name = Some("default:app-svc".to_owned());
        let table = text(&named, false, false);
        assert!(
            table.lines().nth(1).unwrap().contains("default:app-svc (100.1.1.3:8080)  10.1.1.6:80")
        );
        let columns: Vec<_> =
            table.lines().take(4).filter_map(|line| line.find("10.1.1.")).collect();
        assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
        assert!(text(&named, true, false).contains("\"service_name\":\"default:app-svc\""));
        let numbers = lines[0].len() - "  NOTE".len();
        assert!(lines[1..4].iter().all(|line| line.len() == numbers), "{table}");
        document.edges.retain(|edge| !edge.marks.uncounted);
        assert!(!text(&document, false, false).contains("NOTE"), "nothing to note");
    }
}
