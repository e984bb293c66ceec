//! What is kept in memory of the store: edges, reports, marks, losses. Brought up to date before each answer,
//! by reading only what is new.

use std::collections::HashMap;
use std::sync::Arc;

use svcflow_map::intern::PerId;
use svcflow_map::{
    Buckets, Catalogue, Clock, Coverage, EdgeId, EdgeKey, Grid, Losses, MarkSet, MarkTimeline,
    Millis, NodeHistory, NodeId,
};
use svcflow_model::Marks;
use svcflow_store::{Block, Error, Measurement, Order, RoaringBitmap, SeriesId, Store, TimeRange};

use super::edges::edge_of;
use super::policies::Stored;
use super::reports::{Columns, News, Report, Reports, take_loss};
use super::rows::{each_row, ends};
use super::scan::ReadError;
use super::{COUNTERS, LOSSES, MARKS, NODES, TRAFFIC};

/// Nodes that reported this long before the latest are looked for one by one.
const RECENT: i64 = 600 * 1_000_000_000;
/// Everything is read anew this often, so that what retention took is forgotten here too.
const LIFETIME: i64 = 6 * 3_600 * 1_000;

/// The series of the counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    /// Those that were looked at.
    looked_at: RoaringBitmap,
    /// Those that are edges.
    pub(super) all: RoaringBitmap,
    /// By the series' number.
    edges: Vec<Option<EdgeId>>,
    of_edge: PerId<EdgeKey, Option<SeriesId>>,
    first: PerId<EdgeKey, Millis>,
    /// Series that are no edge of svcflow's.
    pub(super) strangers: u64,
}

impl Series {
    pub(super) fn edge(&self, series: SeriesId) -> Option<EdgeId> {
        *self.edges.get(series.get() as usize)?
    }

    /// When an edge was first counted.
    pub(super) fn first(&self, edge: EdgeId) -> Option<Millis> {
        self.first.get(edge).copied()
    }

    pub(super) fn of(&self, edge: EdgeId) -> Option<SeriesId> {
        *self.of_edge.get(edge)?
    }
}

/// What is known of a node.
#[derive(Clone, Debug, Default)]
struct Node {
    reports: Option<Reports>,
    losses: Losses,
}

/// What is kept in memory.
#[derive(Clone, Debug)]
pub(in crate::api) struct Index {
    generation: Option<u64>,
    made: Millis,
    /// Differs between any two states.
    pub(in crate::api) version: u64,
    grid: Grid,
    pub(in crate::api) catalogue: Arc<Catalogue>,
    pub(super) series: Arc<Series>,
    nodes: PerId<Arc<str>, Node>,
    marks: Arc<HashMap<EdgeId, MarkTimeline>>,
    latest: Option<Millis>,
    kept: Option<i64>,
    summed: Option<Buckets>,
}

/// An index and what it was last compared with.
pub(in crate::api) struct Known {
    pub(in crate::api) index: Arc<Index>,
    /// `None` where the database isn't there yet.
    pub(super) stored: Option<Stored>,
    pub(in crate::api) clock: Clock,
}

impl Known {
    /// The policy that older rows were summed up in, where there is one.
    pub(in crate::api) fn summed_in(&self) -> Option<&str> {
        self.stored.as_ref()?.summed_in()
    }

    /// What a store knows now, going on from `index`.
    pub(in crate::api) fn of(
        index: &Arc<Index>,
        store: &Store,
        database: &str,
        now: Millis,
    ) -> Result<Self, ReadError> {
        let stored = match store.read(database) {
            Err(Error::DatabaseNotFound { .. }) => None,
            read => Some(Stored::new(read?, index.grid)?),
        };
        let index = match &stored {
            Some(stored) => index.refreshed(stored, now)?,
            None if index.generation.is_none() => Arc::clone(index),
            None => Arc::new(Index { version: index.version + 1, ..Index::new(index.grid) }),
        };
        let clock = index.clock(now);
        Ok(Self { index, stored, clock })
    }
}

impl Index {
    /// Knows nothing.
    pub(in crate::api) fn new(grid: Grid) -> Self {
        Self {
            generation: None,
            made: 0,
            version: 0,
            grid,
            catalogue: Arc::default(),
            series: Arc::default(),
            nodes: PerId::default(),
            marks: Arc::default(),
            latest: None,
            kept: None,
            summed: None,
        }
    }

    /// What time it is for a reader.
    fn clock(&self, now: Millis) -> Clock {
        let firsts = self.nodes.iter().filter_map(|(_, node)| node.reports.as_ref());
        let first = firsts.map(|reports| reports.coverage.first()).min();
        let kept = self.kept.map(|kept| now.saturating_sub(kept));
        Clock {
            now,
            latest: self.latest,
            earliest: first.map(|first| kept.map_or(first, |kept| first.max(kept))),
            grid: self.grid,
            summed: self.summed,
        }
    }

    /// When a node reported.
    pub(in crate::api) fn coverage(&self, node: NodeId) -> Option<&Coverage> {
        Some(&self.nodes.get(node)?.reports.as_ref()?.coverage)
    }

    pub(super) fn marks(&self) -> &HashMap<EdgeId, MarkTimeline> {
        &self.marks
    }

    /// When each edge was first counted.
    pub(in crate::api) fn first(&self) -> &PerId<EdgeKey, Millis> {
        &self.series.first
    }

    /// Series of the counters' measurement that are no edges, because others write there, too.
    pub(in crate::api) fn strangers(&self) -> u64 {
        self.series.strangers
    }

    /// The nodes as the store remembers them.
    pub(in crate::api) fn histories(&self) -> impl Iterator<Item = NodeHistory<'_>> {
        self.nodes.iter().map(|(id, node)| NodeHistory {
            name: self.catalogue.node(id),
            coverage: node.reports.as_ref().map(|reports| &reports.coverage),
            losses: &node.losses,
        })
    }

    /// This, brought up to date; the same where nothing is new.
    fn refreshed(self: &Arc<Self>, stored: &Stored, now: Millis) -> Result<Arc<Self>, ReadError> {
        let (generation, summed) = (Some(stored.snapshot().generation()), stored.buckets());
        let old = self.generation != generation
            || self.summed != summed
            || now.saturating_sub(self.made) > LIFETIME;
        let mut next = if old {
            let version = self.version;
            let empty = Self { generation, made: now, version, summed, ..Self::new(self.grid) };
            Update { index: empty, changed: true, stored }
        } else {
            Update { index: Self::clone(self), changed: false, stored }
        };
        next.nodes()?;
        next.series()?;
        next.nodes_without_reports()?;
        next.index.kept = stored.kept();
        let latest = next.index.accounted(now).max(next.index.latest);
        if !next.changed && latest == self.latest {
            return Ok(Arc::clone(self));
        }
        next.index.latest = latest;
        next.index.version += 1;
        Ok(Arc::new(next.index))
    }

    /// The end of the last accounted interval: where all that reported the one before have reported it, or
    /// had another interval's time for it.
    fn accounted(&self, now: Millis) -> Option<Millis> {
        let lasts = self.nodes.iter().filter_map(|(_, node)| node.reports.as_ref());
        let lasts: Vec<Millis> = lasts.map(|reports| reports.coverage.last()).collect();
        let newest = *lasts.iter().max()?;
        let before = newest.saturating_sub(self.grid.interval());
        let waits = now < newest.saturating_add(self.grid.interval());
        Some(if waits && lasts.contains(&before) { before } else { newest })
    }
}

/// An index that is being brought up to date.
struct Update<'s> {
    index: Index,
    changed: bool,
    stored: &'s Stored,
}

impl Update<'_> {
    fn measurement(&self, name: &str) -> Option<Measurement> {
        self.stored.snapshot().measurement(name)
    }

    /// New reports, and with them new losses and marks.
    fn nodes(&mut self) -> Result<(), ReadError> {
        let Some(measurement) = self.measurement(NODES) else { return Ok(()) };
        let lasts: Vec<(u32, Option<i64>)> = measurement
            .series_all()
            .iter()
            .map(|series| (series, self.last_of(&measurement, SeriesId::new(series))))
            .collect();
        let newest = lasts.iter().filter_map(|(_, last)| *last).max();
        let recent = newest.map(|newest| newest.saturating_sub(RECENT));
        // Those that report now are looked at together, the others each from where it stopped.
        let (together, alone): (Vec<_>, Vec<_>) =
            lasts.into_iter().partition(|(_, last)| last.is_some_and(|last| Some(last) > recent));
        let first = together.iter().filter_map(|(_, last)| *last).min();
        let mut asked = vec![(together.iter().map(|(series, _)| *series).collect(), first)];
        asked.extend(alone.into_iter().map(|(series, last)| (RoaringBitmap::from([series]), last)));
        for (series, after) in asked {
            let first = after.map_or(i64::MIN, |after| after.saturating_add(1));
            let range = TimeRange { first, last: i64::MAX };
            self.reports(&measurement, &series, range)?;
        }
        Ok(())
    }

    fn last_of(&self, measurement: &Measurement, series: SeriesId) -> Option<i64> {
        let node = self.index.catalogue.nodes().find(measurement.tag(series, "Node")?)?;
        Some(self.index.nodes.get(node)?.reports.as_ref()?.last.at)
    }

    fn reports(
        &mut self,
        measurement: &Measurement,
        series: &RoaringBitmap,
        range: TimeRange,
    ) -> Result<(), ReadError> {
        if series.is_empty() {
            return Ok(());
        }
        for part in self.stored.parts(range) {
            let Some(columns) = Columns::of(part.policy, measurement)? else { continue };
            let order = Order::Ascending;
            let mut scan = self.stored.scan(part, series, columns.fields(), order)?;
            let mut block = Block::default();
            while let Some(series) = scan.next_series()? {
                let Some(name) = measurement.tag(series, "Node") else { continue };
                let mut news = Vec::new();
                while let Some(chunk) = scan.next_chunk()? {
                    match columns.run(&chunk, self.index.grid) {
                        Some(run) => news.push(News::Run(run)),
                        None => {
                            chunk.decode(&mut block)?;
                            news.extend(columns.reports(&block).map(News::One));
                        }
                    }
                }
                self.take(name, &news)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, news: &[News]) -> Result<(), ReadError> {
        let node = Arc::make_mut(&mut self.index.catalogue).add_node(name);
        self.index.nodes.reach(node, Node::default);
        let last = self.index.nodes.get(node).and_then(|node| node.reports.as_ref());
        let last = last.map(|reports| reports.last.at);
        let news: Vec<&News> =
            news.iter().filter(|news| last.is_none_or(|last| news.at() > last)).collect();
        let Some(newest) = news.last().map(|news| news.until()) else { return Ok(()) };
        self.changed = true;
        let first = last.map_or(i64::MIN, |last| last.saturating_add(1));
        let range = TimeRange { first, last: newest };
        self.losses(name, node, range)?;
        self.marks(name, range)?;
        let (grid, summed) = (self.index.grid, self.index.summed);
        let Some(Node { reports, losses }) = self.index.nodes.get_mut(node) else { return Ok(()) };
        for news in news {
            match (reports.as_mut(), news) {
                (None, News::One(report)) => *reports = Some(Reports::new((grid, summed), *report)),
                (None, News::Run(run)) => {
                    let first = Reports::new((grid, summed), run.first);
                    reports.insert(first).take_run(*run, losses);
                }
                (Some(reports), News::One(report)) => reports.take(*report, losses),
                (Some(reports), News::Run(run)) => reports.take_run(*run, losses),
            }
        }
        Ok(())
    }

    fn losses(&mut self, name: &str, node: NodeId, range: TimeRange) -> Result<(), ReadError> {
        let Some(measurement) = self.measurement(LOSSES) else { return Ok(()) };
        let Some(Node { losses, .. }) = self.index.nodes.get_mut(node) else { return Ok(()) };
        let series = measurement.series_with("Node", name);
        let asked = (&series, &["Count", "Bytes"]);
        each_row(self.stored, &measurement, asked, range, |row| {
            let kind = measurement.tag(row.series, "Kind").unwrap_or("unknown");
            let value = |field| row.count(field).unwrap_or(0);
            take_loss(losses, kind, row.at, value(0), value(1));
        })
    }

    fn marks(&mut self, name: &str, range: TimeRange) -> Result<(), ReadError> {
        let Some(measurement) = self.measurement(MARKS) else { return Ok(()) };
        let names = ["Uncounted", "Undercounted", "DirectionUnknown", "Unsplit", "Remainder"];
        let catalogue = Arc::make_mut(&mut self.index.catalogue);
        let marks = Arc::make_mut(&mut self.index.marks);
        let series = measurement.series_with("Node", name);
        each_row(self.stored, &measurement, (&series, &names), range, |row| {
            let Some((node, edge)) = edge_of(measurement.tags(row.series)) else { return };
            let [uncounted, undercounted, direction_unknown, unsplit, remainder] =
                [0, 1, 2, 3, 4].map(|field| row.flag(field));
            let set = Marks { uncounted, undercounted, direction_unknown, unsplit, remainder };
            let id = catalogue.add(node, &edge);
            marks.entry(id).or_default().set(row.at, MarkSet::from(set));
        })
    }

    /// New series of the counters.
    fn series(&mut self) -> Result<(), ReadError> {
        let Some(measurement) = self.measurement(TRAFFIC) else { return Ok(()) };
        let new = measurement.series_all() - &self.index.series.looked_at;
        if new.is_empty() {
            return Ok(());
        }
        self.changed = true;
        let catalogue = Arc::make_mut(&mut self.index.catalogue);
        let series = Arc::make_mut(&mut self.index.series);
        for number in &new {
            let id = SeriesId::new(number);
            let Some((node, edge)) = edge_of(measurement.tags(id)) else {
                series.strangers += 1;
                continue;
            };
            let edge = catalogue.add(node, &edge);
            let place = number as usize;
            if place >= series.edges.len() {
                series.edges.resize(place + 1, None);
            }
            if let Some(there) = series.edges.get_mut(place) {
                *there = Some(edge);
            }
            series.of_edge.reach(edge, || None);
            series.of_edge.set(edge, Some(id));
            series.first.reach(edge, || Millis::MAX);
            series.all.insert(number);
        }
        series.looked_at |= &new;
        let edges = &new & &series.all;
        let (asked, order) = ((&edges, &COUNTERS), Order::Ascending);
        for (id, first) in ends(self.stored, &measurement, asked, TimeRange::ALL, order)? {
            if let Some(edge) = series.edge(id) {
                series.first.set(edge, first);
            }
        }
        Ok(())
    }

    /// Nodes whose counters somebody else wrote, without their reports: they are taken to have reported
    /// from their first point to their last.
    fn nodes_without_reports(&mut self) -> Result<(), ReadError> {
        let bare: Vec<(NodeId, Arc<str>)> = self
            .index
            .catalogue
            .nodes()
            .iter()
            .filter(|(id, _)| {
                let node = self.index.nodes.get(*id);
                node.is_none_or(|node| node.reports.as_ref().is_none_or(|it| it.last.epoch == NONE))
            })
            .map(|(id, name)| (id, Arc::clone(name)))
            .collect();
        let measurement = self.measurement(TRAFFIC).filter(|_| !bare.is_empty());
        let Some(measurement) = measurement else { return Ok(()) };
        for (id, name) in bare {
            let series = measurement.series_with("Node", &name) & &self.index.series.all;
            let (asked, order) = ((&series, &COUNTERS), Order::Descending);
            let lasts = ends(self.stored, &measurement, asked, TimeRange::ALL, order)?;
            let edges = lasts.iter().filter_map(|(id, _)| self.index.series.edge(*id));
            let first = edges.filter_map(|edge| self.index.series.first.get(edge)).min();
            let last = lasts.iter().map(|(_, last)| *last).max();
            let (Some(first), Some(last)) = (first.copied(), last) else { continue };
            self.index.nodes.reach(id, Node::default);
            let Some(node) = self.index.nodes.get_mut(id) else { continue };
            let report = |at: Millis| Report::without_number(at.saturating_mul(1_000_000), NONE);
            let on = (self.index.grid, self.index.summed);
            let reports = node.reports.get_or_insert_with(|| Reports::new(on, report(first)));
            if report(last).at > reports.last.at {
                reports.coverage.report(last, u64::MAX);
                reports.last = report(last);
                self.changed = true;
            }
        }
        Ok(())
    }
}

/// The epoch of nodes without reports; as good a name as any other, and no counters have it.
const NONE: i64 = i64::MIN;
