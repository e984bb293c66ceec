//! `GET /api/v1/series`: one thing's history, in two steps. [`plan`] says which edges and times are
//! needed; whoever reads them fills [`Columns`], and [`SeriesPlan::finish`] makes the document.

use std::collections::BTreeMap;

use svcflow_model::Counters;

use crate::catalogue::{EdgeId, EdgeKey, NodeId};
use crate::coverage::Coverage;
use crate::document::{Notice, Rates, Series, Side};
use crate::filter::{Filter, selected};
use crate::follow::{Observed, amounts};
use crate::grouping::{Group, Grouping};
use crate::influxql;
use crate::map::Context;
use crate::naming::Naming;
use crate::pick::{self, pick};
use crate::place::Place;
use crate::readings::Readings;
use crate::sums::{Condition, Sum, share};
use crate::time::{Millis, Span};
use crate::window::Window;

/// Seconds that people take for a step: 1 s to 7 days.
const STEPS: [i64; 20] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 604_800,
];

/// What is asked of a series.
#[derive(Clone, Debug)]
pub struct SeriesRequest {
    /// The id as it was asked for.
    pub id: String,
    /// What it names.
    pub place: Place,
    /// Which edges.
    pub filter: Filter,
    /// What a card is.
    pub group: Group,
    /// Which side of a card or member.
    pub side: Option<Side>,
    /// Values at most.
    pub points: usize,
    /// The retention policy that older rows were summed up in, where there is one.
    pub summed_in: Option<String>,
}

impl SeriesRequest {
    /// Where the rows of a window are; `None` where no one query reads them all.
    fn kept_in(&self, window: &Window) -> Option<influxql::Kept<'_>> {
        match window.summed() {
            None => Some(influxql::Kept::Whole),
            Some(buckets) if buckets.tell_of(window.span.until) => {
                self.summed_in.as_deref().map(influxql::Kept::Summed)
            }
            Some(_) => None,
        }
    }
}

/// Equal steps that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Where the first one begins.
    pub first: Millis,
    /// Milliseconds of each.
    pub length: i64,
    /// How many there are.
    pub count: usize,
}

impl Steps {
    /// The whole steps within a window: of the shortest usual length that is a multiple of the interval (of a bucket's
    /// width, where that is all that is kept of a part of it) and gives at most `points`.
    #[must_use]
    pub fn of(window: &Window, points: usize) -> Self {
        let (span, interval) = (window.span, window.resolution());
        let points = i64::try_from(points).unwrap_or(i64::MAX).max(1);
        let least = span.length().saturating_add(points - 1) / points;
        let usual = STEPS.iter().map(|seconds| seconds * 1_000);
        let mut fitting = usual.filter(|step| step % interval == 0 && *step >= least);
        // An odd interval, or a range of years: the next multiple of it.
        let multiple = || least.div_ceil_of(interval);
        let length =
            fitting.next().filter(|step| *step <= span.length()).unwrap_or_else(multiple).max(1);
        let first = span.from.saturating_add(length - 1).div_euclid(length).saturating_mul(length);
        let count = usize::try_from(span.until.saturating_sub(first) / length).unwrap_or(0);
        Self { first, length, count }
    }

    /// All of them.
    #[must_use]
    pub fn span(&self) -> Span {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        let until = self.first.saturating_add(self.length.saturating_mul(count));
        Span { from: self.first, until }
    }

    /// One of them.
    fn step(&self, place: usize) -> Span {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let from = self.first.saturating_add(self.length.saturating_mul(place));
        Span { from, until: from.saturating_add(self.length) }
    }
}

trait DivCeilOf {
    fn div_ceil_of(self, of: Self) -> Self;
}

impl DivCeilOf for i64 {
    /// The least multiple of `of` that is no less.
    fn div_ceil_of(self, of: Self) -> Self {
        self.saturating_add(of - 1).div_euclid(of).saturating_mul(of)
    }
}

/// What is to be read for a series.
pub struct SeriesPlan {
    /// The steps.
    pub steps: Steps,
    /// The edges.
    pub edges: Vec<(EdgeId, EdgeKey)>,
    /// Of these nodes nothing is known: all their edges are without counters.
    uncounted: Vec<NodeId>,
    document: Series,
}

/// What was added in each step, by node.
#[derive(Clone, Debug)]
pub struct Columns {
    steps: Steps,
    nodes: BTreeMap<NodeId, Vec<[f64; 4]>>,
}

impl Columns {
    /// Nothing yet.
    #[must_use]
    pub const fn new(steps: Steps) -> Self {
        Self { steps, nodes: BTreeMap::new() }
    }

    /// The column of a node, to add to.
    pub fn node(&mut self, node: NodeId) -> NodeColumns<'_> {
        let empty = || vec![[0.0; 4]; self.steps.count];
        NodeColumns { steps: self.steps, columns: self.nodes.entry(node).or_insert_with(empty) }
    }

    /// Adds what another reader found.
    pub fn merge(&mut self, other: &Self) {
        for (node, columns) in &other.nodes {
            let mine = self.node(*node).columns;
            for (sums, more) in mine.iter_mut().zip(columns) {
                sums.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

/// One node's columns.
pub struct NodeColumns<'c> {
    steps: Steps,
    columns: &'c mut Vec<[f64; 4]>,
}

impl NodeColumns<'_> {
    /// Takes what was added over some time, as even.
    pub fn add(&mut self, told: Span, added: &Counters) {
        if added.is_zero() {
            return;
        }
        let inside = told.within(self.steps.span());
        if inside.length() == 0 {
            return;
        }
        let each = amounts(added);
        let first = inside.from.saturating_sub(self.steps.first) / self.steps.length;
        let first = usize::try_from(first).unwrap_or(0);
        for (place, sums) in self.columns.iter_mut().enumerate().skip(first) {
            let share = told.share_in(self.steps.step(place));
            if share <= 0.0 {
                break;
            }
            sums.iter_mut().zip(each).for_each(|(sum, value)| *sum += value * share);
        }
    }
}

/// Finds the edges that a series is made of.
#[must_use]
pub fn plan(readings: &Readings, context: &Context<'_>, request: &SeriesRequest) -> SeriesPlan {
    let naming = Naming::new(readings, context.names, context.homes);
    let grouping = Grouping::new(request.group.clone(), readings, &naming, context.provided);
    let all = selected(readings, &naming, &request.filter);
    let take = |side| pick(readings, &naming, &grouping, &all, &request.place, side);
    let (side, edges) = match (&request.place, request.side) {
        (Place::At(_), Some(side)) => (Some(side), take(Some(side))),
        (Place::At(_), None) => {
            let served = take(Some(Side::Served));
            if served.is_empty() {
                (Some(Side::Asked), take(Some(Side::Asked)))
            } else {
                (Some(Side::Served), served)
            }
        }
        _ => (None, take(None)),
    };
    let (mut sum, mut condition, mut whole) = (Sum::default(), Condition::default(), 0_u64);
    for edge in &edges {
        sum.add(edge);
        condition.add(edge);
    }
    for edge in &all {
        let bytes = edge.totals.bytes_in.saturating_add(edge.totals.bytes_out);
        whole = whole.saturating_add(bytes);
    }
    let steps = Steps::of(&readings.window, request.points);
    let mut keys: Vec<(EdgeId, EdgeKey)> = edges.iter().map(|edge| (edge.id, edge.key)).collect();
    if keys.is_empty() {
        // An edge that was silent all the time is known to be so.
        let id = pick::edge(&naming, &request.place);
        keys.extend(id.and_then(|id| Some((id, *naming.catalogue.edges().get(id)?))));
    }
    let mut range = readings.window.range();
    range.step = steps.length;
    let keys_only = keys.iter().map(|(_, key)| key);
    SeriesPlan {
        steps,
        uncounted: uncounted(&edges),
        document: Series {
            id: request.id.clone(),
            name: pick::name(&grouping, &request.place),
            side,
            range,
            times: (0..steps.count).map(|place| steps.step(place).from).collect(),
            bytes_in: Vec::new(),
            bytes_out: Vec::new(),
            packets_in: Vec::new(),
            packets_out: Vec::new(),
            totals: sum.totals.into(),
            average: None,
            peak: None,
            share: share(sum.bytes(), whole),
            marks: condition.marks.list(),
            losses: Vec::new(),
            influxql: request
                .kept_in(&readings.window)
                .and_then(|kept| influxql::rates(naming.catalogue, keys_only, &steps, &kept)),
        },
        edges: keys,
    }
}

/// Nodes of which no edge among these was counted, though they are there.
fn uncounted(edges: &[&Observed]) -> Vec<NodeId> {
    let blank = |edge: &Observed| edge.rates.is_none() && edge.totals.is_zero();
    let mut nodes: BTreeMap<NodeId, bool> = BTreeMap::new();
    for edge in edges {
        *nodes.entry(edge.key.node).or_insert(true) &=
            blank(edge) && edge.marks.has(crate::document::Mark::Uncounted);
    }
    nodes.into_iter().filter(|(_, all)| *all).map(|(node, _)| node).collect()
}

impl SeriesPlan {
    /// The document, of what was read, what each node knows and what was lost.
    #[must_use]
    pub fn finish<'c>(
        self,
        columns: &Columns,
        coverage: impl Fn(NodeId) -> Option<&'c Coverage>,
        losses: impl FnOnce(&[NodeId]) -> Vec<Notice>,
    ) -> Series {
        let Self { steps, edges, uncounted, mut document } = self;
        let mut nodes: Vec<NodeId> = edges.iter().map(|(_, key)| key.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let counted = nodes.iter().filter(|node| !uncounted.contains(node));
        let known: Vec<_> = counted.filter_map(|node| Some((node, coverage(*node)?))).collect();
        let seconds = steps.step(0).seconds();
        let mut summary = Summary::default();
        for place in 0..steps.count {
            let step = steps.step(place);
            let mut row: Option<[f64; 4]> = None;
            for (node, _) in known.iter().filter(|(_, coverage)| coverage.knows(step)) {
                let sums = row.get_or_insert([0.0; 4]);
                let added = columns.nodes.get(node).and_then(|columns| columns.get(place));
                let added = added.into_iter().flatten();
                sums.iter_mut().zip(added).for_each(|(sum, value)| *sum += value / seconds);
            }
            row.iter().for_each(|row| summary.add(row));
            let [bytes_in, bytes_out, packets_in, packets_out] =
                row.map_or([None; 4], |row| row.map(Some));
            document.bytes_in.push(bytes_in);
            document.bytes_out.push(bytes_out);
            document.packets_in.push(packets_in);
            document.packets_out.push(packets_out);
        }
        (document.average, document.peak) = summary.finish();
        document.losses = losses(&nodes);
        document.losses.sort_by_key(|loss| loss.first);
        document
    }
}

/// Mean and maximum of each column.
#[derive(Default)]
struct Summary {
    count: f64,
    sums: [f64; 4],
    peaks: [f64; 4],
}

impl Summary {
    fn add(&mut self, row: &[f64; 4]) {
        self.count += 1.0;
        self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        self.peaks.iter_mut().zip(row).for_each(|(peak, value)| *peak = peak.max(*value));
    }

    fn finish(self) -> (Option<Rates>, Option<Rates>) {
        let known = self.count > 0.0;
        let mean = self.sums.map(|sum| sum / self.count);
        (known.then(|| mean.into()), known.then(|| self.peaks.into()))
    }
}
