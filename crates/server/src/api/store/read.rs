//! Windows and series from the store: what every edge added, and when.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use svcflow_map::intern::PerId;
use svcflow_map::{
    Columns, Coverage, EdgeId, EdgeKey, Follow, Millis, NodeId, Observed, PARTS, Readings, Shape,
    Span, Steps, Stretch, Summed, Window, known_parts,
};
use svcflow_model::Counters;
use svcflow_store::{Order, RoaringBitmap};

use super::index::{Index, Known};
use super::rows::ends;
use super::scan::{ReadError, range};
use super::walk::{Lane, Visitor, Walk};
use super::{COUNTERS, TRAFFIC};
use crate::http::chain;

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(25);
/// Threads that read one answer.
const THREADS_MAX: usize = 4;
/// Fewer series aren't worth a thread.
const SERIES_PER_THREAD: usize = 512;
/// More rows than these are not all decoded: of a chunk that lies within the range only its increase is
/// taken, as if it were even. Totals and rates stay exact; curves of such long ranges get coarser.
const ROWS_EXACT: u64 = 6_000_000;
/// Edges of a node that has been silent for longer are no longer shown as stale.
const STALE_SHOWN: i64 = 24 * 3_600 * 1_000;

/// A window's readings, and what could not be read of them.
pub(in crate::api) struct Reading {
    /// What was read.
    pub(in crate::api) readings: Readings,
    /// What is damaged, each once.
    pub(in crate::api) faults: Vec<String>,
}

/// What is asked of the store for both.
struct Source<'k> {
    known: &'k Known,
    lanes: Vec<Lane<'k>>,
    deadline: Instant,
}

impl<'k> Source<'k> {
    fn new(known: &'k Known, series: u64, span: Span) -> Result<Self, ReadError> {
        let mut source = Self { known, lanes: Vec::new(), deadline: Instant::now() + PATIENCE };
        let Some(stored) = &known.stored else { return Ok(source) };
        let Some(measurement) = stored.snapshot().measurement(TRAFFIC) else { return Ok(source) };
        for policy in stored.policies() {
            let (over, apart) = policy.share(span, known.clock);
            let rows = series.saturating_mul((over.length() / apart).unsigned_abs());
            let lane = Lane::new(policy, &measurement, rows <= ROWS_EXACT)?;
            if !lane.fields.is_empty() {
                source.lanes.push(lane);
            }
        }
        Ok(source)
    }

    fn index(&self) -> &'k Index {
        &self.known.index
    }

    /// Goes through these series on as many threads as are worth it.
    fn walk<V: Visitor + Send>(
        &self,
        series: &RoaringBitmap,
        span: Span,
        visitor: impl Fn() -> V + Sync,
    ) -> Result<(Vec<V>, Vec<String>), ReadError> {
        let clock = self.known.clock;
        // Before it the row that the first increase is counted from, behind it the report that tells of
        // its last interval, or bucket.
        let around = clock.grid.interval().saturating_mul(4);
        let summed = clock.summed.filter(|buckets| buckets.tell_of(span.until));
        let until = summed.map_or(span.until, |buckets| buckets.ceil(span.until));
        let Some(stored) = &self.known.stored else { return Ok((Vec::new(), Vec::new())) };
        let walk = Walk {
            stored,
            series: &self.index().series,
            lanes: &self.lanes,
            range: (span.from.saturating_sub(around), until.saturating_add(around)),
            from: span.from,
            deadline: self.deadline,
        };
        let parts = parts(series);
        let run = |part: &RoaringBitmap| {
            let mut visitor = visitor();
            walk.run(part, &mut visitor).map(|faults| (visitor, faults))
        };
        let done: Vec<_> = thread::scope(|scope| {
            let (first, others) = match parts.split_first() {
                Some((first, others)) => (first, others),
                None => return Vec::new(),
            };
            let others: Vec<_> = others.iter().map(|part| scope.spawn(|| run(part))).collect();
            let first = run(first);
            let joined = others.into_iter().map(|other| match other.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            [first].into_iter().chain(joined).collect()
        });
        let (mut visitors, mut faults) = (Vec::new(), Vec::new());
        for part in done {
            let (visitor, errors) = part?;
            visitors.push(visitor);
            faults.extend(errors.iter().map(|error| chain(error)));
        }
        faults.sort();
        faults.dedup();
        Ok((visitors, faults))
    }
}

/// Parts of equal size, in order.
fn parts(series: &RoaringBitmap) -> Vec<RoaringBitmap> {
    let all: Vec<u32> = series.iter().collect();
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let threads = threads.min(all.len() / SERIES_PER_THREAD).max(1);
    all.chunks(all.len().div_ceil(threads).max(1))
        .map(|part| part.iter().copied().collect())
        .collect()
}

/// Reads a window.
pub(in crate::api) fn read(known: &Known, window: Window) -> Result<Reading, ReadError> {
    let index = &*known.index;
    // The step may begin before the range.
    let span = Span { from: window.span.from.min(window.step.from), until: window.span.until };
    let source = Source::new(known, index.series.all.len(), span)?;
    let (visitors, faults) = source.walk(&index.series.all, span, || Watch {
        index,
        window,
        current: None,
        seen: Vec::new(),
    })?;
    let mut edges: Vec<Observed> = visitors.into_iter().flat_map(|visitor| visitor.seen).collect();
    let mut there: HashSet<EdgeId> = edges.iter().map(|edge| edge.id).collect();
    for (id, last) in silent(&source, window)? {
        if there.insert(id) {
            edges.extend(still(index, window, id, Some(last)));
        }
    }
    for id in index.marks().keys().copied() {
        if there.insert(id) {
            edges.extend(still(index, window, id, None));
        }
    }
    edges.sort_by_key(|edge| edge.id);
    let mut known_by = PerId::filled(0, index.catalogue.nodes().len());
    for (node, _) in index.catalogue.nodes().iter() {
        let parts = index.coverage(node).map_or(0, |coverage| known_parts(&window, coverage));
        known_by.set(node, parts);
    }
    let catalogue = Arc::clone(&index.catalogue);
    Ok(Reading { readings: Readings { window, catalogue, edges, known_parts: known_by }, faults })
}

/// An edge without a row in the window: of a silent node, with its last row, or one that isn't counted.
fn still(index: &Index, window: Window, id: EdgeId, last: Option<Millis>) -> Option<Observed> {
    let key = *index.catalogue.edges().get(id)?;
    let mut follow = Follow::new(index.coverage(key.node)?, window.span);
    if let Some(last) = last {
        follow.row(last, Counters::ZERO, |_, _| {});
    }
    let marks = index.marks().get(&id);
    Observed::of((id, key), &window, &follow, &Shape::default(), marks, last.is_some())
}

/// The edges of nodes that were silent in all of the window, that were active as long before their silence
/// began as the window is: what would be shown if they reported.
fn silent(source: &Source<'_>, window: Window) -> Result<Vec<(EdgeId, Millis)>, ReadError> {
    let index = source.index();
    let mut all = Vec::new();
    let Some(stored) = &source.known.stored else { return Ok(all) };
    let Some(measurement) = stored.snapshot().measurement(TRAFFIC) else { return Ok(all) };
    for (node, name) in index.catalogue.nodes().iter() {
        let Some(coverage) = index.coverage(node) else { continue };
        let since = coverage.silent_since(window.step.until).filter(|since| {
            *since < window.span.from && window.step.until.saturating_sub(*since) <= STALE_SHOWN
        });
        let Some(since) = since else { continue };
        let series = measurement.series_with("Node", name) & &index.series.all;
        let half = source.known.clock.grid.interval() / 2;
        let from = since.saturating_sub(window.span.length());
        let range = range(from, since.saturating_add(half));
        // What is damaged was said by the one who needed it first, and an older row will do.
        let lasts = ends(stored, &measurement, (&series, &COUNTERS), range, Order::Descending);
        for (id, last) in lasts? {
            all.extend(index.series.edge(id).map(|edge| (edge, last)));
        }
    }
    Ok(all)
}

/// The edge that a visitor is at.
struct Current<'i> {
    id: EdgeId,
    key: EdgeKey,
    follow: Follow<'i>,
}

/// Makes observed edges of a window.
struct Watch<'i> {
    index: &'i Index,
    window: Window,
    current: Option<(Current<'i>, Shape)>,
    seen: Vec<Observed>,
}

impl Visitor for Watch<'_> {
    fn begin(&mut self, id: EdgeId) -> bool {
        let key = self.index.catalogue.edges().get(id).copied();
        let coverage = key.and_then(|key| self.index.coverage(key.node));
        self.current = key.zip(coverage).map(|(key, coverage)| {
            let follow = Follow::new(coverage, self.window.span);
            (Current { id, key, follow }, Shape::default())
        });
        self.current.is_some()
    }

    fn takes_stretches(&self, over: Span, exact: bool) -> bool {
        let Window { span, step, clock, .. } = self.window;
        let interval = clock.grid.interval();
        let inside = span.from < over.from.saturating_sub(interval)
            && over.until.saturating_add(interval) <= span.until;
        let apart = over.until.saturating_add(interval) <= step.from
            || step.until < over.from.saturating_sub(interval.saturating_mul(4));
        inside && apart && (!exact || in_one_part(span, over, interval))
    }

    fn row(&mut self, at: Millis, counters: Counters) {
        if let Some((current, shape)) = &mut self.current {
            let window = &self.window;
            current.follow.row(at, counters, |told, added| shape.add(window, told, added));
        }
    }

    fn stretch(&mut self, over: (Millis, Millis), stretch: Stretch) -> bool {
        let window = &self.window;
        self.current.as_mut().is_some_and(|(current, shape)| {
            current.follow.stretch(over, stretch, |told, added| shape.add(window, told, added))
        })
    }

    fn summed(&mut self, over: (Millis, Millis), summed: Summed) {
        if let Some((current, shape)) = &mut self.current {
            let window = &self.window;
            current.follow.summed(over, summed, |told, added| shape.add(window, told, added));
        }
    }

    fn end(&mut self) {
        let Some((Current { id, key, follow }, shape)) = self.current.take() else { return };
        let marks = self.index.marks().get(&id);
        let seen = Observed::of((id, key), &self.window, &follow, &shape, marks, false);
        self.seen.extend(seen);
    }
}

/// Whether a stretch lies in one part of the curve, so that it is exact there.
fn in_one_part(span: Span, over: Span, interval: i64) -> bool {
    let width = span.length() / i64::try_from(PARTS).unwrap_or(1);
    let part = |at: Millis| (at - span.from).checked_div(width);
    part(over.from.saturating_sub(interval)) == part(over.until.saturating_add(interval))
}

/// Reads what these edges added in each step.
pub(in crate::api) fn columns(
    known: &Known,
    edges: &[(EdgeId, EdgeKey)],
    steps: Steps,
) -> Result<(Columns, Vec<String>), ReadError> {
    let index = &*known.index;
    let span = steps.span();
    let series: RoaringBitmap = edges
        .iter()
        .filter_map(|(id, _)| index.series.of(*id))
        .map(|series| series.get())
        .collect();
    let source = Source::new(known, series.len(), span)?;
    let (visitors, faults) = source.walk(&series, span, || Collect {
        index,
        steps,
        current: None,
        columns: Columns::new(steps),
    })?;
    let mut columns = Columns::new(steps);
    visitors.iter().for_each(|visitor| columns.merge(&visitor.columns));
    Ok((columns, faults))
}

/// Adds up the steps of a series.
struct Collect<'i> {
    index: &'i Index,
    steps: Steps,
    current: Option<(NodeId, Follow<'i>)>,
    columns: Columns,
}

impl Visitor for Collect<'_> {
    fn begin(&mut self, id: EdgeId) -> bool {
        let node = self.index.catalogue.edges().get(id).map(|key| key.node);
        let coverage: Option<&Coverage> = node.and_then(|node| self.index.coverage(node));
        let follow = coverage.map(|coverage| Follow::new(coverage, self.steps.span()));
        self.current = node.zip(follow);
        self.current.is_some()
    }

    fn takes_stretches(&self, over: Span, exact: bool) -> bool {
        let (Steps { first, length, .. }, span) = (self.steps, self.steps.span());
        let step = |at: Millis| (at - first).checked_div(length);
        let inside = span.from < over.from && over.until <= span.until;
        inside && (!exact || step(over.from - 1) == step(over.until - 1))
    }

    fn row(&mut self, at: Millis, counters: Counters) {
        if let Some((node, follow)) = &mut self.current {
            let mut columns = self.columns.node(*node);
            follow.row(at, counters, |told, added| columns.add(told, added));
        }
    }

    fn stretch(&mut self, over: (Millis, Millis), stretch: Stretch) -> bool {
        self.current.as_mut().is_some_and(|(node, follow)| {
            let mut columns = self.columns.node(*node);
            follow.stretch(over, stretch, |told, added| columns.add(told, added))
        })
    }

    fn summed(&mut self, over: (Millis, Millis), summed: Summed) {
        if let Some((node, follow)) = &mut self.current {
            let mut columns = self.columns.node(*node);
            follow.summed(over, summed, |told, added| columns.add(told, added));
        }
    }

    fn end(&mut self) {
        self.current = None;
    }
}
