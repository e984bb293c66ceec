//! The live view's state, without a terminal: apply a look, group, filter, sort.

use std::collections::{BTreeMap, VecDeque};

use crate::document::{Document, SeenEdge};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Edges,
    Services,
    Endpoints,
}

/// One line of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub(super) endpoint: String,
    pub(super) service: String,
    pub(super) provider: String,
    pub(super) rate_in: f64,
    pub(super) rate_out: f64,
    pub(super) bytes: u64,
}

/// Columns that can be sorted: endpoint, service, provider, in, out, total.
pub(super) const COLUMNS: usize = 6;
/// Looks kept for the sparkline.
const HISTORY: usize = 120;

#[derive(Debug)]
pub(super) struct State {
    pub(super) document: Option<Document>,
    pub(super) away: Option<String>,
    pub(super) view: View,
    pub(super) sort: usize,
    pub(super) reverse: bool,
    pub(super) filter: String,
    pub(super) typing: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    pub(super) scroll: usize,
    pub(super) history: VecDeque<f64>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            document: None,
            away: None,
            view: View::Edges,
            sort: 3,
            reverse: false,
            filter: String::new(),
            typing: false,
            paused: false,
            help: false,
            scroll: 0,
            history: VecDeque::new(),
        }
    }

    /// Takes a look over, unless paused or seen already.
    pub(super) fn apply(&mut self, document: Document) {
        self.away = None;
        let seen =
            |old: &Document| old.epoch == document.epoch && old.sequence == document.sequence;
        if self.paused || self.document.as_ref().is_some_and(seen) {
            return;
        }
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        let (bytes_in, bytes_out) = totals(&document);
        self.history.push_back(bytes_in + bytes_out);
        self.document = Some(document);
    }

    /// Filtered, grouped and sorted.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut groups: BTreeMap<(String, String, String), Row> = BTreeMap::new();
        for edge in self.document.iter().flat_map(|document| &document.edges) {
            let row = self.row(edge);
            if !self.filter.is_empty() && !matches(edge, &self.filter) {
                continue;
            }
            let key = (row.endpoint.clone(), row.service.clone(), row.provider.clone());
            let sum = groups.entry(key).or_insert_with(|| Row {
                rate_in: 0.0,
                rate_out: 0.0,
                bytes: 0,
                ..row.clone()
            });
            sum.rate_in += row.rate_in;
            sum.rate_out += row.rate_out;
            sum.bytes = sum.bytes.saturating_add(row.bytes);
        }
        let mut rows: Vec<Row> = groups.into_values().collect();
        rows.sort_by(|a, b| match self.sort {
            0 => a.endpoint.cmp(&b.endpoint),
            1 => a.service.cmp(&b.service),
            2 => a.provider.cmp(&b.provider),
            3 => b.rate_in.total_cmp(&a.rate_in),
            4 => b.rate_out.total_cmp(&a.rate_out),
            _ => b.bytes.cmp(&a.bytes),
        });
        if self.reverse {
            rows.reverse();
        }
        rows
    }

    fn row(&self, edge: &SeenEdge) -> Row {
        let shown = |views: &[View], text: String| {
            if views.contains(&self.view) { text } else { "-".to_owned() }
        };
        Row {
            endpoint: shown(&[View::Edges, View::Endpoints], edge.row.endpoint.to_string()),
            service: shown(&[View::Edges, View::Services], edge.service_text()),
            provider: shown(&[View::Edges], edge.provider_text()),
            rate_in: edge.rate().bytes_in,
            rate_out: edge.rate().bytes_out,
            bytes: edge.row.bytes_in.saturating_add(edge.row.bytes_out),
        }
    }
}

pub(super) fn totals(document: &Document) -> (f64, f64) {
    document.edges.iter().map(SeenEdge::rate).fold((0.0, 0.0), |(bytes_in, bytes_out), rate| {
        (bytes_in + rate.bytes_in, bytes_out + rate.bytes_out)
    })
}

fn matches(edge: &SeenEdge, filter: &str) -> bool {
    let text = format!(
        "{} {} {} {}",
        edge.row.endpoint,
        edge.service_text(),
        edge.provider_text(),
        edge.row.protocol
    );
    text.to_lowercase().contains(&filter.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample::document;

    #[test]
    fn groups_filters_sorts_and_pauses() {
        let mut state = State::new();
        state.apply(document());
        assert_eq!(state.rows()[0].endpoint, "11.1.1.2");
        state.sort = 4;
        assert_eq!(state.rows()[0].endpoint, "11.1.1.3");
        state.view = View::Services;
        assert_eq!(state.rows().len(), 2);
        assert_eq!(state.rows()[0].bytes, 3_015_000);
        state.filter = "direct".into();
        assert_eq!(state.rows().len(), 1);
        state.paused = true;
        state.apply(Document { sequence: 9, ..document() });
        assert_eq!(state.document.as_ref().unwrap().sequence, 3);
    }
}
