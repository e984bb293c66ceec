//! The live view's state, without a terminal: apply a look, group, filter, sort.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use svcflow_agent::{EdgeDocument, EdgesDocument};
use svcflow_model::Protocol;

use crate::document;

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
    /// `None` before the second look: unknown, not zero.
    pub(super) rate_in: Option<f64>,
    pub(super) rate_out: Option<f64>,
    /// `None` where no connection of it was counted.
    pub(super) bytes: Option<u64>,
}

type Port = (IpAddr, u16);
/// What a line stands for; what the view doesn't keep apart is `None`. A direct edge's service is
/// `Some(None)`.
type Key = (Option<IpAddr>, Option<Option<Port>>, Option<Port>, Option<Protocol>);

/// The edges of one line.
#[derive(Default)]
struct Group {
    row: Row,
    endpoints: BTreeSet<IpAddr>,
    services: BTreeSet<Option<Port>>,
    providers: BTreeSet<Port>,
}

/// Columns that can be sorted: endpoint, service, provider, in, out, total.
pub(super) const COLUMNS: usize = 6;
/// Looks kept for the sparkline.
const HISTORY: usize = 120;

#[derive(Debug)]
pub(super) struct State {
    pub(super) document: Option<EdgesDocument>,
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
    pub(super) fn apply(&mut self, document: EdgesDocument) {
        self.away = None;
        let seen =
            |old: &EdgesDocument| old.epoch == document.epoch && old.sequence == document.sequence;
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
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for edge in self.document.iter().flat_map(|document| &document.edges) {
            if self.filter.is_empty() || matches(edge, &self.filter) {
                groups.entry(self.key(edge)).or_default().add(edge);
            }
        }
        let mut rows: Vec<(Key, Row)> =
            groups.into_iter().map(|(key, group)| (key, group.row(&key))).collect();
        // Stable sorts over the keys' own order, so that equals stay where they are.
        match self.sort {
            0 => rows.sort_by_key(|(key, _)| key.0),
            1 => rows.sort_by_key(|(key, _)| key.1),
            2 => rows.sort_by_key(|(key, _)| key.2),
            3 => rows.sort_by(|(_, a), (_, b)| busier(a.rate_in, b.rate_in)),
            4 => rows.sort_by(|(_, a), (_, b)| busier(a.rate_out, b.rate_out)),
            _ => rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.bytes)),
        }
        if self.reverse {
            rows.reverse();
        }
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn key(&self, edge: &EdgeDocument) -> Key {
        let provider = (edge.row.provider, edge.row.provider_port);
        match self.view {
            View::Edges => (
                Some(edge.row.endpoint),
                Some(service(edge)),
                Some(provider),
                Some(edge.row.protocol),
            ),
            View::Services => (None, Some(service(edge)), None, Some(edge.row.protocol)),
            View::Endpoints => (Some(edge.row.endpoint), None, None, None),
        }
    }
}

fn service(edge: &EdgeDocument) -> Option<Port> {
    edge.row.service.map(|address| (address, edge.row.service_port.unwrap_or(0)))
}

fn busier(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0))
}

impl Group {
    fn add(&mut self, edge: &EdgeDocument) {
        let [endpoint, service_name, provider] = document::ends(edge);
        self.row =
            Row { endpoint, service: service_name, provider, ..std::mem::take(&mut self.row) };
        if let Some(rate) = edge.rate.filter(|_| !edge.marks.uncounted) {
            *self.row.rate_in.get_or_insert(0.0) += rate.bytes_in;
            *self.row.rate_out.get_or_insert(0.0) += rate.bytes_out;
        }
        if !edge.marks.uncounted {
            let total = self.row.bytes.get_or_insert(0);
            *total = total.saturating_add(edge.row.bytes_in.saturating_add(edge.row.bytes_out));
        }
        self.endpoints.insert(edge.row.endpoint);
        self.services.insert(service(edge));
        self.providers.insert((edge.row.provider, edge.row.provider_port));
    }

    /// The line: what the view keeps apart by name, the rest by number.
    fn row(self, key: &Key) -> Row {
        let mut row = self.row;
        let many =
            |count: usize, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        if key.0.is_none() {
            row.endpoint = many(self.endpoints.len(), "endpoint");
        }
        if key.1.is_none() {
            row.service = many(self.services.iter().flatten().count(), "service");
        }
        if key.2.is_none() {
            row.provider = many(self.providers.len(), "provider");
        }
        // Docker's notation, and no column: most of it is TCP, and 80 columns are few.
        if let Some(protocol) = key.3.filter(|protocol| *protocol != Protocol::TCP) {
            let place = if key.2.is_some() { &mut row.provider } else { &mut row.service };
            place.push_str(&format!("/{protocol}").to_lowercase());
        }
        row
    }
}

pub(super) fn totals(document: &EdgesDocument) -> (f64, f64) {
    let rates = document.edges.iter().filter_map(|edge| edge.rate);
    rates.fold((0.0, 0.0), |(bytes_in, bytes_out), rate| {
        (bytes_in + rate.bytes_in, bytes_out + rate.bytes_out)
    })
}

fn matches(edge: &EdgeDocument, filter: &str) -> bool {
    let text = format!("{} {}", document::ends(edge).join(" "), edge.row.protocol);
    text.to_lowercase().contains(&filter.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample::document;

    #[test]
    fn the_same_port_over_two_protocols_is_two_lines_and_addresses_sort_as_numbers() {
        let mut document = document();
        let mut other = document.edges[0].clone();
        other.row.protocol = Protocol::UDP;
        document.edges.push(other);
        for host in [10, 2] {
            let mut far = document.edges[0].clone();
            far.row.endpoint = [9, 9, 9, host].into();
            document.edges.push(far);
        }
        let mut state = State::new();
        state.sort = 0;
        state.apply(document);
        let rows = state.rows();
        assert_eq!(rows.len(), 7);
        assert_eq!(rows.iter().filter(|row| row.provider == "10.1.1.5:80/udp").count(), 1);
        assert_eq!((&*rows[0].endpoint, &*rows[1].endpoint), ("9.9.9.2", "9.9.9.10"));
    }

    #[test]
    fn groups_filters_sorts_and_pauses() {
        let mut state = State::new();
        state.apply(document());
        assert_eq!(state.rows()[0].endpoint, "11.1.1.2");
        state.sort = 4;
        assert_eq!(state.rows()[0].endpoint, "11.1.1.3");
        state.view = View::Services;
        assert_eq!(state.rows().len(), 3);
        assert_eq!(state.rows()[0].bytes, Some(3_015_000));
        assert_eq!(state.rows()[0].endpoint, "2 endpoints");
        assert_eq!(state.rows()[1].rate_out, None, "unknown, not zero");
        state.filter = "direct".into();
        assert_eq!(state.rows().len(), 2);
        let mut named = EdgesDocument { sequence: 4, ..document() };
        named.edges[0].names.service_name = Some("default:app-svc".to_owned());
        state.apply(named);
        state.filter = "APP-svc".into();
        assert_eq!(state.rows()[0].service, "default:app-svc (100.1.1.3:8080)");
        state.paused = true;
        state.apply(EdgesDocument { sequence: 9, ..document() });
        assert_eq!(state.document.as_ref().unwrap().sequence, 4);
    }
}
